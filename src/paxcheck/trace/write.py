"""Writes a behavior as a file that `show` and `validate` read: JSON Lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from paxcheck.protocol.execute import Act, Outcome
from paxcheck.protocol.messages import PUBLISHED, Envelope
from paxcheck.protocol.system import NetworkFault
from paxcheck.trace.encode import encode
from paxcheck.trace.events import VERSION, Event, Header, Sent
from paxcheck.trace.replay import Behavior, Frame


def header_of(behavior: Behavior, *, model: str, prop: str = "", reason: str = "") -> Header:
    """The header of a behavior's file."""
    protocol = behavior.system.protocol
    return Header(
        paxcheck=VERSION,
        kind="behavior",
        model=model,
        nodes={node.name: type(node).__name__ for node in behavior.system.nodes},
        params=protocol.params,
        network=protocol.network,
        faults=protocol.faults,
        without=sorted(protocol.without),
        property=prop,
        reason=reason,
    )


def event_of(behavior: Behavior, frame: Frame) -> Event:
    """One step as an event, with all that is known of it."""
    trigger, outcome = frame.step.trigger, frame.outcome
    if isinstance(trigger, NetworkFault):
        envelope = trigger.envelope
        return Event(
            event=trigger.kind,  # type: ignore[arg-type]
            message=encode(envelope.message) if envelope else None,
            to=envelope.to if envelope else None,
            side=sorted(trigger.side) if trigger.side else None,
        )
    known: dict[str, Any] = {"node": frame.step.node}
    if outcome is not None:
        known |= _effects(behavior, frame, outcome)
    if isinstance(trigger, Envelope):
        return Event(event="deliver", message=encode(trigger.message), **known)
    if isinstance(trigger, Act):
        return Event(event="act", action=trigger.action, **known)
    return Event(event=trigger.kind, **known)  # type: ignore[arg-type]


def events_of(behavior: Behavior) -> list[Event]:
    """All steps as events."""
    return [event_of(behavior, frame) for frame in behavior.frames]


def write_trace(path: Path, header: Header, events: list[Event]) -> None:
    """Write the header and the events, one JSON object a line.

    The header of a behavior says how many steps follow, so that a file cut short is noticed.
    """
    if header.kind == "behavior":
        header = msgspec.structs.replace(header, steps=len(events))
    lines = [msgspec.json.encode(item) + b"\n" for item in (header, *events)]
    path.write_bytes(b"".join(lines))


def state_of(behavior: Behavior, node: str, local: tuple[Any, ...]) -> dict[str, Any]:
    """The node's fields by name, without ghosts: what an implementation could log too."""
    shape = behavior.system.shapes[behavior.system.index[node]]
    return {
        name: encode(value)
        for name, kind, value in zip(shape.names, shape.kinds, local, strict=False)
        if kind != "ghost"
    }


def sent_of(outcome: Outcome) -> list[Sent]:
    """What an outcome sent: each message once, with its receivers."""
    grouped: dict[Any, list[str]] = {}
    for envelope in outcome.sent:
        grouped.setdefault(envelope.message, []).append(envelope.to)
    return [
        Sent([to for to in receivers if to != PUBLISHED], encode(message))
        for message, receivers in grouped.items()
    ]


def _effects(behavior: Behavior, frame: Frame, outcome: Outcome) -> dict[str, Any]:
    node = frame.step.node
    assert node is not None
    return {
        "sent": sent_of(outcome),
        "state": state_of(behavior, node, outcome.local) if outcome.error is None else None,
        "choices": [encode(c) for c in outcome.choices] or None,
        "error": str(outcome.error) if outcome.error else None,
    }
