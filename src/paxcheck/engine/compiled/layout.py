# pyright: basic
"""The tables as arrays: how a state is packed into words, and what each row offers and does.

The rows come from `tables.py`; here they get bits. Each receiver has its own bits: first one for
its actions, then one for each fault, then one for each message that was ever sent to it, in
canonical order. So the lowest bit is the first step in the order of the plain semantics. A new
message shifts the bits behind it; the *columns* of the entries never move.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from paxcheck.engine.compiled.kernel import Layout
from paxcheck.engine.compiled.symmetry import ACTIONS, FAULT
from paxcheck.engine.compiled.tables import Tables
from paxcheck.protocol.execute import NodeFault
from paxcheck.protocol.messages import Envelope


class Arrays:
    """The arrays of one system; `layout()` is what the kernel reads.

    `fields`: the nodes and, if there are faults, one for what is left of the budgets.
    """

    def __init__(self, tables: Tables, lenses: int) -> None:
        self.tables = tables
        self.nodes = len(tables.system.names)
        self.faults = tuple(tables.system.fault_names)
        self.budgets = [(), *_all_budgets(tuple(tables.system.budgets.values()))]
        self.budget_ids = {left: k for k, left in enumerate(self.budgets)}
        self.fields = self.nodes + (1 if self.faults else 0)
        self.fixed = 1 + len(self.faults)
        # node -> message bit of the tables -> column, and the same in canonical order
        self.columns: list[dict[int, int]] = [{} for _ in range(self.nodes)]
        self.bit_of: list[list[int]] = [list(range(self.fixed)) for _ in range(self.nodes)]
        self.column_of: list[list[int]] = [list(range(self.fixed)) for _ in range(self.nodes)]
        self.messages: list[list[int]] = [[-1] * self.fixed for _ in range(self.nodes)]
        self._bits_seen = 0
        self.filled: list[dict[int, set[int]]] = [{} for _ in range(self.nodes)]
        self.branches: list[int] = [0]
        self._branch_ids: dict[tuple[int, ...], int] = {}
        self._most_branches = 1
        self.lens_count = lenses
        self.synced = [1] * self.nodes
        self._sends = [0] * self.nodes  # which messages a node has ever sent
        self._layout: Layout | None = None
        self.place()

    # Packing --------------------------------------------------------------------------------

    def place(self, chosen: list[int] | None = None) -> None:
        """Choose the width of each field, with room to grow, and make the arrays anew.

        `chosen`: the widths to take, which a checkpoint remembers.
        """
        self._pack(self._widths() if chosen is None else chosen)

    def _widths(self) -> list[int]:
        need = [max(len(rows) + len(rows) // 4, 48).bit_length() for rows in self.tables.rows]
        if self.faults:
            need.append(len(self.budgets).bit_length())
        tight = [len(rows).bit_length() for rows in self.tables.rows] + need[self.nodes :]
        if sum(need) > 63 >= sum(tight) + self.nodes // 2:
            spare = 63 - sum(tight)
            order = sorted(
                range(self.nodes), key=lambda i: len(self.tables.rows[i]) / (1 << tight[i])
            )
            need = list(tight)
            for i in reversed(order):
                if spare > 0:
                    need[i] += 1
                    spare -= 1
        return need

    def _pack(self, need: list[int]) -> None:
        words: list[int] = []
        word, shift = [0] * self.fields, [0] * self.fields
        for c in range(self.fields):
            # In order, so that comparing states by their words compares them field by field.
            if not words or words[-1] + need[c] > (63 if len(words) == 1 else 64):
                words.append(0)
            word[c], shift[c] = len(words) - 1, words[-1]
            words[-1] += need[c]
        self.width = len(words)
        self.bits = need
        self.word = np.array(word, np.int64)
        self.shift = np.array(shift, np.uint64)
        self.field = np.array([(1 << b) - 1 for b in need], np.uint64)
        sizes = [1 << b for b in need[: self.nodes]]
        self.base = np.array([sum(sizes[:i]) for i in range(self.nodes)] + [0], np.int64)[
            : self.fields
        ]
        self.sizes = sizes
        self.total = sum(sizes)
        self.mask_words = max(1, max((len(c) + 63) // 64 for c in self.column_of))
        self._make()

    def _make(self) -> None:
        self._layout = None
        rows, n, m = self.total, self.nodes, self.mask_words
        self.offers = np.zeros(rows * n * m, np.uint64)
        self.known = np.zeros(rows * m, np.uint64)
        self.live = np.zeros(rows * m, np.uint64)
        self.requested = np.zeros(rows * m, np.uint64)
        self.allowed = np.zeros(len(self.budgets) * n * m, np.uint64)
        self.capacity = [max(16, 2 * len(c)) for c in self.column_of]
        sizes = [s * c for s, c in zip(self.sizes, self.capacity, strict=True)]
        self.entry_at = np.array([sum(sizes[:i]) for i in range(n)], np.int64)
        self.entry = np.zeros(sum(sizes), np.int32)
        self.classes = np.zeros((max(1, self.lens_count), rows), np.int32)
        self.synced = [1] * n
        self._allow()
        filled, self.filled = self.filled, [{} for _ in range(n)]
        for i in range(n):
            for number, columns in filled[i].items():
                for column in columns:
                    self._write(i, number, column)

    def fits(self) -> bool:
        """Whether all rows and columns of the tables have their places."""
        return (
            all(len(r) <= s for r, s in zip(self.tables.rows, self.sizes, strict=True))
            and all(len(c) <= 64 * self.mask_words for c in self.column_of)
            and all(len(c) <= k for c, k in zip(self.column_of, self.capacity, strict=True))
        )

    def _allow(self) -> None:
        n, m = self.nodes, self.mask_words
        for k, left in enumerate(self.budgets):
            for i in range(n):
                mask = 1
                for f in range(len(self.faults)):
                    if k and left[f] > 0:
                        mask |= 1 << (1 + f)
                _put(self.allowed, (k * n + i) * m, m, mask)

    # Following the tables -------------------------------------------------------------------

    def sync(self) -> bool:
        """Take over what is new in the tables; True when the words of a state changed."""
        self._new_messages()
        if not self.fits():
            self.place()
            self._offer_rows()
            return True
        self._offer_rows()
        return False

    def _new_messages(self) -> None:
        contents = self.tables.contents
        if self._bits_seen == len(contents):
            return
        names = self.tables.system.names
        changed: set[int] = set()
        for bit in range(self._bits_seen, len(contents)):
            _, receivers = contents[bit]
            for i, name in enumerate(names):
                if name in receivers:
                    self.columns[i][bit] = len(self.messages[i])
                    self.messages[i].append(bit)
                    changed.add(i)
        self._bits_seen = len(contents)
        self._layout = None
        for i in sorted(changed):
            fixed = list(range(self.fixed))
            sent = sorted(self.columns[i], key=lambda b: Envelope(names[i], contents[b][0]).key)
            old = self.bit_of[i]
            self.column_of[i] = fixed + [self.columns[i][b] for b in sent]
            self.bit_of[i] = [0] * len(self.column_of[i])
            for position, column in enumerate(self.column_of[i]):
                self.bit_of[i][column] = position
            if len(self.column_of[i]) <= 64 * self.mask_words:
                self._move_bits(i, old)

    def _move_bits(self, i: int, old: list[int]) -> None:
        """Give the bits of receiver `i` their new positions in all masks."""
        n, m = self.nodes, self.mask_words
        new = self.bit_of[i]
        first, last = int(self.base[i]), int(self.base[i]) + self.sizes[i]
        own = slice(first * m, last * m)
        for mask in (self.known[own].reshape(-1, m), self.live[own].reshape(-1, m)):
            _permute(mask, old, new)
        _permute(self.offers.reshape(-1, n, m)[:, i, :], old, new)

    def _offer_rows(self) -> None:
        n, m = self.nodes, self.mask_words
        for j, rows in enumerate(self.tables.rows):
            for number in range(self.synced[j], len(rows)):
                row = rows[number]
                if row.sent & ~self._sends[j]:
                    self._sends[j] |= row.sent
                    self._layout = None
                place = (int(self.base[j]) + number) * n
                for i in range(n):
                    mask, rest = 0, row.sent & self.tables.handled[i]
                    columns, bits = self.columns[i], self.bit_of[i]
                    while rest:
                        low = rest & -rest
                        mask |= 1 << bits[columns[low.bit_length() - 1]]
                        rest ^= low
                    if mask:
                        _put(self.offers, (place + i) * m, m, mask)
            self.synced[j] = len(rows)

    # Entries --------------------------------------------------------------------------------

    def learn(self, but: Collection[tuple[int, int, int]] = ()) -> None:
        """Take over every entry that the tables know already, but these: (node, row, what)."""
        for i, rows in enumerate(self.tables.rows):
            for number in range(1, len(rows)):
                row = rows[number]
                columns = [] if row.acts is None else [0]
                columns += [1 + fault for fault in row.faults]
                rest = row.known
                while rest:
                    low = rest & -rest
                    columns.append(self.columns[i][low.bit_length() - 1])
                    rest ^= low
                for column in columns:
                    if not but or (i, number, self.what(i, column)) not in but:
                        self._fill(i, number, column)

    def compute(self, i: int, number: int, column: int) -> None:
        """Let the tables compute an entry; rows and messages may be new after it."""
        row = self.tables.rows[i][number]
        if column == 0:
            if row.acts is None:
                self.tables.fill_acts(i, number)
        elif column < self.fixed:
            if column - 1 not in row.faults:
                self.tables.fill_fault(i, number, column - 1)
        else:
            bit = 1 << self.messages[i][column]
            if not row.known & bit:
                self.tables.fill(i, number, bit)

    def _fill(self, i: int, number: int, column: int) -> None:
        self.filled[i].setdefault(number, set()).add(column)
        self._write(i, number, column)

    fill = _fill

    def entries(self) -> list[tuple[int, int, int]]:
        """Every entry that is known: node, row, column."""
        return [
            (i, number, column)
            for i in range(self.nodes)
            for number, columns in self.filled[i].items()
            for column in columns
        ]

    def what(self, i: int, column: int) -> int:
        """What a column stands for: a message bit, ACTIONS or FAULT - f."""
        if column == 0:
            return ACTIONS
        return FAULT - (column - 1) if column < self.fixed else self.messages[i][column]

    def what_of(self, i: int, trigger: Any) -> int:
        """The same for a trigger of node `i`."""
        if isinstance(trigger, Envelope):
            key = trigger.message if self.tables.grouped else trigger
            return self.tables.bits[key]
        if isinstance(trigger, NodeFault):
            return FAULT - self.faults.index(trigger.kind)
        return ACTIONS

    def _write(self, i: int, number: int, column: int) -> None:
        """Store an entry, and say that it is known: in this order."""
        self.filled[i].setdefault(number, set()).add(column)
        after = self._rows_after(i, number, column)
        m = self.mask_words
        bit = self.bit_of[i][column]
        place = (int(self.base[i]) + number) * m + bit // 64
        one = np.uint64(1 << (bit % 64))
        if after:
            value = after[0]
            if len(after) > 1 or value == 0:
                value = -self._branch(after)
            self.entry[int(self.entry_at[i]) + number * self.capacity[i] + column] = value
            self.live[place] |= one
        self.known[place] |= one

    def _rows_after(self, i: int, number: int, column: int) -> tuple[int, ...]:
        """The rows after each branch; 0 stands for an exception."""
        tables = self.tables
        row = tables.rows[i][number]
        if column == 0:
            after = row.acts or ()
            triggers: list[Any] = list(tables.system.triggers(i)) if tables.errors else []
            triggers = [t for t in triggers if not isinstance(t, NodeFault)]
        elif column < self.fixed:
            after = row.faults[column - 1]
            triggers = [NodeFault(tables.system.names[i], self.faults[column - 1])]
        else:
            bit = self.messages[i][column]
            after = row.nexts.get(bit, ())
            triggers = [Envelope(tables.system.names[i], tables.contents[bit][0])]
        if tables.errors:
            for trigger in triggers:
                outcomes = tables._outcomes(i, row.local, trigger)
                after = (*after, *[0 for o in outcomes if o.error is not None])
        return after

    def _branch(self, after: tuple[int, ...]) -> int:
        place = self._branch_ids.get(after)
        if place is None:
            place = self._branch_ids[after] = len(self.branches)
            self.branches += [len(after), *after]
            self._most_branches = max(self._most_branches, len(after))
        return place

    def most_steps(self) -> int:
        """No state has more steps than this."""
        return sum(len(c) for c in self.column_of) * self._most_branches

    def layout(self) -> Layout:
        """What the kernel reads; made again only where something changed."""
        if self._layout is None:
            self._layout = self._new_layout()
        if len(self._layout.branches) != len(self.branches):
            self._layout = self._layout._replace(branches=np.array(self.branches, np.int64))
        return self._layout

    def _new_layout(self) -> Layout:
        n = self.nodes
        handled = self.tables.handled
        senders = [[j for j in range(n) if self._sends[j] & handled[i]] for i in range(n)]
        column = np.zeros(n * self.mask_words * 64, np.int64)
        for i in range(n):
            start = i * self.mask_words * 64
            column[start : start + len(self.column_of[i])] = self.column_of[i]
        fault = np.full((n, max(self.capacity)), -1, np.int64)
        fault[:, 1 : self.fixed] = np.arange(len(self.faults))
        spend = np.zeros((max(1, len(self.faults)), len(self.budgets)), np.int64)
        for f in range(len(self.faults)):
            for k, left in enumerate(self.budgets):
                if k and left[f]:
                    spend[f, k] = self.budget_ids[(*left[:f], left[f] - 1, *left[f + 1 :])]
        return Layout(
            word=self.word,
            shift=self.shift,
            field=self.field,
            base=self.base,
            senders=np.array([j for group in senders for j in group] or [0], np.int64),
            sender_at=np.cumsum([0, *map(len, senders)]).astype(np.int64),
            offers=self.offers,
            known=self.known,
            live=self.live,
            allowed=self.allowed,
            column=column,
            fault=fault,
            entry=self.entry,
            entry_at=self.entry_at,
            columns=np.array(self.capacity, np.int64),
            branches=np.array(self.branches, np.int64),
            spend=spend,
            classes=self.classes,
            lenses=np.zeros(2, np.int64),
        )

    # States ---------------------------------------------------------------------------------

    def pack(self, numbers: tuple[int, ...], budgets: tuple[int, ...]) -> list[int]:
        """The words of a state."""
        ids = [*numbers, *([self.budget_ids[budgets]] if self.faults else [])]
        words = [0] * self.width
        for c, number in enumerate(ids):
            words[int(self.word[c])] |= number << int(self.shift[c])
        return words

    def unpack(self, words: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The rows of a state, and what is left of the budgets."""
        ids = [
            (int(words[int(self.word[c])]) >> int(self.shift[c])) & int(self.field[c])
            for c in range(self.fields)
        ]
        left = self.budgets[ids[self.nodes]] if self.faults else ()
        return tuple(ids[: self.nodes]), left


def _all_budgets(budgets: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Everything that can be left of the budgets."""
    found: list[tuple[int, ...]] = [()]
    for budget in budgets:
        found = [(*left, k) for left in found for k in range(budget + 1)]
    return found if budgets else []


def _put(array: np.ndarray, place: int, words: int, mask: int) -> None:
    for w in range(words):
        array[place + w] = np.uint64((mask >> (64 * w)) & 0xFFFFFFFFFFFFFFFF)


def _permute(masks: np.ndarray, old: list[int], new: list[int]) -> None:
    """Move the bit `old[c]` of every mask to `new[c]`, for each column c; in place."""
    before = masks.copy()
    masks[:] = 0
    for column, at in enumerate(old):
        to = new[column]
        bit = (before[:, at // 64] >> np.uint64(at % 64)) & np.uint64(1)
        masks[:, to // 64] |= bit << np.uint64(to % 64)
