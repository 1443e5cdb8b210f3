# pyright: basic
"""The memory of the native tier: the log of states, its index, and the work space of each thread.

Room is made only between two calls of the kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paxcheck.engine.compiled import memory
from paxcheck.engine.compiled.arrays import Arrays
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.kernel.block import Block
from paxcheck.engine.compiled.kernel.objects import Kernel, kernel
from paxcheck.engine.compiled.memory import lines
from paxcheck.engine.compiled.symmetry import Symmetry
from paxcheck.engine.compiled.worker import BATCH, Worker
from paxcheck.engine.limits import Limits

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

FIRST_BITS = 16
MOST_BITS = 31  # of a table of states
FIRST_WORDS = 1 << 14
THREADS_FROM = 200_000  # states: a smaller search is over before a second thread has begun
SHARE = 1024  # states: a thread is not called for less
_OWN_LENSES = (
    at.SEEN_AT,
    at.SEEN_SLOTS,
    at.SEEN_COUNT_AT,
    at.DENSE_AT,
    at.PENDING_AT,
    at.PENDING_ROOM,
    at.PENDING,
)
_COMMON = [
    *[slice(k, k + 1) for k in range(at.STATES_LENSES, at.LOG_AT) if k not in _OWN_LENSES],
    slice(at.NODES, at.STATES_LENSES),
    slice(at.LOG_AT, at.MINE),
    slice(at.RENAMINGS, at.CANDIDATES_AT),
    *[slice(k, k + 1) for k in (at.REQUESTED_AT, at.SPRUNG_AT, at.BATCH, at.MOST)],
]
"""What all threads are told; the rest of a control block is a thread's own."""


