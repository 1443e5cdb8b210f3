"""How the messages of a trace fit together, by their content: what was sent before it was taken?

In the normal case this only counts. Where events wait for each other, and nothing goes on, the
graph of what must happen before what is made of these events, and the cycle in it is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.system import Transition
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.keys import Key, key_of, message_key
from paxcheck.trace.conform.places import Place
from paxcheck.trace.conform.result import Causality

Line = tuple[str, int]


@dataclass
class Totals:
    """What was counted in the later part of a trace.

    `keys`: of a set network the keys of all that was sent, `taken` the hashes of those that were
    delivered; `left`: of a bag how many copies are in transit.
    """

    events: int
    delivered: int = 0
    repeated: int = 0
    without_state: int = 0
    without_sent: int = 0
    left: int = 0
    keys: tuple[bytes, ...] = ()
    taken: frozenset[int] = field(default_factory=frozenset[int])


class Links:
    """Counts sends and deliveries; and knows what the events that wait in a queue will send."""

    def __init__(self, system: Handlers) -> None:
        self._system = system
        self._known = dict(zip(system.names, system.positions, strict=True))
        self._delivered = self._repeated = self._later = 0
        self._again: dict[Line, None] = {}
        self._first: set[int] = set()  # of a set network: what was taken, by the hash of its key
        self._unsent: dict[Line, None] = {}
        self._cycle: tuple[Line, ...] = ()
        self._silent: set[str] = set()  # nodes of which some event does not say what it sent
        self._coming: Counter[Key] = Counter()
        self.without_state = self.without_sent = 0

    def read(self, place: Place) -> None:
        """An event was read."""
        event = place.event
        node, state = event.node, event.state
        if node is None or event.event == "state":
            return
        if state is None or state.keys().isdisjoint(self._known.get(node, ())):
            self.without_state += 1
        if event.sent is None:
            self.without_sent += 1
            self._silent.add(node)

    def waits(self, place: Place, change: int) -> None:
        """An event is put into a queue (+1), or taken out of it (-1)."""
        for sent in place.event.sent or ():
            for to in sent.to:
                key = message_key(to, sent.message)
                self._coming[key] += change
                if not self._coming[key]:
                    del self._coming[key]

    def taken(self, step: Transition) -> None:
        """A message was delivered."""
        trigger = step.step.trigger
        if isinstance(trigger, Envelope):
            self._delivered += 1
            if self._system.network == "set":
                key = hash(key_of(trigger))
                self._repeated += key in self._first
                self._first.add(key)

    def totals(self, events: int) -> Totals:
        """What was counted so far."""
        return Totals(
            events,
            delivered=self._delivered,
            repeated=self._repeated,
            without_state=self.without_state,
            without_sent=self.without_sent,
            taken=frozenset(self._first),
        )

    def add(self, totals: Totals, world: World) -> None:
        """What was counted behind this world."""
        self._delivered += totals.delivered
        self._repeated += totals.repeated + len(self._first & totals.taken)
        self._first |= totals.taken
        self.without_state += totals.without_state
        self.without_sent += totals.without_sent
        cells = world.network.cells()
        self._later += totals.left + len([key for key in totals.keys if key not in cells])

    def may_come(self, place: Place) -> bool:
        """Whether the message that an event waits for may be sent by an event in a queue."""
        message = place.event.message or {}
        sender = str(message.get("sender", ""))
        return (
            sender in self._silent or message_key(place.event.node or "", message) in self._coming
        )

    def lacks(self, place: Place, again: bool) -> None:
        """Nothing goes on, and this event's message is not there. `again`: it was taken before."""
        if again:
            self._again[place.file, place.line] = None
        elif place.event.event == "deliver" and not self.may_come(place):
            self._unsent[place.file, place.line] = None

    def look_for_cycle(self, stuck: Iterable[Iterable[Place]]) -> None:
        """All these events wait, node by node, for messages that others of them send."""
        self._cycle = self._cycle or _cycle(stuck)

    def causality(self, world: World, refused: bool) -> Causality:
        """All counts; and a cycle, where an event was `refused`."""
        size = self._system.transit.size(world.network) + self._later
        return Causality(
            delivered=self._delivered,
            unsent=tuple(sorted(self._unsent)),
            again=self._repeated + len(self._again),
            in_transit=size - len(self._first),
            cycle=self._cycle if refused else (),
        )


def _cycle(stuck: Iterable[Iterable[Place]]) -> tuple[Line, ...]:
    """The lines of one cycle, in the order of the files; empty when there is none."""
    import networkx as nx  # it takes longer to load than most traces take to read

    graph: nx.DiGraph[Line] = nx.DiGraph()
    senders: dict[Key, Line] = {}
    takers: list[tuple[Key, Line]] = []
    for queue in stuck:
        last: Line | None = None
        for place in queue:
            here = (place.file, place.line)
            if last is not None:
                graph.add_edge(last, here)
            last = here
            for sent in place.event.sent or ():
                for to in sent.to:
                    senders.setdefault(message_key(to, sent.message), here)
            if place.event.event == "deliver" and place.event.message is not None:
                key = message_key(place.event.node or "", place.event.message)
                takers.append((key, here))
    graph.add_edges_from([(senders[key], here) for key, here in takers if key in senders])
    if nx.is_directed_acyclic_graph(graph):
        return ()
    find: Any = nx.find_cycle  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    edges: list[tuple[Line, Line]] = [tuple(edge[:2]) for edge in find(graph)]
    return tuple(sorted({line for edge in edges for line in edge}))
