"""Which steps are missing before an event: the smallest sets of hidden steps that explain it.

The search is local: it begins in the world before the event, and goes a few steps deep. First come
the steps of the event's own node and of the node that should have sent the message. It is bounded,
and says so when it gives up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from paxcheck.protocol.execute import Act, Local, NodeFault
from paxcheck.protocol.faults import NODE_FAULTS
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.system import Transition, Trigger
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.keys import Key, key_of, message_key
from paxcheck.trace.conform.matching import No, match
from paxcheck.trace.describe import changed_fields, describe
from paxcheck.trace.events import Event

DEEPEST: Final = 3
"""The most hidden steps before one event."""

MOST: Final = 5_000
"""The most worlds that are looked at before one event."""

NEAR: Final = 64
"""How many of the latest messages to one node may have been taken without a line."""

LOOK_BACK: Final = 200
"""How many of its latest steps a sender may have been silent before."""

FAULTS: Final = {
    "crash": "a crash and restart",
    "amnesia": "a lost disk",
    "torn": "a lost last write",
    "corrupt": "another value on the disk",
    "duplicate": "a duplicate",
}


class Past(NamedTuple):
    """One step that a node took: its state before, the trigger (None: not known), what it sent."""

    before: Local
    trigger: Trigger | None
    sent: tuple[Envelope, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One explanation: the hidden steps in words, and the worlds after them and the event.

    `faults`: those among them that the configuration does not allow, by their names.
    """

    words: tuple[str, ...]
    faults: tuple[str, ...]
    before: World
    after: tuple[Transition, ...]

    def __str__(self) -> str:
        return ", then ".join(self.words)