class Store:
    """States packed into words, and the control blocks that describe them to the kernels."""

    limits: Limits
    arrays: Arrays
    symmetry: Symmetry | None
    threads: int

    def allocate(self, words: list[int]) -> None:
        """The first log and table, with the initial state in them."""
        self.main = Block()
        self.version = 0
        self.shared = lines(at.SHARED, np.int64)
        self.shared[at.COUNT] = 1
        self.workers = [Worker()]
        self.pool: ThreadPoolExecutor | None = None
        self.levels = [1]
        self.full_levels = [1]
        self.generated = self.terminal = 0
        self.full = 1
        self.sprung = np.zeros(16, np.int32)
        self.bits = FIRST_BITS
        width = len(words)
        self.log = memory.reserve(FIRST_WORDS, np.uint64)
        self.log[:width] = words
        self.rooms = FIRST_WORDS // width  # how many states the log has room for
        self.sizes = np.zeros(1, np.int32)
        if self.symmetry is not None:
            self.sizes = memory.reserve(self.rooms, np.int32)
            self.sizes[0] = 1
        self.table = memory.zeros(1 << self.bits, np.uint32)
        self.level = 0  # where the level that is expanded begins
        self.sleep = memory.reserve(self.rooms, np.uint64)
        self.limit = -1

    @property
    def distinct(self) -> int:
        """How many states were found; exact at the end of a level."""
        mine = sum(w.block[at.MINE_END] - w.block[at.MINE] for w in self.workers)
        return int(self.shared[at.COUNT]) - mine

    @property
    def level_end(self) -> int:
        """Where the level that is expanded ends."""
        return self.level + self.levels[-1]

    # Control blocks -------------------------------------------------------------------------

    def describe_states(self) -> None:
        """Write where the states are into the main block."""
        block = self.main
        block.point(
            {
                at.LOG_AT: self.log,
                at.TABLE_AT: self.table,
                at.SLEEP_AT: self.sleep,
                at.SIZES_AT: self.sizes,
                at.SHARED_AT: self.shared,
                at.SPRUNG_AT: self._room_for_traps(),
            }
        )
        block[at.LOG_ROOM] = self.rooms
        block[at.BITS] = self.bits
        block[at.LEVEL] = self.level
        block[at.LEVEL_END] = self.level_end
        block[at.LIMIT] = self.limit
        block[at.BATCH] = BATCH
        self.version += 1

    def _room_for_traps(self) -> np.ndarray:
        count = len(self.arrays.trap_ids)
        if count > len(self.sprung):
            self.sprung = np.concatenate([self.sprung, np.zeros(2 * count, np.int32)])
        return self.sprung

    def run(self, name: str, **arguments: Any) -> int:
        """Run a kernel on the first worker; what it returned."""
        worker = self.workers[0]
        self._refresh(worker, 1)
        for key, value in arguments.items():
            place = getattr(at, key)
            if isinstance(value, np.ndarray):
                worker.block.point({place: value})
            else:
                worker.block[place] = value
        return kernel(name, self.arrays.shape())(worker.block.address)

    def _refresh(self, worker: Worker, threads: int) -> None:
        """Let a worker know what the main block says now."""
        block = worker.block
        if worker.version != self.version:
            worker.version = self.version
            for part in _COMMON:
                block.take(self.main, part)
        block[at.THREADS] = threads

    def expand(self, stop: int, listed: np.ndarray | None) -> set[int]:
        """Expand the listed states, or those from the cursor up to `stop`; why they came back."""
        threads = self.threads if self.distinct >= THREADS_FROM and self.limit < 0 else 1
        count = len(listed) if listed is not None else stop - int(self.shared[at.CURSOR])
        busy = max(1, min(threads, count // SHARE))
        while len(self.workers) < busy:
            self.workers.append(Worker())
        shared = len(self.workers) > 1
        run = kernel("expand", self.arrays.shape(shared=shared))
        parts = np.array_split(listed, busy) if listed is not None else [None] * busy
        for worker, part in zip(self.workers, parts, strict=False):
            self.fit(worker)
            self._refresh(worker, len(self.workers))
            block = worker.block
            block[at.STOP] = stop
            block[at.LIST_AT] = 0
            block[at.LIST_DONE] = 0
            if part is not None:
                block[at.LISTED] = len(part)
                block.point({at.LIST_AT: np.ascontiguousarray(part, np.int64)})
        workers = self.workers[:busy]
        others = [self._in_a_thread(run, worker) for worker in workers[1:]]
        try:
            codes = {run(workers[0].block.address)}
        finally:
            # Ctrl-C or not: nothing may change while another thread still works.
            codes_of_others = [other.result() for other in others]
        return codes.union(codes_of_others)

    def share(self, name: str, first: int, last: int, **arrays: np.ndarray) -> list[Worker]:
        """Run a kernel over a range of states, a share on each thread; the workers that had one.

        Each has two sums in `TOTALS_AT`.
        """
        run = kernel(name, self.arrays.shape())
        threads = self.threads if last - first >= THREADS_FROM else 1
        while len(self.workers) < threads:
            self.workers.append(Worker())
        workers = self.workers[:threads]
        bounds = np.linspace(first, last, threads + 1).astype(np.int64).tolist()
        for k, worker in enumerate(workers):
            self._refresh(worker, len(self.workers))
            block = worker.block
            block[at.FIRST], block[at.LAST] = bounds[k], bounds[k + 1]
            block.point({getattr(at, key): array for key, array in arrays.items()})
            block.point({at.TOTALS_AT: lines(2)})
        others = [self._in_a_thread(run, worker) for worker in workers[1:]]
        try:
            run(workers[0].block.address)
        finally:
            for other in others:
                other.result()
        return workers

    def _in_a_thread(self, run: Kernel, worker: Worker) -> Future[int]:
        if self.pool is None:
            from concurrent.futures import ThreadPoolExecutor  # many searches never need one

            self.pool = ThreadPoolExecutor(max(1, self.threads - 1))
        return self.pool.submit(run, worker.block.address)

    lens_total = 0
    widths: tuple[int, ...] = ()  # of the numbers of keys, for each lens; 0: it has no table

    def fit(self, worker: Worker) -> None:
        """Make a worker's work space fit."""
        worker.fit(self.arrays, self.lens_total, self.symmetry.count if self.symmetry else 1)
        worker.see_by_number(self.widths)

    # Room -----------------------------------------------------------------------------------

    def grow_table(self) -> None:
        """A larger table, for the same states. Raises MemoryLimit or MemoryError."""
        if self.bits == MOST_BITS:
            raise memory.MemoryLimit(f"a table of states has at most 2^{MOST_BITS} slots")
        bits = self._larger_bits()
        self.room_for(4 << bits, freed=self.table.nbytes)
        self.bits = bits
        self.index()

    def _larger_bits(self) -> int:
        """Of how many bits the next table is.

        Every growth puts all states into the table again: larger steps where memory is plenty.
        """
        if self.limits.memory is not None:
            steps = [2] if self.bits < 22 else []
        else:
            free = memory.available_memory() or 0
            steps = [4, 2] if self.bits <= 20 else [2]
            steps = [more for more in steps if (4 << (self.bits + more)) * 8 < free]
        larger = [self.bits + more for more in steps if self.bits + more <= MOST_BITS]
        return larger[0] if larger else self.bits + 1

    def index(self) -> None:
        """Make the table anew from the log."""
        self.table = np.zeros(0, np.uint32)  # let the old one go first
        self.main.point({at.TABLE_AT: self.table})
        for worker in self.workers:
            worker.block.point({at.TABLE_AT: self.table})
        self.table = memory.zeros(1 << self.bits, np.uint32)
        self.describe_states()
        self.run("index", FIRST=0, LAST=int(self.shared[at.COUNT]))

    def grow_log(self) -> None:
        """Room for more states."""
        width = self.arrays.width
        least = int(self.shared[at.COUNT]) + self.reserve()
        rooms = max(self.rooms * 2 if self.rooms < 1 << 22 else self.rooms * 9 // 8, least)
        if rooms > min(len(self.log) // width, len(self.sleep)):
            raise MemoryError("no address space for more states")
        each = 8 * width + (4 if self.symmetry is not None else 0) + 8
        self.room_for((rooms - int(self.shared[at.COUNT])) * each)
        self.rooms = rooms
        self.describe_states()

    def room_for(self, more: int, freed: int = 0) -> None:
        """Whether so many bytes fit. Raises MemoryLimit or MemoryError."""
        memory.check(more, freed, self.limits.memory)

    def reserve(self) -> int:
        """How many states may be found before a kernel looks whether there is room."""
        return (BATCH * self.arrays.most + at.BLOCK) * max(2, len(self.workers))

    def come_back(self, count: int, cursor: int) -> None:
        """Room for the states of a checkpoint; those from `cursor` on are to be expanded."""
        width = self.arrays.width
        self.rooms = count + 2 * self.reserve()
        bits = self.bits
        while count + 2 * self.reserve() > (1 << bits) * 6 // 10:
            bits += 1
        self.room_for(self.rooms * width * 8 + (4 << bits))
        if self.rooms * width > len(self.log):
            raise MemoryError
        self.bits = bits
        self.level = count - self.levels[-1]
        # Nothing sleeps in these states (`sleep` is still empty), and that is always right.
        self.shared[at.COUNT], self.shared[at.CURSOR] = count, cursor
        self.describe_states()

    def repack(self, old: Any) -> None:
        """Write all states again, because the arrays were made anew. `old`: `packing()` before."""
        arrays, count = self.arrays, int(self.shared[at.COUNT])
        width, word, shift, mask = old
        if (width, shift.tolist(), word.tolist()) == (
            arrays.width, arrays.shift.tolist(), arrays.word.tolist(),
        ):  # fmt: skip
            return
        if arrays.width > width:
            self.room_for(count * 8 * (arrays.width - width))
            self.rooms = max(count + 2 * self.reserve(), self.rooms * width // arrays.width)
        arrays.describe(self.main)
        self.describe_states()
        self.run(
            "repack", FIRST=0, LAST=count, OLD_LOG_AT=self.log, OLD_WIDTH=width, OLD_WORD_AT=word,
            OLD_SHIFT_AT=shift, OLD_MASK_AT=mask,
        )  # fmt: skip
        self.index()

    def packing(self) -> Any:
        """How states are packed now."""
        arrays = self.arrays
        return arrays.width, arrays.word, arrays.shift, arrays.mask

    def next_level(self, found: int) -> None:
        """The level that was made becomes the one that is expanded."""
        begin = self.level_end
        past = begin - self.level
        self.sleep[:found] = self.sleep[past : past + found]
        self.level = begin
        self.levels.append(found)
        self.shared[at.CURSOR] = begin
        self.describe_states()

    def close_gaps(self) -> None:
        """Move states from the end of the log to places that threads took and did not fill."""
        gaps: list[int] = []
        for worker in self.workers:
            gaps += range(worker.block[at.MINE], worker.block[at.MINE_END])
            worker.block[at.MINE] = worker.block[at.MINE_END] = 0
        if not gaps:
            return
        count = int(self.shared[at.COUNT])
        end = count - len(gaps)
        tail = set(gaps)
        to_move = [place for place in range(end, count) if place not in tail]
        for place, gap in zip(to_move, sorted(g for g in gaps if g < end), strict=True):
            self.run("move", FIRST=place, LAST=gap)
        self.shared[at.COUNT] = end
