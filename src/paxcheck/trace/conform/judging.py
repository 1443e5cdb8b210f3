"""Judges the invariants of a model along one run: each only where something that it reads changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from paxcheck.protocol.growing import LONGEST, LongHistory
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import NetworkFault, Transition
from paxcheck.protocol.world import Part, World, WorldView
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

    def take(self, place: Place, life: int, found: Found) -> None:
        """Judge an event. Where it may have been several steps, all of them must be wrong.

        `life`: the incarnation of its node.
        """
        self._life = life
        for judged in self._steps:
            if judged.open:
                self._note(judged, place, [self._step(judged, place, b, t) for b, t in found])
        for judged in self._errors:
            if judged.open:
                errors = [t.outcome.error if t.outcome else None for _, t in found]
                self._note(judged, place, [str(e) if e else None for e in errors])
        worlds = [t.world for _, t in found if t.world is not None]
        if len(worlds) < len(found):
            return  # an exception: there is no world after it
        changed = self._changed(*found[0]) if len(found) == 1 else None
        for judged in self._worlds:
            if judged.open and (judged.fresh or changed is None or judged.reads & changed):
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
        asks = any(isinstance(part, type) for part in judged.reads)
        if asks and len(world.network.cells()) > LONGEST:
            return _give_up(judged, place, f"more than {LONGEST:,} messages are in transit")
        reads: set[Part] = set()
        try:
            broken = judged.prop.judge(WorldView(self.system, world, reads))
        except LongHistory as problem:
            return _give_up(judged, place, problem.message)
        judged.reads |= reads
        return broken.reason if broken else None

    def _step(self, judged: Judged, place: Place, before: World, t: Transition) -> str | None:
        view = self.system.step_view(before, t)
        if view is None or (t.outcome and t.outcome.error):
            return None
        try:
            broken = judged.prop.judge(view)
        except LongHistory as problem:
            return _give_up(judged, place, problem.message)
        return broken.reason if broken else None

    def _changed(self, before: World, t: Transition) -> set[Part]:
        """What a property may see otherwise after a step."""
        assert t.world is not None
        changed: set[Part] = set()
        node = t.step.node
        if node is not None:
            i = self.system.index[node]
            shape = self.system.shapes[i]
            old, new = before.locals[i], t.world.locals[i]
            for name, a, b in zip(shape.names, old, new, strict=False):
                if a is not b and a != b:
                    changed.add((i, name))
            if shape.stopped(old) != shape.stopped(new):
                changed.add((i, "stopped"))
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
