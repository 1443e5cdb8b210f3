"""The first process's side: it begins the second one, and takes over what that one found."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from paxcheck.protocol.errors import PaxcheckError
from paxcheck.protocol.execute import Outcome
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.system import Step, Transition
from paxcheck.protocol.world import World
from paxcheck.trace.conform.ahead.boundary import Boundary, boundary_of
from paxcheck.trace.conform.ahead.later import replay_later
from paxcheck.trace.conform.ahead.rows import Row, Stopped, read
from paxcheck.trace.conform.causality import Links, Totals
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.keys import key_of
from paxcheck.trace.conform.places import Place
from paxcheck.trace.conform.replay import Replay
from paxcheck.trace.events import Event
from paxcheck.trace.read import Trace

LEAST: Final = 8_000_000
"""A file of fewer bytes is replayed by one process: it takes a second or two."""

SHARE: Final = 0.31
"""The part before the boundary: this process also judges the properties, of both parts."""


class Again(Exception):
    """Some of the later part is not as the second process took it to be: replay all in one."""


class Ahead:
    """A second process that replays the part behind `boundary`."""

    def __init__(self, file: str, boundary: Boundary, rows: Path, process: int) -> None:
        self.boundary = boundary
        self._file = file
        self._rows = rows
        self._process = process
        self._ended = False

    def take(
        self, replay: Replay, links: Links, progress: Callable[[int], None] | None
    ) -> int | None:
        """Take over all events behind the boundary, and judge them; how many there were.

        None: the replay must go on by itself; nothing was taken. Raises Again where it is too late
        for that.
        """
        if len(replay.worlds) != 1 or replay.judge.asks_for_messages:
            return None
        world = replay.worlds[0]
        bare = tuple([replay.system.bare(i, local) for i, local in enumerate(world.locals)])
        if bare != self.boundary.locals or world.cut is not None:
            return None
        taken = _Taken(replay, world, self._file)
        for found in read(self._rows, self._is_alive):
            if isinstance(found, Stopped):
                break
            try:
                if isinstance(found, Totals):
                    taken.end()
                    links.add(found, replay.worlds[0])
                    return found.events
                taken.take([Row(*row) for row in found])
            except PaxcheckError:
                raise Again from None  # a property fails: is it so too where it sees all messages?
            if progress is not None:
                progress(replay.replayed)
        if taken.any:
            raise Again
        return None

    def _is_alive(self) -> bool:
        if not self._ended:
            self._ended = os.waitpid(self._process, os.WNOHANG)[0] != 0
        return not self._ended

    def stop(self) -> None:
        """End the second process."""
        if self._is_alive():
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            self._ended = True


class _Taken:
    """Takes rows over into a replay."""

    def __init__(self, replay: Replay, world: World, file: str) -> None:
        self._replay = replay
        self._system = replay.system
        self._world = world
        self._file = file
        self._events = [Event("deliver", node=name) for name in replay.system.names]
        self.any = False

    def take(self, rows: Sequence[Row]) -> None:
        """Take some rows. Raises Again for a message that was not in transit."""
        self.any = True
        replay, system, judge = self._replay, self._system, self._replay.judge
        for row in rows:
            i = row.node
            took = row.took
            trigger: Any = system.acts[i][took] if isinstance(took, str) else None
            if trigger is None:
                trigger = Envelope(system.names[i], took)  # type: ignore[arg-type]
                if row.owed:
                    self._pay(trigger)
            replay.replayed += 1
            if not row.changes and not row.sent:
                continue  # it did nothing
            before = self._world
            old = before.locals[i]
            after, fields = self._changed(i, old, row.changes)
            outcome = Outcome(after, tuple([Envelope(to, message) for to, message in row.sent]))
            locals_ = (*before.locals[:i], after, *before.locals[i + 1 :])
            self._world = world = before._replace(locals=locals_)
            place = Place(replay.replayed, self._file, row.line, self._events[i])
            step = Transition(Step(trigger), world, outcome)
            judge.take_one(place, replay.tracks.of[system.names[i]].life, before, step, fields)

    def _changed(
        self, i: int, old: tuple[Any, ...], changes: Sequence[tuple[int, Any]]
    ) -> tuple[tuple[Any, ...], list[str]]:
        """A local state after its changes, and the fields that are other ones."""
        shape = self._system.shapes[i]
        new, fields = list(old), list[str]()
        for at, value in changes:
            if shape.kinds[at] == "ghost":
                value = old[at].plus(value)
                if value is old[at]:
                    continue
            new[at] = value
            fields.append(shape.names[at])
        return tuple(new), fields

    def _pay(self, envelope: Envelope) -> None:
        """Take a message out of what was in transit at the boundary."""
        network, transit = self._world.network, self._system.transit
        found = transit.find(network, envelope.sender, envelope.to, key_of(envelope))
        if found is None or found != envelope:
            raise Again
        self._world = self._world._replace(network=self._system.net.take(network, found))

    def end(self) -> None:
        """All rows are taken."""
        self._replay.judge.settle()
        self._replay.worlds = [self._world]
        if self._replay.judge.asks_for_messages:
            raise Again  # of these only a replay in one process knows


@contextmanager
def ahead_of(traces: Sequence[Trace], system: Handlers) -> Generator[Ahead | None]:
    """A second process for the later part of a trace; None where it would not pay, or cannot be."""
    boundary = _boundary(traces, system)
    if boundary is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows"
        rows.touch()
        process = os.fork()
        if process == 0:
            _be_second(system, traces[0], boundary, rows)
        ahead = Ahead(traces[0].path, boundary, rows, process)
        try:
            yield ahead
        finally:
            ahead.stop()


def _boundary(traces: Sequence[Trace], system: Handlers) -> Boundary | None:
    if len(traces) != 1 or traces[0].header.kind != "trace" or system.network == "fifo":
        return None
    path = Path(traces[0].file)
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2 or not path.is_file():
        return None
    try:
        if path.stat().st_size < LEAST:
            return None
        return boundary_of(path, system, SHARE)
    except OSError:
        return None


def _be_second(system: Handlers, trace: Trace, boundary: Boundary, rows: Path) -> None:
    """What the second process does; it ends here."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first one ends it
        replay_later(system, trace, boundary, rows)
    finally:
        os._exit(0)
