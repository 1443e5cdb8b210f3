"""What a replay remembers of each node: to search for hidden steps, and to say what went wrong."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from paxcheck.protocol.execute import Act, Local, RuleCall
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


@dataclass
class Track:
    """One node: its last event, its life (from 1), where each field got its value, its steps.

    `denied`: the rules that said no when it last asked any, or changed. `known`: its local state,
    if the last event says all that decides what it does next. `steps`: how many events it had.
    """

    last: Place | None = None
    life: int = 1
    steps: int = 0
    changed: dict[str, tuple[Place, int]] = field(default_factory=dict[str, tuple[Place, int]])
    past: deque[Past] = field(default_factory=lambda: deque[Past](maxlen=LOOK_BACK))
    denied: tuple[RuleCall, ...] = ()
    known: Local | None = None


class Tracks:
    """All nodes, and the latest deliveries (of networks in which a copy is taken once)."""

    def __init__(self, system: Handlers) -> None:
        self.system = system
        self.of = {name: Track() for name in system.names}
        self.taken: OrderedDict[Key, tuple[Envelope, Place]] = OrderedDict()

    def life(self, place: Place) -> int:
        """The incarnation of an event's node, after the event."""
        track = self.of.get(place.event.node or "")
        return (track.life if track else 1) + (place.event.event in RESTARTS)

    def changed(self, node: str | None, before: World, after: World | None) -> list[str]:
        """The fields of a node, also its ghosts, that a step changed."""
        if node not in self.system.index or after is None or after is before:
            return []
        i = self.system.index[node]
        rows = zip(self.system.shapes[i].names, before.locals[i], after.locals[i], strict=False)
        return [name for name, old, new in rows if old is not new and old != new]

    def take(self, place: Place, world: World, step: Transition, fields: Sequence[str]) -> None:
        """One event of a node: the world before it, the step that it is, and what it changed."""
        event = place.event
        node = event.node or ""
        track = self.of.get(node)
        if track is None:
            return
        track.last = place
        track.steps += 1
        if event.event == "state":
            return
        if event.event in RESTARTS:
            track.life += 1
        trigger, outcome = step.step.trigger, step.outcome
        kept = trigger if isinstance(trigger, (Envelope, Act)) else None
        before = world.locals[self.system.index[node]]
        track.past.append(Past(before, kept, outcome.sent if outcome else ()))
        if outcome is not None and (fields or outcome.rules):
            rules = outcome.rules
            track.denied = tuple([call for call in rules if not call.allowed]) if rules else ()
        for name in fields:
            track.changed[name] = (place, track.life)
        if isinstance(trigger, Envelope) and self.system.network != "set":
            self.taken[key_of(trigger)] = (trigger, place)
            if len(self.taken) > REMEMBERED:
                self.taken.popitem(last=False)
