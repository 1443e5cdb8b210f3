"""In which order the events are taken: each node's own, and a message is sent before it is taken.

Events of different nodes may stand in any order in the files: one that takes a message which nobody
has sent yet waits for it, and so do the later ones of its node. Where nothing goes on, one of those
that wait needs steps that are not in the trace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from paxcheck.trace.conform.causality import Links
from paxcheck.trace.conform.keys import Key, message_key
from paxcheck.trace.conform.matching import No
from paxcheck.trace.conform.places import Feed, Place
from paxcheck.trace.conform.replay import Excuse, Replay
from paxcheck.trace.conform.typed import plain

WINDOW: Final = 10_000
"""How many events may wait before steps are assumed that are not in the trace."""

PATIENCE: Final = 50
"""How many steps a sender may take, in a file in which nothing waited so far, before its message is
taken to be missing."""


@dataclass
class _Waiting:
    """A node that waits: for the message of its first event in the queue."""

    no: No
    key: Key
    sender: str
    since: int  # how many steps the sender had taken
    tried: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The event that is refused. `excuse`: what would explain it."""

    place: Place
    no: No
    excuse: Excuse


class Order:
    """Takes all events of a feed.

    `waited`: some event had to wait. `causal`: all is in one file, and no event had to wait for a
    later line of it: then the file is in the order in which things happened.
    """

    def __init__(self, replay: Replay, feed: Feed, links: Links, files: int) -> None:
        self.replay = replay
        self.feed = feed
        self.links = links
        self.waited = files > 1
        self.network_steps = False
        self.causal = files == 1  # so far each message was sent in a line before
        self._queues: dict[str, deque[Place]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._held = 0

    @property
    def calm(self) -> bool:
        """Whether no node waits."""
        return not self._waiting

    def run(self, progress: Callable[[int], None] | None = None) -> Refused | None:
        """Take all events; the one that is refused, if any. `progress(events)`: now and then."""
        refused = self.through(progress)
        while refused is None and self._waiting and not self.replay.ended:
            refused = self._unblock()
        return refused

    def through(self, progress: Callable[[int], None] | None = None) -> Refused | None:
        """Take the events that the feed has, and leave those that wait."""
        replay, goes_on, taken = self.replay, self.replay.goes_on, self.links.taken
        while not self.replay.ended:
            place = self.feed.next(self._waiting.keys())
            if place is None:
                break
            if progress is not None and not self.feed.read & 0x3FFF:
                progress(self.feed.read)
            self.links.read(place)
            if not self._waiting and goes_on(place):  # as nearly always
                taken(replay.latest)
                continue
            place = place._replace(event=plain(place.event))
            actor = place.actor
            self.network_steps = self.network_steps or not actor
            refused = None
            if actor in self._waiting:
                self._hold(place)
            else:
                refused = self._take(place)
            if refused is None and self._waiting:
                refused = self._wake() or self._overdue()
                if self._held > WINDOW and refused is None:
                    refused = self._unblock()
            if refused is not None:
                return refused
        return None

    def _hold(self, place: Place) -> None:
        self._queues.setdefault(place.actor, deque()).append(place)
        self._held += 1
        self.links.waits(place, 1)

    def _release(self, actor: str) -> None:
        place = self._queues[actor].popleft()
        self._held -= 1
        self.links.waits(place, -1)

    def _take(self, place: Place) -> Refused | None:
        """Take an event of a node that does not wait."""
        no = self.replay.take(place)
        if no is not None and no.waits:
            self._wait(place, no)
            self._hold(place)
            return None
        excuse = None if no is None else self.replay.explained(place)
        if no is not None and excuse is not None:
            return Refused(place, no, excuse)
        self.links.taken(self.replay.latest)
        return None

    def _wait(self, place: Place, no: No) -> None:
        self.waited = True
        message = place.event.message or {}
        sender = str(message.get("sender", ""))
        key = message_key(place.actor, message) if place.actor else b""
        self._waiting[place.actor] = _Waiting(no, key, sender, self._steps(sender))

    def _steps(self, node: str) -> int:
        track = self.replay.tracks.of.get(node)
        return track.steps if track else 0

    def _wake(self) -> Refused | None:
        """Go on with the nodes whose message is there now, as long as one of them does."""
        moved = True
        while moved and self._waiting and not self.replay.ended:
            moved = False
            for actor in list(self._waiting):
                if self._is_there(actor):
                    before = len(self._queues[actor])
                    refused = self._drain(actor)
                    if refused is not None:
                        return refused
                    if len(self._queues[actor]) < before:
                        moved, self.causal = True, False
        return None

    def _is_there(self, actor: str) -> bool:
        waiting, replay = self._waiting[actor], self.replay
        if not actor or not waiting.sender:
            return True  # a step of the network, or not all of the message is known: try it
        find = replay.system.transit.find
        message = self._queues[actor][0].event.message or {}
        whole = replay.system.takes[actor][message["type"]] <= message.keys()
        return not whole or any(
            find(w.network, waiting.sender, actor, waiting.key) for w in replay.worlds
        )

    def _drain(self, actor: str) -> Refused | None:
        """Take the events of a node that waited, as far as they go."""
        queue = self._queues[actor]
        waiting = self._waiting.pop(actor)
        while queue and not self.replay.ended:
            place = queue[0]
            no = self.replay.take(place)
            if no is not None and no.waits:
                self._wait(place, no)
                if self._waiting[actor].key == waiting.key:
                    self._waiting[actor] = waiting  # it still waits for the same message
                return None
            excuse = None if no is None else self.replay.explained(place)
            if no is not None and excuse is not None:
                return Refused(place, no, excuse)
            self.links.taken(self.replay.latest)
            self._release(actor)
        return None

    def _overdue(self) -> Refused | None:
        """Explain what should have been sent long ago, while the sender is not far away."""
        if not self.causal:
            return None
        for actor, waiting in list(self._waiting.items()):
            late = self._steps(waiting.sender) - waiting.since >= PATIENCE
            if late and not waiting.tried and not self.links.may_come(self._queues[actor][0]):
                waiting.tried = True
                if self._explained(actor) is None:
                    return self._drain(actor) or self._wake()
        return None

    def _unblock(self) -> Refused | None:
        """Nobody goes on: one of those that wait needs steps that are not in the trace.

        First those whose message no line in a queue sends; the others may only wait for these.
        """
        order = sorted(self._waiting, key=self._urgency)
        if self._urgency(order[0])[0]:
            self.links.look_for_cycle(self._queues.values())  # they all wait for each other
        first: Refused | None = None
        for actor in order:
            place, no = self._queues[actor][0], self._waiting[actor].no
            excuse = self._explained(actor)
            if excuse is None:
                return self._drain(actor) or self._wake()
            first = first or Refused(place, no, excuse)
        return first

    def _urgency(self, actor: str) -> tuple[bool, int]:
        place = self._queues[actor][0]
        return self.links.may_come(place), place.number

    def _explained(self, actor: str) -> Excuse | None:
        """Explain the first event of a node that waits; None: it was taken."""
        place = self._queues[actor][0]
        self.links.lacks(place, self._waiting[actor].key in self.replay.tracks.taken)
        excuse = self.replay.explained(place)
        if excuse is None:
            self.links.taken(self.replay.latest)
            self._release(actor)
        return excuse
