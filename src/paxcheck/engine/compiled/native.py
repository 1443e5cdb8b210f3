# pyright: basic
"""The native tier: drives the kernel, and answers when the kernel asks.

It searches from the initial state again, with the tables that the Python tier has filled, and so
visits the same states in the order of the reference engine. Between two calls of the kernel it
fills entries, judges states that look new to a property, and makes room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from paxcheck.engine.compiled import kernel
from paxcheck.engine.compiled.findings import Findings, coverage_of, steps_between
from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.layout import Arrays
from paxcheck.engine.compiled.python_tier import PythonTier
from paxcheck.engine.compiled.symmetry import NotSymmetric, Renamings, Symmetry
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.judge import Judge, property_verdicts
from paxcheck.engine.limits import Limits, Progress, Watch, resident_memory
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.errors import ModelError
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.properties import Broken
from paxcheck.protocol.system import Step
from paxcheck.protocol.world import World

ROOM = 1 << 13
SLICE = 1 << 18  # states to expand before the clock is looked at
FIRST_BITS = 18


_NO_RENAMINGS = Renamings(
    **{name: np.zeros(1, np.int64) for name in Renamings._fields}
)._replace(
    tie_at=np.zeros((1, 1), np.int64),
    target=np.zeros((1, 1), np.int64),
    image=np.zeros((1, 1), np.int64),
)


class Asks(Exception):
    """An action asks which messages were sent: this tier cannot go on."""


class NativeTier:
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
        self.arrays.learn()
        if symmetry is not None:
            for i, number, column in self.arrays.entries():
                symmetry.check(i, number, self.arrays.what(i, column))
                self._keep_breaches()
            self.arrays.sync()
        self.counters = np.zeros(kernel.COUNTERS, np.int64)
        self.levels = [1]
        self.full_levels = [1]  # without symmetry
        self._looked_at: list[Lens] = []
        width = self.arrays.width
        self.log = np.zeros(1 << 16, np.uint64)
        self.bits = FIRST_BITS
        self.table = np.zeros(width << self.bits, np.uint64)
        numbers = tables.initial()
        self.log[:width] = self.arrays.pack(numbers, tuple(tables.system.budgets.values()))
        self.counters[kernel.COUNT] = self.counters[kernel.FULL] = 1
        self.sizes = np.ones(self.log.shape[0] // width if symmetry else 1, np.int32)
        self._judged = 0  # the states before this one, and the ends before the other, are judged
        self._ended = 0
        self._envelopes: dict[int, Envelope] = {}
        self._lens_counts = np.zeros(2, np.int64)
        self._count = symmetry.count if symmetry else 1
        self._sized = (0,) if symmetry else ()
        self._renamings = _NO_RENAMINGS
        self._renamed: list[int] = []
        self._classes: Any = None
        self._classified: list[list[int]] = []
        self.work: Any = None
        self._prepare()
        self._rehash()

    # The search -----------------------------------------------------------------------------

    @property
    def distinct(self) -> int:
        """How many states were found."""
        return int(self.counters[kernel.COUNT])

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
        self, *, stop_at_first: bool = False, after_level: Callable[[], None] | None = None
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
                return f"the limit of depth {self.limits.depth} was reached"
            try:
                reason = self._level(end, stop_at_first)
            finally:
                found = self.distinct - end
                if found:
                    self.levels.append(found)
                    full = int(self.counters[kernel.FULL])
                    self.full_levels.append(full - sum(self.full_levels))
            if not found or reason is not None:
                break
            if after_level is not None:
                after_level()
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
                self.log, self.sizes, self.table, self.bits, self.arrays.nodes, self.arrays.fields, stop, batch, c,
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
            reason = None if code in (kernel.MISSING, kernel.PENDING_FULL, kernel.SEEN_FULL, kernel.TABLE_FULL, kernel.LOG_FULL) else self._enough(stop_at_first)
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

    def _judge_all(self) -> None:
        """Show every state that was not judged yet to the properties."""
        while not (self._scan_states() and self._scan_ends()):
            self._prepare(fresh=True)
        self._judged = self.distinct
        self._ended = int(self.counters[kernel.CURSOR])

    def _scan_states(self) -> bool:
        at = self._judged
        while at < self.distinct and self.layout.lenses[0]:
            at = kernel.judge_range(
                self._widths, self.layout, self.work, self.log, at, self.distinct,
                self.arrays.nodes, self.counters,
            )  # fmt: skip
            if not self._ask_pending():
                return False
            self._room_to_see()
        return True

    def _scan_ends(self) -> bool:
        at, end = self._ended, int(self.counters[kernel.CURSOR])
        while at < end and self.layout.lenses[1]:
            at = kernel.judge_ends(
                self._widths, self._masks, self.layout, self.work, self.log, at, end,
                self.arrays.nodes, self.arrays.fields, self.counters,
            )  # fmt: skip
            if not self._ask_pending():
                return False
            self._room_to_see()
        return True

    def _judge_pending(self) -> None:
        """Ask the properties about the states that look new to them."""
        if not self._ask_pending():
            # A property looked at more than before: states that were found in the meantime may
            # differ in what it did not look at then. Show all of them again.
            self._prepare(fresh=True)
            self._judge_all()
        self._judged = self.distinct
        self._ended = int(self.counters[kernel.CURSOR])
        if len(self.findings.states) + len(self.findings.ends) != len(self._looked_at):
            self._prepare(fresh=True)

    def _ask_pending(self) -> bool:
        """Judge what the kernel handed over, in order; False when a property looked further."""
        c = self.counters
        pending = self.work.pending[: int(c[kernel.PENDING])].tolist()
        c[kernel.PENDING] = 0
        width = self.arrays.width
        found = self.findings.found
        for at, k in pending:
            lens = self._looked_at[k]
            if lens.prop.name in found:
                continue
            numbers, budgets = self.arrays.unpack(self.log[at * width : (at + 1) * width])
            if lens.key(numbers) in lens.answers:
                continue
            classes = lens.classes
            try:
                broken = lens.judge(numbers, self._seen_world(lens, numbers, budgets))
            except Exception:
                # It may miss what it was not shown. With all messages it says what is wrong.
                broken = lens.judge(numbers, self.tables.world(numbers, budgets))
            if lens.classes is not classes:
                # It asked for messages that it was not shown: ask again with all of them.
                lens.answers.clear()
                broken = lens.judge(numbers, self.tables.world(numbers, budgets))
                self._widen(lens)
                return False
            if self.symmetry is not None:
                classes = lens.classes
                self._check_images(lens, numbers, budgets, broken is None)
                if lens.classes is not classes:
                    self._widen(lens)
                    return False
            self.findings.hit(lens, broken, at)
        return True

    def _widen(self, lens: Lens) -> None:
        """With symmetry a property must tell apart what it would tell apart under other names."""
        lens.answers.clear()
        if self.symmetry is not None:
            lens.look_alike([set(map(int, column)) for column in self.symmetry.target.T])

    def _check_images(self, lens: Lens, numbers: tuple[int, ...], budgets: Any, holds: bool) -> None:
        """A property must say the same of all images of a state. Raises NotSymmetric."""
        todo = [numbers]
        seen = {lens.key(numbers)}
        while todo:
            for p, image in self.symmetry.images(todo.pop()):
                key = lens.key(image)
                if key in seen:
                    continue
                seen.add(key)
                todo.append(image)
                answer = lens.answers.get(key)
                if answer is None:
                    answer = lens.judge(image, self._seen_world(lens, image, budgets)) is None
                if answer != holds:
                    moved = [f"{a} for {b}" for a, b in self.symmetry.maps[p].items() if a != b]
                    raise NotSymmetric(
                        f"property {lens.prop.name} answers otherwise when {', '.join(moved)} is "
                        "put in its place, and symmetry() says that it does not"
                    )

    def _seen_world(self, lens: Lens, numbers: tuple[int, ...], budgets: tuple[int, ...]) -> World:
        """A state with those messages only for which the property ever asked."""
        tables = self.tables
        mask = 0
        for kind, bits in tables.class_masks.items():
            if issubclass(kind, tuple(lens._kinds)):
                mask |= bits
        mask &= tables.available(numbers)
        envelopes: list[Envelope] = []
        while mask:
            low = mask & -mask
            message = self._envelopes.get(low)
            if message is None:
                content, receivers = tables.contents[low.bit_length() - 1]
                message = self._envelopes[low] = Envelope(receivers[0], content)
            envelopes.append(message)
            mask ^= low
        locals_ = tuple([rows[n].local for rows, n in zip(tables.rows, numbers, strict=True)])
        return World(locals_, frozenset(envelopes), budgets)

    # Room -----------------------------------------------------------------------------------

    def _prepare(self, fresh: bool = False) -> None:
        """Make the arguments of the kernel fit the tables."""
        arrays = self.arrays
        looked_at = [*self.findings.states, *self.findings.ends]
        if fresh or arrays.classes is not self._classes:
            self._looked_at = looked_at
            self._classes = arrays.classes
            self._classified = [[0] * arrays.nodes for _ in looked_at]
            arrays.classes[:] = 0
        for k, lens in enumerate(self._looked_at):
            for i in lens.nodes:
                first, rows = self._classified[k][i], len(self.tables.rows[i])
                if first < rows:
                    lens.grow(i)
                    start = int(arrays.base[i])
                    arrays.classes[k, start + first : start + rows] = lens.classes[i][first:rows]
                    self._classified[k][i] = rows
        states = sum(lens.prop.kind != "at_end" for lens in self._looked_at)
        self._lens_counts[:] = states, len(self._looked_at) - states
        self.layout = arrays.layout()._replace(lenses=self._lens_counts)
        self._widths = (0,) * arrays.width
        self._masks = (0,) * arrays.mask_words
        if self.symmetry is None:
            self._renamings = _NO_RENAMINGS
        elif fresh or self._renamed != [len(rows) for rows in self.tables.rows]:
            self._renamings = self.symmetry.arrays(arrays.base, arrays.total)
            self._renamed = [len(rows) for rows in self.tables.rows]
        room = max(ROOM, 4 * arrays.most_steps())
        if fresh or self.work is None or room > len(self.work.nodes) or not self._same_shape():
            lenses = max(1, len(self._looked_at))
            slots = int(self.work.room[1]) if self.work else 1 << 16
            self.work = kernel.Work(
                states=np.zeros(room * arrays.width, np.uint64),
                slots=np.zeros(room, np.int64),
                nodes=np.zeros(room, np.int64),
                olds=np.zeros(room, np.int64),
                requested=np.zeros(arrays.total * arrays.mask_words, np.uint64),
                requests=np.zeros((1 << 14, 3), np.int64),
                pending=np.zeros((2 * room * lenses, 2), np.int64),
                seen=np.zeros(lenses * slots * arrays.width, np.uint64),
                room=np.array([arrays.total, slots], np.int64),
                seen_count=np.zeros(lenses, np.int64),
                scratch=np.zeros(arrays.width, np.uint64),
                sizes=np.zeros(room if self.symmetry else 1, np.int32),
                renamings=np.zeros(2 * self._count, np.int64),
            )

    def _same_shape(self) -> bool:
        arrays, work = self.arrays, self.work
        return (
            work.requested.shape[0] == arrays.total * arrays.mask_words
            and work.scratch.shape[0] == arrays.width
        )

    def _room_to_see(self) -> None:
        """Make the sets of seen looks larger when one is half full."""
        slots = int(self.work.room[1])
        most = int(self.work.seen_count.max()) + len(self.work.nodes)
        if most * 2 >= slots:
            lenses = len(self.work.seen_count)
            self.work = self.work._replace(
                seen=np.zeros(lenses * slots * 4 * self.arrays.width, np.uint64),
                room=np.array([self.arrays.total, slots * 4], np.int64),
                seen_count=np.zeros(lenses, np.int64),
            )

    def _grow_table(self) -> None:
        more = 2 if self.bits < 22 else 1
        self._check_memory((self.arrays.width * 8) << (self.bits + more), freed=self.table.nbytes)
        self.bits += more
        self._rehash()

    def _rehash(self) -> None:
        width = self.arrays.width
        self.table = np.zeros(0, np.uint64)  # let the old one go first
        self.table = np.zeros(width << self.bits, np.uint64)
        kernel.insert_all(self._widths, self.log, 0, self.distinct, self.table, self.bits)

    def _grow_log(self) -> None:
        size = self.log.shape[0] + max(ROOM * 4, self.log.shape[0] // 2) * self.arrays.width
        size = max(size, (self.distinct + 2 * self.work.nodes.shape[0]) * self.arrays.width)
        self._check_memory(size * 8, freed=self.log.nbytes)
        self.log.resize(size, refcheck=False)
        if self.symmetry is not None:
            self.sizes.resize(size // self.arrays.width, refcheck=False)

    def _repack(self, widths: Any, layout: Any, old_width: int) -> None:
        """Write all states again, because a field has become too narrow."""
        arrays = self.arrays
        new_widths = (0,) * arrays.width
        size = (self.distinct + 4 * ROOM) * arrays.width
        log = np.zeros(size, np.uint64)
        kernel.repack(
            widths, new_widths, self.log, log, self.distinct, arrays.fields, layout,
            arrays.layout(),
        )  # fmt: skip
        self.log = log
        if self.symmetry is not None:
            self.sizes.resize(size // arrays.width, refcheck=False)
        self._widths = new_widths
        self._prepare(fresh=True)
        self._rehash()

    def _check_memory(self, more: int, freed: int) -> None:
        """Refuse what does not fit. Raises MemoryError before the system would."""
        free = _available_memory()
        if free is not None and more - freed > free * 9 // 10:
            raise MemoryError
        most = self.limits.memory
        if most is not None and resident_memory() + more - freed > most:
            raise MemoryLimit(f"the limit of {most / 2**20:,.0f} MiB of memory was reached")

    # Back to worlds -------------------------------------------------------------------------

    def world(self, at: int) -> World:
        """The world of a state."""
        width = self.arrays.width
        numbers, budgets = self.arrays.unpack(self.log[at * width : (at + 1) * width])
        return self.tables.world(numbers, budgets)

    def behavior(self, name: str) -> tuple[Step, ...]:
        """A shortest run to what was found about a property; replayed in the plain semantics."""
        (at, step), _ = self.findings.found[name]
        system = self.tables.system
        if self.symmetry is None:
            steps = steps_between(system, [self.world(k) for k in self.path(at)])
            return steps if step is None else (*steps, step)
        return self._unfold(self.path(at), name if step is not None else None)

    def _unfold(self, path: list[int], name: str | None) -> tuple[Step, ...]:
        """A run whose states are images of these; `name`: the property that a last step breaks."""
        system = self.tables.system
        world = system.initial()
        steps: list[Step] = []
        for at in path[1:]:
            wanted = self._words(at)
            for transition in system.successors(world):
                if transition.world is not None and self._canonical(transition.world) == wanted:
                    steps.append(transition.step)
                    world = transition.world
                    break
            else:
                raise AssertionError("a step of the search is no step of the plain semantics")
        if name is not None:
            judge = Judge(system, [p for p in self.findings.properties if p.name == name])
            for transition in system.successors(world):
                judge.step(world, transition, transition.step)
            steps.append(judge.found[name][0])
        return tuple(steps)

    def _words(self, at: int) -> list[int]:
        width = self.arrays.width
        return self.log[at * width : (at + 1) * width].tolist()

    def _canonical(self, world: World) -> list[int]:
        arrays = self.arrays
        words = np.array(arrays.pack(self._numbers(world), world.budgets), np.uint64)
        places = np.zeros(arrays.nodes + arrays.fields + 256, np.int64)
        spare = np.zeros((2, arrays.width), np.uint64)
        kernel.canonical(
            self._widths, self.layout, self._renamings, words, 0, arrays.nodes, arrays.fields,
            self.work.renamings, places, spare[0], spare[1],
        )  # fmt: skip
        return words.tolist()

    def _numbers(self, world: World) -> tuple[int, ...]:
        """The rows of a world."""
        tables = self.tables
        sends: list[list[Envelope]] = [[] for _ in world.locals]
        for envelope in world.network:
            sends[tables.system.index[envelope.sender]].append(envelope)
        return tuple(
            [
                tables.row(i, local, tables._mask(tuple(sends[i])))
                for i, local in enumerate(world.locals)
            ]
        )

    def path(self, at: int) -> list[int]:
        """The states on the way on which the search found a state."""
        starts = [0]
        for size in self.levels:
            starts.append(starts[-1] + size)
        level = next(d for d in range(len(self.levels)) if at < starts[d + 1])
        path = [at]
        while level:
            level -= 1
            at = int(
                kernel.parent_of(
                    self._widths, self._masks, self._sized, self.layout, self._renamings,
                    self.log, at, starts[level], starts[level + 1], self.arrays.nodes,
                    self.arrays.fields, self.work.renamings,
                )  # fmt: skip
            )
            path.append(at)
        return path[::-1]

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
        )


class MemoryLimit(Exception):
    """The next array would break the limit on memory; the message says which."""


def _available_memory() -> int | None:
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def go_on(
    python: PythonTier,
    behaviors: dict[str, tuple[Step, ...]],
    stop_at_first: bool,
    symmetric: bool = False,
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
    symmetry = Symmetry(tables) if symmetric else None
    if symmetry is not None and symmetry.count == 1:
        symmetry = None
    tier: NativeTier | None = None
    try:
        tier = NativeTier(tables, findings, watch.limits, watch, symmetry)
        stopped = tier.run(stop_at_first=stop_at_first)
    except Asks:
        # Forget what this tier found: its places mean nothing to the other one.
        findings.found = before
        findings.states = [x for x in lenses[0] if x.prop.name not in before]
        findings.ends = [x for x in lenses[1] if x.prop.name not in before]
        return None
    except NotSymmetric as problem:
        raise ModelError(str(problem), hint="correct symmetry(), or use --no-symmetry") from None
    except KeyboardInterrupt:
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
    return tier.verdict(behaviors, stopped)
