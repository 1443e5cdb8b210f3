# pyright: basic
"""The work space of one thread of the native tier."""

from __future__ import annotations

from typing import Any

import numpy as np

from paxcheck.engine.compiled.arrays import Arrays
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.kernel.block import Block
from paxcheck.engine.compiled.memory import LINE, lines

BATCH = 128  # states that a thread expands at once
REQUESTS = 1 << 14
DEFERRED = 1 << 16


class Worker:
    """One thread's control block, with its work space.

    `mine`: the places in the log that it has taken and not filled.
    """

    def __init__(self) -> None:
        self.block = Block()
        self._room = self._most = 0
        self._dense: tuple[int, ...] = ()
        self._tables: list[np.ndarray] = []
        self.version = -1
        self._shape: tuple[int, ...] = ()
        self.block.point(
            {
                at.REQUESTS_AT: lines(3 * REQUESTS, np.int64),
                at.DEFERRED_AT: lines(DEFERRED, np.int64),
            }
        )
        self.block[at.REQUESTS_ROOM] = REQUESTS
        self.block[at.DEFERRED_ROOM] = DEFERRED

    def fit(self, arrays: Arrays, lenses: int, renamings: int = 1) -> None:
        """Make the work space fit the tables."""
        block, width, most = self.block, arrays.width, arrays.most
        shape = (width, arrays.mask_words, arrays.fields, lenses)
        if shape == self._shape and most <= self._most:
            return
        self._shape, self._most = shape, 2 * most
        self._room = max(4 * self._most, 1024)
        pending = 2 * BATCH * (self._most + 1) * max(1, lenses)
        block.point(
            {
                at.ROWS_AT: lines(arrays.fields, np.int64),
                at.IDS_AT: lines(arrays.fields, np.int64),
                at.OPEN_AT: lines(LINE),
                at.AWAKE_AT: lines(LINE),
                at.STATE_AT: lines(width, np.uint64),
                at.NEW_AT: lines(self._room * width, np.uint64),
                at.TOPS_AT: lines(self._room, np.int64),
                at.ASLEEP_AT: lines(self._room, np.uint64),
                at.ORBITS_AT: lines(self._room, np.int32),
                at.KEY_AT: lines(width, np.uint64),
                at.PLACES_AT: lines(arrays.fields + 256, np.int64),
                at.BEST_AT: lines(width, np.uint64),
                at.TRIAL_AT: lines(width, np.uint64),
                at.CANDIDATES_AT: lines(2 * renamings, np.int64),
                at.PENDING_AT: lines(2 * pending, np.int64),
            }
        )
        block[at.ROOM] = self._room
        block[at.PENDING_ROOM] = pending
        self.see(1 << 15, lenses, width)

    def see(self, slots: int, lenses: int, width: int) -> None:
        """New sets of keys, empty."""
        while slots < 4 * BATCH * (self._most + 1):
            slots *= 2
        self.block[at.SEEN_SLOTS] = slots
        self.block.point(
            {
                at.SEEN_AT: np.zeros(max(1, lenses) * slots * width, np.uint64),
                at.SEEN_COUNT_AT: lines(max(1, lenses), np.int64),
            }
        )

    def see_by_number(self, widths: tuple[int, ...]) -> None:
        """The tables of the lenses with few keys: how many bits their places have, or 0.

        One whose width is another than before is empty; so are all after `forget_numbers`.
        """
        if widths == self._dense:
            return
        for k, width in enumerate(widths):
            if k >= len(self._dense) or width != self._dense[k]:
                self._tables[k : k + 1] = [np.zeros(1 << width if width else 0, np.uint8)]
        self._dense = widths
        addresses = [table.ctypes.data if len(table) else 0 for table in self._tables]
        self.block.point({at.DENSE_AT: np.array(addresses, np.int64)})

    def forget_numbers(self) -> None:
        """Let the tables of lenses go: classes have other numbers now."""
        self._dense, self._tables = (), []

    def array(self, place: int) -> np.ndarray:
        """An array of the work space."""
        return self.block._kept[place]

    def took(self, place: int, count: int, columns: int = 1) -> np.ndarray:
        """What the kernel wrote into an array, until the next call; the counter is set back."""
        rows = self.block[count]
        self.block[count] = 0
        found = self.array(place)[: columns * rows]
        return found.reshape(-1, columns) if columns > 1 else found

    def taken(self, place: int, count: int, columns: int = 1) -> list[Any]:
        """The same as a list."""
        return self.took(place, count, columns).tolist()
