"""The search over local states and inboxes: bag and fifo networks, and partitions.

A state is one integer, as in `python_tier`: a row for each node, one for each inbox, then what is
left of each fault's budget, then the number of the cut between the nodes (0: none).
"""

from __future__ import annotations

from itertools import combinations

from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.inbox_tables import InboxTables, Move
from paxcheck.engine.compiled.python_tier import BUDGET_WIDTH, WIDTH, Tier
from paxcheck.engine.limits import Limits, Watch
from paxcheck.protocol.faults import NODE_FAULTS
from paxcheck.protocol.world import World


class InboxTier(Tier):
    """A breadth-first search by inbox tables."""

    tables: InboxTables

    def __init__(
        self, tables: InboxTables, findings: Findings, limits: Limits, watch: Watch
    ) -> None:
        super().__init__(tables, findings, limits, watch)
        system = tables.system
        self._cut_shift = WIDTH * self.nodes + BUDGET_WIDTH * len(system.budgets)
        others = system.names[1:]
        sizes = range(1, len(others) + 1)
        self._cuts: list[frozenset[str] | None] = [
            None,
            *[frozenset(side) for size in sizes for side in combinations(others, size)],
        ]
        self._moves: dict[tuple[int, int, int, int], list[tuple[int, Move]]] = {}
        self._strikes: dict[tuple[int, int, int, int], list[tuple[int, Move]]] = {}
        self._changes: dict[tuple[int, int, str], list[int]] = {}

    def world(self, state: int) -> World:
        """The world that a state stands for."""
        cut = self._cuts[state >> self._cut_shift]
        return self.tables.world(self.numbers(state), self.budgets(state), cut)

    def _steps(self, state: int, numbers: tuple[int, ...]) -> list[int]:
        tables, cut = self.tables, state >> self._cut_shift
        count = len(tables.system.names)
        deltas: list[int] = []
        for i in range(count):
            key = (i, numbers[i], numbers[count + i], cut)
            moves = self._moves.get(key)
            if moves is None:
                found = tables.moves(i, key[1], key[2], self._cuts[cut])
                moves = self._moves[key] = self._with_deltas(i, key[1], key[2], found)
            for delta, move in moves:
                deltas.append(self._delivered(delta, move, numbers) if move.sends else delta)
        if self.budget_shifts:
            self._faults(state, numbers, deltas)
        return deltas

    def _with_deltas(
        self, i: int, local: int, inbox: int, moves: list[Move]
    ) -> list[tuple[int, Move]]:
        """Each move with what it adds to a state for the node itself."""
        own, box = self.shifts[i], self.shifts[len(self.tables.system.names) + i]
        return [(((m.local - local) << own) + ((m.inbox - inbox) << box), m) for m in moves]

    def _delivered(self, delta: int, move: Move, numbers: tuple[int, ...]) -> int:
        """The delta with what the move sends added to the inboxes of the receivers."""
        for component, envelopes in move.sends:
            before = numbers[component]
            after = self.tables.add(component, before, envelopes)
            delta += (after - before) << self.shifts[component]
        return delta

    def _faults(self, state: int, numbers: tuple[int, ...], deltas: list[int]) -> None:
        system = self.tables.system
        for kind, shift, left in zip(
            system.fault_names, self.budget_shifts, self.budgets(state), strict=True
        ):
            if kind == "partition":
                self._partition(state, left, 1 << shift, deltas)
            elif left and kind in NODE_FAULTS:
                self._strike(kind, 1 << shift, numbers, deltas)
            elif left:
                self._change(kind, 1 << shift, numbers, deltas)

    def _strike(self, kind: str, spent: int, numbers: tuple[int, ...], deltas: list[int]) -> None:
        count = len(self.tables.system.names)
        at = self.tables.system.fault_names.index(kind)
        for i in range(count):
            key = (i, numbers[i], numbers[count + i], at)
            moves = self._strikes.get(key)
            if moves is None:
                found = self.tables.fault(i, key[1], key[2], kind)
                moves = self._strikes[key] = self._with_deltas(i, key[1], key[2], found)
            for delta, move in moves:
                deltas.append(self._delivered(delta, move, numbers) - spent)

    def _change(self, kind: str, spent: int, numbers: tuple[int, ...], deltas: list[int]) -> None:
        for component in self.tables.inbox_of.values():
            before = numbers[component]
            key = (component, before, kind)
            after = self._changes.get(key)
            if after is None:
                after = self._changes[key] = self.tables.change(component, before, kind)
            deltas += [((n - before) << self.shifts[component]) - spent for n in after]

    def _partition(self, state: int, left: int, spent: int, deltas: list[int]) -> None:
        cut = state >> self._cut_shift
        if cut:
            deltas.append(-cut << self._cut_shift)
        elif left:
            deltas += [(c << self._cut_shift) - spent for c in range(1, len(self._cuts))]
