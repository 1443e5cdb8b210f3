"""Can any run of the model, however long, contain an event? A proof of "no", or no answer.

The search in `hidden` is bounded: that it finds nothing proves nothing. This closure does. It
keeps, for each node, all local states that the node may ever be in, and all messages that any of
them may ever send, as if every message could arrive at any time and as often as one likes. That is
more than the model can do in any network, so an event that is impossible here is impossible.
"""

from __future__ import annotations

from functools import lru_cache
from types import FunctionType
from typing import Final, Literal

from paxcheck.protocol.execute import Act, Local, NodeFault, Outcome
from paxcheck.protocol.messages import PUBLISHED, Envelope, Message
from paxcheck.protocol.node import Node
from paxcheck.protocol.system import System, Trigger
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.matching import agrees, difference, shows
from paxcheck.trace.events import Event

MOST: Final = 60_000
"""The most steps of single nodes that are tried."""

Answer = Literal["no", "perhaps", "unknown"]


class _TooMany(Exception):
    """The bound was reached, or an action asks what was sent, which a closure cannot answer."""


class Closure:
    """All that the nodes of a system may ever be and send, without faults that are switched off."""

    def __init__(self, system: System, most: int = MOST) -> None:
        self._system = Handlers(system.protocol, memo=True)
        self._left = most
        self._messages: list[set[Envelope]] = [set() for _ in system.names]
        self._locals: list[set[Local]] = [set() for _ in system.names]
        self._todo: list[tuple[int, Local, Trigger]] = []
        self.complete = True
        start = self._system.initial()
        try:
            self._heard(tuple(self._system.net.copies(start.network)))
            for i, local in enumerate(start.locals):
                self._reached(i, local)
            while self._todo:
                i, local, trigger = self._todo.pop()
                for outcome in self._outcomes(i, local, trigger):
                    self._heard(outcome.sent)
                    self._reached(i, outcome.local)
                if len(self._todo) > self._left:
                    raise _TooMany  # it comes to that; the list would fill the memory first
        except _TooMany:
            self.complete = False

    def allows(self, event: Event, known: Local | None) -> Answer:
        """Whether the event is possible for its node, which was in the local state `known` before.

        `known` None: nothing is known of that. Hidden steps of the node may lie between.
        """
        if not self.complete:
            return "unknown"
        if event.node is None or event.node not in self._system.index:
            return "unknown" if event.node is None else "no"
        i = self._system.index[event.node]
        triggers = self._triggers(i, event)
        try:
            for local in self._locals[i] if known is None else self._from(i, known):
                if event.event == "state" and shows(self._system, i, local, event):
                    return "perhaps"  # that it has sent what it says is taken for granted
                for trigger in triggers:
                    if any(self._fits(event, o) for o in self._all(i, local, trigger)):
                        return "perhaps"
        except _TooMany:
            return "unknown"
        return "no"

    def _from(self, i: int, known: Local) -> set[Local]:
        """Where one node may go from a state."""
        found = {self._without_ghosts(i, known)}
        todo = list(found)
        while todo:
            local = todo.pop()
            for trigger in (*self._own(i), *self._messages[i]):
                for outcome in self._outcomes(i, local, trigger):
                    after = self._without_ghosts(i, outcome.local)
                    if after not in found:
                        found.add(after)
                        todo.append(after)
        return found

    def _triggers(self, i: int, event: Event) -> list[Trigger]:
        if event.event == "deliver":
            return [e for e in self._messages[i] if agrees(e, event.message or {})]
        return [t for t in self._own(i) if _name(t) == (event.action or event.event)]

    def _fits(self, event: Event, outcome: Outcome) -> bool:
        return difference(self._system, event, outcome) is None

    def _own(self, i: int) -> tuple[Act | NodeFault, ...]:
        return self._system.triggers(i)

    def _outcomes(self, i: int, local: Local, trigger: Trigger) -> list[Outcome]:
        return [o for o in self._all(i, local, trigger) if o.error is None]

    def _all(self, i: int, local: Local, trigger: Trigger) -> tuple[Outcome, ...]:
        self._left -= 1
        if self._left < 0:
            raise _TooMany
        reaction = self._system.react(i, local, trigger, _nothing)
        if reaction.reads:
            raise _TooMany
        return reaction.outcomes

    def _heard(self, sent: tuple[Envelope, ...]) -> None:
        for envelope in sent:
            if envelope.to == PUBLISHED:
                continue
            i = self._system.index[envelope.to]
            if envelope not in self._messages[i]:
                self._messages[i].add(envelope)
                self._todo += [(i, local, envelope) for local in self._locals[i]]

    def _reached(self, i: int, local: Local) -> None:
        local = self._without_ghosts(i, local)
        if local not in self._locals[i]:
            self._locals[i].add(local)
            triggers: list[Trigger] = [*self._own(i), *self._messages[i]]
            self._todo += [(i, local, trigger) for trigger in triggers]

    def _without_ghosts(self, i: int, local: Local) -> Local:
        """No handler can read a ghost, so states that differ only there do the same."""
        shape = self._system.shapes[i]
        plain = [
            first if kind == "ghost" else value
            for kind, value, first in zip(shape.kinds, local, shape.initial, strict=False)
        ]
        return (*plain, *local[len(plain) :])


def _nothing(_: type[Message]) -> tuple[Message, ...]:
    return ()


def _name(trigger: Act | NodeFault) -> str:
    return trigger.action if isinstance(trigger, Act) else trigger.kind


def known_in_full(system: System, event: Event) -> bool:
    """Whether an event says all that decides what its node does next."""
    if event.node is None or event.state is None:
        return False
    fields = _fields(system, event.node)
    return fields is not None and event.state.keys() >= fields


@lru_cache(maxsize=256)
def _fields(system: System, node: str) -> frozenset[str] | None:
    """The fields that decide what a node does; None when there is more that no event shows."""
    if node not in system.index or "torn" in system.budgets or "stop" in system.budgets:
        return None
    shape = system.shapes[system.index[node]]
    rows = zip(shape.names, shape.kinds, strict=True)
    return frozenset(name for name, kind in rows if kind != "ghost")


def asks(system: System) -> bool:
    """Whether an action may ask which messages were sent: it then depends on the other nodes."""
    codes = [
        member.__code__
        for node in system.nodes
        for cls in type(node).__mro__
        if issubclass(cls, Node) and cls is not Node
        for member in vars(cls).values()
        if isinstance(member, FunctionType)
    ]
    return any("sent" in code.co_names for code in codes)


__all__ = ["Answer", "Closure", "asks", "known_in_full"]
