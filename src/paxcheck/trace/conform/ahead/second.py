"""The first process's side: it begins the second one, and takes over what that one found."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec

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
from paxcheck.trace.encode import encode
from paxcheck.trace.events import Event
from paxcheck.trace.lines import is_read_once
from paxcheck.trace.read import Events, Trace

LEAST: Final = 8_000_000
"""A file of fewer bytes is replayed by one process: it takes a second or two."""

SHARE: Final = 0.29
"""The part before the boundary: this process also judges the properties, of both parts."""

_LOOK: Final = 1.0  # seconds between two looks whether the first process is still there
_TEXT: Final = msgspec.json.Encoder(order="sorted").encode


class Again(Exception):
    """Some of the later part is not as the second process took it to be: replay all in one."""


class Ahead:
    """A second process that replays the part behind `boundary`."""

    def __init__(self, file: str, boundary: Boundary, rows: BinaryIO, process: int) -> None:
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
        if world.cut is not None or not _holds(replay.system, world, self.boundary):
            return None
        taken = _Taken(replay, world, self._file)
        for found in read(self._rows.fileno(), self._is_alive):
            if isinstance(found, Stopped):
                break
            if isinstance(found, Totals):
                taken.end()
                links.add(found, replay.worlds[0])
                return found.events
            taken.take([Row(*row) for row in found])
            if progress is not None:
                progress(replay.replayed)
        if taken.any:
            raise Again
        return None

    def _is_alive(self) -> bool:
        if not self._ended:
            self._ended = _waited(self._process, os.WNOHANG)
        return not self._ended

    def stop(self) -> None:
        """End the second process."""
        if self._is_alive():
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            _waited(self._process, 0)
            self._ended = True
        self._rows.close()


def _waited(process: int, options: int) -> bool:
    """Whether a process has ended. Where nobody waits for children, the system says there is none
    any more."""
    try:
        return os.waitpid(process, options)[0] != 0
    except ChildProcessError:
        return True


def _holds(system: Handlers, world: World, boundary: Boundary) -> bool:
    """Whether all nodes hold just what they held at a boundary: `True` is not 1."""
    for i, (one, two) in enumerate(zip(world.locals, boundary.locals, strict=True)):
        if system.bare(i, one) != two:
            return False
        texts = [[encode(local[at]) for at in system.positions[i].values()] for local in (one, two)]
        if _TEXT(texts[0]) != _TEXT(texts[1]):
            return False
    return True


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
        """Take some rows. Raises Again for a message that was not in transit, and where a property
        fails: it may be for what it looked at, of which only a replay in one process knows all."""
        self.any = True
        try:
            self._take(rows)
        except Exception:
            raise Again from None

    def _take(self, rows: Sequence[Row]) -> None:
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
        """All rows are taken. Raises Again, as `take` does."""
        try:
            self._replay.judge.settle()
        except Exception:
            raise Again from None
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
    ahead = None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # until somebody ends it
    try:
        try:
            ahead = _begun(traces[0], system, boundary)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        yield ahead
    finally:
        if ahead is not None:
            ahead.stop()


def _boundary(traces: Sequence[Trace], system: Handlers) -> Boundary | None:
    if len(traces) != 1 or traces[0].header.kind != "trace" or system.network == "fifo":
        return None
    file = traces[0].file
    if not isinstance(traces[0].events, Events) or is_read_once(file):
        return None  # the events may be others than those of the file
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return None
    path = Path(file)
    try:
        if not path.is_file() or path.stat().st_size < LEAST:
            return None
        return boundary_of(path, system, SHARE)
    except OSError:
        return None


def _begun(trace: Trace, system: Handlers, boundary: Boundary) -> Ahead | None:
    """Begin the second process; None where the system has no room for it, or for its file."""
    try:
        rows = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (`Ahead.stop` closes it)
    except OSError:
        return None
    try:
        process = os.fork()
    except OSError:
        rows.close()
        return None
    if process == 0:
        _be_second(system, trace, boundary, rows.fileno())
    return Ahead(trace.path, boundary, cast(BinaryIO, rows), process)


def _be_second(system: Handlers, trace: Trace, boundary: Boundary, rows: int) -> None:
    """What the second process does; it ends here."""
    parent = os.getppid()

    def look(*_: object) -> None:
        if os.getppid() != parent:
            os._exit(0)

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first one ends it
        # Unless it was killed: then nobody waits for an answer, whatever a handler does.
        signal.signal(signal.SIGALRM, look)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)
        replay_later(system, trace, boundary, rows)
    finally:
        os._exit(0)
