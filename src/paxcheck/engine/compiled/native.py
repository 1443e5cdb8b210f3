# pyright: basic
"""The native tier: drives the kernel, and answers when the kernel asks.

It searches from the initial state again, with the tables that the Python tier has filled, and so
visits the same states in the order of the reference engine. Between two calls of the kernel it
fills entries, judges states that look new to a property, and makes room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from paxcheck.engine.behaviors import found_again, found_as_data
from paxcheck.engine.compiled import kernel
from paxcheck.engine.compiled.findings import Findings, coverage_of
from paxcheck.engine.compiled.how import How
from paxcheck.engine.compiled.layout import Arrays
from paxcheck.engine.compiled.native_saving import NativeSaver
from paxcheck.engine.compiled.paths import Paths
from paxcheck.engine.compiled.python_tier import PythonTier
from paxcheck.engine.compiled.store import ROOM, MemoryLimit
from paxcheck.engine.compiled.symmetry import NotSymmetric, Symmetry
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.judge import property_verdicts
from paxcheck.engine.limits import Limits, Progress, Watch
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.errors import ModelError
from paxcheck.protocol.properties import Broken
from paxcheck.protocol.system import Step

SLICE = 1 << 18  # states to expand before the clock is looked at
UNFINISHED = (  # the kernel came back in the middle of a state
    kernel.MISSING,
    kernel.PENDING_FULL,
    kernel.SEEN_FULL,
    kernel.TABLE_FULL,
    kernel.LOG_FULL,
)


class Asks(Exception):
    """An action asks which messages were sent: this tier cannot go on."""


class NativeTier(Paths):
    """A breadth-first search by the kernel; states are known by their place in the log."""

    def __init__(
        self,
        tables: Tables,
        findings: Findings,
        limits: Limits,
        watch: Watch,
        symmetry: Symmetry | None = None,
    ) -> None:
        self.symmetry = symmetry
        if symmetry is not None:
            numbers = tables.initial()
            symmetry.check_initial(numbers)
            symmetry.close()
        self.tables = tables
        self.findings = findings
        self.traps: dict[tuple[int, int, int], list[tuple[str, Broken, Step]]] = {}
        self._steps_known: dict[Any, list[tuple[str, Broken]]] = {}
        self.limits = limits
        self.watch = watch
        if symmetry is not None:
            for lens in [*findings.states, *findings.ends]:
                self._widen(lens)
        self.arrays = Arrays(tables, len(findings.states) + len(findings.ends))
        self.arrays.sync()
        self._keep_breaches()  # of a resumed search: what it looked up ahead and did not yet take
        self.arrays.learn(self.traps)
        if symmetry is not None:
            for i, number, column in self.arrays.entries():
                symmetry.check(i, number, self.arrays.what(i, column))
                self._keep_breaches()
            self.arrays.sync()
        self.allocate()

    # The search -----------------------------------------------------------------------------

    @property
    def full(self) -> int:
        """How many states those that were found stand for: with their orbits."""
        return int(self.counters[kernel.FULL]) if self.symmetry else self.distinct

    @property
    def generated(self) -> int:
        """How many steps were taken."""
        return int(self.counters[kernel.GENERATED])

    @property
    def terminal(self) -> int:
        """In how many states nothing more can happen."""
        return int(self.counters[kernel.TERMINAL])

    def run(
        self, *, stop_at_first: bool = False, after_level: Callable[[bool], None] | None = None
    ) -> str | None:
        """Search to the end; the reason when it was stopped before. Raises Asks."""
        limit = self.limits.states
        self.counters[kernel.STATES_LIMIT] = -1 if limit is None else limit
        self._judge_all()
        reason: str | None = None
        while reason is None:
            start = sum(self.levels[:-1])
            if int(self.counters[kernel.CURSOR]) < start:
                self.counters[kernel.CURSOR] = start
            end = start + self.levels[-1]
            if self.limits.depth is not None and len(self.levels) - 1 >= self.limits.depth:
                if start == end:
                    break
                if after_level is not None:
                    after_level(True)
                return f"the limit of depth {self.limits.depth} was reached"
            try:
                reason = self._level(end, stop_at_first)
            finally:
                found = self.distinct - end
                if found:
                    self.levels.append(found)
                    full = int(self.counters[kernel.FULL])
                    self.full_levels.append(full - sum(self.full_levels))
            if after_level is not None and reason is None:
                after_level(not found)
            if not found or reason is not None:
                break
        return reason

    def _enough(self, stop_at_first: bool) -> str | None:
        if stop_at_first and self.findings.violated:
            return "the search ends at the first violation"
        return None

    def _level(self, end: int, stop_at_first: bool) -> str | None:
        c = self.counters
        while int(c[kernel.CURSOR]) < end:
            # As in the reference engine, the state with the violation is still expanded.
            ahead = 1 if self._enough(stop_at_first) else SLICE
            stop = min(end, int(c[kernel.CURSOR]) + ahead)
            # Near a limit of states every expansion is looked at, as the reference engine does.
            near = self.limits.states is not None and (
                self.distinct + len(self.work.nodes) > self.limits.states
            )
            batch = 1 if stop_at_first or near else ROOM
            code = kernel.expand(
                self._widths, self._masks, self._sized, self.layout, self._renamings, self.work,
                self.log, self.sizes, self.table, self.bits, self._compact, self.arrays.nodes,
                self.arrays.fields, stop, batch, c,
            )  # fmt: skip
            # First of all read what was handed over: what follows may replace the buffers.
            requests = self.work.requests[: int(c[kernel.REQUESTS])].tolist()
            c[kernel.REQUESTS] = 0
            if int(c[kernel.PENDING]):
                self._judge_pending()
            if code == kernel.MISSING:
                self._answer(requests)
            elif code == kernel.TABLE_FULL:
                self._grow_table()
            elif code == kernel.LOG_FULL:
                self._grow_log()
            elif code == kernel.SEEN_FULL:
                self._room_to_see()
            reason = None if code in UNFINISHED else self._enough(stop_at_first)
            if reason is None and code == kernel.LIMIT:
                reason = self.watch.over_states(self.distinct)
            reason = reason or self.watch.look(self._progress)
            if reason:
                return reason
        return None

    # Answers to the kernel ------------------------------------------------------------------

    def _answer(self, requests: list[list[int]]) -> None:
        """Fill the entries that the kernel asked for; the first ones belong to the next state."""
        first, cursor = int(self.counters[kernel.FIRST]), int(self.counters[kernel.CURSOR])
        self.work.requested[:] = 0
        arrays, tables = self.arrays, self.tables
        ready: list[tuple[int, int, int]] = []
        for k, (i, number, column) in enumerate(requests):
            what = arrays.what(i, column)
            arrays.compute(i, number, column)
            if tables.asks:
                raise Asks
            self._keep_breaches()
            if self.symmetry is not None:
                self.symmetry.check(i, number, what)
                self._keep_breaches()
            trapped = self.traps.get((i, number, what), ())
            if trapped and k >= first:
                continue  # not yet: the first state that takes this step is still to come
            self.traps.pop((i, number, what), None)
            for name, broken, step in trapped:
                self.findings.found.setdefault(name, ((cursor, step), broken))
            ready.append((i, number, column))
        old = (self._widths, self.layout, self.arrays.width)
        if arrays.sync():
            self._repack(*old)
        for entry in ready:
            arrays.fill(*entry)
        self._prepare()

    def _keep_breaches(self) -> None:
        """Keep the breaches of step properties by the entries that were just computed."""
        tables, found = self.tables, self.findings.found
        for alarm in tables.alarms:
            local = tables.rows[alarm.node][alarm.row].local
            key = (alarm.node, local, alarm.step)
            judged = self._steps_known.get(key)
            if judged is None:
                judged = self._steps_known[key] = self.findings._steps.breaches(alarm)
            new = [(name, broken, alarm.step) for name, broken in judged if name not in found]
            if new:
                trigger = alarm.step.trigger
                entry = (alarm.node, alarm.row, self.arrays.what_of(alarm.node, trigger))
                self.traps.setdefault(entry, []).extend(new)
        tables.alarms.clear()

    def verdict(self, behaviors: dict[str, tuple[Step, ...]], stopped: str | None) -> Verdict:
        """What was found, in the terms of a search without symmetry."""
        findings, tables = self.findings, self.tables
        notes = [
            f"native search: {8 * self.arrays.width} bytes a state, "
            f"{tables.calls:,} handler calls for {self.distinct:,} states"
        ]
        if self.symmetry is not None:
            names = " and ".join("{" + ", ".join(g) + "}" for g in self.symmetry.groups)
            notes.append(
                f"symmetry of {names}: {self.distinct:,} states were looked at; they stand for "
                f"{self.full:,}, and all counts are of these"
            )
        return Verdict(
            engine="compiled",
            distinct_states=self.full,
            generated_states=self.generated,
            depth=len(self.levels) - 1,
            seconds=self.watch.seconds,
            properties=property_verdicts(findings.properties, findings.found, behaviors, stopped),
            levels=tuple(self.full_levels if self.symmetry else self.levels),
            terminal_states=self.terminal,
            stopped=stopped,
            coverage=coverage_of(tables),
            notes=tuple(notes),
        )

    def _progress(self, seconds: float, memory: int) -> Progress:
        start = sum(self.levels[:-1])
        return Progress(
            distinct=self.distinct,
            generated=self.generated,
            depth=len(self.levels),
            frontier=self.distinct - start - self.levels[-1],
            seconds=seconds,
            memory=memory,
            previous_frontier=self.levels[-1],
            violated=self.findings.violated,
            frontier_before=self.levels[-2] if len(self.levels) > 1 else 0,
        )


def go_on(
    python: PythonTier,
    behaviors: dict[str, tuple[Step, ...]],
    how: How,
) -> Verdict | None:
    """Do natively what the Python tier began; None where only that one can go on.

    `behaviors`: the runs to what was found so far. Raises ModelError when the model's symmetry is
    asked for and is none.
    """
    findings, watch, tables = python.findings, python.watch, python.tables
    if tables.asks:
        return None
    before = dict(findings.found)
    lenses = (list(findings.states), list(findings.ends))
    symmetry = Symmetry(tables) if how.symmetric else None
    if symmetry is not None and symmetry.count == 1:
        symmetry = None
    saver = None
    if how.checkpoint is not None:
        saver = NativeSaver(how.checkpoint, tables, findings, symmetry)
        saver.restore_tables()
        behaviors.update(saver.behaviors)
        before = dict(findings.found)
    tier: NativeTier | None = None
    try:
        tier = NativeTier(tables, findings, watch.limits, watch, symmetry)
        if saver is not None:
            saver.restore_states(tier, behaviors)
        stopped = tier.run(
            stop_at_first=how.stop_at_first, after_level=saver.after_level if saver else None
        )
    except Asks:
        # Forget what this tier found: its places mean nothing to the other one.
        findings.found = before
        findings.states = [x for x in lenses[0] if x.prop.name not in before]
        findings.ends = [x for x in lenses[1] if x.prop.name not in before]
        return None
    except NotSymmetric as problem:
        raise ModelError(str(problem), hint="correct symmetry(), or use --no-symmetry") from None
    except KeyboardInterrupt:
        if tier is None:
            raise
        stopped = "it was interrupted"
    except MemoryLimit as problem:
        stopped = str(problem)
    except MemoryError:
        stopped = "the machine has no more memory"
    if tier is None:
        return None
    for name in findings.found:
        if name not in behaviors:
            behaviors[name] = tier.behavior(name)
    if symmetry is not None:
        # What was judged is the image of a state under other names: say what the run itself shows.
        system = tables.system
        data = found_as_data(system, {name: behaviors[name] for name in findings.found})
        for name, (_, broken) in found_again(system, findings.properties, data).items():
            findings.found[name] = (findings.found[name][0], broken)
    verdict = tier.verdict(behaviors, stopped)
    return replace(verdict, digest=tier.digest()) if how.digest else verdict
