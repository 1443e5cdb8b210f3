"""Which steps are missing before an event: the smallest sets of hidden steps that explain it.

The search is local: only steps and faults of the event's own node are tried, and steps of the node
that should have sent the message. It is bounded, and says so when it gives up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from paxcheck.protocol.execute import Act, Local, NodeFault
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.network import SetNetwork
from paxcheck.protocol.system import System, Transition, Trigger
from paxcheck.protocol.world import World
from paxcheck.trace.conform.keys import key_of, message_key
from paxcheck.trace.conform.matching import No, match
from paxcheck.trace.describe import changed_fields, describe
from paxcheck.trace.events import Event

DEEPEST: Final = 3
"""The most hidden steps before one event."""

MOST: Final = 5_000
"""The most worlds that are looked at before one event."""

_FAULTS: Final = {
    "crash": "a crash and restart",
    "amnesia": "a lost disk",
    "torn": "a lost last write",
    "corrupt": "another value on the disk",
}


LOOK_BACK: Final = 200
"""How many of its latest steps a sender may have been silent before."""


@dataclass(frozen=True, slots=True)
class Past:
    """One step that a node took: its state before, the trigger (None: not known), what it sent."""

    before: Local
    trigger: Trigger | None
    sent: tuple[Envelope, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One explanation: the hidden steps in words, and the worlds after them and the event."""

    words: tuple[str, ...]
    faults: int
    before: World
    after: tuple[Transition, ...]

    def __str__(self) -> str:
        return ", then ".join(self.words)


@dataclass(frozen=True, slots=True)
class Explained:
    """The ways that explain an event, all of the smallest size; `gave_up`: the bound was hit."""

    ways: tuple[Way, ...]
    gave_up: bool = False


def explain(
    system: System,
    world: World,
    event: Event,
    delivered: dict[str, Envelope],
    history: Mapping[str, Sequence[Past]],
) -> Explained:
    """Search for hidden steps. `delivered`: what was taken before, by key; `history`: the
    steps that each node took.

    A fault that the configuration allows is a step like others, and is taken from its budget. Any
    other one is counted in `faults` of the way: it explains, and excuses nothing.
    """
    node = event.node
    if node is None or node not in system.index:
        return Explained(())
    earlier = tuple(_earlier(system, world, event, history))
    if earlier:
        return Explained(earlier)
    seen = {world}
    level: list[tuple[World, tuple[str, ...], int]] = [(world, (), 0)]
    for _ in range(DEEPEST):
        found: list[Way] = []
        following: list[tuple[World, tuple[str, ...], int]] = []
        for before, words, faults in level:
            for after, said, fault in _steps(system, before, node, event, delivered):
                if after in seen:
                    continue
                seen.add(after)
                if len(seen) > MOST:
                    return Explained(tuple(found), gave_up=not found)
                told, spent = (*words, said), faults + fault
                fits = match(system, after, event, stutters=True)
                if not isinstance(fits, No):
                    found.append(Way(told, spent, after, tuple(fits)))
                following.append((after, told, spent))
        if found:
            return Explained(tuple(sorted(found, key=lambda way: way.faults)))
        level = following
    return Explained(())


def _steps(
    system: System, world: World, node: str, event: Event, delivered: dict[str, Envelope]
) -> Iterator[tuple[World, str, int]]:
    """The worlds after one hidden step, the step in words, and whether it is a fault."""
    sender = (event.message or {}).get("sender")
    for name in dict.fromkeys([node, sender]):
        if name in system.index:
            yield from _own_steps(system, world, str(name))
    i = system.index[node]
    for kind, said in _FAULTS.items():
        if kind == "torn" and kind not in system.budgets:
            continue  # what was on the disk before is only kept when this fault is switched on
        budgets = _spent(system, world, kind)
        for outcome in system.react(i, world.locals[i], NodeFault(node, kind), None).outcomes:
            if outcome.error is None and outcome.local != world.locals[i]:
                locals_ = (*world.locals[:i], outcome.local, *world.locals[i + 1 :])
                after = world._replace(
                    locals=locals_,
                    network=system.net.send(world.network, outcome.sent),
                    budgets=budgets or world.budgets,
                )
                yield after, f"{said} of {node}", int(budgets is None)
    if event.message is not None:
        again = delivered.get(message_key(node, event.message))
        if again is not None and not isinstance(system.net, SetNetwork):
            budgets = _spent(system, world, "duplicate")
            network = system.net.send(world.network, (again,))
            said = f"a duplicate of {describe(again.message)} from {again.sender} to {node}"
            after = world._replace(network=network, budgets=budgets or world.budgets)
            yield after, said, int(budgets is None)


def _spent(system: System, world: World, kind: str) -> tuple[int, ...] | None:
    """What is left of the faults after one more of a kind; None where none is allowed."""
    if kind not in system.fault_names:
        return None
    at = system.fault_names.index(kind)
    left = world.budgets[at]
    return (*world.budgets[:at], left - 1, *world.budgets[at + 1 :]) if left else None


def _earlier(
    system: System, world: World, event: Event, history: Mapping[str, Sequence[Past]]
) -> Iterator[Way]:
    """One step that the sender took earlier, so that all that it is known to have done stays so.

    Its later steps are taken again after it: they must send what they sent, and lead to the state
    in which the sender is now.
    """
    sender = str((event.message or {}).get("sender", ""))
    if event.event != "deliver" or sender not in system.index or event.node is None:
        return
    i, wanted = system.index[sender], message_key(event.node, event.message or {})
    arrived = [e for e in system.net.deliverable(world.network) if e.to == sender]
    past = list(history.get(sender, ()))[-LOOK_BACK:]
    told: set[str] = set()
    for place in range(len(past), -1, -1):
        local = past[place].before if place < len(past) else world.locals[i]
        for envelope in arrived:
            said = f"{sender} took {describe(envelope.message)} from {envelope.sender}, earlier"
            for outcome in system.react(i, local, envelope, None).outcomes:
                if said in told or not any(key_of(e) == wanted for e in outcome.sent):
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
                    yield Way((said,), 0, after, tuple(fits))


def _same_since(
    system: System, i: int, local: Local, past: Sequence[Past], now: Local
) -> Local | None:
    """Where these steps lead from another local state, if they send the same and end as `now`.

    Ghosts may differ: they remember the step that was not in the trace.
    """
    for step in past:
        if step.trigger is None:
            return None
        for outcome in system.react(i, local, step.trigger, None).outcomes:
            if outcome.sent == step.sent and outcome.error is None:
                local = outcome.local
                break
        else:
            return None
    return None if changed_fields(system, i, local, now) else local


def _own_steps(system: System, world: World, node: str) -> Iterator[tuple[World, str, int]]:
    """The steps that a node takes without any fault."""
    i = system.index[node]
    for trigger in system.triggers(i):
        if isinstance(trigger, Act):
            said = f"{node} did {trigger.action.replace('_', ' ')}"
            yield from _after(system, world, i, trigger, said)
    for envelope in system.net.deliverable(world.network):
        if envelope.to == node:
            said = f"{node} took {describe(envelope.message)} from {envelope.sender}"
            yield from _after(system, world, i, envelope, said)


def _after(
    system: System, world: World, i: int, trigger: Trigger, said: str
) -> Iterator[tuple[World, str, int]]:
    for transition in system.local_steps(world, i, trigger):
        if transition.world is not None:
            yield transition.world, said, 0
