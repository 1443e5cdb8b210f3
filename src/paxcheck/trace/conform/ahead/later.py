"""The second process: it replays the later part of a trace, and says what each event did."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from paxcheck.protocol.execute import Local
from paxcheck.protocol.growing import Growing
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.system import Transition
from paxcheck.protocol.world import World
from paxcheck.trace.conform.ahead.boundary import Boundary, message_of
from paxcheck.trace.conform.ahead.rows import Out, Row, Stopped
from paxcheck.trace.conform.causality import Links, Totals
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.ordinary import ordinary
from paxcheck.trace.conform.places import Place
from paxcheck.trace.conform.typed import decoder_of
from paxcheck.trace.conform.wording import messages_of
from paxcheck.trace.events import Event
from paxcheck.trace.lines import LONGEST
from paxcheck.trace.read import Events, Trace


class _Added(Growing):
    """A history of which only the latest additions are known."""

    __slots__ = ("items",)

    def __init__(self, items: Collection[Any] = ()) -> None:
        self.items = tuple(items)

    def plus(self, items: Collection[Any]) -> Growing:
        return _Added(items)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class _NotOrdinary(Exception):
    """An event that only the first process can judge."""


def replay_later(system: Handlers, trace: Trace, boundary: Boundary, out: int) -> None:
    """Replay the events behind the boundary, as long as they are ordinary ones."""
    rows = Out(out)
    line = boundary.line
    try:
        system.knows_all = False  # of what was sent before
        later = _Later(system, boundary)
        later_part = Events(_lines(Path(trace.file), boundary), trace.path, trace.header)
        later_part.typed = decoder_of(system)
        for line, event in later_part:
            rows.put(later.take(Place(0, trace.path, line, event)))
        system.surroundings.look()
    except Exception:
        rows.end(Stopped(line))  # whatever it is: the first process will come there, and say it
        return
    rows.end(later.totals())


def _lines(path: Path, boundary: Boundary) -> Iterator[tuple[int, str]]:
    """The lines behind the boundary. Raises for what the usual reader may want to say more of."""
    with path.open("rb") as file:
        file.seek(boundary.start)
        for number, line in enumerate(file, boundary.line + 1):
            text = line.decode().strip()
            if not text or len(line) > LONGEST:
                raise _NotOrdinary
            yield number, text


class _Later:
    def __init__(self, system: Handlers, boundary: Boundary) -> None:
        self._system = system
        self._links = Links(system)
        self._kinds = messages_of(system)
        ghosts = [[kind == "ghost" for kind in shape.kinds] for shape in system.shapes]
        locals_ = [
            tuple([_Added() if is_ghost else v for is_ghost, v in zip(row, local, strict=True)])
            for row, local in zip(ghosts, boundary.locals, strict=True)
        ]
        budgets = tuple(system.budgets.values())
        self._world = World(tuple(locals_), system.net.empty, budgets)
        self._events = 0

    def take(self, place: Place) -> Row:
        """Take one event. Raises _NotOrdinary, and what handlers raise."""
        event, before = place.event, self._world
        if event.clock is not None or event.mid is not None:
            raise _NotOrdinary
        for sent in event.sent or ():
            if sent.mid is not None:
                raise _NotOrdinary
        owed = False
        step = ordinary(self._system, before, event, True)
        if step is None:
            before, owed = self._owing(event), True
            step = ordinary(self._system, before, event, True)
        if step is None or step.world is None or step.outcome is None:
            raise _NotOrdinary
        self._events += 1
        self._links.read(place)
        self._links.taken(step)
        row = self._row(place.line, before, step.world, step, owed)
        self._world = step.world
        return row

    def _owing(self, event: Event) -> World:
        """The world in which the message of an event was in transit all the time."""
        message: Any = event.message
        if event.__class__ is Event:
            message = message_of(message or {}, self._kinds)
        if event.event != "deliver" or message is None or not event.node:
            raise _NotOrdinary
        network = self._system.net.send(self._world.network, (Envelope(event.node or "", message),))
        return self._world._replace(network=network)

    def _row(self, line: int, before: World, after: World, step: Transition, owed: bool) -> Row:
        trigger, sent = step.step.trigger, step.outcome.sent if step.outcome else ()
        i = self._system.index[step.step.node or ""]
        changes, plain = self._changes(i, before.locals[i], after.locals[i])
        known = plain or (sent and self._system.network != "set")
        if not known and after is not before:
            # Whether it is a step depends on what was sent, or remembered, before the boundary.
            raise _NotOrdinary
        took = trigger.message if isinstance(trigger, Envelope) else trigger.action  # type: ignore[union-attr]
        return Row(line, i, took, changes, tuple([(e.to, e.message) for e in sent]), owed)

    def _changes(
        self, i: int, before: Local, after: Local
    ) -> tuple[tuple[tuple[int, Any], ...], bool]:
        """What a step changed; and whether any of it is no history."""
        if before is after:
            return (), False
        changes: list[tuple[int, Any]] = []
        plain = False
        for at, (old, new) in enumerate(zip(before, after, strict=True)):
            if new is old:
                continue
            if new.__class__ is _Added:
                changes.append((at, new.items))
            elif new != old:
                changes.append((at, new))
                plain = True
        return tuple(changes), plain

    def totals(self) -> Totals:
        """What was counted."""
        totals = self._links.totals(self._events)
        network = self._world.network
        if self._system.network == "set":
            totals.keys = tuple(network.cells())
        else:
            totals.left = self._system.transit.size(network)
        return totals
