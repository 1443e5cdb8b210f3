# pyright: basic
"""How the native tier answers actions that ask what was sent (see `questions`).

What was answered is kept under the key of a state: the classes of its rows. Here an action is asked
about the states whose key is new.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.questions import Question
from paxcheck.engine.compiled.store import Store
from paxcheck.engine.compiled.symmetry import NotSymmetric
from paxcheck.protocol.execute import Act

TAKEN = 1 << 63


class Asking(Store):
    """A store whose questions are answered.

    What else the tables say, and what the properties look at, a subclass knows.
    """

    tables: Any
    findings: Findings
    lenses: list[Lens]
    questions: list[Question]

    def describe(self, *, fresh: bool = False) -> None:
        """Make the control blocks fit the tables. `fresh`: forget which looks were seen."""
        raise NotImplementedError

    def new_rows(self) -> bool:
        """Give the new rows their places; True when all states were written again."""
        raise NotImplementedError

    def breaches(self, alarm: Any) -> list[str]:
        """The properties that a step breaks."""
        raise NotImplementedError

    def new_questions(self) -> bool:
        """Take over the actions that ask; whether there are new ones, or they ask for more."""
        tables, arrays = self.tables, self.arrays
        if not getattr(tables, "asks", False):
            return False
        known = {(q.node, q.action) for q in self.questions}
        changed = False
        for i, rows in enumerate(tables.rows):
            for action in dict.fromkeys(a for row in rows for a in row.asking):
                if (i, action) not in known:
                    self.questions.append(Question(tables, i, action))
                    changed = True
        for question in self.questions:
            if question.stale:
                question.forget()
                changed = True
        arrays.asked = [(q.node, q.mask) for q in self.questions]
        if changed:
            arrays.write_again()  # what may sleep on after a step follows from who asks for what
        return changed

    def empty_answers(self) -> None:
        """Forget all answers: the keys are others now."""
        self._answers = [{} for _ in self.questions]
        self._answer_slots = 1 << 12
        self._room_for_answers()

    def _room_for_answers(self) -> None:
        slots, width, count = self._answer_slots, self.arrays.width, max(1, len(self.questions))
        self._answer_keys = np.zeros((count, slots * width), np.uint64)
        self._answer_records = np.zeros((count, slots), np.int32)
        self.main[at.ANSWERS_SLOTS] = slots
        self.main.point({at.ANSWERS_AT: self._answer_keys, at.ANSWER_AT: self._answer_records})
        self.version += 1

    def ask(self, asked: dict[int, list[tuple[tuple[int, ...], tuple[int, ...]]]]) -> None:
        """Answer questions. `asked[q]`: keys, each with the rows of a state that has it."""
        arrays = self.arrays
        new: dict[int, dict[tuple[int, ...], tuple[int, ...]]] = {}
        traps: list[tuple[int, tuple[int, ...], set[str]]] = []
        for q, states in asked.items():
            question = self.questions[q]
            for key, numbers in states:
                after, alarms = question.ask(numbers)
                if self.symmetry is not None:
                    self._check_answer(question, numbers, after)
                self.note_breaches_of(alarms, traps, q, key)
                new.setdefault(q, {})[key] = after
        self.tables.alarms.clear()
        if self.new_rows():
            self.describe(fresh=True)
        if self.new_questions() or self.lenses != [*self.findings.states, *self.findings.ends]:
            self.describe(fresh=True)  # every key is another one now: the states ask again
            return
        self.describe()
        broken = {(q, key): names for q, key, names in traps}
        for q, answers in new.items():
            question = self.questions[q]
            i = question.node
            for key, after in answers.items():
                number = key[i]
                trap = None
                if (q, key) in broken:
                    trap = (i, number, -2 - len(arrays.traps))
                    arrays.traps[trap] = broken[q, key]
                branches = [[n, 0, 0, 0] for n in after]
                record = arrays.record(trap, branches) if after else 0
                self._answers[q][key] = record
            self._put_answers(q, answers)
        arrays.describe(self.main)
        self.describe_states()

    def note_breaches_of(self, alarms: Any, traps: Any, q: int, key: tuple[int, ...]) -> None:
        """Note what the steps of an answer break."""
        found = self.findings.found
        names = {n for alarm in alarms for n in self.breaches(alarm) if n not in found}
        if names:
            traps.append((q, key, names))

    def _put_answers(self, q: int, keys: Any) -> None:
        while 2 * len(self._answers[q]) >= self._answer_slots:
            self._answer_slots *= 4
            self._room_for_answers()
            for other in range(len(self.questions)):
                self._sow_answers(other, self._answers[other])
            return
        self._sow_answers(q, keys)

    def _sow_answers(self, q: int, keys: Any) -> None:
        slots = self.put_keys([self.key_words(key) for key in keys], self._answer_keys[q])
        for slot, key in zip(slots, keys, strict=True):
            self._answer_records[q, slot] = self._answers[q][key]

    def key_words(self, key: tuple[int, ...]) -> list[int]:
        """A key as the kernels have it: a state with classes for rows."""
        arrays = self.arrays
        words = [0] * arrays.width
        for c, group in enumerate(key):
            words[int(arrays.word[c])] |= group << int(arrays.shift[c])
        words[0] |= TAKEN
        return words

    def put_keys(self, keys: list[list[int]], into: np.ndarray) -> list[int]:
        """Put keys into a set of keys; their slots."""
        slots = np.zeros(max(1, len(keys)), np.int64)
        self.run(
            "put_keys", LIST_AT=np.array(keys or [[0]], np.uint64), LISTED=len(keys), KEYS_AT=into,
            KEYS_SLOTS=len(into) // self.arrays.width, MARKS_AT=slots,
        )  # fmt: skip
        return slots[: len(keys)].tolist()

    def _check_answer(
        self, question: Question, numbers: tuple[int, ...], after: tuple[int, ...]
    ) -> None:
        """The image of an answer must be the answer to the image. Raises NotSymmetric."""
        symmetry, tables = self.symmetry, self.tables
        assert symmetry is not None
        node, action = question.node, question.action.action
        todo = [(node, numbers, after)]
        seen = {(node, question.key(numbers))}
        of = {q.node: q for q in self.questions if q.action.action == action}
        while todo:
            i, numbers, after = todo.pop()
            for p, image in symmetry.images(numbers):
                to = int(symmetry.target[p, i])
                expected = sorted([symmetry.image(p, i, n) if n else 0 for n in after])
                asked = Act(tables.system.names[to], action)
                found = tables.told(to, image[to], asked, tables.available(image)).after
                if sorted(found) != expected:
                    raise NotSymmetric(symmetry.difference(p, i, asked))
                known = of.get(to)
                key = (to, known.key(image) if known else image)
                if key not in seen:
                    seen.add(key)
                    todo.append((to, image, found))
