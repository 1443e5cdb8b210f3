"""The worlds of a replay: which they may be after each event, and what is certain of them.

Where an event leaves something open, all worlds that it may have led to are kept; something is
wrong only when it is wrong in all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from paxcheck.protocol.execute import Act, Local
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step, Transition
from paxcheck.protocol.world import World
from paxcheck.trace.conform.clocks import Stamps
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.hidden import FAULTS, Explained, Known, Way, explain
from paxcheck.trace.conform.judging import Judge, worlds_of
from paxcheck.trace.conform.matching import No, match
from paxcheck.trace.conform.ordinary import ordinary
from paxcheck.trace.conform.places import Place
from paxcheck.trace.conform.possible import known_in_full
from paxcheck.trace.conform.result import Hidden
from paxcheck.trace.conform.tracks import Tracks
from paxcheck.trace.conform.typed import plain
from paxcheck.trace.events import Sent

WIDEST: Final = 256
"""The most worlds that are kept when a trace leaves choices open."""


@dataclass(frozen=True, slots=True)
class Excuse:
    """Which faults would explain an event, and which would not (see `hidden`).

    `gave_up`: not all that may explain it was tried.
    """

    ways: tuple[Way, ...] = ()
    tried: tuple[str, ...] = ()
    gave_up: bool = False

    def told(self, between: str) -> tuple[str, ...]:
        """`a lost disk of a2 between lines 97 and 118 explains it; a duplicate does not`."""
        explaining = {fault for way in self.ways for fault in way.faults}
        others = [FAULTS[kind] for kind in self.tried if kind not in explaining]
        rest = " and ".join([part for part in (", ".join(others[:-1]), *others[-1:]) if part])
        verb = "do not" if len(others) > 1 else "does not"
        ways = list(dict.fromkeys([f"{way}{between} explains it" for way in self.ways]))
        if not ways:
            return (f"{rest} {verb} explain it",) if others else ()
        return (*ways[:-1], f"{ways[-1]}; {rest} {verb}" if others else ways[-1])


@dataclass
class Replay:
    """A replay in progress.

    `loose`: events that do nothing in the model are allowed, and steps may be missing; but not of
    the nodes in `whole`. `certain`: nothing was guessed, and no world was left behind.
    """

    system: Handlers
    worlds: list[World]
    judge: Judge
    tracks: Tracks
    loose: bool
    whole: Collection[str]
    stamps: Stamps = field(default_factory=Stamps)
    keep_steps: bool = False
    replayed: int = 0
    steps: list[Step] = field(default_factory=list[Step])
    hidden: list[Hidden] = field(default_factory=list[Hidden])
    pruned: bool = False  # a world was left behind that another order might have allowed
    ended: bool = False
    latest: Transition = field(default_factory=lambda: Transition(Step(Act("", "")), None))
    _search: Handlers | None = None
    _searches: int = 0

    def take(self, place: Place) -> No | None:
        """Take one event; why not, when no world allows it."""
        return None if self.goes_on(place) else self._take(place)

    def goes_on(self, place: Place) -> bool:
        """Take an event, if it is an ordinary one. Its messages may be typed."""
        if len(self.worlds) != 1:
            return False
        world = self.worlds[0]
        step = ordinary(self.system, world, place.event, self.loose)
        if step is None or step.world is None:
            return False
        self._go_on(place, world, step, step.world)
        return True

    def _go_on(self, place: Place, before: World, step: Transition, after: World) -> None:
        """What `advance` does after an ordinary event: nearly all are, and then it must be fast."""
        self.replayed += 1
        self.latest = step
        if self.keep_steps:
            self.steps.append(step.step)
        i = self.system.index[place.event.node or ""]
        fields, life = self.tracks.take_one(place, i, before, step, after)
        # What is ignored leaves the world as it was: there is nothing new to judge.
        if after is not before:
            self.judge.take_one(place, life, before, step, fields)
        event, sent = place.event, place.event.sent
        if event.clock is not None or event.mid is not None or (sent and _has_mids(sent)):
            self.stamps.take(place._replace(event=plain(event)))
        self.worlds = [after]

    def _take(self, place: Place) -> No | None:
        found: dict[World | None, tuple[World, Transition]] = {}
        refused: No | None = None
        waits = False
        for world in self.worlds:
            steps = match(self.system, world, place.event, self.loose)
            if isinstance(steps, No):
                # What only waits for a message may still be possible in another world.
                refused = steps if refused is None or steps.waits else refused
                waits = waits or steps.waits
            elif len(self.worlds) == 1 == len(steps):
                self.advance(place, [(world, steps[0])])
                return None
            else:
                for transition in steps:
                    found.setdefault(transition.world, (world, transition))
        if not found:
            return refused
        if waits:
            self._leave_behind()
        self.advance(place, list(found.values()))
        return None

    def advance(self, place: Place, found: Sequence[tuple[World, Transition]]) -> None:
        """Go on in the worlds after an event."""
        self.replayed += 1
        before, step = found[0]
        event, tracks = place.event, self.tracks
        self.latest = step
        fields = tracks.changed(event.node, before, step.world)
        if event.event != "state":
            if self.keep_steps:
                self.steps.append(step.step)
            alone = len(found) == 1  # so it is nearly always, and then it must be fast
            if step.world is not before if alone else all(t.world is not w for w, t in found):
                # What is ignored leaves the world as it was: there is nothing new to judge.
                self.judge.take(place, tracks.life(place), found, fields)
        self.stamps.take(place)
        worlds = worlds_of(found)
        if len(worlds) > WIDEST:
            self._leave_behind()
            worlds = worlds[:WIDEST]
        self.worlds = worlds or [before]
        self.ended = not worlds
        tracks.take(place, before, step, fields)
        track = tracks.of.get(event.node or "")
        if track is not None:
            track.after = worlds[0].locals[self.system.index[event.node or ""]] if worlds else None

    def known(self, node: str) -> Local | None:
        """The local state after a node's last event, if that says all that decides what it does."""
        track = self.tracks.of.get(node)
        if track is None or track.last is None or not self.loose:
            return None
        full = known_in_full(self.system, track.last.event)
        return track.after if full else None

    def _leave_behind(self) -> None:
        self.pruned = True
        self.judge.stop("not judged to the end: more runs are possible than can be followed")

    def explained(self, place: Place) -> Excuse | None:
        """Look for hidden steps before an event, and take them with it, if there are any.

        None: they were taken. Else what only a fault would explain.
        """
        if not self.loose:
            return Excuse()
        ways: list[Way] = []
        tried: dict[str, None] = {}
        gave_up = False
        for world in self.worlds:
            found = self._explain(world, place)
            ways += found.ways
            tried |= dict.fromkeys(found.tried)
            gave_up = gave_up or found.gave_up
        if not ways:
            return Excuse((), tuple(tried), gave_up)
        least = min(len(way.words) for way in ways)
        ways = [way for way in ways if len(way.words) == least]
        plain = [way for way in ways if not way.faults]
        if not plain:
            return Excuse(tuple(ways), tuple(tried))
        words = tuple(dict.fromkeys(str(way) for way in plain))
        self.hidden.append(Hidden(place.file, place.line, place.event.node or "", words))
        self.judge.stop(f"not judged from {place.file}:{place.line} on: steps are missing there")
        self.advance(place, [(way.before, t) for way in plain for t in way.after])
        return None

    def _explain(self, world: World, place: Place) -> Explained:
        # What handlers did is kept for this search, but not for ever.
        if self._search is None or self._searches % 100 == 0:
            self._search = Handlers(self.system.protocol, memo=True)
        self._searches += 1
        taken = {key: envelope for key, (envelope, _, _) in self.tracks.taken.items()}
        past = {name: track.past for name, track in self.tracks.of.items()}
        return explain(self._search, world, place.event, Known(taken, past, self.whole))


def _has_mids(sent: Sequence[Sent]) -> bool:
    return [one.mid for one in sent] != [None] * len(sent)


def start(
    system: Handlers,
    properties: Sequence[Property],
    loose: bool,
    whole: Collection[str],
    keep_steps: bool = False,
) -> Replay:
    """A replay before its first event."""
    return Replay(
        system,
        [system.initial()],
        Judge(system, properties),
        Tracks(system),
        loose,
        whole,
        keep_steps=keep_steps,
    )
