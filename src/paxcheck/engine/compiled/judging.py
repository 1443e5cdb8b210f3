"""Judges states and steps by looking them up: each property is asked once for what it can see.

A property reads some fields of some nodes and the sent messages of some classes. Both follow from
the rows, node by node. So each property maps every row to the *class* of rows that look the same
to it, and keeps its answers by the classes of all nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from paxcheck.engine.compiled.rows import Alarm
from paxcheck.protocol.execute import Local
from paxcheck.protocol.messages import Sought
from paxcheck.protocol.properties import Broken, Property
from paxcheck.protocol.world import Part


class Lens:
    """What one property sees of the rows; its answers so far."""

    def __init__(self, tables: Any, prop: Property) -> None:
        self.tables = tables
        self.prop = prop
        self.answers: dict[tuple[int, ...], bool] = {}
        self._parts: set[Part] = set()
        self._fields: list[list[str]] = [[] for _ in tables.rows]
        self._kinds: list[type[Any]] = []
        self.nodes: tuple[int, ...] = ()
        self.classes: list[list[int]] = [[0] for _ in tables.rows]
        self._class_ids: list[dict[Any, int]] = [{} for _ in tables.rows]

    def key(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """The classes of the rows of a state, at the nodes that the property looks at."""
        classes = self.classes
        try:
            return tuple([classes[i][numbers[i]] for i in self.nodes])
        except IndexError:
            for i in self.nodes:
                self.grow(i)
            return self.key(numbers)

    def grow(self, i: int) -> None:
        """Classify the rows of node `i` that are new."""
        known, rows, ids = self.classes[i], self.tables.rows[i], self._class_ids[i]
        look_at = self._looks(i)
        mask = 0
        for kind in self._kinds:
            mask |= self.tables.mask_of(Sought(kind))
        for row in rows[len(known) :]:
            look = (row.sent & mask, *look_at(row.local))
            known.append(ids.setdefault(look, len(ids) + 1))

    def _looks(self, i: int) -> Callable[[Local], tuple[Any, ...]]:
        """What is seen of a local state of node `i`."""
        shape = self.tables.system.shapes[i]
        where = [shape.names.index(f) for f in self._fields[i] if f != "stopped"]
        stopped = "stopped" in self._fields[i]

        def look(local: Local) -> tuple[Any, ...]:
            return (stopped and shape.stopped(local), *[local[position] for position in where])

        return look

    def judge(
        self,
        numbers: tuple[int, ...],
        budgets: tuple[int, ...],
        cut: int = 0,
        key: tuple[int, ...] | None = None,
    ) -> Broken | None:
        """Ask the property about a state that looks new, and keep the answer.

        `key`: of the state, for who knows it.
        """
        reads: set[Part] = set()
        answer = self.prop.judge(self.tables.view(numbers, budgets, cut, reads))
        if not reads <= self._parts:
            # It looked at more than before: start again with finer classes. Answers that were
            # given stay right, because each depended only on what was read for it.
            self._extend(reads)
            self.answers.clear()
            key = None
        self.answers[key or self.key(numbers)] = answer is None
        return answer

    def _extend(self, reads: set[Part]) -> None:
        for part in sorted(reads - self._parts, key=str):
            if isinstance(part, type):
                self._kinds.append(part)
            else:
                self._fields[part[0]].append(part[1])
        self._parts |= reads
        self._start_again()

    def look_alike(self, images: Sequence[set[int]]) -> None:
        """See of the nodes in `images[i]` what is seen of node `i`; answers are forgotten."""
        for i, fields in enumerate([list(fields) for fields in self._fields]):
            for j in sorted(images[i]):
                self._fields[j] += [field for field in fields if field not in self._fields[j]]
                self._parts |= {(j, field) for field in fields}
        self.answers.clear()
        self._start_again()

    def _start_again(self) -> None:
        count = len(self.tables.rows)
        used = range(count) if self._kinds else [i for i in range(count) if self._fields[i]]
        self.nodes = tuple(used)
        self.classes = [[0] for _ in range(count)]
        self._class_ids = [{} for _ in range(count)]


class StepJudge:
    """Judges each new table entry by the step invariants, once for each local step."""

    def __init__(self, tables: Any, properties: Sequence[Property]) -> None:
        self.tables = tables
        self.properties = [p for p in properties if p.kind == "step_invariant"]
        self.no_exception = any(p.kind == "no_exception" for p in properties)

    def breaches(self, alarm: Alarm) -> list[tuple[str, Broken]]:
        """The properties that the step breaks."""
        error = alarm.outcome.error
        if error is not None:
            broken = Broken(str(error), (error,))
            return [("no_exception", broken)] if self.no_exception else []
        if not self.properties:
            return []
        local = self.tables.rows[alarm.node][alarm.row].local
        view = self.tables.system.local_view(alarm.node, local, alarm.step.trigger, alarm.outcome)
        judged = [(p.name, p.judge(view)) for p in self.properties]
        return [(name, broken) for name, broken in judged if broken is not None]
