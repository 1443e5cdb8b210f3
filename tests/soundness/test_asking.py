"""An action that asks which messages were sent is told of each once, whoever they went to."""

import pytest
from test_compiled_native import same

from paxcheck import Message, Node, Protocol, WorldView, action, durable, invariant
from paxcheck.engine import engines
from paxcheck.protocol import System


class Note(Message):
    n: int


class Writer(Node):
    step: int = durable(0)

    @action
    def to_one(self) -> None:
        if self.step == 0:
            self.step = 1
            self.send("b", Note(1))

    @action
    def to_the_other(self) -> None:
        if self.step == 1:
            self.step = 2
            self.send("c", Note(1))


class Reader(Node):
    seen: int = durable(0)

    @action
    def look(self) -> None:
        self.seen = max(self.seen, len(self.sent(Note)))

    def on_note(self, msg: Note) -> None:
        pass


class Notes(Protocol):
    """One message goes to two nodes, one after the other."""

    def nodes(self) -> list[Node]:
        return [Writer("a"), Reader("b"), Reader("c")]

    @invariant
    def one(self, world: WorldView) -> bool:
        """There is one message."""
        return all(reader.seen <= 1 for reader in world.nodes(Reader))


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_engines(engine: engines.EngineName) -> None:
    verdict = engines.explore(System(Notes()), engine=engine)
    assert verdict.verdict == "holds"
    assert (verdict.distinct_states, verdict.generated_states, verdict.depth) == (9, 13, 4)


def test_the_native_tier() -> None:
    assert same(Notes()) is not None
