"""The short way of an ordinary event: one world, one step, and nothing to explain.

Nearly all events of a long trace are of this kind. `match` gives the same answer, and all others:
a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from paxcheck.protocol.execute import Outcome
from paxcheck.protocol.messages import PUBLISHED
from paxcheck.protocol.system import Step, Transition, Trigger
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.keys import is_told, message_key, text_of, text_of_encoded
from paxcheck.trace.encode import PLAIN, encode
from paxcheck.trace.events import Event, Sent

_NO_MESSAGE: Final[dict[str, Any]] = {}


def ordinary(
    system: Handlers, world: World, event: Event, stutters: bool = False
) -> Transition | None:
    """The step that an event is, if it is one delivery or action; None: look closely (`match`).

    `stutters`: a delivery that the model ignores is a step too, one to the same world.
    """
    node = event.node or ""
    i = system.index.get(node)
    if i is None:
        return None
    trigger: Trigger | None = None
    asking = None
    if event.event == "deliver":
        message: Any = event.message or _NO_MESSAGE
        if event.__class__ is Event:
            if message.get("type") not in system.takes[node]:
                return None
            sender = message.get("sender", "")
        elif not (sender := message.sender):
            return None  # it is not said, so not all of the message is known
        trigger = system.transit.find(world.network, sender, node, message_key(node, message))
    elif event.event == "act":
        trigger = system.acts[i].get(event.action or "")
        asking = system.asking(world)
    if trigger is None:
        return None
    local = world.locals[i]
    found: Outcome | None = None
    branch = 0
    for at, outcome in enumerate(system.react(i, local, trigger, asking).outcomes):
        if outcome.error is None and _says(system, i, event, outcome):
            if found is not None:
                return None
            found, branch = outcome, at
    if found is None:
        return None
    same = found.local == local
    taken = trigger if event.event == "deliver" else None
    if same and not found.sent and (taken is None or not system.net.consumes(True)):
        quiet = stutters and taken is not None
        return Transition(Step(trigger), world, found) if quiet else None
    network = system.transit.after(world.network, taken, found.sent)  # type: ignore[arg-type]
    # Who sends again just what it took changed nothing: the network is another one, and equal.
    if same and network == world.network:
        return None
    locals_ = world.locals
    locals_ = (*locals_[:i], found.local, *locals_[i + 1 :])
    return Transition(
        Step(trigger, branch), World(locals_, network, world.budgets, world.cut), found
    )


def _says(system: Handlers, i: int, event: Event, outcome: Outcome) -> bool:
    """Whether an outcome without an exception is what the event says (see `difference`)."""
    if event.error is not None:
        return False
    if event.choices is not None and event.choices != [encode(c) for c in outcome.choices]:
        return False
    if event.state:
        positions, local, shown = system.positions[i], outcome.local, system.shown[i]
        for field, value in event.state.items():
            at = positions.get(field)
            if at is None:
                continue
            mine = local[at]
            if mine.__class__ not in PLAIN:
                latest = shown[at]
                if latest[0] is not mine:
                    latest = shown[at] = (mine, encode(mine))
                mine = latest[1]
            if mine != value:
                return False
    return event.sent is None or sends(outcome, event.sent)


def sends(outcome: Outcome, told: Sequence[Sent]) -> bool:
    """Whether an outcome sent what an event says, in any order."""
    sent = outcome.sent
    if not told or not sent:
        return not told and not sent
    if len(told) == 1:
        one, first = told[0], sent[0].message
        if is_told(first, one.message):
            receivers = [e.to for e in sent if e.message is first]
            if len(receivers) == len(sent):
                if receivers == one.to:
                    return PUBLISHED not in receivers  # which a trace says with no receiver
                return sorted([to for to in receivers if to != PUBLISHED]) == sorted(one.to)
    return _sent(outcome) == _told(told)


def _sent(outcome: Outcome) -> dict[bytes, list[str]]:
    """What an outcome sent: each message as text, with its receivers."""
    found: dict[bytes, list[str]] = {}
    for envelope in outcome.sent:
        receivers = found.setdefault(text_of(envelope.message), [])
        if envelope.to != PUBLISHED:
            receivers.append(envelope.to)
    return _sorted(found)


def _told(told: Sequence[Sent]) -> dict[bytes, list[str]]:
    """The same of what an event says that was sent."""
    found: dict[bytes, list[str]] = {}
    for sent in told:
        found.setdefault(text_of_encoded(sent.message), []).extend(sent.to)
    return _sorted(found)


def _sorted(found: dict[bytes, list[str]]) -> dict[bytes, list[str]]:
    for receivers in found.values():
        receivers.sort()
    return found
