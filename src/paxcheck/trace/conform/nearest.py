"""The steps of the model that come nearest to an event that it refuses."""

from __future__ import annotations

from typing import Final

from paxcheck.protocol.execute import Act
from paxcheck.protocol.system import Trigger
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.hidden import NEAR
from paxcheck.trace.conform.matching import No, fitting
from paxcheck.trace.describe import describe
from paxcheck.trace.events import Event

MOST: Final = 4


def nearest(system: Handlers, world: World, event: Event, reason: str) -> tuple[str, ...]:
    """Steps of the same node and the same kind, each with what is different or which rule refused.

    For a delivery: of messages of the same type that are in transit to the node; for an action: the
    actions of the node. `reason`: why the event itself is refused, which is not said twice.
    """
    if event.node is None or event.node not in system.index:
        return ()
    triggers: list[tuple[Trigger, str]] = []
    if event.event == "deliver":
        wanted = (event.message or {}).get("type")
        for envelope in system.transit.latest(world.network, event.node, NEAR)[0]:
            if type(envelope.message).__name__ == wanted:
                told = f"{describe(envelope.message)} from {envelope.sender}"
                triggers.append((envelope, told))
    elif event.event == "act":
        acts = system.triggers(system.index[event.node])
        triggers += [(t, t.action.replace("_", " ")) for t in acts if isinstance(t, Act)]
    found: list[str] = []
    for trigger, told in triggers[:MOST]:
        answer = fitting(system, world, event, trigger)
        if isinstance(answer, No):
            if answer.reason == reason and not answer.rules:
                continue
            rules = "; ".join(str(call) for call, _ in answer.rules)
            found.append(f"{told}: {rules or answer.reason}")
        else:
            found.append(f"{told}: possible")
    return tuple(found)
