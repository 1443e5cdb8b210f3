"""The search over nodes with inboxes: bag and fifo networks, and partitions.

A state is one integer, as in `python_tier`: a row for each node, then what is left of each fault's
budget, then the number of the cut between the nodes (0: none).
"""

from __future__ import annotations

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
        self._cut_shift = WIDTH * self.nodes + BUDGET_WIDTH * len(tables.system.budgets)
        self._moves: dict[tuple[int, int, int], tuple[list[Move], list[Move]]] = {}
        self._struck: dict[tuple[int, int, int], list[Move]] = {}

    def world(self, state: int) -> World:
        """The world that a state stands for."""
        return self.tables.world(self.numbers(state), self.budgets(state), self._cut_number(state))

    def _cut_number(self, state: int) -> int:
        return state >> self._cut_shift

    def _cut(self, state: int) -> frozenset[str] | None:
        return self.tables.cuts[self._cut_number(state)]

    def _steps(self, state: int, numbers: tuple[int, ...]) -> tuple[list[int], int]:
        # The order is that of the plain semantics, so that the same runs are found first.
        cut = self._cut_number(state)
        left = self.budgets(state) if self.budget_shifts else ()
        kinds = self.tables.system.fault_names
        deltas: list[int] = []
        strikes = 0
        for i, number in enumerate(numbers):
            known = self._moves.get((i, number, cut))
            acts = self.tables.acts(i, number) if known is None else known[0]
            deltas += self._deltas(i, number, acts, numbers)
            for fault, rest in enumerate(left):
                if rest and kinds[fault] in NODE_FAULTS:
                    struck = self._struck_by(i, number, fault, numbers)
                    strikes += len(struck)
                    deltas += struck
            if known is None:
                known = self._moves[i, number, cut] = (acts, self._deliveries(i, number, cut))
            deltas += self._deltas(i, number, known[1], numbers)
        for kind in ("loss", "duplicate"):
            if kind in kinds and left[kinds.index(kind)]:
                for i, number in enumerate(numbers):
                    struck = self._struck_by(i, number, kinds.index(kind), numbers)
                    strikes += len(struck)
                    deltas += struck
        if cut:
            deltas.append(-cut << self._cut_shift)  # the partition heals
        elif "partition" in kinds and left[kinds.index("partition")]:
            spent = 1 << self.budget_shifts[kinds.index("partition")]
            begun = [(c << self._cut_shift) - spent for c in range(1, len(self.tables.cuts))]
            strikes += len(begun)
            deltas += begun
        return deltas, strikes

    def _deliveries(self, i: int, number: int, cut: int) -> list[Move]:
        """The steps of node `i` by the messages that the cut lets through."""
        tables, name = self.tables, self.tables.system.names[i]
        side = tables.cuts[cut]
        found: list[Move] = []
        for k, envelope in enumerate(tables.arriving(i, number)):
            if side is None or (envelope.sender in side) == (name in side):
                found += tables.delivery(i, number, k)
        return found

    def _deltas(
        self, i: int, number: int, moves: list[Move], numbers: tuple[int, ...]
    ) -> list[int]:
        """What moves of node `i` add to a state."""
        # Row 0: the handler raised an exception, and there is no state after it.
        return [self._delta(i, number, move, numbers) for move in moves if move.row]

    def _delta(self, i: int, number: int, move: Move, numbers: tuple[int, ...]) -> int:
        """What a move adds: at its node, and at those to whom it sends."""
        delta = (move.row - number) << self.shifts[i]
        for node, group in move.sends:
            before = numbers[node]
            delta += (self.tables.add(node, before, group) - before) << self.shifts[node]
        return delta

    def _struck_by(self, i: int, number: int, fault: int, numbers: tuple[int, ...]) -> list[int]:
        """What to add to a state for each way in which a fault may hit node `i`."""
        key = (i, number, fault)
        moves = self._struck.get(key)
        if moves is None:
            kind = self.tables.system.fault_names[fault]
            moves = self._struck[key] = self.tables.fault(i, number, kind)
        spent = 1 << self.budget_shifts[fault]
        return [delta - spent for delta in self._deltas(i, number, moves, numbers)]