@dataclass(frozen=True, slots=True)
class Explained:
    """The ways that explain an event, all of the smallest size; `gave_up`: a bound was reached.

    `tried`: the faults that were tried and that the configuration does not allow.
    """

    ways: tuple[Way, ...]
    gave_up: bool = False
    tried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What a replay knows at an event.

    `delivered`: what was taken before, by key; `past`: the latest steps of each node; `whole`: the
    nodes of which no step is missing: only faults may have hit them.
    """

    delivered: Mapping[Key, Envelope]
    past: Mapping[str, Sequence[Past]]
    whole: Collection[str]


@dataclass(frozen=True, slots=True)
class _Step:
    world: World
    said: str
    fault: str = ""  # one that is not allowed


def explain(system: Handlers, world: World, event: Event, known: Known) -> Explained:
    """Search for hidden steps before an event.

    A fault that the configuration allows is a step like others, and is taken from its budget. Any
    other one is kept in `faults` of the way: it explains, and excuses nothing.
    """
    if event.node is None or event.node not in system.index:
        return Explained(())
    search = _Search(system, event, known)
    world = system.forgetful(world)
    earlier = tuple(search.earlier(world))
    return Explained(earlier) if earlier else search.before(world)


class _Search:
    def __init__(self, system: Handlers, event: Event, known: Known) -> None:
        assert event.node is not None
        self.system = system
        self.event = event
        self.known = known
        self.node = event.node
        self.sender = str((event.message or {}).get("sender", ""))
        first = [name for name in (self.node, self.sender) if name in system.index]
        self.order = list(dict.fromkeys([*first, *system.names]))
        self.gave_up = False
        self.tried: dict[str, None] = {}

    def before(self, world: World) -> Explained:
        """The smallest sets of steps after which the event is possible."""
        seen = {world}
        level: list[tuple[World, tuple[str, ...], tuple[str, ...]]] = [(world, (), ())]
        for _ in range(DEEPEST):
            found: list[Way] = []
            following: list[tuple[World, tuple[str, ...], tuple[str, ...]]] = []
            for before, words, faults in level:
                for step in self._steps(before):
                    if step.world in seen:
                        continue
                    seen.add(step.world)
                    if len(seen) > MOST:
                        return self._explained(found, gave_up=not found)
                    told = (*words, step.said)
                    spent = (*faults, step.fault) if step.fault else faults
                    fits = match(self.system, step.world, self.event, stutters=True)
                    if not isinstance(fits, No):
                        found.append(Way(told, spent, step.world, tuple(fits)))
                    following.append((step.world, told, spent))
            if found:
                return self._explained(found, gave_up=False)
            level = following
        return self._explained([], gave_up=self.gave_up)

    def _explained(self, ways: list[Way], gave_up: bool) -> Explained:
        ways.sort(key=lambda way: len(way.faults))
        return Explained(tuple(ways), gave_up, tuple(self.tried))

    def _steps(self, world: World) -> Iterator[_Step]:
        """The worlds after one hidden step. Faults that are not allowed hit the event's node only:
        they are no steps of a run, but may be what really happened."""
        for name in self.order:
            if name not in self.known.whole:
                yield from self._own_steps(world, name)
            if name == self.node or name not in self.known.whole:
                yield from self._faults(world, name)
        if self.event.message is not None:
            yield from self._duplicates(world, self.event.message)

    def _own_steps(self, world: World, node: str) -> Iterator[_Step]:
        """The steps that a node takes without any fault."""
        system = self.system
        i = system.index[node]
        for trigger in system.triggers(i):
            if isinstance(trigger, Act):
                said = f"{node} did {trigger.action.replace('_', ' ')}"
                yield from self._after(world, i, trigger, said)
        latest, more = system.transit.latest(world.network, node, NEAR)
        self.gave_up = self.gave_up or more
        for envelope in latest:
            said = f"{node} took {describe(envelope.message)} from {envelope.sender}"
            yield from self._after(world, i, envelope, said)

    def _after(self, world: World, i: int, trigger: Trigger, said: str) -> Iterator[_Step]:
        for transition in self.system.local_steps(world, i, trigger):
            if transition.world is not None:
                yield _Step(transition.world, said)

    def _faults(self, world: World, node: str) -> Iterator[_Step]:
        system = self.system
        i = system.index[node]
        if system.shapes[i].stopped(world.locals[i]):
            return
        for kind in NODE_FAULTS:
            budgets = _spent(system, world, kind)
            if kind not in FAULTS or (budgets is None and node != self.node):
                continue
            if kind == "torn" and kind not in system.budgets:
                continue  # what was on the disk before is only kept when this fault is switched on
            if budgets is None:
                self.tried[kind] = None
            for outcome in system.react(i, world.locals[i], NodeFault(node, kind), None).outcomes:
                if outcome.error is None and outcome.local != world.locals[i]:
                    after = world._replace(
                        locals=(*world.locals[:i], outcome.local, *world.locals[i + 1 :]),
                        network=system.net.send(world.network, outcome.sent),
                        budgets=budgets or world.budgets,
                    )
                    yield _Step(after, f"{FAULTS[kind]} of {node}", "" if budgets else kind)

    def _duplicates(self, world: World, message: dict[str, object]) -> Iterator[_Step]:
        budgets = _spent(self.system, world, "duplicate")
        if budgets is None:
            self.tried["duplicate"] = None
        again = self.known.delivered.get(message_key(self.node, message))
        if again is None or self.system.network == "set":
            return
        said = f"a duplicate of {describe(again.message)} from {again.sender} to {self.node}"
        after = world._replace(
            network=self.system.net.send(world.network, (again,)),
            budgets=budgets or world.budgets,
        )
        yield _Step(after, said, "" if budgets else "duplicate")

    def earlier(self, world: World) -> Iterator[Way]:
        """One step that the sender took earlier, so that all that it is known to have done stays.

        Its later steps are taken again after it: they must send what they sent, and lead to the
        state in which the sender is now.
        """
        system, sender, event = self.system, self.sender, self.event
        silent = sender in self.known.whole or sender not in system.index
        if event.event != "deliver" or silent:
            return
        i, wanted = system.index[sender], message_key(self.node, event.message or {})
        arrived, _ = system.transit.latest(world.network, sender, NEAR)
        past = list(self.known.past.get(sender, ()))[-LOOK_BACK:]
        told: set[str] = set()
        for place in range(len(past), -1, -1):
            at = past[place].before if place < len(past) else world.locals[i]
            local = system.bare(i, at)
            for envelope in arrived:
                said = f"{sender} took {describe(envelope.message)} from {envelope.sender}, earlier"
                if said in told:
                    continue
                for outcome in system.react(i, local, envelope, None).outcomes:
                    if not any(key_of(e) == wanted for e in outcome.sent):
                        continue
                    now = _same_since(system, i, outcome.local, past[place:], world.locals[i])
                    if now is None:
                        continue
                    after = world._replace(
                        locals=(*world.locals[:i], now, *world.locals[i + 1 :]),
                        network=system.net.send(world.network, outcome.sent),
                    )
                    fits = match(system, after, event, stutters=True)
                    if not isinstance(fits, No):
                        told.add(said)
                        yield Way((said,), (), after, tuple(fits))


def _spent(system: Handlers, world: World, kind: str) -> tuple[int, ...] | None:
    """What is left of the faults after one more of a kind; None where none is allowed."""
    if kind not in system.fault_names:
        return None
    at = system.fault_names.index(kind)
    left = world.budgets[at]
    return (*world.budgets[:at], left - 1, *world.budgets[at + 1 :]) if left else None


def _same_since(
    system: Handlers, i: int, local: Local, past: Sequence[Past], now: Local
) -> Local | None:
    """Where these steps lead from another local state, if they send the same and end as `now`."""
    for step in past:
        if step.trigger is None:
            return None
        reaction = system.react(i, local, step.trigger, _nothing)
        if reaction.reads:
            return None  # what had been sent by then is not known any more
        for outcome in reaction.outcomes:
            if outcome.sent == step.sent and outcome.error is None:
                local = outcome.local
                break
        else:
            return None
    return None if changed_fields(system, i, local, now) else local


def _nothing(_: type[Message]) -> tuple[Message, ...]:
    return ()
