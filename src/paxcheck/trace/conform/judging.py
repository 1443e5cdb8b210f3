"""Judges the invariants of a model along one run, where something that they read has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    fresh: bool = True  # nothing is known of the present world

    @property
    def open(self) -> bool:
        """Whether it can still be broken."""
        return self.at is None and not self.silent


class Judge:
    """All invariants and step invariants of a run."""

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
        self._life = 1
        self._asks = False  # whether any property looks at messages

    def take(self, place: Place, life: int, found: Found, fields: Sequence[str]) -> None:
        """Judge an event. Where it may have been several steps, all of them must be wrong.

        `life`: the incarnation of its node; `fields`: those that are not as they were.
        """
        self._life = life
        if self._steps:
            views = [self.system.step_view(b, t) if t.world else None for b, t in found]
            for judged in self._steps:
                if judged.open:
                    self._note(judged, place, [self._ask(judged, place, v) for v in views])
        for judged in self._errors:
            if judged.open:
                errors = [t.outcome.error if t.outcome else None for _, t in found]
                self._note(judged, place, [str(e) if e else None for e in errors])
        worlds = [t.world for _, t in found if t.world is not None]
        if len(worlds) < len(found):
            return  # an exception: there is no world after it
        changed = self._changed(found[0][1], fields) if len(found) == 1 else None
        for judged in self._worlds:
            if changed is None or judged.fresh or not judged.reads.isdisjoint(changed):
                if judged.open:
                    self._note(judged, place, [self._world(judged, place, w) for w in worlds])
                judged.fresh = changed is None

    def stop(self, why: str) -> None:
        """Nothing is judged from here on."""
        for judged in self.judged:
            if judged.open:
                judged.silent = why

    def _note(self, judged: Judged, place: Place, reasons: list[str | None]) -> None:
        judged.checks += 1
        if all(reason is not None for reason in reasons):
            judged.at, judged.life, judged.reason = place, self._life, reasons[0] or ""

    def _world(self, judged: Judged, place: Place, world: World) -> str | None:
        asks = self._asks and any(isinstance(part, type) for part in judged.reads)
        if asks and len(world.network.cells()) > LONGEST:
            return _give_up(judged, place, f"more than {LONGEST:,} messages are in transit")
        reads: set[Part] = set()
        reason = self._ask(judged, place, WorldView(self.system, world, reads))
        if not reads <= judged.reads:
            judged.reads |= reads
            self._asks = self._asks or any(isinstance(part, type) for part in reads)
        return reason

    def _ask(self, judged: Judged, place: Place, view: WorldView | StepView | None) -> str | None:
        if view is None:
            return None
        try:
            broken = judged.prop.judge(view)
        except LongHistory as problem:
            return _give_up(judged, place, problem.message)
        return broken.reason if broken else None

    def _changed(self, t: Transition, fields: Sequence[str]) -> set[Part]:
        """What a property may see otherwise after a step."""
        node = t.step.node
        i = self.system.index[node] if node is not None else -1
        changed: set[Part] = {(i, field) for field in fields}
        if isinstance(t.step.trigger, NodeFault):
            changed.add((i, "stopped"))
        if not self._asks:
            return changed
        trigger = t.step.trigger
        moved = list(t.outcome.sent) if t.outcome else []
        if isinstance(trigger, Envelope):
            moved.append(trigger)
        elif isinstance(trigger, NetworkFault) and trigger.envelope:
            moved.append(trigger.envelope)
        for envelope in moved:
            kinds = type(envelope.message).__mro__  # a property may ask for a class above
            changed.update([kind for kind in kinds if issubclass(kind, Message)])
        return changed


def _give_up(judged: Judged, place: Place, why: str) -> None:
    judged.silent = (
        f"not judged from {place.file}:{place.line} on: {why}, and it goes through all of them"
    )
