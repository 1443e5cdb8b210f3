# pyright: basic
"""How the native tier shows states to the properties.

The kernel hands over the states that look new to a property; here the property judges them. When it
turns out to look at more than before, all states are shown to it again.
"""

from __future__ import annotations

from typing import Any

from paxcheck.engine.compiled import kernel
from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.store import Store
from paxcheck.engine.compiled.symmetry import NotSymmetric
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.world import World


class Looks(Store):
    """A store whose states are judged; `_judged`: the states before this one are."""

    def _judge_all(self) -> None:
        """Show every state that was not judged yet to the properties."""
        while not (self._scan_states() and self._scan_ends()):
            self._prepare(fresh=True)
        self._judged = self.distinct
        self._ended = int(self.counters[kernel.CURSOR])

    def _scan_states(self) -> bool:
        at = self._judged
        while at < self.distinct and self.layout.lenses[0]:
            at = kernel.judge_range(
                self._widths, self.layout, self.work, self.log, at, self.distinct,
                self.arrays.nodes, self.counters,
            )  # fmt: skip
            if not self._ask_pending():
                return False
            self._room_to_see()
        return True

    def _scan_ends(self) -> bool:
        at, end = self._ended, int(self.counters[kernel.CURSOR])
        while at < end and self.layout.lenses[1]:
            at = kernel.judge_ends(
                self._widths, self._masks, self.layout, self.work, self.log, at, end,
                self.arrays.nodes, self.arrays.fields, self.counters,
            )  # fmt: skip
            if not self._ask_pending():
                return False
            self._room_to_see()
        return True

    def _judge_pending(self) -> None:
        """Ask the properties about the states that look new to them."""
        if not self._ask_pending():
            # A property looked at more than before: states that were found in the meantime may
            # differ in what it did not look at then. Show all of them again.
            self._prepare(fresh=True)
            self._judge_all()
        self._judged = self.distinct
        self._ended = int(self.counters[kernel.CURSOR])
        if len(self.findings.states) + len(self.findings.ends) != len(self._looked_at):
            self._prepare(fresh=True)

    def _ask_pending(self) -> bool:
        """Judge what the kernel handed over, in order; False when a property looked further."""
        c = self.counters
        pending = self.work.pending[: int(c[kernel.PENDING])].tolist()
        c[kernel.PENDING] = 0
        width = self.arrays.width
        found = self.findings.found
        for at, k in pending:
            lens = self._looked_at[k]
            if lens.prop.name in found:
                continue
            numbers, budgets = self.arrays.unpack(self.log[at * width : (at + 1) * width])
            if lens.key(numbers) in lens.answers:
                continue
            classes = lens.classes
            try:
                broken = lens.judge(numbers, self._seen_world(lens, numbers, budgets))
            except Exception:
                # It may miss what it was not shown. With all messages it says what is wrong.
                broken = lens.judge(numbers, self.tables.world(numbers, budgets))
            if lens.classes is not classes:
                # It asked for messages that it was not shown: ask again with all of them.
                lens.answers.clear()
                broken = lens.judge(numbers, self.tables.world(numbers, budgets))
                self._widen(lens)
                return False
            if self.symmetry is not None:
                classes = lens.classes
                self._check_images(lens, numbers, budgets, broken is None)
                if lens.classes is not classes:
                    self._widen(lens)
                    return False
            self.findings.hit(lens, broken, at)
        return True

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
                    answer = lens.judge(image, self._seen_world(lens, image, budgets)) is None
                if answer != holds:
                    moved = [f"{a} for {b}" for a, b in self.symmetry.maps[p].items() if a != b]
                    raise NotSymmetric(
                        f"property {lens.prop.name} answers otherwise when {', '.join(moved)} is "
                        "put in its place, and symmetry() says that it does not"
                    )

    def _seen_world(self, lens: Lens, numbers: tuple[int, ...], budgets: tuple[int, ...]) -> World:
        """A state with those messages only for which the property ever asked."""
        tables = self.tables
        mask = 0
        for kind, bits in tables.class_masks.items():
            if issubclass(kind, tuple(lens._kinds)):
                mask |= bits
        mask &= tables.available(numbers)
        envelopes: list[Envelope] = []
        while mask:
            low = mask & -mask
            message = self._envelopes.get(low)
            if message is None:
                content, receivers = tables.contents[low.bit_length() - 1]
                message = self._envelopes[low] = Envelope(receivers[0], content)
            envelopes.append(message)
            mask ^= low
        locals_ = tuple([rows[n].local for rows, n in zip(tables.rows, numbers, strict=True)])
        return World(locals_, frozenset(envelopes), budgets)
