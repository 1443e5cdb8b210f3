"""What a replay remembers of each node: to search for hidden steps, and to say what went wrong."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from paxcheck.protocol.execute import Act, Local, RuleCall
from paxcheck.protocol.growing import Growing
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.system import Transition
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.hidden import LOOK_BACK, Past
from paxcheck.trace.conform.keys import Key, key_of
from paxcheck.trace.conform.places import Place

RESTARTS: Final = ("crash", "amnesia", "torn")

REMEMBERED: Final = 2_000
"""How many of the latest deliveries are remembered, to know a second one."""


_Latest: TypeAlias = tuple[Local, object, tuple[Envelope, ...]]


@dataclass
class Track:
    """One node: its last event, its life (from 1), where each field got its value, its steps.

    `latest`: its latest steps, each with the local state before. `denied`: the
    rules that said no when it last asked any, or changed. `steps`: how many events it had. `after`:
    its local state after the last one (hidden steps may have changed it since).
    """

    last: Place | None = None
    life: int = 1
    steps: int = 0
    changed: dict[str, tuple[Place, int]] = field(default_factory=dict[str, tuple[Place, int]])
    latest: deque[_Latest] = field(default_factory=lambda: deque[_Latest](maxlen=LOOK_BACK))
    denied: tuple[RuleCall, ...] = ()
    after: Local | None = None

    @property
    def past(self) -> list[Past]:
        """Its latest steps."""
        return [_past(*latest) for latest in self.latest]


def _past(before: Local, trigger: object, sent: tuple[Envelope, ...]) -> Past:
    return Past(before, trigger if isinstance(trigger, (Envelope, Act)) else None, sent)


class Tracks:
    """All nodes, and the latest deliveries (of networks in which a copy is taken once)."""

    def __init__(self, system: Handlers) -> None:
        self.system = system
        self._all = [Track() for _ in system.names]
        self.of = dict(zip(system.names, self._all, strict=True))
        self._once = system.network != "set"
        self._taken: deque[tuple[Envelope, str, int]] = deque(maxlen=REMEMBERED)

    @property
    def taken(self) -> dict[Key, tuple[Envelope, str, int]]:
        """The latest deliveries by key, each with its file and line."""
        return {key_of(row[0]): row for row in self._taken}

    def life(self, place: Place) -> int:
        """The incarnation of an event's node, after the event."""
        track = self.of.get(place.event.node or "")
        return (track.life if track else 1) + (place.event.event in RESTARTS)

    def changed(self, node: str | None, before: World, after: World | None) -> list[str]:
        """The fields of a node, also its ghosts, that a step changed."""
        if node not in self.system.index or after is None or after is before:
            return []
        i = self.system.index[node]
        return self._changed(i, before.locals[i], after.locals[i])

    def _changed(self, i: int, before: Local, after: Local) -> list[str]:
        # Of a history each version is another one: `plus` gives the same when nothing is new.
        rows = zip(self.system.shapes[i].names, before, after, strict=False)
        return [
            name
            for name, old, new in rows
            if old is not new and (new.__class__ is Growing or old != new)
        ]

    def take(self, place: Place, world: World, step: Transition, fields: Sequence[str]) -> None:
        """One event of a node: the world before it, the step that it is, and what it changed."""
        event = place.event
        node = event.node or ""
        track = self.of.get(node)
        if track is None:
            return
        if event.event == "state":
            track.last = place
            track.steps += 1
            return
        if event.event in RESTARTS:
            track.life += 1
        self._step(track, place, world.locals[self.system.index[node]], step, fields)

    def take_one(
        self, place: Place, i: int, before: World, step: Transition, after: World
    ) -> tuple[list[str], int]:
        """The same of an ordinary step of node `i`; what changed, and its incarnation."""
        old, new = before.locals[i], after.locals[i]
        track, fields = self._all[i], self._changed(i, old, new) if old is not new else []
        self._step(track, place, old, step, fields)
        track.after = new
        return fields, track.life

    def _step(
        self, track: Track, place: Place, before: Local, step: Transition, fields: Sequence[str]
    ) -> None:
        track.last = place
        track.steps += 1
        trigger, outcome = step.step.trigger, step.outcome
        # Not the whole step: its worlds would keep all versions of the network alive.
        track.latest.append((before, trigger, outcome.sent if outcome is not None else ()))
        if outcome is not None and (fields or outcome.rules):
            rules = outcome.rules
            track.denied = tuple([call for call in rules if not call.allowed]) if rules else ()
        if fields:
            where = (place, track.life)
            for name in fields:
                track.changed[name] = where
        if self._once and trigger.__class__ is Envelope:
            self._taken.append((trigger, place.file, place.line))  # type: ignore[arg-type]
