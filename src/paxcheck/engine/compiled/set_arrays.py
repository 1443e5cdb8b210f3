# pyright: basic
"""The tables of a set network as arrays.

The bits of a receiver: the first is for all its actions together, then comes one for each fault,
then one for each message that was ever sent to it, in the order in which they became known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paxcheck.engine.compiled.arrays import ALL, Arrays
from paxcheck.engine.compiled.entries import Entries
from paxcheck.engine.compiled.symmetry import ACTIONS, FAULT
from paxcheck.engine.compiled.tables import Tables
from paxcheck.protocol.execute import NodeFault
from paxcheck.protocol.messages import Envelope


class SetArrays(Arrays):
    """The arrays of a system whose messages stay for ever."""

    tables: Tables

    def __init__(self, tables: Tables, lenses: int, **how: bool) -> None:
        nodes = len(tables.system.names)
        self.fixed = 1 + len(tables.system.fault_names)
        self.columns: list[dict[int, int]] = [{} for _ in range(nodes)]  # message bit -> our bit
        self.messages: list[list[int]] = [[-1] * self.fixed for _ in range(nodes)]
        self._bits_seen = 0
        self._sleeping_on: dict[tuple[int, int], int] = {}
        super().__init__(tables, lenses, **how)

    def _bit_counts(self) -> list[int]:
        return [len(m) for m in self.messages]

    def _new_bits(self) -> None:
        contents, names = self.tables.contents, self.tables.system.names
        for bit in range(self._bits_seen, len(contents)):
            for i, name in enumerate(names):
                if name in contents[bit][1]:
                    self.columns[i][bit] = len(self.messages[i])
                    self.messages[i].append(bit)
        self._bits_seen = len(contents)

    def _allow(self) -> None:
        for k, (left, _) in enumerate(self.rests):
            mask = 1
            for f in range(len(self.faults)):
                if k and left[f] > 0:
                    mask |= 1 << (1 + f)
            for i in range(self.nodes):
                self.put(self.allow, k * self.stride + i, mask)

    def _put_rows(self) -> None:
        handled, n, m = self.tables.handled, self.nodes, self.mask_words
        stride = self.stride
        places: list[int] = []
        words: list[int] = []
        for j, rows in enumerate(self.tables.rows):
            for number in range(self.synced[j], len(rows)):
                sent = rows[number].sent
                place = (int(self.base[j]) + number) * stride
                for i in range(n):
                    rest = sent & handled[i]
                    if not rest:
                        continue
                    mask = 0
                    while rest:
                        low = rest & -rest
                        mask |= 1 << self.columns[i][low.bit_length() - 1]
                        rest ^= low
                    self.senders[i].add(j)
                    for w in range(m):
                        places.append((place + i) * m + w)
                        words.append(mask >> 64 * w & ALL)
            self.synced[j] = len(rows)
        if places:
            self.offers[np.array(places)] = np.array(words, np.uint64)

    # Entries --------------------------------------------------------------------------------

    def known_entries(self) -> dict[tuple[int, int], list[int]]:
        """Every entry that the tables know: (node, row) -> bits."""
        found: dict[tuple[int, int], list[int]] = {}
        for i, rows in enumerate(self.tables.rows):
            for number in range(1, len(rows)):
                row = rows[number]
                bits = [] if row.acts is None else [0]
                bits += [1 + fault for fault in row.faults]
                rest = row.known
                while rest:
                    low = rest & -rest
                    bits.append(self.columns[i][low.bit_length() - 1])
                    rest ^= low
                if bits:
                    found[i, number] = bits
        return found

    def compute(self, i: int, number: int, bits: list[int]) -> None:
        """Let the tables compute entries of a row; rows and messages may be new after it."""
        row, messages = self.tables.rows[i][number], self.messages[i]
        wanted = 0
        for bit in bits:
            if bit >= self.fixed:
                wanted |= 1 << messages[bit]
            elif bit == 0:
                if row.acts is None:
                    self.tables.fill_acts(i, number)
            elif bit - 1 not in row.faults:
                self.tables.fill_fault(i, number, bit - 1)
        if wanted & ~row.known:
            self.tables.fill(i, number, wanted & ~row.known)

    def what(self, i: int, bit: int) -> int:
        """What a bit stands for: a message, ACTIONS or FAULT - f."""
        if bit == 0:
            return ACTIONS
        return FAULT - (bit - 1) if bit < self.fixed else self.messages[i][bit]

    def what_of(self, i: int, trigger: Any) -> int:
        """The same for a trigger of node `i`."""
        if isinstance(trigger, Envelope):
            return self.tables.bits[trigger.message if self.tables.grouped else trigger]
        if isinstance(trigger, NodeFault):
            return FAULT - self.faults.index(trigger.kind)
        return ACTIONS

    def _write(self, i: int, number: int, bits: list[int]) -> None:
        entries, row = self.entries_of(i, number), self.tables.rows[i][number]
        messages, fixed, errors = self.messages[i], self.fixed, self.tables.errors
        for bit in bits:
            entries.known |= 1 << bit
            if bit >= fixed and not errors:
                after = row.nexts.get(messages[bit], ())
            else:
                after = self._rows_after(i, number, bit)
            if after:
                self._write_one(entries, i, number, bit, after)

    def _write_one(
        self, entries: Entries, i: int, number: int, bit: int, after: tuple[int, ...]
    ) -> None:
        fault = bit if 0 < bit < self.fixed else 0
        trap = (i, number, self.what(i, bit)) if self.traps else None
        quiet = trap is None or trap not in self.traps
        if len(after) == 1 and after[0] and not fault and quiet:
            entries.put(bit, self.entry_of(after[0], self.keep(i, number, after[0])), False)
        else:
            branches = [[n, fault, self.keep(i, number, n, fault), 0] for n in after]
            entries.put(bit, self.record(trap, branches), True)

    def keep(self, i: int, number: int, after: int, fault: int = 0) -> int:
        """Which groups may sleep on after a step: those of others who got nothing new from it."""
        mask = ALL & ~self.own[i]
        if fault:  # the faults of all share their budgets
            for k in range(self.nodes):
                mask &= ~self.group_of[k][k]
        if not after:
            return mask
        rows = self.tables.rows[i]
        new = rows[after].sent & ~rows[number].sent
        return mask & self._waking(i, new) if new else mask

    def _waking(self, i: int, new: int) -> int:
        """Which groups may sleep on after node `i` has sent something new."""
        known = self._sleeping_on.get((i, new))
        if known is None:
            known = ALL
            for k in range(self.nodes):
                if new & self.tables.handled[k]:
                    known &= ~self.group_of[k][i]
            for node, messages in self.asked:
                if new & messages:
                    known &= ~self.group_of[node][node]
            self._sleeping_on[i, new] = known
        return known

    def write_again(self) -> None:
        """Make all entries again: what is in them has changed."""
        self._sleeping_on.clear()
        super().write_again()

    def _rows_after(self, i: int, number: int, bit: int) -> tuple[int, ...]:
        """The rows after each branch; 0 stands for an exception."""
        tables = self.tables
        row = tables.rows[i][number]
        triggers: list[Any]
        if bit >= self.fixed:
            triggers = [self.messages[i][bit]]
            after = row.nexts.get(triggers[0], ())
        elif bit == 0:
            after = row.acts or ()
            triggers = [t for t in tables.system.triggers(i) if not isinstance(t, NodeFault)]
        else:
            after = row.faults[bit - 1]
            triggers = [NodeFault(tables.system.names[i], self.faults[bit - 1])]
        if tables.errors:
            after = (*after, *[0 for t in triggers for _ in range(tables.raising(i, number, t))])
        return after
