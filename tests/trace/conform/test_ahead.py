"""A trace that two processes replay: the same result as that of one, whatever is in it."""

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paxcheck import WorldView, invariant
from paxcheck.loading import load_model
from paxcheck.paxos import Promise
from paxcheck.protocol.execute import Act
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import Step, System, Trigger
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.conform.ahead import second
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.events import Event
from paxcheck.trace.lines import TraceError
from paxcheck.trace.read import open_trace
from paxcheck.trace.replay import Behavior, Frame
from paxcheck.trace.write import event_of, header_of, write_trace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a second process is for Linux")

EVENTS = 600

Took = list[int | None]


@pytest.fixture
def took(monkeypatch: pytest.MonkeyPatch) -> Took:
    """How many events each second process gave to the first; None where it gave none."""
    found: Took = []
    take = second.Ahead.take

    def noting(self: second.Ahead, *args: Any) -> int | None:
        try:
            found.append(take(self, *args))
        except second.Again:
            found.append(-1)
            raise
        return found[-1]

    monkeypatch.setattr(second.Ahead, "take", noting)
    monkeypatch.setattr(second, "LEAST", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})  # also where there is but one
    return found


def protocol_of(network: str, **params: Any) -> Protocol:
    return load_model("synod").protocol(network=network, rounds=EVENTS, **params)


def random_trace(of: Protocol, count: int = EVENTS, seed: int = 1) -> list[Event]:
    """The events of a random run: two proposers compete, and some messages are lost."""
    system, chance = Handlers(of), random.Random(seed)
    behavior, world = Behavior(system, ()), system.forgetful(system.initial())
    pending: list[Envelope] = []
    events: list[Event] = []
    while len(events) < count:
        trigger: Trigger = Act(chance.choice(["p1", "p2"]), "start")
        if pending and chance.random() > 0.02:
            trigger = pending.pop(chance.randrange(len(pending)))
            if chance.random() < 0.1:
                continue
        node = trigger.to if isinstance(trigger, Envelope) else trigger.node
        steps = list(system.local_steps(world, system.index[node], trigger))
        if steps and steps[0].world is not None and steps[0].outcome is not None:
            frame = Frame(Step(trigger), world, steps[0].world, steps[0].outcome)
            events.append(event_of(behavior, frame))
            pending += steps[0].outcome.sent
            world = steps[0].world
    return events


def result(path: Path, of: Protocol, properties: Any = None) -> Conformance | str:
    judged = of.properties() if properties is None else properties
    try:
        return conform(open_trace(str(path), "t"), System(of), judged)
    except TraceError as problem:
        return str(problem)


def both(
    monkeypatch: pytest.MonkeyPatch, path: Path, of: Protocol, properties: Any = None
) -> tuple[Conformance | str, Conformance | str]:
    """The result with a second process, and without."""
    two = result(path, of, properties)
    with monkeypatch.context() as patch:
        patch.setattr(second, "LEAST", 1 << 60)
        return two, result(path, of, properties)


def written(tmp_path: Path, of: Protocol, events: list[Event]) -> Path:
    path = tmp_path / "run.jsonl"
    header = header_of(Behavior(System(of), ()), model="synod")
    write_trace(path, msgspec.structs.replace(header, kind="trace"), events)
    return path


@pytest.mark.parametrize("params", [{}, {"learners": 1}, {"acceptors": 5, "proposers": 3}], ids=str)
@pytest.mark.parametrize("network", ["bag", "set"])
def test_a_clean_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: Took, network: str, params: Any
) -> None:
    of = protocol_of(network, **params)
    path = written(tmp_path, of, random_trace(of))
    two, one = both(monkeypatch, path, of)
    assert two == one
    assert isinstance(two, Conformance)
    assert (two.verdict, two.events, two.replayed) == ("holds", EVENTS, EVENTS)
    assert len(took) == 1
    assert 300 < (took[0] or 0) < 450


def ignored(event: Event) -> Event:
    """A second copy of what was taken."""
    return msgspec.structs.replace(event, sent=[], choices=None)


def damage_state(events: list[Event]) -> None:
    at = next(n for n in range(450, EVENTS) if "promised" in (events[n].state or {}))
    events[at] = msgspec.structs.replace(events[at], state={"promised": None})


def damage_sent(events: list[Event]) -> None:
    at = next(n for n in range(450, EVENTS) if events[n].sent)
    events[at] = msgspec.structs.replace(events[at], sent=[])


