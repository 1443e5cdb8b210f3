# pyright: basic
"""The tables with inboxes as arrays.

What must be known of a row before it is expanded has bits of its own: the first is for the actions,
then comes one for each fault, then one for the messages of each sender. What becomes known are
*moves*, and these are the bits that are followed: each row numbers its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paxcheck.engine.compiled.arrays import ALL, Arrays
from paxcheck.engine.compiled.inbox_tables import InboxTables, Move
from paxcheck.protocol.execute import NodeFault
from paxcheck.protocol.messages import Envelope


class InboxArrays(Arrays):
    """The arrays of a system whose messages go away."""

    inboxes = True
    tables: InboxTables

    def __init__(self, tables: InboxTables, lenses: int, **how: bool) -> None:
        nodes = len(tables.system.names)
        self.fixed = 1 + len(tables.system.fault_names)
        self.moves: list[dict[tuple[int, int], list[tuple[int, Move]]]] = [{} for _ in range(nodes)]
        self._most_moves = [1] * nodes
        # Which groups are for which node, and their numbers there.
        self.groups: list[dict[int, int]] = [{} for _ in range(nodes)]
        self._groups_seen = 0
        super().__init__(tables, lenses, **how)
        for i in range(nodes):
            self.senders[i] = set(range(nodes))

    def _bit_counts(self) -> list[int]:
        return [max(most, self.fixed + self.nodes) for most in self._most_moves]

    def _allow(self) -> None:
        names = self.tables.system.names
        for k, (left, cut) in enumerate(self.rests):
            side = self.tables.cuts[cut]
            for i, name in enumerate(names):
                mask = 1
                for f in range(len(self.faults)):
                    if k and left[f] > 0:
                        mask |= 1 << (1 + f)
                for j, sender in enumerate(names):
                    if side is None or (name in side) == (sender in side):
                        mask |= 1 << (self.fixed + j)
                self.put(self.allow, k * self.stride + i, mask)

    def _cut(self) -> None:
        names = self.tables.system.names
        for k, (_, cut) in enumerate(self.rests):
            side = self.tables.cuts[cut]
            if side is None:
                continue
            for i, name in enumerate(names):
                away = [j for j, other in enumerate(names) if (name in side) != (other in side)]
                self.cuts[k * self.nodes + i] = sum(1 << j for j in away)

    def _jumps(self, left: tuple[int, ...], cut: int) -> list[int]:
        if "partition" not in self.faults:
            return []
        if cut:
            return [self.rest_ids[left, 0]]
        f = self.faults.index("partition")
        if not left[f]:
            return []
        spent = (*left[:f], left[f] - 1, *left[f + 1 :])
        return [self.rest_ids[spent, c] for c in range(1, len(self.tables.cuts))]

    def _put_rows(self) -> None:
        index = self.tables.system.index
        for i, rows in enumerate(self.tables.rows):
            for number in range(self.synced[i], len(rows)):
                wanted = (1 << self.fixed) - 1
                for envelope in self.tables.arriving(i, number):
                    wanted |= 1 << (self.fixed + index[envelope.sender])
                self.put(self.wants, int(self.base[i]) + number, wanted)
            self.synced[i] = len(rows)

    # What is added to inboxes -----------------------------------------------------------------

    def _new_bits(self) -> None:
        for number in range(self._groups_seen, len(self.tables.groups)):
            to = self.tables.system.index[self.tables.groups[number][0].to]
            self.groups[to][number] = len(self.groups[to])
        self._groups_seen = len(self.tables.groups)

    def fits(self) -> bool:
        """Whether all rows, moves and groups have their places."""
        rooms = zip(self.groups, self.group_room, strict=True)
        return super().fits() and all(len(groups) <= room for groups, room in rooms)

    def _make_adds(self) -> None:
        self.group_room = [max(8, 2 * len(groups)) for groups in self.groups]
        sizes = [s * room for s, room in zip(self.sizes, self.group_room, strict=True)]
        self.adds_from = np.array([sum(sizes[:i]) for i in range(self.nodes)], np.int64)
        self.add = np.zeros(sum(sizes), np.int32)
        for i in range(self.nodes):
            for (number, group), after in self.tables.added(i):
                self.add[self._add_place(i, number, self.groups[i][group])] = after

    def _add_place(self, i: int, number: int, group: int) -> int:
        return int(self.adds_from[i]) + number * self.group_room[i] + group

    # Entries --------------------------------------------------------------------------------

    def compute(self, i: int, number: int, bits: list[int]) -> None:
        """Let the tables compute moves (or, for -1 - group, what a row becomes by it)."""
        for bit in bits:
            if bit < 0:
                (group,) = [g for g, own in self.groups[i].items() if own == -1 - bit]
                self.tables.add(i, number, group)
            elif (number, bit) not in self.moves[i]:
                self.moves[i][number, bit] = self._computed(i, number, bit)
                count = sum(
                    len(self.moves[i].get((number, b), ())) for b in range(self.fixed + self.nodes)
                )
                self._most_moves[i] = max(self._most_moves[i], count)

    def _computed(self, i: int, number: int, bit: int) -> list[tuple[int, Move]]:
        """Moves, each with its trap: which of the triggers of the bit it belongs to."""
        tables = self.tables
        if bit == 0:
            return [(0, move) for move in tables.acts(i, number)]
        if bit < self.fixed:
            kind = self.faults[bit - 1]
            return [] if kind == "partition" else [(0, m) for m in tables.fault(i, number, kind)]
        sender = tables.system.names[bit - self.fixed]
        found: list[tuple[int, Move]] = []
        for k, envelope in enumerate(tables.arriving(i, number)):
            if envelope.sender == sender:
                found += [(k, move) for move in tables.delivery(i, number, k)]
        return found

    def fill(self, i: int, number: int, bits: list[int]) -> None:
        """Write moves that the tables have computed, or what a row becomes."""
        for bit in bits:
            if bit < 0:
                (group,) = [g for g, own in self.groups[i].items() if own == -1 - bit]
                self.add[self._add_place(i, number, -1 - bit)] = self.tables.add(i, number, group)
        moving = [bit for bit in bits if bit >= 0]
        if moving:
            super().fill(i, number, moving)

    def _write(self, i: int, number: int, bits: list[int]) -> None:
        known = self.filled[i].get(number, [])
        for bit in bits:
            before = known[: known.index(bit)]
            move = sum(len(self.moves[i][number, b]) for b in before)
            source = i if bit < self.fixed else bit - self.fixed
            for _, step in self.moves[i][number, bit]:
                self._move(i, number, move, bit, source, step)
                move += 1
            self.entries_of(i, number).known |= 1 << bit

    def _move(self, i: int, number: int, move: int, bit: int, source: int, step: Move) -> None:
        trap = (i, number, bit)
        fault = bit if 0 < bit < self.fixed else 0
        entries = self.entries_of(i, number)
        if step.row and not step.sends and not fault and trap not in self.traps:
            entries.put(move, self.entry_of(step.row, ALL & ~self.own[i]), False)
        else:
            keep = 0 if fault else ALL & ~self.own[i]
            sends: list[int] = []
            for node, group in step.sends:
                keep &= ~self.own[node]
                sends += [node, self.groups[node][group]]
            branch = [step.row, fault, keep, len(step.sends), *sends]
            entries.put(move, self.record(trap, [branch]), True)
        entries.offers[source] = entries.offers.get(source, 0) | 1 << move

    def what_of(self, i: int, trigger: Any) -> int:
        """Under which bit the moves of a trigger of node `i` are."""
        if isinstance(trigger, Envelope):
            return self.fixed + self.tables.system.index[trigger.sender]
        if isinstance(trigger, NodeFault):
            return 1 + self.faults.index(trigger.kind)
        return 0

    def what(self, i: int, bit: int) -> int:
        """A bit stands for itself."""
        return bit
