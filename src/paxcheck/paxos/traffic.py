"""Messages that are not told apart: how many of a kind were sent, came, were lost and doubled."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from paxcheck.paxos.facts import Doubled, Dropped, Received, Sent
from paxcheck.paxos.monitor import Handler, Index, Observed


class Receivers(Index):
    """The nodes of which the log has lines about messages that they receive."""

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.names: set[str] = set()

    def on_Received(self, fact: Received) -> None:
        self.names.add(fact.node)


class Traffic(Index):
    """The balance of each kind of message between two nodes, where a log tells of both its ends.

    What was sent and neither came nor was lost is under way, or the line of its receipt is missing.
    What came and was not sent shows that lines of its sender are missing: by its identity, where it
    has one, else by how many of its kind were sent. No order is needed.
    """

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.balance: dict[tuple[str, str, str | int], int] = {}

    def handlers(self) -> dict[str, Handler]:
        """Nothing is counted where the log does not tell of all ends."""
        return super().handlers() if self.world.declaration.accounted else {}

    def _count(self, sender: str, to: str, what: str | int | None, by: int) -> None:
        if what is not None:
            key = (sender, to, what)
            self.balance[key] = self.balance.get(key, 0) + by
            if not self.balance[key]:
                del self.balance[key]

    def on_Sent(self, fact: Sent) -> None:
        self._count(fact.node, fact.to, fact.content, 1)
        self._count(fact.node, fact.to, fact.mid, 1)

    def on_Received(self, fact: Received) -> None:
        self._count(fact.sender, fact.node, fact.content, -1)
        self._count(fact.sender, fact.node, fact.mid, -1)

    def on_Dropped(self, fact: Dropped) -> None:
        self._count(fact.sender, fact.to, fact.content, -1)

    def on_Doubled(self, fact: Doubled) -> None:
        self._count(fact.sender, fact.to, fact.content, 1)

    def missing(self, sender: str, to: str, content: str) -> bool:
        """Whether the receipt of such a message is not in the log, so far."""
        return self.balance.get((sender, to, content), 0) > 0

    def untold(self) -> set[str]:
        """Nodes of which lines are missing: something came of them that no line sends."""
        return {sender for (sender, _, _), count in self.balance.items() if count < 0}


def lines_missing(world: Observed, traffic: Traffic) -> dict[str, str]:
    """Of a log that is read: the nodes of which any line may be missing -> why.

    Where lines are numbered, it is known which are missing. Elsewhere a node that misses one line
    may miss others.
    """
    found = {name: f"lines of {name} are missing" for name in sorted(traffic.untold())}
    for name, hole in world.holes.items():
        if not world.numbered(hole):
            found[name] = f"lines of {name} are missing before {hole.file}:{hole.line}"
    return found


def request(kind: str, term: object) -> str:
    """The content of a request, as Sent, Received, Dropped and Doubled have it."""
    return f"request of term {term} ({kind})"


def answer(kind: str, term: object) -> str:
    """The content of the answer to it."""
    return f"answer of term {term} ({kind})"
