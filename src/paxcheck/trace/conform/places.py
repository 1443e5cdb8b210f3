"""Where an event stands, and in which order the events of several files are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from paxcheck.clock import Clock
from paxcheck.trace.conform.matching import NETWORK
from paxcheck.trace.events import Event
from paxcheck.trace.read import Trace


class Place(NamedTuple):
    """An event with its number in the order of reading, its file and its line."""

    number: int
    file: str
    line: int
    event: Event

    @property
    def actor(self) -> str:
        """The node that takes the step; "" for the network."""
        return "" if self.event.event in NETWORK else self.event.node or ""


class Feed:
    """The events of several traces, read only as far as they are needed.

    Each file is read in its order. Where the last event of a file waits for one of another file,
    that other file is read first. Where the events have clocks, the earliest is read first.
    `read`: how many events were read so far. `pause`: after which line (of the only file) the feed
    ends for now; 0: at its end.
    """

    def __init__(self, traces: Sequence[Trace], pause: int = 0) -> None:
        self._files = [_File(trace) for trace in traces]
        self.read = 0
        self.pause = pause

    def next(self, waiting: Set[str]) -> Place | None:
        """The next event, if possible of a file that waits for nobody in `waiting`."""
        files = self._files
        while files:
            file = files[0] if len(files) == 1 else min(files, key=lambda f: f.urgency(waiting))
            found = file.pop()
            if found is None:
                files.remove(file)
                continue
            line, event = found
            if self.pause and line > self.pause:
                file.put_back(found)
                return None
            self.read += 1
            place = Place(self.read, file.path, line, event)
            if len(files) > 1:
                file.actor = place.actor
            return place
        return None

    def leave(self) -> None:
        """Read nothing more."""
        self._files.clear()

    def rest(self) -> Iterator[Place]:
        """What was not read yet."""
        while (place := self.next(frozenset())) is not None:
            yield place


class _File:
    def __init__(self, trace: Trace) -> None:
        self.path = trace.path
        self.actor: str | None = None
        self._events = iter(trace.events)
        self._head: list[tuple[int, Event]] = []
        self._count = 0

    def pop(self) -> tuple[int, Event] | None:
        """The next event; None at the end."""
        if self._head:
            return self._head.pop()
        self._count += 1
        return next(self._events, None)

    def put_back(self, event: tuple[int, Event]) -> None:
        """It was not its turn."""
        self._head.append(event)

    def urgency(self, waiting: Set[str]) -> tuple[bool, int, int]:
        """The file with the least one is read first: one that waits for nobody, then that of the
        earliest clock, then the first; of those that wait the one that was read least."""
        waits = self.actor in waiting
        if not self._head and (head := next(self._events, None)) is not None:
            self._head.append(head)
            self._count += 1
        clock = self._head[0][1].clock if self._head else None
        return waits, 0 if clock is None else moment(clock), self._count if waits else 0


def moment(clock: Clock) -> int:
    """A number that is greater for whatever happened after it."""
    return clock if isinstance(clock, int) else sum(clock.values())
