"""Is every event of a trace a step of the model? The first one that is not is named and explained.

Only the order of each node's own events is trusted, and causality: a message is sent before it is
taken. Events of different nodes may stand in any order in the files: one that takes a message which
nobody has sent yet waits for it. Where an event leaves a choice open, all worlds that it may have
led to are kept; something is wrong only when it is wrong in all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from paxcheck.protocol.execute import Act, Local
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step, System, Transition
from paxcheck.protocol.world import World
from paxcheck.trace.conform.causality import Links
from paxcheck.trace.conform.hidden import DEEPEST, LOOK_BACK, Past, Way, explain
from paxcheck.trace.conform.keys import key_of
from paxcheck.trace.conform.matching import NETWORK, No, match
from paxcheck.trace.conform.nearest import nearest
from paxcheck.trace.conform.possible import Closure, asks, known_in_full
from paxcheck.trace.conform.result import Conformance, Hidden, Refusal
from paxcheck.trace.events import Event
from paxcheck.trace.read import Trace
from paxcheck.trace.replay import Behavior, Frame, shows

WIDEST: Final = 256
"""The most worlds that are kept when a trace leaves choices open."""


@dataclass(frozen=True, slots=True)
class Place:
    """An event with its number in the order of reading, its file and its line."""

    number: int
    file: str
    line: int
    event: Event


@dataclass
class _Replay:
    """A replay in progress."""

    system: System
    properties: Sequence[Property]
    stutters: bool
    worlds: list[World]
    links: Links
    replayed: int = 0
    steps: list[Step] = field(default_factory=list[Step])
    broken: dict[str, tuple[str, int, str]] = field(default_factory=dict[str, tuple[str, int, str]])
    hidden: list[Hidden] = field(default_factory=list[Hidden])
    delivered: dict[str, Envelope] = field(default_factory=dict[str, Envelope])
    last_line: dict[str, int] = field(default_factory=dict[str, int])
    history: dict[str, deque[Past]] = field(default_factory=dict[str, deque[Past]])
    excuses: tuple[str, ...] = ()
    gave_up: bool = False
    ended: bool = False
    known: dict[str, Local | None] = field(default_factory=dict[str, Local | None])
    pruned: bool = False  # a world was left behind that another order might have allowed
    in_order: bool = True  # one file, and no event waited for another one
    network_steps: bool = False

    def take(self, place: Place) -> No | None:
        """Take one event; why not, when no world allows it."""
        found: dict[World | None, tuple[World, Transition]] = {}
        refused: No | None = None
        waits = False
        for world in self.worlds:
            steps = match(self.system, world, place.event, self.stutters)
            if isinstance(steps, No):
                # What only waits for a message may still be possible in another world.
                refused = steps if refused is None or steps.waits else refused
                waits = waits or steps.waits
                continue
            for transition in steps:
                found.setdefault(transition.world, (world, transition))
        if not found:
            return refused
        self.pruned = self.pruned or waits
        self.advance(place, list(found.values()))
        return None

    def advance(self, place: Place, found: list[tuple[World, Transition]]) -> None:
        """Go on in the worlds after an event."""
        self.replayed += 1
        self.steps.append(found[0][1].step)
        trigger = found[0][1].step.trigger
        if isinstance(trigger, Envelope):
            self.delivered[key_of(trigger)] = trigger
        self._judge(place, found)
        worlds = [t.world for _, t in found if t.world is not None]
        self.pruned = self.pruned or len(worlds) > WIDEST
        self.worlds = worlds[:WIDEST]
        self.ended = not self.worlds
        node = place.event.node
        if node is not None and node in self.system.index:
            self.last_line[node] = place.line
            world, step = found[0]
            full = self.worlds and known_in_full(self.system, place.event)
            self.known[node] = self.worlds[0].locals[self.system.index[node]] if full else None
            taken = step.step.trigger if isinstance(step.step.trigger, (Envelope, Act)) else None
            sent = step.outcome.sent if step.outcome else ()
            past = self.history.setdefault(node, deque(maxlen=LOOK_BACK))
            past.append(Past(world.locals[self.system.index[node]], taken, sent))

    def _judge(self, place: Place, found: list[tuple[World, Transition]]) -> None:
        """Judge a world or step that is certain: nothing was guessed, and no world left behind."""
        if self.hidden or self.pruned or any(t.world is world for world, t in found):
            return  # what the model ignores leaves the world as it was
        for prop in self.properties:
            if prop.name in self.broken:
                continue
            reasons: list[str] = []
            for world, t in found:
                frame = Frame(t.step, world, t.world, t.outcome)
                breach = shows(Behavior(self.system, (frame,)), prop)
                if breach is None:
                    break
                reasons.append(breach.reason)
            else:
                self.broken[prop.name] = (place.file, place.line, reasons[0])

    def may_come(self, event: Event) -> bool:
        """Whether a line of the trace may send the message that an event waits for."""
        return self.links.may_be_sent(event)

    def explained(self, place: Place) -> bool:
        """Look for hidden steps before an event, and take them with it, if there are any."""
        self.excuses, self.gave_up = (), False
        if not self.stutters:
            return False
        ways: list[tuple[World, Way]] = []
        for world in self.worlds:
            found = explain(self.system, world, place.event, self.delivered, self.history)
            ways += [(world, way) for way in found.ways]
            self.gave_up = self.gave_up or found.gave_up
        if not ways:
            return False
        self.gave_up = False
        least = min(len(way.words) for _, way in ways)
        ways = [(world, way) for world, way in ways if len(way.words) == least]
        plain = [(world, way) for world, way in ways if not way.faults]
        if not plain:
            self.excuses = tuple(dict.fromkeys(str(way) for _, way in ways))
            return False
        node = place.event.node or ""
        words = tuple(dict.fromkeys(str(way) for _, way in plain))
        self.hidden.append(Hidden(place.file, place.line, node, words))
        self.advance(place, [(way.before, t) for _, way in plain for t in way.after])
        return True


def conform(
    trace: Trace | Sequence[Trace], system: System, properties: Sequence[Property] = ()
) -> Conformance:
    """Replay one trace, or those of several nodes, in a system; judge the properties on the way.

    `broken` lists (property, line, reason) for the first breach of each invariant.
    """
    traces = [trace] if isinstance(trace, Trace) else list(trace)
    places = [
        Place(number, one.path, line, event)
        for number, (one, line, event) in enumerate(
            ((t, line, event) for t in traces for line, event in t.events), 1
        )
    ]
    # A run of a model is full information: every step stands in it, and none that does nothing.
    loose = all(one.header.kind == "trace" for one in traces)
    wanted = [p for p in properties if p.kind in ("invariant", "step_invariant")]
    links = Links(system)
    replay = _Replay(system, wanted, loose, [system.initial()], links)
    queues: dict[str, deque[Place]] = {}
    for place in places:
        node = "" if place.event.event in NETWORK else place.event.node or ""
        queues.setdefault(node, deque()).append(place)
        links.add(place.file, place.line, place.event)
    replay.in_order = len(traces) == 1
    replay.network_steps = "" in queues
    refusal, undecided = _run(replay, queues, places)
    return Conformance(
        path=traces[0].path if len(traces) == 1 else ", ".join(t.path for t in traces),
        events=len(places),
        replayed=replay.replayed,
        refusal=refusal,
        broken=tuple([(name, line, why) for name, (_, line, why) in replay.broken.items()]),
        without_state=sum(p.event.state is None for p in places if p.event.node),
        without_sent=sum(p.event.sent is None for p in places if p.event.node),
        broken_files=tuple([file for file, _, _ in replay.broken.values()]),
        hidden=tuple(replay.hidden),
        causality=links.causality(refusal is not None),
        undecided=undecided,
    )


def steps(trace: Trace, system: System) -> tuple[Step, ...]:
    """The steps that the events of a conforming trace are, for a replay. Raises ValueError."""
    replay = _Replay(system, (), False, [system.initial()], Links(system))
    for number, (line, event) in enumerate(trace.events, 1):
        no = replay.take(Place(number, trace.path, line, event))
        if no is not None:
            raise ValueError(no.reason)
    return tuple(replay.steps)


def _run(
    replay: _Replay, queues: dict[str, deque[Place]], places: list[Place]
) -> tuple[Refusal | None, str]:
    """Take all events, each node's in its order; the refusal, or why nothing can be said."""
    waiting: dict[str, No] = {}
    for place in places:
        node = "" if place.event.event in NETWORK else place.event.node or ""
        if node in waiting:
            continue  # its events are taken when its message is there
        refused = _drain(replay, queues, node, place.number, waiting)
        refused = refused or _wake(replay, queues, place.number, waiting)
        if refused is not None:
            return _refuse(replay, *refused)
        if replay.ended:
            return None, ""
    while waiting:
        # Nobody goes on: one of them needs steps that are not in the trace. First those whose
        # message no line sends; the others may only wait for these.
        order = sorted(waiting, key=lambda n: _urgency(replay, queues[n][0]))
        node = next((n for n in order if replay.explained(queues[n][0])), None)
        if node is None:
            return _refuse(replay, queues[order[0]][0], waiting[order[0]])
        del waiting[node]
        queues[node].popleft()
        refused = _drain(replay, queues, node, None, waiting)
        refused = refused or _wake(replay, queues, None, waiting)
        if refused is not None:
            return _refuse(replay, *refused)
    return None, ""


