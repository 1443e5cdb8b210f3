"""Messages: what arrives is what was sent."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from paxcheck.paxos.facts import Received, Sent
from paxcheck.paxos.monitor import Breach, Monitor, Observed


class MessageIntegrity(Monitor):
    """A message arrives as it was sent. Needs no order: either end may come first in the log.

    All protocols of the family assume it: messages may be lost, doubled and late, not corrupted
    (*Paxos Made Simple*, section 2: non-Byzantine).
    """

    name = "message-integrity"
    needs = "message ids and contents, where they are sent and where they are received"
    lacks = "no message shows a second time"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.other: dict[str | int, Sent | Received] = {}

    def on_Sent(self, fact: Sent | Received) -> Breach | None:
        if fact.mid is None or fact.content is None:
            return None
        first = self.other.setdefault(fact.mid, fact)
        if first is fact:
            self.alone += 1
            return None
        self.checks += 1
        if first.content != fact.content:
            return self.breach(
                f"message {fact.mid} is {first.content} at {first.node}, "
                f"and {fact.content} at {fact.node}",
                first,
                fact,
            )
        if type(first) is not type(fact) and not self.world.declaration.duplicates:
            del self.other[fact.mid]
        return None

    on_Received = on_Sent


LINKS: tuple[type[Monitor], ...] = (MessageIntegrity,)
