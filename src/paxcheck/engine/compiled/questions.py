"""Actions that ask which messages were sent, for the native tier.

Such an action depends on its node's row and on the messages of the classes that it asks for. That
is what a property looks at too: so a question is a lens, whose answers are the rows after the
action.
"""

from __future__ import annotations

from collections.abc import Sequence

from paxcheck.engine.compiled.rows import Alarm
from paxcheck.engine.compiled.tables import Tables
from paxcheck.protocol.execute import Act


class Question:
    """One action of one node. `classes[k]`: for each row of node k what the action can tell apart;
    for the node itself its row, 0 where the action does not ask.
    """

    def __init__(self, tables: Tables, node: int, action: Act) -> None:
        self.tables = tables
        self.node = node
        self.action = action
        self.forget()

    def forget(self) -> None:
        """Start again, because the action has asked for more than before."""
        count = len(self.tables.rows)
        self.reads = self.tables.reads(self.node, self.action)
        self.nodes = tuple(range(count))
        self.classes: list[list[int]] = [[0] for _ in range(count)]
        self._ids: list[dict[int, int]] = [{} for _ in range(count)]

    @property
    def stale(self) -> bool:
        """Whether the action has asked for more than the classes tell apart."""
        return self.reads != self.tables.reads(self.node, self.action)

    @property
    def mask(self) -> int:
        """The messages that it may ask for, as far as they are known."""
        found = 0
        for sought in self.reads:
            found |= self.tables.mask_of(sought)
        return found

    def grow(self, i: int) -> None:
        """Classify the rows of node `i` that are new."""
        known, rows, ids = self.classes[i], self.tables.rows[i], self._ids[i]
        if i == self.node:
            # Whether it asks in a row is known when the row's actions were tried.
            self.classes[i] = [n if self.action in row.asking else 0 for n, row in enumerate(rows)]
            return
        mask = self.mask
        for row in rows[len(known) :]:
            known.append(ids.setdefault(row.sent & mask, len(ids) + 1))

    def key(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """What the action can tell of a state."""
        if any(n >= len(c) for c, n in zip(self.classes, numbers, strict=True)):
            for i in self.nodes:
                self.grow(i)
        return tuple([self.classes[i][number] for i, number in enumerate(numbers)])

    def ask(self, numbers: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[Alarm, ...]]:
        """The rows after the action in a state, and its steps for the judge."""
        tables = self.tables
        answer = tables.told(self.node, numbers[self.node], self.action, tables.available(numbers))
        return answer.after, answer.alarms