def take_twice(events: list[Event]) -> None:
    """A message that was taken before the boundary is taken again behind it."""
    first = next(e for e in events[100:] if e.event == "deliver" and e.node == "a1" and e.sent)
    events.insert(500, ignored(first))


def leave_out(events: list[Event]) -> None:
    del events[450]


def change_clock(events: list[Event]) -> None:
    events[450] = msgspec.structs.replace(events[450], clock=7)


def unknown_node(events: list[Event]) -> None:
    events[450] = msgspec.structs.replace(events[450], node="nobody")


DAMAGES: list[Callable[[list[Event]], None]] = [
    damage_state,
    damage_sent,
    take_twice,
    leave_out,
    change_clock,
    unknown_node,
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("network", ["bag", "set"])
def test_a_run_that_is_not_ordinary(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    took: Took,
    network: str,
    damage: Callable[[list[Event]], None],
) -> None:
    of = protocol_of(network)
    events = random_trace(of)
    damage(events)
    two, one = both(monkeypatch, written(tmp_path, of, events), of)
    assert two == one
    assert len(took) == 1
    if damage is not take_twice or network == "bag":
        assert took[0] in (None, -1)


def test_a_broken_property_is_found_behind_the_boundary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: Took
) -> None:
    """The model may forget its promises; the first part is too short for that to matter."""
    of = protocol_of("bag", without=["keeps_promise"])
    checked = 0
    for seed in range(12):
        events = random_trace(of, seed=seed)
        two, one = both(monkeypatch, written(tmp_path, of, events), of)
        assert two == one
        assert isinstance(two, Conformance)
        share, lines = took[-1] or 0, [p.line for p in two.broken]
        checked += share > 0 and max(lines, default=0) > EVENTS - share
    assert checked >= 1


def test_a_text_that_is_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: Took
) -> None:
    of = protocol_of("bag")
    path = written(tmp_path, of, random_trace(of))
    lines = path.read_bytes().splitlines(keepends=True)
    for bad in (b"{\n", b"\xff\n", b"\n"):
        path.write_bytes(b"".join([*lines[:500], bad, *lines[500:]]))
        two, one = both(monkeypatch, path, of)
        assert two == one
        assert isinstance(two, Conformance) == (bad == b"\n")
    assert set(took) <= {None, -1}
    assert len(took) == 3


def test_a_second_process_that_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: Took
) -> None:
    of = protocol_of("bag")
    path = written(tmp_path, of, random_trace(of))
    monkeypatch.setattr(second, "replay_later", lambda *_: os._exit(9))
    two, one = both(monkeypatch, path, of)
    assert two == one
    assert took == [None]


def test_what_the_nodes_hold_at_the_boundary_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: Took
) -> None:
    """The boundary shows another state than the replay leads to: it is refused there, not used."""
    of = protocol_of("bag")
    events = random_trace(of)
    path = written(tmp_path, of, events)
    boundary = second.boundary_of(path, Handlers(of), second.SHARE)
    assert boundary is not None
    at = next(n for n in range(boundary.line - 2, 0, -1) if events[n].node == "a1")
    state = json.loads(json.dumps(events[at].state))
    state["promised"] = {"round": 10_000, "proposer": "p1"}
    events[at] = msgspec.structs.replace(events[at], state=state)
    two, one = both(monkeypatch, written(tmp_path, of, events), of)
    assert two == one
    assert isinstance(two, Conformance)
    assert two.refusal is not None
    assert two.refusal.line == at + 2


SYNOD: Any = load_model("synod").protocol
ACCEPTOR: Any = sys.modules[SYNOD.__module__].Acceptor


class Late(SYNOD):
    """Looks at the messages only when it goes on for long; then it looks at all of them."""

    most = 0

    @invariant
    def few_promises(self, world: WorldView) -> bool:
        """Few promises are on their way."""
        if len(world.remembered(ACCEPTOR, "promises_made")) < 150:
            return True
        return len(world.sent(Promise)) < self.most


@pytest.mark.parametrize("most", [12, 1000])
def test_a_property_that_asks_for_messages_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: Took, most: int
) -> None:
    """The first process does not know what is in transit behind the boundary."""
    monkeypatch.setattr(Late, "most", most)
    of = Late(network="bag", rounds=EVENTS)
    two, one = both(monkeypatch, written(tmp_path, of, random_trace(of)), of)
    assert two == one
    assert isinstance(two, Conformance)
    assert two.verdict == ("holds" if most == 1000 else "violated")
    assert took == [-1]
