# pyright: basic
"""How the native tier answers the kernels: it fills entries, and shows states to the properties.

The kernels hand over the states that look new to a property; here the property judges them. When it
turns out to look at more than before, the states of the level are shown to it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paxcheck.engine.compiled.arrays import Arrays
from paxcheck.engine.compiled.asking import Asking
from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.questions import Question
from paxcheck.engine.compiled.symmetry import NotSymmetric
from paxcheck.engine.compiled.worker import BATCH

FEW_KEYS = 20  # bits of the number of a key


class Looks(Asking):
    """A store whose tables are filled and whose states are judged."""

    tables: Any
    findings: Findings
    arrays: Arrays

    def begin_looking(self) -> None:
        """Nothing was judged so far."""
        self.beginning = True  # no level was expanded yet
        self.lenses: list[Lens] = []
        self.questions: list[Question] = []
        self.breached: dict[str, Lens] = {}
        self._classified: list[list[int]] = []
        self._classes: Any = None
        self._renamed: list[int] = []
        self._answers: list[dict[tuple[int, ...], int]] = []
        self._steps_known: dict[Any, list[str]] = {}

    # What the kernels are told --------------------------------------------------------------

    def describe(self, *, fresh: bool = False) -> None:
        """Make the control blocks fit the tables. `fresh`: forget which looks were seen."""
        arrays = self.arrays
        lenses = [*self.findings.states, *self.findings.ends]
        looks = [*lenses, *self.questions]
        if fresh or self._classes is not arrays.classes or looks != self.lenses + self.questions:
            fresh = True
        self.lens_total = len(looks)
        if fresh:
            self.lenses = lenses
            if len(looks) > arrays.classes.shape[0]:
                arrays.lens_count = len(looks)
                arrays.classes = np.zeros((len(looks), arrays.total), np.int32)
            self._classes = arrays.classes
            self._classified = [[0] * arrays.nodes for _ in looks]
            arrays.classes[:] = 0
            arrays.look_again()
            self._fields = np.zeros((max(1, len(looks)), arrays.nodes), np.int64)
            self._key_bits = np.zeros((max(1, len(looks)), arrays.nodes), np.int64)
            for worker in self.workers:
                worker.forget_numbers()
            self.empty_answers()
        for k, look in enumerate(looks):
            for i in look.nodes:
                self._fields[k, i] = 1
                first, rows = self._classified[k][i], len(self.tables.rows[i])
                if isinstance(look, Question) and i == look.node:
                    first = 0
                if first < rows:
                    look.grow(i)
                    start = int(arrays.base[i])
                    arrays.classes[k, start + first : start + rows] = look.classes[i][first:rows]
                    self._classified[k][i] = rows
                    most = max(look.classes[i][first:rows])
                    self._key_bits[k, i] = max(self._key_bits[k, i], (most - 1).bit_length())
        arrays.questions = len(self.questions)
        arrays.state_lenses = len(self.findings.states)
        arrays.describe(self.main)
        block = self.main
        block[at.STATES_LENSES] = len(self.findings.states)
        block[at.END_LENSES] = len(self.findings.ends)
        block[at.QUESTIONS] = len(self.questions)
        block.point(
            {
                at.LENS_FIELDS_AT: self._fields,
                at.DENSE_SHIFTS_AT: self._number_keys(len(looks)),
                at.ASKER_AT: np.array([q.node for q in self.questions] or [0], np.int64),
            }
        )
        if self.symmetry is not None:
            self._describe_symmetry(fresh)
        self.describe_states()
        for worker in self.workers:
            self.fit(worker)
            if fresh:
                worker.block[at.PENDING] = 0
                slots = worker.block[at.SEEN_SLOTS]
                worker.see(slots, len(looks), arrays.width)

    def _number_keys(self, looks: int) -> np.ndarray:
        """Where the class of each node, less 1, is in the number of a key.

        The lenses whose numbers are small get tables.
        """
        ends = self._key_bits.cumsum(axis=1)
        self.widths = tuple(
            [width if width <= FEW_KEYS else 0 for width in ends[:looks, -1].tolist()]
        )
        return ends - self._key_bits

    def _describe_symmetry(self, fresh: bool) -> None:
        arrays, symmetry, block = self.arrays, self.symmetry, self.main
        assert symmetry is not None
        sizes = [len(rows) for rows in self.tables.rows]
        if fresh or self._renamed != sizes:
            symmetry.describe(block, arrays)
            self._renamed = [len(rows) for rows in self.tables.rows]

    # Requests -------------------------------------------------------------------------------

    def answer(self) -> None:
        """Fill the entries that the kernels asked for, and judge what they handed over."""
        entries = self.requested()
        pending: list[tuple[int, int]] = []
        for worker in self.workers:
            pending += [(p, k) for p, k in worker.taken(at.PENDING_AT, at.PENDING, 2)]
        if entries:
            self.fill(entries)
        if pending:
            self._judge(sorted(pending))

    def requested(self) -> dict[tuple[int, int], list[int]]:
        """The entries that the kernels asked for, (node, row) -> bits: in order, each once."""
        asked = np.concatenate([w.took(at.REQUESTS_AT, at.REQUESTS, 3) for w in self.workers])
        if not len(asked):
            return {}
        asked = asked[np.lexsort(asked.T[::-1])]
        new = np.diff(asked, axis=0, prepend=-1) != 0
        asked, new = asked[new.any(axis=1)], new[new.any(axis=1)]
        first = np.flatnonzero(new[:, :2].any(axis=1)).tolist()
        bits = asked[:, 2].tolist()
        parts = [bits[a:b] for a, b in zip(first, [*first[1:], len(bits)], strict=True)]
        return dict(zip(map(tuple, asked[first, :2].tolist()), parts, strict=True))

    def fill(self, entries: dict[tuple[int, int], list[int]]) -> None:
        """Let the tables compute entries, and write them: (node, row) -> bits."""
        arrays = self.arrays
        arrays.requested[:] = 0
        for (i, number), bits in entries.items():
            arrays.compute(i, number, bits)
            if self.tables.alarms:
                self.note_breaches()
            if self.symmetry is not None:
                self.symmetry.check_row(i, number, bits, arrays)
        self.take_over(entries)

    def take_over(self, entries: dict[tuple[int, int], list[int]]) -> None:
        """Write entries that the tables have computed into the arrays: (node, row) -> bits."""
        arrays = self.arrays
        self.new_rows()
        asks = self.new_questions()
        for (i, number), bits in entries.items():
            arrays.fill(i, number, bits)
        self.describe(fresh=asks)

    def new_rows(self) -> bool:
        """Give the new rows their places, and write all states again if they need more room."""
        if self.symmetry is not None:
            self.symmetry.close()
        old = self.packing()
        again = self.arrays.sync()
        if again:
            self.arrays.describe(self.main)
            self.repack(old)
        return again

    def note_breaches(self) -> None:
        """Set traps at the entries that were just computed and that break a step property."""
        tables, found = self.tables, self.findings.found
        for alarm in tables.alarms:
            names = [name for name in self.breaches(alarm) if name not in found]
            if names:
                what = self.arrays.what_of(alarm.node, alarm.step.trigger)
                self.arrays.traps.setdefault((alarm.node, alarm.row, what), set()).update(names)
        tables.alarms.clear()

    def breaches(self, alarm: Any) -> list[str]:
        """The properties that a step breaks."""
        key = (alarm.node, alarm.row, alarm.step)
        known = self._steps_known.get(key)
        if known is None:
            judged = self.findings._steps.breaches(alarm)
            known = self._steps_known[key] = [name for name, _ in judged]
        return known

    # Judging --------------------------------------------------------------------------------

    @property
    def first_to_judge(self) -> int:
        """Where the states begin that may look new: the level that is made, at first all."""
        return self.level if self.beginning else self.level_end

    def judge_level(self) -> None:
        """Show all states of the level that is made, and the ends of the one that is expanded."""
        while not self._judge_again():
            self.describe(fresh=True)

    def _judge_again(self) -> bool:
        place, last = self.first_to_judge, int(self.shared[at.COUNT])
        while place < last and self.findings.states:
            place = self.run("judge_range", FIRST=place, LAST=last)
            if not self._judge_pending():
                return False
        place, last = self.level, min(int(self.shared[at.CURSOR]), self.level_end)
        while place < last and self.findings.ends:
            place = self.scan(at.JUDGE_ENDS, place, last)
            if not self._judge_pending():
                return False
        return True

    def scan(self, mode: int, first: int, last: int, **arguments: Any) -> int:
        """Scan a range of states; where it must go on after `answer`."""
        place = self.run("scan", MODE=mode, FIRST=first, LAST=last, **arguments)
        entries = self.requested()
        if entries:
            self.fill(entries)
        elif place == first and not self.workers[0].block[at.PENDING]:
            raise AssertionError("a scan of states does not go on")
        return place

    def _judge_pending(self) -> bool:
        """Judge what the first worker handed over; False when all must be shown again."""
        pending = [(p, k) for p, k in self.workers[0].taken(at.PENDING_AT, at.PENDING, 2)]
        again = self._ask_pending(sorted(pending))
        self._room_to_see()
        return not again

    def _judge(self, pending: list[tuple[int, int]]) -> None:
        if self._ask_pending(pending):
            self.describe(fresh=True)
            self.judge_level()

    def _ask_pending(self, pending: list[tuple[int, int]]) -> bool:
        """Judge states; True when a property looked at more than before."""
        asked: dict[int, list[Any]] = {}
        states = self.unpacked([place for place, _ in pending])
        for (_, k), (numbers, budgets, cut) in zip(pending, states, strict=True):
            if k >= len(self.lenses):
                q = k - len(self.lenses)
                asked.setdefault(q, []).append((self.questions[q].key(numbers), numbers))
                continue
            lens = self.lenses[k]
            key = lens.key(numbers)
            if key not in lens.answers and self._judge_one(lens, numbers, budgets, cut, key):
                return True
        if asked:
            self.ask(asked)
        return False

    def _judge_one(self, lens: Lens, numbers: Any, budgets: Any, cut: int, key: Any) -> bool:
        """Ask a property about a state; True when it looked at more than before."""
        classes = lens.classes
        broken = lens.judge(numbers, budgets, cut, key)
        if lens.classes is not classes:
            self._widen(lens)
            return True
        if self.symmetry is not None:
            self._check_images(lens, numbers, budgets, broken is None)
            if lens.classes is not classes:
                self._widen(lens)
                return True
        if (broken is None) == (lens.prop.kind == "reachable"):
            self.breached[lens.prop.name] = lens
        return False

    def _widen(self, lens: Lens) -> None:
        """With symmetry a property must tell apart what it would tell apart under other names."""
        lens.answers.clear()
        if self.symmetry is not None:
            lens.look_alike([set(map(int, column)) for column in self.symmetry.target.T])

    def _check_images(
        self, lens: Lens, numbers: tuple[int, ...], budgets: Any, holds: bool
    ) -> None:
        """A property must say the same of all images of a state. Raises NotSymmetric."""
        todo = [numbers]
        seen = {lens.key(numbers)}
        assert self.symmetry is not None
        while todo:
            for p, image in self.symmetry.images(todo.pop()):
                key = lens.key(image)
                if key in seen:
                    continue
                seen.add(key)
                todo.append(image)
                answer = lens.answers.get(key)
                if answer is None:
                    answer = lens.judge(image, budgets) is None
                if answer != holds:
                    moved = [f"{a} for {b}" for a, b in self.symmetry.maps[p].items() if a != b]
                    raise NotSymmetric(
                        f"property {lens.prop.name} answers otherwise when {', '.join(moved)} is "
                        "put in its place, and symmetry() says that it does not"
                    )

    def _room_to_see(self) -> None:
        """Make the sets of seen looks larger where one is half full."""
        for worker in self.workers:
            slots = worker.block[at.SEEN_SLOTS]
            most = int(worker.array(at.SEEN_COUNT_AT).max())
            if (most + BATCH * (self.arrays.most + 1)) * 2 >= slots:
                worker.see(slots * 4, self.lens_total, self.arrays.width)

    # States ---------------------------------------------------------------------------------

    def unpacked(self, places: list[int]) -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
        """The rows of each state, what is left of the budgets, and the cut."""
        width = self.arrays.width
        words = np.array(places, np.int64)[:, None] * width + np.arange(width)
        return self.arrays.unpack(self.log[words])
