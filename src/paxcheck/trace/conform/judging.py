"""Judges the invariants of a model along one run, where something that they read has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

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


_One: TypeAlias = tuple[Place, int, World, Transition, Sequence[str]]
"""An ordinary event: a certain step, from the world before it."""


@dataclass(slots=True)
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
        self._fresh = True  # nothing is known of the present world
        self._asks = False  # whether any property looks at messages
        # The properties that can still be broken, and those that an event asks, by what it changed.
        self._worlds: list[Judged] = []
        self._steps: list[Judged] = []
        self._errors: list[Judged] = []
        self._touched: dict[Any, list[Judged]] = {}
        self._behind: list[_Taken | _One] = []
        self._sort()

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

    def take_one(
        self, place: Place, life: int, before: World, transition: Transition, fields: Sequence[str]
    ) -> None:
        """The same for what events nearly always are: one step, and it leads to a world."""
        self._behind.append((place, life, before, transition, fields))
        if len(self._behind) >= BATCH or self._asks or self._fresh:
            self.settle()

    def settle(self) -> None:
        """Judge all events that were taken."""
        behind, self._behind = self._behind, []
        for taken in behind:
            if isinstance(taken, _Taken):
                self._judge(taken)
            else:
                self._judge_one(taken)

    def forget(self) -> None:
        """Do not judge the latest events: they were not what they were taken for."""
        self._behind = []

    def stop(self, why: str) -> None:
        """Nothing is judged from here on."""
        self.settle()
        for judged in self.judged:
            if judged.open:
                judged.silent = why
        self._sort()

    def _sort(self) -> None:
        """See which properties can still be broken."""
        rest = [j for j in self.judged if j.open]
        self._worlds = [j for j in rest if j.prop.kind == "invariant"]
        self._steps = [j for j in rest if j.prop.kind == "step_invariant"]
        self._errors = [j for j in rest if j.prop.kind == "no_exception"]
        self._touched.clear()

    def _judge_one(self, one: _One) -> None:
        """Judge an ordinary event. It does what `_judge` does, without what is never needed."""
        place, life, before, transition, fields = one
        world = transition.world
        if self._asks or world is None:
            self._judge(_Taken(place, life, [(before, transition)], fields))
            return
        system, outcome, trigger = self.system, transition.outcome, transition.step.trigger
        node = transition.step.node
        i = -1 if node is None else system.index[node]
        if self._steps:
            step: StepView | None = None
            if node is not None and outcome is not None:
                step = system.local_view(i, before.locals[i], trigger, outcome)
            for judged in self._steps:
                judged.checks += 1
                if step is None:
                    continue
                try:
                    answer = judged.prop.check(step)
                except BaseException as problem:
                    answer = self._fails(judged, place, problem)
                if answer is not None and answer is not True:
                    self._answers(judged, place, life, answer)
        for judged in self._errors:
            judged.checks += 1
        asked: Sequence[Judged] = self._worlds
        if not self._fresh:
            if not fields and not isinstance(trigger, NodeFault):
                return
            key = (i, trigger.__class__, *fields)
            known = self._touched.get(key)
            asked = self._reading(key, i, trigger, fields) if known is None else known
        self._fresh = False
        histories: Any = {}
        for judged in asked:
            judged.checks += 1
            reads = judged.reads
            size = len(reads)
            try:
                answer = judged.prop.check(WorldView(system, world, reads, histories))
            except BaseException as problem:
                answer = self._fails(judged, place, problem)
            if answer is not None and answer is not True:
                self._answers(judged, place, life, answer)
            if len(reads) > size:
                self._asks = self._asks or judged.asks
                self._touched.clear()

    def _answers(self, judged: Judged, place: Place, life: int, answer: Any) -> None:
        """A property did not say that it holds."""
        broken = judged.prop.verdict(answer)
        if broken is not None:
            self._breaks(judged, place, life, broken.reason)

    def _fails(self, judged: Judged, place: Place, problem: BaseException) -> None:
        """The check of a property raised an exception. Only one of them is no mistake."""
        if not isinstance(problem, LongHistory):
            judged.prop.fails(problem)
        self._gives_up(judged, place, problem.message)

    def _breaks(self, judged: Judged, place: Place, life: int, reason: str) -> None:
        """An event breaks a property."""
        judged.at, judged.life, judged.reason = place, life, reason
        self._sort()

    def _gives_up(self, judged: Judged, place: Place, why: str) -> None:
        """A property cannot be judged any more."""
        where = f"{place.file}:{place.line}"
        judged.silent = f"not judged from {where} on: {why}, and it goes through all of them"
        self._sort()

    def _judge(self, taken: _Taken) -> None:
        system, found = self.system, taken.found
        if self._steps:
            steps = [system.step_view(b, t) if t.world else None for b, t in found]
            for judged in self._steps:
                self._ask(judged, taken, steps)
        worlds = worlds_of(found)
        for judged in self._errors:
            judged.checks += 1
            if not worlds:  # only an exception leads to none
                outcome = found[0][1].outcome
                error = str(outcome.error if outcome else None)
                self._breaks(judged, taken.place, taken.life, error)
        if len(worlds) < len(found):
            return  # an exception: there is no world after it
        certain = len(found) == 1
        known = certain and not self._fresh
        touched = self._touches(found[0][1], taken.fields) if known else self._worlds
        self._fresh = not certain
        if not touched:
            return
        reads: set[Part] = set()
        views = [WorldView(system, world, reads) for world in worlds]
        for judged in touched:
            if self._asks and judged.asks:
                sizes = [len(world.network.cells()) for world in worlds]
                if max(sizes) > LONGEST:
                    judged.checks += 1
                    why = f"more than {LONGEST:,} messages are in transit"
                    self._gives_up(judged, taken.place, why)
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
        judged.checks += 1
        reasons: list[str] = []
        for view in views:
            try:
                broken = judged.prop.judge(view) if view is not None else None
            except LongHistory as problem:
                self._gives_up(judged, taken.place, problem.message)
                continue
            if broken is not None:
                reasons.append(broken.reason)
        if len(reasons) == len(views):
            self._breaks(judged, taken.place, taken.life, reasons[0])

    def _touches(self, t: Transition, fields: Sequence[str]) -> list[Judged]:
        """The properties that read something that a step changed."""
        trigger, node = t.step.trigger, t.step.node
        kinds = self._moved(t) if self._asks else ()
        i = self.system.index[node] if node is not None else -1
        key = (i, trigger.__class__, tuple(fields), kinds)
        known = self._touched.get(key)
        return self._reading(key, i, trigger, fields, kinds) if known is None else known

    def _reading(
        self,
        key: Any,
        i: int,
        trigger: object,
        fields: Sequence[str],
        kinds: Sequence[type[Message]] = (),
    ) -> list[Judged]:
        """The properties that read one of these: they are kept under a key."""
        changed: set[Part] = {(i, field) for field in fields}
        if isinstance(trigger, NodeFault):
            changed.add((i, "stopped"))
        for kind in kinds:  # a property may ask for a class above
            changed.update([base for base in kind.__mro__ if issubclass(base, Message)])
        found = [j for j in self._worlds if not j.reads.isdisjoint(changed)]
        self._touched[key] = found
        return found

    def _moved(self, t: Transition) -> tuple[type[Message], ...]:
        """The classes of the messages that a step sent, took, lost or doubled."""
        trigger = t.step.trigger
        moved = [type(e.message) for e in t.outcome.sent] if t.outcome else []
        if isinstance(trigger, Envelope):
            moved.append(type(trigger.message))
        elif isinstance(trigger, NetworkFault) and trigger.envelope:
            moved.append(type(trigger.envelope.message))
        return tuple(dict.fromkeys(moved))
