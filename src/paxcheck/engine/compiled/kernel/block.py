# pyright: basic
"""Control blocks, and the memory that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from paxcheck.engine.compiled.kernel.control import SIZE
from paxcheck.engine.compiled.memory import lines


class Block:
    """A control block; it keeps alive the arrays whose addresses it holds."""

    def __init__(self) -> None:
        self.values = lines(SIZE, np.int64)
        self.address = self.values.ctypes.data
        self._kept: dict[int, np.ndarray] = {}

    def __setitem__(self, place: int, value: int) -> None:
        self.values[place] = value

    def __getitem__(self, place: int) -> int:
        return int(self.values[place])

    def point(self, arrays: Mapping[int, np.ndarray]) -> None:
        """Hold the addresses of these arrays."""
        for place, array in arrays.items():
            self.values[place] = array.ctypes.data
        self._kept.update(arrays)

    def take(self, other: Block, places: slice) -> None:
        """Take over a part of another block."""
        self.values[places] = other.values[places]
        self._kept.update({k: a for k, a in other._kept.items() if places.start <= k < places.stop})
