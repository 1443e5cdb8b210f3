"""Judges the invariants of a model along one run, where something that they read has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from paxcheck.protocol.execute import NodeFault
from paxcheck.protocol.growing import LONGEST, LongHistory
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import NetworkFault, Transition
from paxcheck.protocol.world import Part, StepView, World, WorldView
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.places import Place

Found = Sequence[tuple[World, Transition]]
"""What an event may have been: the world before, and the step (several where it is open)."""


def worlds_of(found: Found) -> list[World]:
    """The worlds after an event."""
    if len(found) == 1:
        world = found[0][1].world
        return [] if world is None else [world]
    return [t.world for _, t in found if t.world is not None]


class _Taken(NamedTuple):
    """An event that was taken: what it may have been, and the fields that it changed."""

    place: Place
    life: int
    found: Found
    fields: Sequence[str]


@dataclass
class Judged:
    """One property: how often it was judged, what it reads, its first breach.

    `silent`: why it was not judged from some event on; `at`: the event that broke it, `life`: the
    incarnation of its node then.
    """

    prop: Property
    checks: int = 0
    silent: str = ""
    at: Place | None = None
    life: int = 1
    reason: str = ""
    reads: set[Part] = field(default_factory=set[Part])

    @property
    def open(self) -> bool:
        """Whether it can still be broken."""
        return self.at is None and not self.silent

    def breaks(self, taken: _Taken, reason: str) -> None:
        """An event breaks it."""
        self.at, self.life, self.reason = taken.place, taken.life, reason

    def gives_up(self, taken: _Taken, why: str) -> None:
        """It cannot be judged any more."""
        place = taken.place
        where = f"{place.file}:{place.line}"
        self.silent = f"not judged from {where} on: {why}, and it goes through all of them"

    @property
    def asks(self) -> bool:
        """Whether it looks at messages."""
        return any(isinstance(part, type) for part in self.reads)


BATCH: Final = 64
"""So many events are judged at once: that is faster than one at a time, between other work."""


class Judge:
    """All invariants and step invariants of a run. It may be some events behind: see `settle`."""

    def __init__(self, system: Handlers, properties: Sequence[Property]) -> None:
        self.system = system
        self.judged = [
            Judged(p)
            for p in properties
            if p.kind in ("invariant", "step_invariant", "no_exception")
        ]
        self._worlds = [j for j in self.judged if j.prop.kind == "invariant"]
        self._steps = [j for j in self.judged if j.prop.kind == "step_invariant"]
        self._errors = [j for j in self.judged if j.prop.kind == "no_exception"]
        self._fresh = True  # nothing is known of the present world
        self._asks = False  # whether any property looks at messages
        self._touched: dict[Any, list[Judged]] = {}  # by what an event changed
        self._behind: list[_Taken] = []

    @property
    def asks_for_messages(self) -> bool:
        """Whether some property looked at messages so far."""
        return self._asks

    def take(self, place: Place, life: int, found: Found, fields: Sequence[str]) -> None:
        """Judge an event, now or soon. Where it may have been several steps, all must be wrong.

        `life`: the incarnation of its node; `fields`: those that are not as they were.
        """
        self._behind.append(_Taken(place, life, found, fields))
        # Of messages only the latest network knows quickly.
        if len(self._behind) >= BATCH or self._asks or self._fresh:
            self.settle()

    def settle(self) -> None:
        """Judge all events that were taken."""
        behind, self._behind = self._behind, []
        for taken in behind:
            self._judge(taken)

    def stop(self, why: str) -> None:
        """Nothing is judged from here on."""
        self.settle()
        for judged in self.judged:
            if judged.open:
                judged.silent = why

    def _judge(self, taken: _Taken) -> None:
        system, found = self.system, taken.found
        if self._steps:
            steps = [system.step_view(b, t) if t.world else None for b, t in found]
            for judged in self._steps:
                self._ask(judged, taken, steps)
        worlds = worlds_of(found)
        for judged in self._errors:
            if judged.open:
                judged.checks += 1
                if not worlds:  # only an exception leads to none
                    outcome = found[0][1].outcome
                    judged.breaks(taken, str(outcome.error if outcome else None))
        if len(worlds) < len(found):
            return  # an exception: there is no world after it
        certain = len(found) == 1
        known = certain and not self._fresh
        touched = self._reading(found[0][1], taken.fields) if known else self._worlds
        self._fresh = not certain
        if not touched:
            return
        reads: set[Part] = set()
        views = [WorldView(system, world, reads) for world in worlds]
        for judged in touched:
            if self._asks and judged.open and judged.asks:
                sizes = [len(world.network.cells()) for world in worlds]
                if max(sizes) > LONGEST:
                    judged.checks += 1
                    judged.gives_up(taken, f"more than {LONGEST:,} messages are in transit")
                    continue
            reads.clear()
            self._ask(judged, taken, views)
            if not reads <= judged.reads:
                judged.reads |= reads
                self._asks = self._asks or judged.asks
                self._touched.clear()

    def _ask(
        self, judged: Judged, taken: _Taken, views: Sequence[WorldView | StepView | None]
    ) -> None:
        """Ask a property of all that an event may have been; it is broken if it is in all."""
        if not judged.open:
            return
        judged.checks += 1
        reasons: list[str] = []
        for view in views:
            try:
                broken = judged.prop.judge(view) if view is not None else None
            except LongHistory as problem:
                judged.gives_up(taken, problem.message)
                continue
            if broken is not None:
                reasons.append(broken.reason)
        if len(reasons) == len(views):
            judged.breaks(taken, reasons[0])

    def _reading(self, t: Transition, fields: Sequence[str]) -> list[Judged]:
        """The properties that read something that a step changed."""
        trigger = t.step.trigger
        kinds = self._moved(t) if self._asks else ()
        key = (t.step.node, isinstance(trigger, NodeFault), tuple(fields), kinds)
        known = self._touched.get(key)
        if known is None:
            node = t.step.node
            i = self.system.index[node] if node is not None else -1
            changed: set[Part] = {(i, field) for field in fields}
            if isinstance(trigger, NodeFault):
                changed.add((i, "stopped"))
            for kind in kinds:  # a property may ask for a class above
                changed.update([base for base in kind.__mro__ if issubclass(base, Message)])
            known = [j for j in self._worlds if not j.reads.isdisjoint(changed)]
            self._touched[key] = known
        return known

    def _moved(self, t: Transition) -> tuple[type[Message], ...]:
        """The classes of the messages that a step sent, took, lost or doubled."""
        trigger = t.step.trigger
        moved = [type(e.message) for e in t.outcome.sent] if t.outcome else []
        if isinstance(trigger, Envelope):
            moved.append(type(trigger.message))
        elif isinstance(trigger, NetworkFault) and trigger.envelope:
            moved.append(type(trigger.envelope.message))
        return tuple(dict.fromkeys(moved))
