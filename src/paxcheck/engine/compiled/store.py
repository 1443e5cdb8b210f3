# pyright: basic
"""The memory of the native tier: the log of states, the table of visited ones, room for both.

The log holds every state in the order in which it was found; the table says which were. Room is
made only between two calls of the kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paxcheck.engine.compiled import kernel
from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.layout import Arrays
from paxcheck.engine.compiled.symmetry import Renamings, Symmetry
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.fingerprint import Fingerprint, add, mixed_array, text
from paxcheck.engine.limits import Limits, resident_memory
from paxcheck.protocol.messages import Envelope

ROOM = 1 << 13
FIRST_BITS = 18
COMPACT_FROM = 1 << 30  # bytes of a table that holds states; a larger one is an index of the log
CHUNK = 1 << 20  # states whose digest is computed at once

_NO_RENAMINGS = Renamings(**{name: np.zeros(1, np.int64) for name in Renamings._fields})._replace(
    tie_at=np.zeros((1, 1), np.int64),
    target=np.zeros((1, 1), np.int64),
    image=np.zeros((1, 1), np.int64),
)


class MemoryLimit(Exception):
    """The next array would break the limit on memory; the message says which."""


class Store:
    """States packed into words, and the arguments of the kernel that describe them."""

    tables: Tables
    findings: Findings
    limits: Limits
    symmetry: Symmetry | None
    arrays: Arrays

    def allocate(self) -> None:
        """The first log and table, with the initial state in them."""
        self.counters = np.zeros(kernel.COUNTERS, np.int64)
        self.levels = [1]
        self.full_levels = [1]  # without symmetry
        self._looked_at: list[Lens] = []
        width = self.arrays.width
        self.log = np.zeros(1 << 16, np.uint64)
        self.bits = FIRST_BITS
        self.compact_from = COMPACT_FROM
        self._compact = ()
        self.table = np.zeros(width << self.bits, np.uint64)
        symmetry, tables = self.symmetry, self.tables
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

    @property
    def distinct(self) -> int:
        """How many states were found."""
        return int(self.counters[kernel.COUNT])

    def digest(self) -> str | None:
        """The digest of all states that were found; None with symmetry: most were not looked at."""
        if self.symmetry is not None:
            return None
        arrays, tables = self.arrays, self.tables
        prints = Fingerprint(tables.system.network)
        parts = [
            np.array([tables.fingerprint(prints, i, n) for n in range(1, len(rows))], np.uint64)
            for i, rows in enumerate(tables.rows)
        ]
        rest = [prints.rest(left, None) for left in (arrays.budgets[1:] or [()])]
        parts.append(np.array(rest, np.uint64))
        total = (0, 0)
        width = arrays.width
        for start in range(0, self.distinct, CHUNK):
            end = min(start + CHUNK, self.distinct)
            words = self.log[start * width : end * width].reshape(-1, width)
            sums = np.zeros((2, end - start), np.uint64)
            for c, part in enumerate(parts):
                if c < arrays.fields:
                    word = words[:, int(arrays.word[c])] >> np.uint64(arrays.shift[c])
                    numbers = (word & np.uint64(arrays.field[c])).astype(np.int64) - 1
                else:
                    numbers = np.zeros(end - start, np.int64)  # no faults: nothing is left of none
                sums += part[numbers].T
            mixed = mixed_array(sums).sum(axis=1, dtype=np.uint64)
            total = add([total, (int(mixed[0]), int(mixed[1]))])
        return text(total)

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
        self._check_memory(self.table_bytes(self.bits + more), freed=self.table.nbytes)
        self.bits += more
        self._rehash()

    def table_bytes(self, bits: int) -> int:
        """How large a table of 2^bits slots is. A large one has places in the log, not states."""
        whole = (self.arrays.width * 8) << bits
        return whole if whole <= self.compact_from else 4 << bits

    def _rehash(self) -> None:
        width, size = self.arrays.width, self.table_bytes(self.bits)
        if self.bits > 31:
            raise MemoryLimit("a table of states has at most 2^31 slots")
        self.table = np.zeros(0, np.uint64)  # let the old one go first
        if size == (width * 8) << self.bits:
            self._compact: tuple[int, ...] = ()
            self.table = np.zeros(width << self.bits, np.uint64)
            kernel.insert_all(self._widths, self.log, 0, self.distinct, self.table, self.bits)
        else:
            self._compact = (0,)
            self.table = np.zeros(1 << self.bits, np.uint32)
            kernel.index_all(self._widths, self.log, 0, self.distinct, self.table, self.bits)

    def _grow_log(self) -> None:
        # Small steps where the log is large: what is not used yet counts as memory too.
        part = 2 if self.log.nbytes < 2**30 else 8
        size = self.log.shape[0] + max(ROOM * 4, self.log.shape[0] // part) * self.arrays.width
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


def _available_memory() -> int | None:
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None