def _urgency(replay: _Replay, place: Place) -> tuple[bool, int]:
    return replay.may_come(place.event), place.number


def _drain(
    replay: _Replay,
    queues: dict[str, deque[Place]],
    node: str,
    upto: int | None,
    waiting: dict[str, No],
) -> tuple[Place, No] | None:
    """Take the events of one node as far as they go; the one that is refused, if any."""
    queue = queues[node]
    while queue and (upto is None or queue[0].number <= upto) and not replay.ended:
        no = replay.take(queue[0])
        if no is not None:
            if no.waits and (replay.may_come(queue[0].event) or not replay.explained(queue[0])):
                waiting[node] = no
                replay.in_order = False
                return None
            if not no.waits and not replay.explained(queue[0]):
                return queue[0], no
        queue.popleft()
    return None


def _wake(
    replay: _Replay, queues: dict[str, deque[Place]], upto: int | None, waiting: dict[str, No]
) -> tuple[Place, No] | None:
    """Try the nodes that wait, as long as one of them goes on."""
    moved = True
    while moved and waiting:
        moved = False
        for node in list(waiting):
            before = len(queues[node])
            del waiting[node]
            refused = _drain(replay, queues, node, upto, waiting)
            if refused is not None:
                return refused
            moved = moved or len(queues[node]) < before
    return None


