# pyright: basic
"""The checkpoint of the native tier: the log as it is, and the tables as calls.

The log has all states in the order in which they were found, so it is the visited set and the
frontier at once, and who found whom is looked up in it. It only grows, and numbers of rows never
change: each part of a checkpoint has the states that are new, packed in the layout of that time.
The table of visited states is made again from the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, Final

import numpy as np

from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.inbox_tables import InboxTables
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.saving import KIND, Problems, TableSaver
from paxcheck.engine.compiled.symmetry import Symmetry
from paxcheck.engine.compiled.tables import Tables

CHUNK: Final = 1 << 20  # words read or written at once
COUNTERS: Final = ("generated", "terminal", "full")


class NativeSaver(TableSaver):
    """Saves a native search at the end of a level, and brings a saved one back.

    First the tables come back, then, when the tier was made for them, its states.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        tables: Tables | InboxTables,
        findings: Findings,
        symmetry: Symmetry | None,
    ) -> None:
        super().__init__(checkpoint, tables, findings)
        self.symmetry = symmetry
        self.tier: Any = None
        self._states = 0
        saved = checkpoint.load(KIND)
        self._saved = saved if saved is not None and saved.state["tier"] == "native" else None

    # Saving ---------------------------------------------------------------------------------

    def after_level(self, force: bool) -> None:
        """Save, if it is time."""
        if not (force or self.checkpoint.due):
            return
        tier = self.tier
        arrays = tier.arrays
        count = tier.distinct - self._states
        described = self.described() | {
            "tier": "native",
            "states": count,
            "layout": {
                "width": arrays.width,
                "word": arrays.word.tolist(),
                "shift": arrays.shift.tolist(),
                "bits": arrays.bits,
            },
        }
        state = {
            "tier": "native",
            "grouped": getattr(self.tables, "grouped", True),
            "symmetric": self.symmetry is not None,
            "levels": list(tier.levels),
            "full_levels": list(tier.full_levels),
            "cursor": int(tier.shared[at.CURSOR]),
            "counters": {name: getattr(tier, name) for name in COUNTERS},
            "bits": arrays.bits,
            "found": self.found(tier.behaviors),
        }
        self.begin()
        if self.checkpoint.save(KIND, state, described, self._payload(tier.distinct)):
            self.was_saved(described)
            self._states += count

    def _payload(self, end: int) -> Iterator[memoryview]:
        width = self.tier.arrays.width
        yield from _blocks(self.tier.log[self._states * width : end * width])
        if self.symmetry is not None:
            yield from _blocks(self.tier.sizes[self._states : end])

    # Going on -------------------------------------------------------------------------------

    def restore_tables(self) -> None:
        """Fill the tables as they were, if this tier saved them. Raises CheckpointError."""
        if self._saved is None:
            return
        if self._saved.state["symmetric"] != (self.symmetry is not None):
            raise self.checkpoint.refused("one of the two runs uses symmetry, the other does not")
        try:
            self.tables.initial()
            for described, _ in self.checkpoint.bodies():
                self.take_back(described, self.symmetry)
            self.find_again(self._saved)
        except Problems as problem:
            raise self.checkpoint.damaged(f"{type(problem).__name__}: {problem}") from None

    def restore_states(self, tier: Any) -> None:
        """Give the tier its states."""
        self.tier = tier
        if self._saved is None:
            return
        state = self._saved.state
        try:
            self._restore(state)
        except Problems as problem:
            raise self.checkpoint.damaged(f"{type(problem).__name__}: {problem}") from None
        if sum(tier.levels) != tier.distinct:
            raise self.checkpoint.damaged("its states and its levels do not agree")
        self.fresh = False

    def _restore(self, state: dict[str, Any]) -> None:
        tier, arrays = self.tier, self.tier.arrays
        arrays.place(list(state["bits"]))
        if not arrays.fits():
            raise ValueError("its rows do not fit into its fields")
        tier.describe(fresh=True)
        for name, value in state["counters"].items():
            setattr(tier, name, int(value))
        tier.levels, tier.full_levels = list(state["levels"]), list(state["full_levels"])
        count = sum(tier.levels)
        tier.come_back(count, int(state["cursor"]))
        for described, file in self.checkpoint.bodies():
            self._read(described, file)
        if self._states != count:
            raise ValueError("it has other states than it says")
        tier.index()

    def _read(self, described: dict[str, Any], file: IO[bytes]) -> None:
        tier, arrays = self.tier, self.tier.arrays
        count, old = described["states"], described["layout"]
        first, end = self._states, self._states + count
        word, shift = np.array(old["word"], np.int64), np.array(old["shift"], np.uint64)
        mask = np.array([(1 << bits) - 1 for bits in old["bits"]], np.uint64)
        step = max(1, CHUNK // old["width"])
        for start in range(first, end, step):
            stop = min(end, start + step)
            words = np.zeros((stop - start) * old["width"], np.uint64)
            _fill(words, file)
            new = np.zeros((stop - start) * arrays.width, np.uint64)
            tier.run(
                "repack", FIRST=0, LAST=stop - start, OLD_LOG_AT=words, OLD_WIDTH=old["width"],
                OLD_WORD_AT=word, OLD_SHIFT_AT=shift, OLD_MASK_AT=mask, LOG_AT=new,
            )  # fmt: skip
            tier.log[start * arrays.width : stop * arrays.width] = new
        tier.version += 1
        if self.symmetry is not None:
            sizes = np.zeros(count, np.int32)
            _fill(sizes, file)
            tier.sizes[first:end] = sizes
        if file.read(1):
            raise ValueError("it has more states than it says")
        self._states = end


def _blocks(array: np.ndarray) -> Iterator[memoryview]:
    for start in range(0, array.shape[0], CHUNK):
        yield array[start : start + CHUNK].view(np.uint8).data


def _fill(array: np.ndarray, file: IO[bytes]) -> None:
    """Read as many bytes as the array has. Raises ValueError when there are fewer."""
    if file.readinto(array.view(np.uint8).data) != array.nbytes:  # type: ignore[attr-defined]
        raise ValueError("it has fewer states than it says")
