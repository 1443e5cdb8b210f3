"""Judges worlds and steps by the properties, and keeps the first breach of each.

A property is asked once for all worlds that look the same to it: what it reads is recorded, and
its answer is kept under the values that it read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paxcheck.engine.verdict import Answer, PropertyVerdict
from paxcheck.protocol.execute import Outcome
from paxcheck.protocol.properties import Broken, Property
from paxcheck.protocol.system import Step, System, Transition
from paxcheck.protocol.world import Part, World, WorldView


class Projection:
    """One property of worlds, with its answers kept by what it read."""

    def __init__(self, system: System, prop: Property) -> None:
        self.system = system
        self.prop = prop
        self.reads: dict[Part, None] = {}
        self._known: dict[tuple[Any, ...], Broken | None] = {}

    def judge(self, world: World) -> Broken | None:
        """The property's answer about a world."""
        key = self.key(world)
        if key in self._known:
            return self._known[key]
        reads: set[Part] = set()
        answer = self.prop.judge(WorldView(self.system, world, reads))
        if not reads <= self.reads.keys():
            # It looked at something new: the old keys are too short to tell worlds apart.
            for part in sorted(reads, key=str):
                self.reads.setdefault(part)
            self._known.clear()
            key = self.key(world)
        self._known[key] = answer
        return answer

    def key(self, world: World) -> tuple[Any, ...]:
        """The values of all parts of the world that the property ever read."""
        return tuple([self._value(world, part) for part in self.reads])

    def _value(self, world: World, part: Part) -> Any:
        if isinstance(part, type):
            copies = self.system.net.copies(world.network)
            return frozenset([e.message for e in copies if isinstance(e.message, part)])
        index, field = part
        shape = self.system.shapes[index]
        if field == "stopped":
            return shape.stopped(world.locals[index])
        return world.locals[index][shape.names.index(field)]


class Judge:
    """All properties of one run, and the first breach (or witness) of each."""

    def __init__(self, system: System, properties: Sequence[Property]) -> None:
        self.system = system
        self.properties = tuple(properties)
        self.found: dict[str, tuple[Any, Broken | None]] = {}
        self._states = [
            Projection(system, p) for p in properties if p.kind in ("invariant", "reachable")
        ]
        self._ends = [Projection(system, p) for p in properties if p.kind == "at_end"]
        self._steps = [p for p in properties if p.kind == "step_invariant"]
        self._steps_known: dict[tuple[Any, ...], list[tuple[str, Broken]]] = {}
        self._no_exception = any(p.kind == "no_exception" for p in properties)

    @property
    def violated(self) -> tuple[str, ...]:
        """The names of the properties that are broken so far."""
        kinds = {p.name: p.kind for p in self.properties}
        return tuple([name for name in self.found if kinds[name] != "reachable"])

    @property
    def decided(self) -> bool:
        """Whether every property has its breach or witness, so that nothing is left to find."""
        return len(self.found) == len(self.properties)

    def state(self, world: World, place: Any) -> None:
        """Judge a newly found state; `place` tells the engine later how it was reached."""
        for projection in self._states:
            prop = projection.prop
            if prop.name in self.found:
                continue
            broken = projection.judge(world)
            if prop.kind == "reachable":
                if broken is None:
                    self.found[prop.name] = (place, None)
            elif broken is not None:
                self.found[prop.name] = (place, broken)

    def end(self, world: World, place: Any) -> None:
        """Judge a state in which nothing more can happen."""
        for projection in self._ends:
            if projection.prop.name not in self.found:
                broken = projection.judge(world)
                if broken is not None:
                    self.found[projection.prop.name] = (place, broken)

    def step(self, before: World, transition: Transition, place: Any) -> None:
        """Judge one step; `place` is that of the state before it, joined with the step."""
        outcome, step = transition.outcome, transition.step
        if outcome is None or step.node is None:
            return
        if outcome.error is not None:
            if self._no_exception and "no_exception" not in self.found:
                self.found["no_exception"] = (place, Broken(str(outcome.error), (outcome.error,)))
            return
        if self._steps:
            i = self.system.index[step.node]
            for name, broken in self._step_breaches(i, before.locals[i], step, outcome):
                self.found.setdefault(name, (place, broken))

    def _step_breaches(
        self, i: int, local: Any, step: Step, outcome: Outcome
    ) -> list[tuple[str, Broken]]:
        key = (i, local, step.trigger, outcome.local, outcome.sent)
        known = self._steps_known.get(key)
        if known is None:
            view = self.system.local_view(i, local, step.trigger, outcome)
            judged = [(p.name, p.judge(view)) for p in self._steps]
            known = [(name, broken) for name, broken in judged if broken is not None]
            self._steps_known[key] = known
        return known


def property_verdicts(
    properties: Sequence[Property],
    found_by_name: Mapping[str, tuple[Any, Broken | None]],
    behaviors: Mapping[str, tuple[Step, ...]],
    stopped: str | None,
) -> tuple[PropertyVerdict, ...]:
    """The verdict on each property after a search that ended for the reason `stopped` (or None).

    `found_by_name`: the first breach of each property (None: a witness), as in `Judge.found`;
    `behaviors`: a run to each of them.
    """
    verdicts: list[PropertyVerdict] = []
    for prop in properties:
        found = found_by_name.get(prop.name)
        answer: Answer
        if prop.kind == "reachable":
            answer = "holds" if found else "violated" if stopped is None else "undetermined"
            reason = "" if found else stopped or "no reachable state is a witness"
        else:
            answer = "violated" if found else "holds" if stopped is None else "undetermined"
            reason = found[1].reason if found and found[1] else stopped or ""
        verdicts.append(
            PropertyVerdict(
                prop.name, prop.kind, prop.doc, answer, behaviors.get(prop.name), reason
            )
        )
    return tuple(verdicts)
