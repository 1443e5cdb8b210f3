# pyright: basic
"""The tables as arrays: how a state is packed into words, and what each row offers and does.

Here is what the two kinds of tables share: those of a set network (`set_arrays`) and those with
inboxes (`inbox_arrays`). `kernel/steps.py` says what the arrays mean. They grow between two calls
of a kernel; a row, a bit or a record that has a number keeps it.
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from paxcheck.engine.compiled.entries import Entries
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.kernel.objects import Shape
from paxcheck.engine.compiled.memory import LINE, lines
from paxcheck.engine.compiled.packing import Packing

ALL = 0xFFFFFFFFFFFFFFFF
ROW = (1 << 32) - 1  # the part of an entry that says which row comes after
MOST_KEEPS = 1 << 24


class Arrays(Packing):
    """The arrays of one system. `fields`: the nodes and, if there are faults, one for the *rest*:
    what is left of the budgets, and the cut between the nodes.

    `rests`: the values of the rest, by number, from 1 on. `faults`: the names of the faults.
    """

    inboxes = False
    questions = state_lenses = 0
    asked: list[tuple[int, int]]  # who asks which messages were sent, and which, as a mask

    def __init__(
        self, tables: Any, lenses: int, *, symmetric: bool = False, reduced: bool = True
    ) -> None:
        self.tables = tables
        system = tables.system
        self.nodes = len(system.names)
        self.faults = tuple(system.fault_names)
        self.rests: list[tuple[tuple[int, ...], int]] = self._rests()
        self.rest_ids = {rest: k for k, rest in enumerate(self.rests) if k}
        self.fields = self.nodes + (1 if self.faults else 0)
        self.lens_count = lenses
        self.asked = []
        self._changed: dict[tuple[int, int], None] = {}  # rows that must be written
        self.records = array("Q", [0])  # record 0 stands for "no record"
        self._most_branches = 1
        self.keep_ids: dict[int, int] = {ALL: 0, 0: 1}  # masks of what sleeps on, by number
        self.traps: dict[tuple[int, int, int], set[str]] = {}
        self.trap_ids: dict[tuple[int, int, int], int] = {}
        self.filled: list[dict[int, list[int]]] = [{} for _ in range(self.nodes)]
        self.entries: list[dict[int, Entries]] = [{} for _ in range(self.nodes)]
        self.senders: list[set[int]] = [set() for _ in range(self.nodes)]
        self.symmetric = symmetric
        self._group_bits(symmetric, reduced)
        self._constants()
        self.synced = [1] * self.nodes
        self.mask_words = 1
        self._new_bits()
        self.place()

    # Which steps sleep ----------------------------------------------------------------------

    def _group_bits(self, symmetric: bool, reduced: bool) -> None:
        """A bit of the sleep mask for each receiver and sender; shared where there are many.

        Without bits (not `reduced`, or too many nodes) nothing ever sleeps.
        """
        n = self.nodes
        per = 0 if n > 64 or not reduced else n if n <= 8 else 1 if symmetric else 64 // n
        self.group_of = [[0] * n for _ in range(n)]
        for i in range(n):
            for k in range(n):
                if per:
                    # With one for each pair, those of a sender are side by side: see `merge`.
                    self.group_of[i][k] = 1 << (k * n + i if per == n else i * per + k % per)
        self.own = [0] * n
        for i in range(n):
            for k in range(n):
                self.own[i] |= self.group_of[i][k]
        self.groups_per_node = per

    def renamed_groups(self, target: Any) -> list[int]:
        """Where each bit of a sleep mask goes when node i becomes `target[i]`."""
        n, per = self.nodes, self.groups_per_node
        if per == n:
            return [int(target[i]) * n + int(target[k]) for i in range(n) for k in range(n)]
        return [int(target[i]) for i in range(n)] if per == 1 else []

    # What is left of the faults -------------------------------------------------------------

    def _rests(self) -> list[tuple[tuple[int, ...], int]]:
        budgets: list[tuple[int, ...]] = [()]
        for budget in self.tables.system.budgets.values():
            budgets = [(*left, k) for left in budgets for k in range(budget + 1)]
        if not self.tables.system.budgets:
            return [((), 0)]
        cuts = range(len(getattr(self.tables, "cuts", (None,))))
        return [((), 0), *[(left, cut) for left in budgets for cut in cuts]]

    def _constants(self) -> None:
        """What depends on the rest alone."""
        rests, faults = len(self.rests), len(self.faults)
        self.spend = np.zeros((max(1, faults), rests), np.int64)
        self.jumps = np.zeros(rests + 1, np.int64)
        targets: list[int] = []
        for k, (left, cut) in enumerate(self.rests):
            if k:
                for f in range(faults):
                    if left[f]:
                        spent = (*left[:f], left[f] - 1, *left[f + 1 :])
                        self.spend[f, k] = self.rest_ids[spent, cut]
                targets += self._jumps(left, cut)
            self.jumps[k + 1] = len(targets)
        self.targets = np.array(targets or [0], np.int64)
        self.cuts = np.zeros(rests * self.nodes, np.uint64)
        self._cut()

    def _jumps(self, left: tuple[int, ...], cut: int) -> list[int]:
        return []

    def _cut(self) -> None:
        """Set `cuts`."""

    # Packing --------------------------------------------------------------------------------

    def place(self, chosen: list[int] | None = None) -> None:
        """Choose the width of each field, with room to grow, and make the arrays anew.

        `chosen`: the widths to take, which a checkpoint remembers.
        """
        self.lay_out(self.roomy_widths() if chosen is None else chosen)
        self.mask_words = max(self.mask_words, self._mask_words())
        self._make()

    def _make(self) -> None:
        """Make the arrays, and put in what is known."""
        rows, n, m = self.total, self.nodes, self.mask_words
        self.narrow = not self.inboxes and n <= LINE and m == 1
        self.stride = LINE if self.narrow else n
        self.offers = lines(rows * self.stride * m)
        self.masks = np.zeros(4 * rows * m, np.uint64)
        self.wants = np.zeros(rows * m if self.inboxes else 1, np.uint64)
        self.requested = np.zeros(rows * m, np.uint64)
        self.allow = lines(len(self.rests) * self.stride * m)
        self.entry = np.zeros(1 << 10, np.uint64)
        self._entry_end = 0
        self.classes = np.zeros((max(1, self.lens_count), rows), np.int32)
        self._allow()
        self._make_adds()
        self.synced = [1] * n
        self._put_rows()
        self.look_again()
        for known in self.entries:
            for entries in known.values():
                entries.room = 0

    def _make_adds(self) -> None:
        self.add = np.zeros(1, np.int32)
        self.adds_from = np.zeros(self.nodes, np.int64)
        self.group_room = [1] * self.nodes

    def write_again(self) -> None:
        """Make all entries again: what is in them has changed."""
        self.records = array("Q", [0])
        self.entries = [{} for _ in range(self.nodes)]
        for i, filled in enumerate(self.filled):
            for number, bits in filled.items():
                self._write(i, number, bits)
        self._make()

    def fits(self) -> bool:
        """Whether all rows and bits of the tables have their places."""
        rows = all(len(r) <= s for r, s in zip(self.tables.rows, self.sizes, strict=True))
        return rows and self._mask_words() <= self.mask_words

    def sync(self) -> bool:
        """Take over what is new in the tables; True when the arrays were made anew."""
        self._new_bits()
        if not self.fits():
            self.place()
            return True
        self._put_rows()
        return False

    # What the two kinds of tables do differently ---------------------------------------------

    def _mask_words(self) -> int:
        return max(1, max((count + 63) // 64 for count in self._bit_counts()))

    def _bit_counts(self) -> list[int]:
        raise NotImplementedError

    def _new_bits(self) -> None:
        """Give numbers to the messages that are new."""

    def _allow(self) -> None:
        raise NotImplementedError

    def _put_rows(self) -> None:
        """Write what the new rows offer."""
        raise NotImplementedError

    def _write(self, i: int, number: int, bits: list[int]) -> None:
        """Store entries of a row, and say that they are known: in this order."""
        raise NotImplementedError

    def compute(self, i: int, number: int, bits: list[int]) -> None:
        """Let the tables compute entries of a row; rows and messages may be new after it."""
        raise NotImplementedError

    def what(self, i: int, bit: int) -> int:
        """What a bit stands for, in a form that does not change."""
        raise NotImplementedError

    def what_of(self, i: int, trigger: Any) -> int:
        """The same for a trigger of node `i`."""
        raise NotImplementedError

    # Entries --------------------------------------------------------------------------------

    def fill(self, i: int, number: int, bits: list[int]) -> None:
        """Write entries that the tables have computed, now that all rows have their places."""
        self.filled[i].setdefault(number, []).extend(bits)
        self._write(i, number, bits)

    def entries_of(self, i: int, number: int) -> Entries:
        """What is known of a row, to be changed."""
        self._changed[i, number] = None
        found = self.entries[i].get(number)
        if found is None:
            found = self.entries[i][number] = Entries()
        return found

    def entry_of(self, after: int, keep: int) -> int:
        """What stands for a bit that leads to one row and does nothing else."""
        if len(self.keep_ids) == MOST_KEEPS and keep not in self.keep_ids:
            keep = 0  # that nothing sleeps on is always right
        return self.keep_ids.setdefault(keep, len(self.keep_ids)) << 32 | after

    def record(self, trap: tuple[int, int, int] | None, branches: list[list[int]]) -> int:
        """A new record; its number."""
        at_ = len(self.records)
        flag = 0
        if trap is not None and trap in self.traps:
            flag = 1 + self.trap_ids.setdefault(trap, len(self.trap_ids))
        self.records.extend([flag, len(branches), *[x for branch in branches for x in branch]])
        self._most_branches = max(self._most_branches, len(branches))
        return at_

    def _put_entries(self) -> None:
        """Write the entries of the rows that changed, each row's one after the other."""
        m, bases = self.mask_words, self.base.tolist()
        rows: list[int] = []
        masks: list[int] = []
        places: list[int] = []  # of the entries in their array
        values: list[int] = []
        origins: list[int] = []  # the row of each entry
        firsts: list[int] = []  # the first row of its node
        odd: list[int] = []
        for i, number in self._changed:
            entries, row = self.entries[i][number], bases[i] + number
            if entries.stale:
                entries.stale = False
                bits = sorted(entries.of)
                self._make_room(entries)
                places += range(entries.begin, entries.begin + len(bits))
                if entries.odd:
                    odd += [len(values) + k for k, b in enumerate(bits) if entries.odd >> b & 1]
                values += [entries.of[bit] for bit in bits]
                origins += [row] * len(bits)
                firsts += [bases[i]] * len(bits)
            live = entries.live
            closed = entries.known if self.inboxes else entries.known & ~live
            rows.append(row)
            if m == 1:
                masks += (closed, live, live & ~entries.odd, entries.begin)
            for w in range(m if m > 1 else 0):
                before = (live & ((1 << 64 * w) - 1)).bit_count()
                masks += (
                    closed >> 64 * w & ALL,
                    live >> 64 * w & ALL,
                    (live & ~entries.odd) >> 64 * w & ALL,
                    entries.begin + before,
                )
            for source, moves in entries.offers.items():
                self.put(self.offers, row * self.stride + source, moves)
        self._changed.clear()
        if self._entry_end > len(self.entry):
            self.entry.resize(2 * self._entry_end, refcheck=False)
        if values:
            found, before = np.array(values, np.uint64), np.array(origins)
            after = np.array(firsts) + (found & np.uint64(ROW)).astype(np.int64)
            after[odd] = before[odd]  # of a record nothing is said here
            self.entry[np.array(places, np.int64)] = found | self.looks_of(before, after)
        if rows:
            table = self.masks.reshape(-1, 4 * m)
            table[np.array(rows)] = np.array(masks, np.uint64).reshape(-1, 4 * m)

    def _make_room(self, entries: Entries) -> None:
        """Let a row's entries move to the end of all if there are more, with room for as many."""
        if len(entries.of) > entries.room:
            entries.room = max(4, 2 * len(entries.of))
            entries.begin = self._entry_end
            self._entry_end += entries.room

    def looks_of(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Which lenses can see each step from one row to another, in the upper bits of an entry.

        A state can look new to a lens only if the node that moved looks another way.
        """
        found = np.zeros(len(before), np.uint64)
        for k in range(self.state_lenses):
            differs = self.classes[k, before] != self.classes[k, after]
            found |= differs.astype(np.uint64) << np.uint64(56 + min(k, at.MANY))
        return found

    def look_again(self) -> None:
        """Make all entries anew, because the lenses see other things than before."""
        for i, known in enumerate(self.entries):
            for number, entries in known.items():
                entries.stale = True
                self._changed[i, number] = None

    def put(self, masks: np.ndarray, place: int, mask: int) -> None:
        """Write a mask of any length into an array of masks."""
        for w in range(self.mask_words):
            masks[place * self.mask_words + w] = (mask >> (64 * w)) & ALL

    # The kernel's view ----------------------------------------------------------------------

    def describe(self, block: Any) -> None:
        """Write all addresses into a control block."""
        self._put_entries()
        slots, source, groups = [0], [], []
        for i in range(self.nodes):
            # First what the node does by itself; with inboxes also what it takes from itself.
            for k in [i, *sorted(self.senders[i] - ({i} if self.inboxes else set()))]:
                source.append(k)
                groups.append(self.group_of[i][k])
            slots.append(len(source))
        block[at.NODES], block[at.FIELDS] = self.nodes, self.fields
        block[at.ROWS], block[at.RESTS] = self.total, len(self.rests)
        block[at.STRIDE] = self.stride
        block[at.CUT] = int(bool(self.cuts.any()))
        jumps = int(np.diff(self.jumps).max()) if self.faults else 0
        self.most = (sum(self._bit_counts()) + self.questions) * self._most_branches + jumps + 1
        block[at.MOST] = self.most
        block.point(
            {
                at.WORD_AT: self.word,
                at.SHIFT_AT: self.shift,
                at.MASK_AT: self.mask,
                at.BASE_AT: self.base,
                at.SLOTS_AT: np.array(slots, np.int64),
                at.SOURCE_AT: np.array(source, np.int64),
                at.GROUP_AT: np.array(groups, np.uint64),
                at.BEFORE_AT: np.bitwise_or.accumulate(np.array([0, *self.own], np.uint64)),
                at.OFFERS_AT: self.offers,
                at.BITS_AT: self.masks,
                at.KEEPS_AT: np.array(list(self.keep_ids), np.uint64),
                at.ALLOW_AT: self.allow,
                at.ENTRY_AT: self.entry,
                at.WANTS_AT: self.wants,
                at.SPEND_AT: self.spend,
                at.JUMPS_AT: self.jumps,
                at.TARGETS_AT: self.targets,
                at.ADD_AT: self.add,
                at.ADDS_FROM_AT: self.adds_from,
                at.GROUPS_AT: np.array(self.group_room, np.int64),
                at.CUTS_AT: self.cuts,
                at.CLASSES_AT: self.classes,
                at.REQUESTED_AT: self.requested,
            }
        )
        block[at.RECORDS_AT] = self.records.buffer_info()[0]

    def shape(self, *, shared: bool = False) -> Shape:
        """For which shape the kernels are made; with `shared`, for several threads."""
        # With symmetry a search is short, and its code takes longest to make.
        exact = self.narrow and not self.symmetric
        return Shape(
            words=self.width,
            masks=self.mask_words,
            symmetric=self.symmetric,
            inboxes=self.inboxes,
            shared=shared,
            narrow=self.narrow,
            nodes=self.nodes if exact else 0,
        )
