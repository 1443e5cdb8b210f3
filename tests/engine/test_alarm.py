"""The alarm ends a handler that never ends, and takes away nothing else."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paxcheck import Node, Protocol, WorldView, action, durable, invariant
from paxcheck.engine import alarm as alarms
from paxcheck.engine.alarm import TimeIsUp, alarm, undisturbed
from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.engine.compiled import search
from paxcheck.engine.limits import Limits
from paxcheck.protocol import System

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer")


@pytest.fixture(autouse=True)
def _free_timer() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def free() -> bool:
    used = signal.getitimer(signal.ITIMER_REAL)[0]
    return used == 0 and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def rings() -> None:
    """What the time makes of a handler: this file looks like a model's."""
    signal.raise_signal(signal.SIGALRM)


def test_it_rings_in_the_models_code_and_leaves_nothing_behind() -> None:
    with pytest.raises(TimeIsUp, match="limit of 1000 seconds"), alarm(Limits(seconds=1000)):
        rings()
    assert free()


def test_it_rings_when_it_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def forever() -> None:
        while True:
            pass

    monkeypatch.setattr(alarms, "PATIENCE", 0.01)
    with pytest.raises(TimeIsUp), alarm(Limits(seconds=0)):
        forever()


def test_whoever_calls_the_search_is_not_interrupted() -> None:
    with alarm(Limits(seconds=1000)):
        signal.raise_signal(signal.SIGALRM)


def test_while_something_is_told_it_waits() -> None:
    with alarm(Limits(seconds=1000)):
        with undisturbed(), undisturbed():
            rings()
        with pytest.raises(TimeIsUp):
            rings()


def test_a_handler_of_somebody_else_stays() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    with alarm(Limits(seconds=1000)):
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
        rings()
    assert heard == [signal.SIGALRM]


def test_a_timer_of_somebody_else_stays() -> None:
    """`alarm` of a shell or of Perl goes on in the programs that it starts."""
    signal.setitimer(signal.ITIMER_REAL, 500)
    with alarm(Limits(seconds=1000)):
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert 400 < signal.getitimer(signal.ITIMER_REAL)[0] <= 500


def test_one_inside_of_another_leaves_it_alone() -> None:
    with alarm(Limits(seconds=1000)):
        with alarm(Limits(seconds=10)):
            assert signal.getitimer(signal.ITIMER_REAL)[0] > 900
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 900
    assert free()


def test_in_another_thread_there_is_none() -> None:
    seen: list[bool] = []

    def search() -> None:
        with alarm(Limits(seconds=1000)):
            seen.append(free())

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert seen == [True]


@pytest.mark.parametrize("seconds", [None, 1e9, 1e30])
def test_no_limit_or_one_that_no_timer_can_keep(seconds: float | None) -> None:
    with alarm(Limits(seconds=seconds)):
        assert free()
    assert free()


class Step(Node):
    n: int = durable(0)

    @action
    def go(self) -> None:
        self.n = min(self.n + 1, 5)


class Steps(Protocol):
    def nodes(self) -> list[Node]:
        return [Step("a"), Step("b")]

    @invariant
    def small(self, world: WorldView) -> bool:
        """No node gets to 3."""
        return world["a"].n < 3


class Rung(System):
    """The alarm rings whenever the way to what was found is looked for."""

    rung = False

    def successors(self, *args: Any) -> Any:
        self.rung = True
        rings()
        return super().successors(*args)


@pytest.mark.parametrize("hand_over", [4000, 2])
def test_what_was_found_is_told_even_if_the_time_is_up(
    hand_over: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(search, "HAND_OVER", hand_over)
    monkeypatch.setattr(search, "UNTIL_MADE", hand_over)
    for depth in (4, 20):  # the second search goes on where the first one was
        limits = Limits(seconds=1000, depth=depth)
        with alarm(limits), Checkpoint(tmp_path, {"run": 1}, every=0) as checkpoint:
            system = Rung(Steps())
            verdict = search.explore(system, limits=limits, checkpoint=checkpoint)
        assert verdict.verdict == "violated"
        assert verdict.properties[0].steps == 3
        assert verdict.stopped == ("the limit of depth 4 was reached" if depth == 4 else None)
        assert system.rung
