"""How a search by tables is to be done: what both tiers are told."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from paxcheck.engine.checkpoint import Checkpoint


class How(Struct, frozen=True):
    """`hand_over`: from so many states on the native tier takes over; None: never.

    `checkpoint`: where the search is saved, and what it goes on from. `threads`: how many the
    native tier may use. `reduced`: whether it may follow one order of two steps that commute.
    """

    stop_at_first: bool = False
    digest: bool = False
    symmetric: bool = False
    hand_over: int | None = None
    checkpoint: Checkpoint | None = None
    threads: int = 1
    reduced: bool = True


making_code: list[Callable[[], None]] = []
"""Who wants to know that machine code is being made: it takes some seconds, once."""
