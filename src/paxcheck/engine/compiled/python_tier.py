"""The search in pure Python over the tables: for small scopes, ready at once.

A state is one integer: the row of node i in bits [24 i, 24 i + 24), and above them what is left of
each fault's budget. A step adds a constant to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from paxcheck.engine.alarm import undisturbed
from paxcheck.engine.compiled.findings import Findings, steps_between
from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.fingerprint import Fingerprint, Pair, add, mixed, text
from paxcheck.engine.limits import Limits, Progress, Watch
from paxcheck.protocol.system import Step
from paxcheck.protocol.world import World

WIDTH: Final = 24
BUDGET_WIDTH: Final = 8
ZERO: Final[Pair] = (0, 0)


class Tier:
    """A breadth-first search by tables; which steps there are, a subclass knows.

    `parents` maps each state to the one it was found from. `after_level`: called when a level is
    complete, with whether the search ends there.
    """

    def __init__(self, tables: Any, findings: Findings, limits: Limits, watch: Watch) -> None:
        self.tables = tables
        self.findings = findings
        self.limits = limits
        self.watch = watch
        self.nodes = len(tables.rows)
        self.shifts = tuple(WIDTH * i for i in range(self.nodes))
        self.budget_shifts = tuple(
            WIDTH * self.nodes + BUDGET_WIDTH * f for f in range(len(tables.system.budgets))
        )
        numbers = tables.initial()
        first = 0
        for shift, number in zip(self.shifts, numbers, strict=True):
            first |= number << shift
        for shift, budget in zip(self.budget_shifts, tables.system.budgets.values(), strict=True):
            first |= budget << shift
        self.parents: dict[int, int | None] = {first: None}
        self.levels = [1]
        self.frontier = [first]
        self.following: list[int] = []
        self.generated = 0
        self.terminal = 0
        self.after_level: Callable[[bool], None] | None = None
        self.known: dict[str, tuple[Step, ...]] = {}

    def run(self, *, most: int | None, stop_at_first: bool) -> tuple[bool, str | None]:
        """Search; (True, reason or None) when it ended, (False, None) when it is a large one.

        That is one with `most` states; or with a sixth of them, when the levels still double.
        """
        self._judge(self.frontier)
        while self.frontier:
            if self.limits.depth is not None and len(self.levels) - 1 >= self.limits.depth:
                self._after_level(True)
                return True, f"the limit of depth {self.limits.depth} was reached"
            self.following = []
            for done, state in enumerate(self.frontier, 1):
                if done & 255 == 0 or self.limits.states is not None or stop_at_first:
                    reason = self._stop(stop_at_first)
                    if reason:
                        return True, self._end_level(reason)
                self._expand(state)
            self._judge(self.following)
            reason = self._stop(stop_at_first)
            if self.following:
                self.levels.append(len(self.following))
            self.frontier = self.following
            self.following = []
            if reason:
                return True, reason
            if most is not None and self._is_large(most):
                return False, None
            self._after_level(not self.frontier)
        return True, None

    def _is_large(self, most: int) -> bool:
        doubles = len(self.levels) > 1 and self.levels[-1] >= 2 * self.levels[-2]
        return bool(self.frontier) and len(self.parents) >= (most // 6 if doubles else most)

    def _after_level(self, last: bool) -> None:
        if self.after_level is not None:
            self.after_level(last)

    def _stop(self, stop_at_first: bool) -> str | None:
        if stop_at_first and self.findings.violated:
            return "the search ends at the first violation"
        return self.watch.over_states(len(self.parents)) or self.watch.look(self._progress)

    def _end_level(self, reason: str) -> str:
        self._judge(self.following)
        if self.following:
            self.levels.append(len(self.following))
        return reason

    def numbers(self, state: int) -> tuple[int, ...]:
        """The rows of a state."""
        mask = (1 << WIDTH) - 1
        return tuple([(state >> shift) & mask for shift in self.shifts])

    def budgets(self, state: int) -> tuple[int, ...]:
        """What is left of each fault's budget in a state."""
        mask = (1 << BUDGET_WIDTH) - 1
        return tuple([(state >> shift) & mask for shift in self.budget_shifts])

    def world(self, state: int) -> World:
        """The world that a state stands for."""
        return self.tables.world(self.numbers(state), self.budgets(state))

    def digest(self) -> str:
        """The digest of all states that were found."""
        prints = Fingerprint(self.tables.system.network)
        known: list[dict[int, Pair]] = [{} for _ in range(self.nodes)]
        total = ZERO
        for state in self.parents:
            parts = [prints.rest(self.budgets(state), self._cut(state))]
            for c, number in enumerate(self.numbers(state)):
                part = known[c].get(number)
                if part is None:
                    part = known[c][number] = self.tables.fingerprint(prints, c, number)
                parts.append(part)
            total = add([total, mixed(add(parts))])
        return text(total)

    def _cut_number(self, state: int) -> int:
        return 0

    def _cut(self, state: int) -> frozenset[str] | None:
        return None

    def path(self, state: int) -> list[World]:
        """The worlds on a shortest way to a state."""
        worlds = [self.world(state)]
        while (parent := self.parents[state]) is not None:
            state = parent
            worlds.append(self.world(state))
        return worlds[::-1]

    @undisturbed()
    def behaviors(self) -> dict[str, tuple[Step, ...]]:
        """A shortest run to each breach or witness that was found.

        `known` has those that were found before the search was resumed.
        """
        behaviors: dict[str, tuple[Step, ...]] = {}
        for name, ((state, step), _) in self.findings.found.items():
            if name not in self.known:
                steps = steps_between(self.tables.system, self.path(state))
                self.known[name] = steps if step is None else (*steps, step)
            behaviors[name] = self.known[name]
        return behaviors

    def _expand(self, state: int) -> None:
        numbers = self.numbers(state)
        deltas, strikes = self._steps(state, numbers)
        if self.tables.alarms:
            self.findings.alarms(state)
        parents, following = self.parents, self.following
        for delta in deltas:
            after_state = state + delta
            if after_state not in parents:
                parents[after_state] = state
                following.append(after_state)
        self.generated += len(deltas)
        if len(deltas) == strikes:
            self._end(state, numbers)

    def _steps(self, state: int, numbers: tuple[int, ...]) -> tuple[list[int], int]:
        """What to add to a state for each step out of it, and how many of them are faults."""
        raise NotImplementedError

    def _end(self, state: int, numbers: tuple[int, ...]) -> None:
        if self.tables.errors and not self.tables.system.is_terminal(self.world(state)):
            return  # a handler raises an exception here
        self.terminal += 1
        for lens in list(self.findings.ends):
            self._ask(lens, state, numbers)

    def _judge(self, states: list[int]) -> None:
        """Judge newly found states; each property is asked once for all that look the same."""
        if not self.findings.states:
            return
        for state in states:
            numbers = self.numbers(state)
            for lens in list(self.findings.states):
                self._ask(lens, state, numbers)

    def _ask(self, lens: Lens, state: int, numbers: tuple[int, ...]) -> None:
        key = lens.key(numbers)
        if key not in lens.answers:
            broken = lens.judge(numbers, self.budgets(state), self._cut_number(state), key)
            self.findings.hit(lens, broken, state)

    def _progress(self, seconds: float, memory: int) -> Progress:
        return Progress(
            distinct=len(self.parents),
            generated=self.generated,
            depth=len(self.levels),
            frontier=len(self.following),
            seconds=seconds,
            memory=memory,
            previous_frontier=len(self.frontier),
            violated=self.findings.violated,
            frontier_before=self.levels[-2] if len(self.levels) > 1 else 0,
        )


