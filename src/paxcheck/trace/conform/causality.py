"""How the messages of a trace fit together, by their content: what was sent before it was taken?"""

from __future__ import annotations

from collections import deque
from typing import Any

import networkx as nx

from paxcheck.protocol.system import System
from paxcheck.trace.conform.keys import key_of, message_key
from paxcheck.trace.conform.result import Causality
from paxcheck.trace.events import Event

Line = tuple[str, int]


class Links:
    """Collects sends and deliveries, whatever the order of reading, and links them at the end.

    A sending is known only where the event says what it sent. In a set network one sending is good
    for any number of deliveries; else each copy is taken once.
    """

    def __init__(self, system: System) -> None:
        self._set = system.network == "set"
        self._last: dict[str, Line] = {}
        self._order: list[tuple[Line, Line]] = []
        self._sent: dict[str, deque[Line]] = {}
        self._taken: dict[str, list[Line]] = {}
        self._silent: set[str] = set()  # nodes of which some event does not say what it sent
        self._senders: dict[str, str] = {}
        for envelope in system.net.copies(system.initial().network):
            self._sent.setdefault(key_of(envelope), deque()).append(("", 0))

    def add(self, file: str, line: int, event: Event) -> None:
        """One event."""
        here = (file, line)
        node = event.node
        if node is None:
            return
        if node in self._last:
            self._order.append((self._last[node], here))
        self._last[node] = here
        if event.sent is None:
            self._silent.add(node)
        for sent in event.sent or ():
            for to in sent.to:
                self._sent.setdefault(message_key(to, sent.message), deque()).append(here)
        if event.event == "deliver" and event.message is not None:
            key = message_key(node, event.message)
            self._taken.setdefault(key, []).append(here)
            self._senders[key] = str(event.message.get("sender", ""))

    def may_be_sent(self, event: Event) -> bool:
        """Whether the message that an event takes may be sent by a line of the trace."""
        message = event.message or {}
        sender = str(message.get("sender", ""))
        return sender in self._silent or message_key(event.node or "", message) in self._sent

    def causality(self, refused: bool) -> Causality:
        """All links: what nobody sent, what was taken again, what is still on its way, a cycle.

        Where no event was `refused` the replay itself is an order, and there is no cycle to find.
        """
        graph: nx.DiGraph[Line] = nx.DiGraph(self._order if refused else ())
        delivered = again = in_transit = 0
        unsent: list[Line] = []
        for key, taken in self._taken.items():
            sent = deque(self._sent.get(key, ()))
            for number, here in enumerate(taken):
                if not sent:
                    if number and self._sent.get(key):
                        again += 1
                    elif self._senders[key] not in self._silent:
                        unsent.append(here)
                    continue
                delivered += 1
                again += self._set and number > 0
                if refused:
                    graph.add_edge(sent[0], here)
                if not self._set:
                    sent.popleft()
        for key, sent in self._sent.items():
            left = len(sent) - len(self._taken.get(key, ()))
            in_transit += (key not in self._taken) if self._set else max(0, left)
        return Causality(delivered, tuple(sorted(unsent)), again, in_transit, _cycle(graph))


def _cycle(graph: nx.DiGraph[Line]) -> tuple[Line, ...]:
    """The lines of one cycle, in the order of the files; empty when there is none."""
    if nx.is_directed_acyclic_graph(graph):
        return ()
    find: Any = nx.find_cycle  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    edges: list[tuple[Line, Line]] = [tuple(edge[:2]) for edge in find(graph)]
    return tuple(sorted({line for edge in edges for line in edge}))
