# pyright: basic
"""What is known of one row of the tables."""

from __future__ import annotations


class Entries:
    """What is known of a row, wherever it is: the bits that are filled, and the live ones' entries.

    `of[bit]`: its entry; `live`: those bits; `odd`: those whose entry is a record; `offers`: for
    each sender the moves that it makes; `stale`: the entries in the array are not these.
    """

    __slots__ = ("begin", "known", "live", "odd", "of", "offers", "room", "stale")

    def __init__(self) -> None:
        self.known = self.live = self.odd = 0
        self.of: dict[int, int] = {}
        self.offers: dict[int, int] = {}
        self.begin = self.room = 0
        self.stale = False

    def put(self, bit: int, entry: int, odd: bool) -> None:
        """What a live bit does."""
        self.of[bit] = entry
        self.live |= 1 << bit
        if odd:
            self.odd |= 1 << bit
        self.stale = True