class PythonTier(Tier):
    """The search over the tables of a set network."""

    tables: Tables

    def __init__(self, tables: Tables, findings: Findings, limits: Limits, watch: Watch) -> None:
        super().__init__(tables, findings, limits, watch)
        # For each node, by its row and the messages for it: what its actions and deliveries add.
        self._known: list[dict[tuple[int, int], tuple[list[int], list[int]]]] = [
            {} for _ in range(self.nodes)
        ]

    def _steps(self, state: int, numbers: tuple[int, ...]) -> tuple[list[int], int]:
        # The order is that of the plain semantics, so that the same runs are found first.
        tables, handled = self.tables, self.tables.handled
        available = 0
        for rows, number in zip(tables.rows, numbers, strict=True):
            available |= rows[number].sent
        faults = self.budget_shifts and [f for f, n in enumerate(self.budgets(state)) if n]
        deltas: list[int] = []
        strikes = 0
        for i, number in enumerate(numbers):
            key = (number, available & handled[i])
            known = self._known[i].get(key)
            acts = self._acts(i, number) if known is None else known[0]
            deltas += acts
            if tables.asks:
                shift = self.shifts[i]
                for action in tables.rows[i][number].asking:
                    after = tables.ask(i, number, action, available)
                    deltas += [(n - number) << shift for n in after if n]
            if faults:
                struck = self._faults(i, number, faults)
                strikes += len(struck)
                deltas += struck
            if known is None:
                known = self._known[i][key] = (acts, self._deliveries(i, number, available))
            deltas += known[1]
        return deltas, strikes

    def _acts(self, i: int, number: int) -> list[int]:
        """What to add to a state for each action of node `i`."""
        row, shift = self.tables.rows[i][number], self.shifts[i]
        acts = self.tables.fill_acts(i, number) if row.acts is None else row.acts
        return [(after - number) << shift for after in acts]

    def _deliveries(self, i: int, number: int, available: int) -> list[int]:
        """What to add to a state for each message that node `i` may take."""
        tables, row, shift = self.tables, self.tables.rows[i][number], self.shifts[i]
        new = available & tables.handled[i] & ~row.known
        if new:
            tables.fill(i, number, new)
        bits = tables.in_order(available & row.reacts)
        return [(after - number) << shift for bit in bits for after in row.nexts[bit]]

    def _faults(self, i: int, number: int, faults: Sequence[int]) -> list[int]:
        """What to add to a state for each fault that may hit node `i`."""
        row, shift = self.tables.rows[i][number], self.shifts[i]
        deltas: list[int] = []
        for fault in faults:
            after = row.faults.get(fault)
            if after is None:
                after = self.tables.fill_fault(i, number, fault)
            spent = 1 << self.budget_shifts[fault]
            deltas += [((n - number) << shift) - spent for n in after]
        return deltas
