# pyright: basic
"""The native tier: drives the kernels level by level, and says what was found.

It searches from the initial state again, with the tables that the Python tier has filled. Between
two calls of a kernel it fills entries, judges states that look new to a property, and makes room.
What is found in a level is settled at its end, when all of it is known. So the result does not
depend on the order in which states are found, nor on the number of threads.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from msgspec.structs import replace

from paxcheck.engine.alarm import undisturbed
from paxcheck.engine.behaviors import choices_of, judged_run
from paxcheck.engine.compiled.digest import digest_of
from paxcheck.engine.compiled.findings import Findings, coverage_of
from paxcheck.engine.compiled.how import How
from paxcheck.engine.compiled.inbox_arrays import InboxArrays
from paxcheck.engine.compiled.inbox_tables import InboxTables
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.kernel.objects import is_kept
from paxcheck.engine.compiled.memory import MemoryLimit
from paxcheck.engine.compiled.native_saving import NativeSaver
from paxcheck.engine.compiled.paths import Paths
from paxcheck.engine.compiled.python_tier import Tier
from paxcheck.engine.compiled.set_arrays import SetArrays
from paxcheck.engine.compiled.symmetry import NotSymmetric, Symmetry
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.compiled.worker import BATCH
from paxcheck.engine.ending import interrupted
from paxcheck.engine.judge import property_verdicts
from paxcheck.engine.limits import Limits, Progress, Watch
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.errors import ModelError
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step

SLICE = 1 << 18  # states that a thread expands before the clock is looked at


class NativeTier(Paths):
    """A breadth-first search by the kernels; states are known by their place in the log.

    `behaviors`: a shortest run to each breach or witness that was found.
    """

    def __init__(
        self,
        tables: Tables | InboxTables,
        findings: Findings,
        limits: Limits,
        watch: Watch,
        symmetry: Symmetry | None = None,
        threads: int = 1,
        *,
        reduced: bool = True,
    ) -> None:
        self.symmetry = symmetry
        self.tables = tables
        self.findings = findings
        self.limits = limits
        self.watch = watch
        self.threads = threads
        self.behaviors: dict[str, tuple[Step, ...]] = {}
        self.interrupted = False
        self.begun = 0  # how many states the tier before has found
        numbers = tables.initial()
        if symmetry is not None:
            symmetry.check_initial(numbers)
            symmetry.close()
        self.arrays = _arrays_of(tables, findings, symmetry, reduced)
        self.begin_looking()
        if symmetry is not None:
            for lens in [*findings.states, *findings.ends]:
                self._widen(lens)
        self.arrays.sync()
        self.note_breaches()  # of a resumed search: what it looked up ahead and did not yet take
        self.allocate(self.arrays.pack(numbers, tuple(tables.system.budgets.values())))
        self.describe(fresh=True)
        self.index()
        if isinstance(self.arrays, SetArrays):
            known = self.arrays.known_entries()
            if symmetry is not None:
                for (i, number), bits in known.items():
                    symmetry.check_row(i, number, bits, self.arrays)
            self.take_over(known)

    # The search -----------------------------------------------------------------------------

    def run_levels(
        self, *, stop_at_first: bool = False, after_level: Callable[[bool], None] | None = None
    ) -> str | None:
        """Search to the end; the reason when it was stopped before."""
        self.limit = -1 if self.limits.states is None else self.limits.states
        self.describe_states()
        with self._until_interrupted():
            # Also a search that goes on shows its last level: what a property looks at is learned
            # from that, and a new state is only shown if it differs in that from the one before.
            self.judge_level()
            if self.level == 0:
                self._settle(0)
            self.beginning = False
            self.breached.clear()
            while True:
                if self._enough(stop_at_first):
                    return self._enough(stop_at_first)
                if self.limits.depth is not None and len(self.levels) - 1 >= self.limits.depth:
                    if after_level is not None:
                        after_level(True)
                    return f"the limit of depth {self.limits.depth} was reached"
                reason = self._level()
                self.close_gaps()
                self._settle(len(self.levels) - 1)
                found = self.distinct - self.level_end
                if found:
                    self.next_level(found)
                    self.full_levels.append(self.full - sum(self.full_levels))
                if reason is None and after_level is not None:
                    after_level(not found)
                if reason is not None or not found:
                    return reason or self._enough(stop_at_first)

    def _enough(self, stop_at_first: bool) -> str | None:
        if stop_at_first and self.findings.violated:
            return "the search ends at the first violation"
        return None

    @contextmanager
    def _until_interrupted(self) -> Iterator[None]:
        """Ctrl-C ends the search at the next look; a second one ends it wherever it is."""
        before = signal.getsignal(signal.SIGINT)
        main = threading.current_thread() is threading.main_thread()
        if not main or before is signal.SIG_IGN:
            yield
            return

        def interrupt(number: int, frame: Any) -> None:
            if self.interrupted or not callable(before):
                raise KeyboardInterrupt
            self.interrupted = True

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _level(self) -> str | None:
        """Expand a level; the reason when it was stopped before its end."""
        end = self.level_end
        todo = np.zeros(0, np.int64)  # states that were put aside
        while True:
            cursor = int(self.shared[at.CURSOR])
            if not len(todo) and cursor >= end:
                return None
            # Near a limit of states every state is looked at, as the reference engine does.
            near = self.limit >= 0 and self.distinct + self.reserve() > self.limit
            self._batch(1 if near else 0)
            stop = min(end, cursor + (1 if near else SLICE * self.threads))
            codes = self.expand(stop, todo if len(todo) else None)
            self.shared[at.CURSOR] = min(int(self.shared[at.CURSOR]), stop)
            todo = self._put_aside(todo)
            self._count()
            self.answer()
            if at.TABLE_FULL in codes:
                self.grow_table()
            if at.LOG_FULL in codes:
                self.grow_log()
            if at.SEEN_FULL in codes:
                self._room_to_see()
            if at.LIMITED in codes:
                return self.watch.over_states(self.distinct)
            if self.interrupted:
                return "it was interrupted"
            reason = self.watch.look(self._progress)
            if reason:
                return reason

    def _batch(self, size: int) -> None:
        wanted = size or BATCH
        if self.main[at.BATCH] != wanted:
            self.main[at.BATCH] = wanted
            self.version += 1

    def _put_aside(self, todo: np.ndarray) -> np.ndarray:
        """The states that must be expanded again: those put aside, and those not yet tried."""
        parts: list[np.ndarray] = []
        for worker in self.workers:
            block = worker.block
            if block[at.LIST_AT]:
                listed = worker.array(at.LIST_AT)
                parts.append(listed[block[at.LIST_DONE] : block[at.LISTED]])
                block[at.LIST_AT] = 0
            parts.append(worker.array(at.DEFERRED_AT)[: block[at.DEFERRED]].copy())
            block[at.DEFERRED] = 0
        return np.concatenate(parts)

    def _count(self) -> None:
        """Add up what the threads have counted."""
        for worker in self.workers:
            block = worker.block
            self.generated += block[at.GENERATED]
            self.terminal += block[at.TERMINAL]
            self.full += block[at.FULL]
            block[at.GENERATED] = block[at.TERMINAL] = block[at.FULL] = 0
        if self.symmetry is None:
            self.full = self.distinct

    # What was found -------------------------------------------------------------------------

    @undisturbed()
    def _settle(self, depth: int) -> None:
        """Make the runs to what was found while the states of level `depth` were expanded."""
        arrays, findings = self.arrays, self.findings
        arrays.requested[:] = 0
        arrays.add[arrays.add < 0] = 0
        properties = {p.name: p for p in findings.properties}
        sprung = set(np.flatnonzero(self.sprung).tolist())
        traps: dict[str, list[int]] = {}
        for key, trap in arrays.trap_ids.items():
            if trap in sprung:
                for name in arrays.traps[key]:
                    traps.setdefault(name, []).append(trap)
        self.sprung[:] = 0
        for name, lens in list(self.breached.items()):
            ends = lens.prop.kind == "at_end"
            states = self.states_that_look(lens, ends=ends)
            here = depth if ends or self.beginning else depth + 1
            self._found(properties[name], self.run_to(states, here, None))
        self.breached.clear()
        for name, those in traps.items():
            if name not in findings.found:
                states = self.states_that_take(those)
                self._found(properties[name], self.run_to(states, depth, properties[name]))
        self.sprung[:] = 0
        if len(findings.states) + len(findings.ends) != len(self.lenses):
            self.describe(fresh=True)

    def _found(self, prop: Property, run: tuple[Step, ...]) -> None:
        findings, system = self.findings, self.tables.system
        self.behaviors[prop.name] = run
        _, broken = judged_run(system, prop, choices_of(system, run))
        findings.found[prop.name] = ((None, None), broken)
        findings.states = [x for x in findings.states if x.prop.name != prop.name]
        findings.ends = [x for x in findings.ends if x.prop.name != prop.name]

    def digest(self) -> str | None:
        """The digest of all states that were found; None with symmetry: most were not looked at."""
        return None if self.symmetry is not None else digest_of(self)

    def verdict(self, stopped: str | None) -> Verdict:
        """What was found, in the terms of a search without symmetry."""
        findings, tables = self.findings, self.tables
        notes = [
            f"native search: {8 * self.arrays.width} bytes a state, "
            f"{tables.calls:,} handler calls for {self.distinct:,} states"
            + (f", up to {self.threads} threads" if self.threads > 1 else "")
        ]
        if self.symmetry is not None:
            names = " and ".join("{" + ", ".join(g) + "}" for g in self.symmetry.groups)
            notes.append(
                f"symmetry of {names}: {self.distinct:,} states were looked at; they stand for "
                f"{self.full:,}, and all counts are of these"
            )
        return Verdict(
            engine="compiled",
            distinct_states=self.full if self.symmetry else self.distinct,
            generated_states=self.generated,
            depth=len(self.levels) - 1,
            seconds=self.watch.seconds,
            properties=property_verdicts(
                findings.properties, findings.found, self.behaviors, stopped
            ),
            levels=tuple(self.full_levels if self.symmetry else self.levels),
            terminal_states=self.terminal,
            stopped=stopped,
            coverage=coverage_of(tables),
            notes=tuple(notes),
        )

    def _progress(self, seconds: float, memory: int) -> Progress:
        return Progress(
            distinct=max(self.full, self.begun),
            generated=self.generated,
            depth=len(self.levels),
            frontier=self.distinct - self.level_end,
            seconds=seconds,
            memory=memory,
            previous_frontier=self.levels[-1],
            violated=self.findings.violated,
            frontier_before=self.levels[-2] if len(self.levels) > 1 else 0,
        )


_ALWAYS = ("expand", "index", "judge_range")
_FOR_WITNESSES = ("scan", "seek", "mark_looks", "sow", "put_keys")


def is_made(python: Tier, how: How) -> bool:
    """Whether the machine code that this search needs for sure lies on disk."""
    tables, findings = python.tables, python.findings
    arrays = _arrays_of(tables, findings, _symmetry_of(tables, how), how.reduced)
    witnesses = any(prop.kind == "reachable" for prop in findings.properties)
    needed = (*_ALWAYS, *_FOR_WITNESSES) if witnesses else _ALWAYS
    return all(is_kept(name, arrays.shape()) for name in needed)


def _arrays_of(tables: Any, findings: Findings, symmetry: Symmetry | None, reduced: bool) -> Any:
    lenses = len(findings.states) + len(findings.ends)
    kind: Any = SetArrays if isinstance(tables, Tables) else InboxArrays
    return kind(tables, lenses, symmetric=symmetry is not None, reduced=reduced)


def check_symmetry(python: Tier, how: How) -> None:
    """Check the declared symmetry by all that was looked up, though it was not used.

    So a wrong one is found in a first run too, when there was no machine code. Raises ModelError.
    """
    tables = python.tables
    symmetry = _symmetry_of(tables, how)
    if symmetry is None:
        return
    arrays = SetArrays(tables, 0, symmetric=True)
    try:
        symmetry.check_initial(tables.initial())
        for (i, number), bits in arrays.known_entries().items():
            symmetry.check_row(i, number, bits, arrays)
    except NotSymmetric as problem:
        raise _no_symmetry(problem) from None


def _symmetry_of(tables: Any, how: How) -> Symmetry | None:
    """The symmetry that is used; None where there is none. Raises ModelError."""
    if not how.symmetric or not isinstance(tables, Tables):
        return None
    try:
        symmetry = Symmetry(tables)
    except NotSymmetric as problem:
        raise _no_symmetry(problem) from None
    return symmetry if symmetry.count > 1 else None


def _no_symmetry(problem: NotSymmetric) -> ModelError:
    return ModelError(str(problem), hint="correct symmetry(), or use --no-symmetry")


def go_on(
    python: Tier, behaviors: dict[str, tuple[Step, ...]], how: How
) -> tuple[Verdict | None, str | None]:
    """Do natively what the Python tier began: the verdict, or None and why nothing could be done.

    `behaviors`: the runs to what was found so far. Raises ModelError when the model's symmetry is
    asked for and is none.
    """
    findings, watch, tables = python.findings, python.watch, python.tables
    symmetry = _symmetry_of(tables, how)
    saver = None
    if how.checkpoint is not None:
        saver = NativeSaver(how.checkpoint, tables, findings, symmetry)
        saver.restore_tables()
        behaviors.update(saver.behaviors)
    tier: NativeTier | None = None
    try:
        tier = NativeTier(
            tables, findings, watch.limits, watch, symmetry, how.threads, reduced=how.reduced
        )
        tier.behaviors = behaviors
        tier.begun = len(python.parents)
        if saver is not None:
            saver.restore_states(tier)
        stopped = tier.run_levels(
            stop_at_first=how.stop_at_first, after_level=saver.after_level if saver else None
        )
    except NotSymmetric as problem:
        raise _no_symmetry(problem) from None
    except KeyboardInterrupt as stop:
        stopped = interrupted(tables.system, stop)
    except MemoryLimit as problem:
        stopped = str(problem)
    except MemoryError:
        stopped = "the machine has no more memory"
    if tier is None:
        return None, stopped
    verdict = tier.verdict(stopped)
    if stopped is not None and verdict.distinct_states < len(python.parents):
        # It began anew and was stopped at once: the tier before it has covered more.
        verdict = replace(
            verdict,
            distinct_states=len(python.parents),
            generated_states=python.generated,
            terminal_states=python.terminal,
            depth=len(python.levels) - 1,
            levels=tuple(python.levels),
        )
    return (replace(verdict, digest=tier.digest()) if how.digest else verdict), stopped