def _refuse(replay: _Replay, place: Place, no: No) -> tuple[Refusal | None, str]:
    """The refusal of an event, with all that explains it."""
    since = replay.last_line.get(place.event.node or "")
    between = f" between lines {since} and {place.line}" if since else f" before line {place.line}"
    refusal = Refusal(
        event=place.number,
        line=place.line,
        node=place.event.node,
        reason=no.reason,
        rules=no.rules,
        file=place.file,
        nearest=nearest(replay.system, replay.worlds[0], place.event, no.reason),
        explanations=tuple([f"{way}{between} explains it" for way in replay.excuses]),
    )
    return refusal, _doubt(replay, place)


def _doubt(replay: _Replay, place: Place) -> str:
    """Why an event that was not explained may still be possible; empty when it is not."""
    free = replay.network_steps or asks(replay.system)
    if not replay.stutters and not replay.pruned and (replay.in_order or not free):
        return ""  # every step stands in the file: the order of the nodes does not matter
    if _spent(replay, place):
        return ""
    closure = Closure(replay.system)
    node = place.event.node or ""
    start = replay.system.initial()
    if node in replay.known or node not in replay.system.index:
        known = replay.known.get(node)
    else:
        known = start.locals[replay.system.index[node]]
    answer = closure.allows(place.event, known)
    if answer == "no":
        return ""
    where = f"{place.file}:{place.line}"
    if replay.gave_up or answer == "unknown":
        return f"{where}: too many hidden steps are possible to try them all"
    if not replay.stutters:
        return f"{where}: impossible in the orders that were tried; there are others"
    return f"{where}: up to {DEEPEST} hidden steps do not explain it; more of them may"


def _spent(replay: _Replay, place: Place) -> bool:
    """Whether the event is a fault that is switched off, or has struck as often as it may."""
    kind = "partition" if place.event.event == "heal" else place.event.event
    if kind in ("deliver", "act"):
        return False
    names = replay.system.fault_names
    if kind not in names:
        return True
    at = names.index(kind)
    certain = kind != "partition" and not replay.hidden
    return certain and all(world.budgets[at] == 0 for world in replay.worlds)


__all__ = ["Place", "conform", "steps"]
