# pyright: basic
"""Large arrays of the native tier: zeroed, in large pages where there are any, growing in place.

A search jumps about in gigabytes. With pages of 4 KB the processor would look for the address of a
page as long as for the data; with pages of 2 MB it need not.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from typing import Any

import numpy as np

from paxcheck.engine.limits import resident_memory

LARGE = 1 << 22  # bytes: smaller arrays are left to numpy
NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)


LINE = 8  # words of a cache line


class MemoryLimit(Exception):
    """The next array would break the limit on memory; the message says which."""


def lines(count: int, kind: Any = np.uint64) -> np.ndarray:
    """An array of zeros that shares no cache line with anything else.

    Two threads that write into one line wait for each other, each time.
    """
    whole = -(-count * np.dtype(kind).itemsize // (8 * LINE)) * LINE
    room = np.zeros(whole + LINE, np.uint64)
    first = -room.ctypes.data // 8 % LINE
    return room[first : first + whole].view(kind)[:count]


def zeros(count: int, kind: Any) -> np.ndarray:
    """An array of zeros."""
    size = count * np.dtype(kind).itemsize
    if size < LARGE:
        return np.zeros(count, kind)
    region = _mapped(size)
    return np.zeros(count, kind) if region is None else np.frombuffer(region, kind, count)


def reserve(count: int, kind: Any) -> np.ndarray:
    """A long array of zeros: as much as the machine has memory. What is not used costs nothing.

    `count`: how long it must be at least. Raises MemoryError where that cannot be had.
    """
    item = np.dtype(kind).itemsize
    most = total_memory() or 1 << 34
    while most >= count * item:
        region = _mapped(most)
        if region is not None:
            return np.frombuffer(region, kind, most // item)
        most //= 2
    return np.zeros(count, kind)


def _mapped(size: int) -> mmap.mmap | None:
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return None
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE
    try:
        region = mmap.mmap(-1, size, flags=flags)
    except (OSError, ValueError, OverflowError):
        return None
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # this system has none
            region.madvise(mmap.MADV_HUGEPAGE)
    return region


def check(more: int, freed: int, most: int | None) -> None:
    """Refuse `more` bytes that do not fit. Raises MemoryLimit, or MemoryError before the system.

    `freed`: bytes that are given back at the same time; `most`: the limit of the run, or None.
    """
    free = available_memory()
    if free is not None and more - freed > free * 9 // 10:
        raise MemoryError(f"{more:,} bytes are needed, and {free:,} are free")
    if most is not None and resident_memory() + more - freed > most:
        raise MemoryLimit(f"the limit of {most / 2**20:,.0f} MiB of memory was reached")


def total_memory() -> int | None:
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def available_memory() -> int | None:
    """Bytes of memory that the system can still give."""
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None
