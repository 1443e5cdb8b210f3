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

Moves = list[tuple[int, Move]]
"""Steps of a node: what each adds to a state, before what it sends."""


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
        self._moves: dict[tuple[int, int, int, int], tuple[Moves, Moves]] = {}
        self._struck: dict[tuple[int, int, int, int], Moves] = {}
        self._changes: dict[tuple[int, int, str], list[int]] = {}

    def world(self, state: int) -> World:
        """The world that a state stands for."""
        cut = self._cuts[state >> self._cut_shift]
        return self.tables.world(self.numbers(state), self.budgets(state), cut)

    def _cut(self, state: int) -> frozenset[str] | None:
        return self._cuts[state >> self._cut_shift]

    def _steps(self, state: int, numbers: tuple[int, ...]) -> list[int]:
        # The order is that of the plain semantics, so that the same runs are found first.
        tables, cut = self.tables, state >> self._cut_shift
        count = len(tables.system.names)
        left = self.budgets(state) if self.budget_shifts else ()
        deltas: list[int] = []
        for i in range(count):
            key = (i, numbers[i], numbers[count + i], cut)
            known = self._moves.get(key)
            if known is None:
                acts = self._with_deltas(*key[:3], tables.acts(*key[:3]))
                strikes = self._strikes(*key[:3], left, numbers)
                taken = tables.deliveries(*key[:3], self._cuts[cut])
                known = self._moves[key] = (acts, self._with_deltas(*key[:3], taken))
            elif left:
                strikes = self._strikes(*key[:3], left, numbers)
            else:
                strikes = ()
            for delta, move in known[0]:
                deltas.append(self._delivered(delta, move, numbers) if move.sends else delta)
            deltas += strikes
            for delta, move in known[1]:
                deltas.append(self._delivered(delta, move, numbers) if move.sends else delta)
        for fault, rest in enumerate(left):
            self._network_fault(fault, rest, state, numbers, deltas)
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

    def _strikes(
        self, i: int, local: int, inbox: int, left: tuple[int, ...], numbers: tuple[int, ...]
    ) -> list[int]:
        """What to add to a state for each fault that may hit node `i`."""
        deltas: list[int] = []
        for fault, rest in enumerate(left):
            kind = self.tables.system.fault_names[fault]
            if not rest or kind not in NODE_FAULTS:
                continue
            key = (i, local, inbox, fault)
            moves = self._struck.get(key)
            if moves is None:
                found = self.tables.fault(i, local, inbox, kind)
                moves = self._struck[key] = self._with_deltas(i, local, inbox, found)
            spent = 1 << self.budget_shifts[fault]
            deltas += [self._delivered(delta, move, numbers) - spent for delta, move in moves]
        return deltas

    def _network_fault(
        self, fault: int, left: int, state: int, numbers: tuple[int, ...], deltas: list[int]
    ) -> None:
        kind, spent = self.tables.system.fault_names[fault], 1 << self.budget_shifts[fault]
        if kind == "partition":
            self._partition(state, left, spent, deltas)
        elif left and kind not in NODE_FAULTS:
            self._change(kind, spent, numbers, deltas)

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
