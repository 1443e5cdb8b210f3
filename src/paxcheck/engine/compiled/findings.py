"""What a search by tables has found so far: the first breach or witness of each property.

It is shared by the two tiers, pure Python and native: the same lenses and the same findings go
from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from paxcheck.engine.compiled.inbox_tables import InboxTables
from paxcheck.engine.compiled.judging import Lens, StepJudge
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.verdict import Count, Coverage
from paxcheck.protocol.execute import NodeFault
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.properties import Broken, Property
from paxcheck.protocol.system import Step, System
from paxcheck.protocol.world import World

Place = tuple[Any, Step | None]
"""A state as its tier names it, and the step out of it that matters, if it is a step."""


class Findings:
    """The properties of one search, what was found, and how often places were reached."""

    def __init__(
        self, tables: Any, properties: Sequence[Property], lens: Callable[..., Lens] = Lens
    ) -> None:
        self.tables = tables
        self.properties = tuple(properties)
        self.found: dict[str, tuple[Place, Broken | None]] = {}
        self.states = [lens(tables, p) for p in properties if p.kind in ("invariant", "reachable")]
        self.ends = [lens(tables, p) for p in properties if p.kind == "at_end"]
        self._steps = StepJudge(tables, properties)
        tables.watched = bool(self._steps.properties)
        self._reachable = {p.name for p in properties if p.kind == "reachable"}

    @property
    def violated(self) -> tuple[str, ...]:
        """The names of the broken properties."""
        return tuple([name for name in self.found if name not in self._reachable])

    def hit(self, lens: Lens, broken: Broken | None, place: Any) -> None:
        """Note an answer about a state, if it is a breach or a witness, and the first."""
        name = lens.prop.name
        if (broken is None) == (lens.prop.kind == "reachable") and name not in self.found:
            self.found[name] = ((place, None), broken)
            self.states = [x for x in self.states if x is not lens]
            self.ends = [x for x in self.ends if x is not lens]

    def alarms(self, place: Any) -> None:
        """Judge the steps that were computed while a state was expanded."""
        for alarm in self.tables.alarms:
            for name, broken in self._steps.breaches(alarm):
                self.found.setdefault(name, ((place, alarm.step), broken))
        self.tables.alarms.clear()


def steps_between(system: System, worlds: Sequence[World]) -> tuple[Step, ...]:
    """The steps that lead from each world to the next, by the plain semantics."""
    steps: list[Step] = []
    for before, after in pairwise(worlds):
        steps.append(next(t.step for t in system.successors(before) if t.world == after))
    return tuple(steps)


def coverage_of(tables: Tables | InboxTables) -> Coverage:
    """What ran at least once. Counts are distinct (local state, message) pairs, not steps."""
    system = tables.system
    ran: dict[str, list[int]] = {name: [0, 0] for name in system.all_handlers()}
    rules: dict[str, list[int]] = {name: [0, 0] for name in system.all_rules()}
    for (_, local, trigger), outcomes in tables.pairs():
        # In a fifo network an ignored delivery moves the queue on: it is a step.
        always = system.network == "fifo" and isinstance(trigger, Envelope)
        did = [o for o in outcomes if always or o.local != local or o.sent or o.error]
        if did or not isinstance(trigger, NodeFault):
            counts = ran.setdefault(system.handler_name(trigger), [0, 0])
            counts[0] += len(did)
            counts[1] += max(len(outcomes), 1) - len(did)
        for outcome in outcomes:
            for call in outcome.rules:
                rules[call.rule][0 if call.allowed else 1] += 1
    return Coverage(
        {name: Count(*counts) for name, counts in ran.items()},
        {name: Count(*counts) for name, counts in rules.items()},
        counts="pairs",
    )
