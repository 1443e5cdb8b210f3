"""Which engine runs, and that nothing else depends on it."""

from pathlib import Path

import pytest

from paxcheck import Message, Node, Protocol, WorldView, action, at_end, durable
from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.engine.compiled import native, search
from paxcheck.engine.engines import EngineName, explore
from paxcheck.engine.limits import Limits
from paxcheck.engine.verdict import Verdict
from paxcheck.loading import load_model
from paxcheck.protocol import System
from paxcheck.protocol.errors import ModelError, UsageError


class Ask(Message):
    pass


class Yes(Message):
    pass


class Client(Node):
    asked: bool = durable(False)
    learned: bool = durable(False)

    @action
    def ask(self) -> None:
        if not self.asked:
            self.asked = True
            self.broadcast(Ask())

    def on_yes(self, msg: Yes) -> None:
        pass


class Server(Node):
    def on_ask(self, msg: Ask) -> None:
        self.send(msg.sender, Yes())


class Again(Protocol):
    """The server sends the same answer again and again: in a set network that is no step."""

    def nodes(self) -> list[Node]:
        return [Client("c"), Server("s")]

    @at_end
    def learned(self, world: WorldView) -> bool:
        """At the end the client has learned."""
        return world["c"].learned


def counts(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.distinct_states,
        verdict.generated_states,
        verdict.depth,
        verdict.levels,
        verdict.terminal_states,
        verdict.verdict,
        verdict.stopped,
    )


AGAIN = (9, 11, 4, (1, 2, 3, 2, 1), 2, "violated", None)


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_what_is_sent_again_is_no_step(engine: EngineName) -> None:
    verdict = explore(System(Again(faults={"partition": 1})), engine=engine)
    assert counts(verdict) == AGAIN
    assert verdict.properties[0].steps == 2
    assert verdict.notes[0].startswith("engine reference: ")


def test_the_compiled_engine_says_that_it_cannot() -> None:
    with pytest.raises(UsageError) as caught:
        explore(System(Again(faults={"partition": 1})), engine="compiled")
    assert str(caught.value) == (
        "the compiled engine does not support partitions where a step may only send again what was "
        "sent\n  use --engine auto or --engine reference"
    )


def test_without_partitions_the_compiled_engine_can() -> None:
    found = [counts(explore(System(Again()), engine=e)) for e in ("reference", "compiled")]
    assert found[0] == found[1] == (3, 2, 2, (1, 1, 1), 1, "violated", None)


def test_a_search_that_fell_back_goes_on_there(tmp_path: Path) -> None:
    for depth in (2, None):
        with Checkpoint(tmp_path, {"run": 1}, every=0) as checkpoint:
            verdict = explore(
                System(Again(faults={"partition": 1})),
                limits=Limits(depth=depth),
                checkpoint=checkpoint,
            )
    assert counts(verdict) == AGAIN  # pyright: ignore[reportPossiblyUnboundVariable]
    assert "the search that goes on was one of this engine" in str(verdict.notes)  # pyright: ignore


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_limit_of_states_ends_a_search_whether_code_is_made_or_not(
    symmetric: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[object, ...]] = []
    for made in (True, False):
        monkeypatch.setattr(native, "is_made", lambda *_, made=made: made)
        system = System(load_model("synod").protocol(acceptors=4))
        limits = Limits(states=6_000)
        verdict = search.explore(system, symmetric=symmetric, limits=limits)
        found.append((*counts(verdict), verdict.properties, verdict.coverage))
    assert found[0] == found[1]


def test_a_wrong_symmetry_is_found_whether_code_is_made_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Count(Node):
        n: int = durable(0)
        odd: int = durable(0)

        @action
        def up(self) -> None:
            if self.n < 9:
                self.n += 1

        @action
        def differs(self) -> None:
            if self.name == "a" and self.n == 3 and self.odd < 1:
                self.odd = 1

    class Differing(Protocol):
        def nodes(self) -> list[Node]:
            return [Count(name) for name in "abcd"]

        def symmetry(self) -> list[list[str]]:
            return [list("abcd")]

    told: list[str] = []
    for made in (True, False):
        monkeypatch.setattr(native, "is_made", lambda *_, made=made: made)
        with pytest.raises(ModelError) as caught:
            search.explore(System(Differing()), symmetric=True)
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert search.explore(System(Differing())).distinct_states == 17_000


def test_a_group_of_a_node_and_a_value_is_no_symmetry() -> None:
    class Count(Node):
        n: int = durable(0)

        @action
        def up(self) -> None:
            if self.n < 12:
                self.n += 1

    class Mixed(Protocol):
        def nodes(self) -> list[Node]:
            return [Count(name) for name in "abcd"]

        def symmetry(self) -> list[list[str]]:
            return [["a", "v1"]]

    with pytest.raises(ModelError, match=r"^a, v1: some are nodes and some are not"):
        search.explore(System(Mixed()), symmetric=True)
