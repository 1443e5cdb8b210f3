"""Limits of a run, and the watch that keeps them: states, depth, time and memory.

A limit that is reached makes a verdict `undetermined`: "I ran out" is never "holds".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from paxcheck.plain import count


class Limits(Struct, frozen=True):
    """How far a run may go. None: no limit.

    `states`: distinct states; `depth`: steps from the initial state; `seconds`: elapsed time;
    `memory`: bytes of resident memory of the process.
    """

    states: int | None = None
    depth: int | None = None
    seconds: float | None = None
    memory: int | None = None


class Progress(Struct, frozen=True):
    """A look at a run: states found, depth, seconds and bytes so far.

    `frontier`: states of the level that is being made; `previous_frontier`: the level that is being
    expanded, which is complete; `frontier_before`: the one before that (0: there is none).
    """

    distinct: int
    generated: int
    depth: int
    frontier: int
    seconds: float
    memory: int
    previous_frontier: int = 0
    violated: tuple[str, ...] = ()
    frontier_before: int = 0


Report = Callable[[Progress], None]


class Watch:
    """Looks at the clock and the memory now and then, reports progress, and says when to stop."""

    def __init__(self, limits: Limits, report: Report | None = None, every: float = 0.2) -> None:
        self.limits = limits
        self.started = time.perf_counter()
        self._report = report
        self._every = every
        self._next = self.started + every

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def over_states(self, distinct: int) -> str | None:
        """The reason to stop when there are too many states, else None. Cheap: ask each time."""
        most = self.limits.states
        if most is not None and distinct >= most:
            return f"the limit of {count(most, 'state')} was reached"
        return None

    def look(self, snapshot: Callable[[float, int], Progress]) -> str | None:
        """The reason to stop for time or memory, else None; reports progress when it is due."""
        now = time.perf_counter()
        seconds, most = now - self.started, self.limits.seconds
        if most is not None and seconds >= most:
            return out_of_time(most)
        if now < self._next:
            return None
        self._next = now + self._every
        memory = resident_memory()
        if self._report is not None:
            self._report(snapshot(seconds, memory))
        if self.limits.memory is not None and memory >= self.limits.memory:
            return f"the limit of {self.limits.memory / 2**20:,.0f} MiB of memory was reached"
        return None


def out_of_time(seconds: float) -> str:
    """The reason to stop when so many seconds are over."""
    return f"the limit of {seconds:g} second{'' if seconds == 1 else 's'} was reached"


def resident_memory() -> int:
    """Bytes of resident memory of this process; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError, ValueError):
        return 0
