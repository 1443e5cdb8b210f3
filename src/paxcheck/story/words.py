"""A behavior in numbered steps, in words; only what changed is shown."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from paxcheck.plain import printable
from paxcheck.protocol.errors import lines_in_words
from paxcheck.protocol.execute import Act, Outcome
from paxcheck.protocol.messages import PUBLISHED, Envelope, Message
from paxcheck.protocol.system import NetworkFault, System
from paxcheck.protocol.values import show
from paxcheck.trace.describe import changed_fields, describe
from paxcheck.trace.replay import Behavior, Frame

_FAULTS = {
    "crash": "crashes and restarts",
    "stop": "stops for ever",
    "amnesia": "crashes and restarts with an empty disk",
    "torn": "crashes and restarts; its last write is lost",
    "corrupt": "finds another value on its disk",
}


class Line(Struct, frozen=True):
    """One step in words: a headline, and what changed."""

    number: int
    node: str | None
    headline: str
    details: tuple[str, ...]


def tell(behavior: Behavior) -> list[Line]:
    """The steps of a behavior in words."""
    lines = [_line(behavior.system, n, frame) for n, frame in enumerate(behavior.frames, 1)]
    return [
        Line(line.number, line.node, printable(line.headline), tuple(map(printable, line.details)))
        for line in lines
    ]


def as_text(lines: Sequence[Line]) -> str:
    """The numbered steps as plain text."""
    text: list[str] = []
    for line in lines:
        text.append(f"{line.number:>4}. {line.headline}")
        text.extend(f"        {detail}" for detail in line.details)
    return "\n".join(text)


def _line(system: System, number: int, frame: Frame) -> Line:
    trigger, node = frame.step.trigger, frame.step.node
    if isinstance(trigger, NetworkFault):
        return Line(number, None, _network_headline(trigger), ())
    assert node is not None
    outcome = frame.outcome
    details: list[str] = []
    if outcome is not None:
        details = _details(system, frame, node, outcome)
    if isinstance(trigger, Envelope):
        headline = f"{node} takes {describe(trigger.message)} from {trigger.sender}"
    elif isinstance(trigger, Act):
        headline = f"{node}: {trigger.action.replace('_', ' ')}"
    else:
        headline = f"{node} {_FAULTS[trigger.kind]}"
    chosen = outcome.choices if outcome and isinstance(trigger, (Envelope, Act)) else ()
    if chosen:
        headline += f" (chooses {', '.join(map(show, chosen))})"
    return Line(number, node, headline, tuple(details))


def _details(system: System, frame: Frame, node: str, outcome: Outcome) -> list[str]:
    i = system.index[node]
    details: list[str] = []
    if outcome.error is not None:
        details.append(f"raises {outcome.error.told}")
        details += [f"  {line}" for line in lines_in_words(outcome.error.lines)]
        return details
    changes = changed_fields(system, i, frame.before.locals[i], outcome.local)
    if changes:
        details.append("; ".join(f"{name}: {show(a)} → {show(b)}" for name, a, b in changes))
    grouped: dict[Message, list[str]] = {}
    for envelope in outcome.sent:
        grouped.setdefault(envelope.message, []).append(envelope.to)
    for message, receivers in grouped.items():
        if receivers == [PUBLISHED]:
            details.append(f"announces {describe(message)}")
        else:
            details.append(f"sends {describe(message)} to {', '.join(receivers)}")
    details.extend(
        f"rule {call.rule} would have said no here, but it is switched off"
        for call in outcome.rules
        if call.switched_off and not call.allowed
    )
    return details


def _network_headline(fault: NetworkFault) -> str:
    if fault.envelope is not None:
        what = describe(fault.envelope.message)
        verb = "loses" if fault.kind == "loss" else "doubles"
        return f"the network {verb} {what} from {fault.envelope.sender} to {fault.envelope.to}"
    if fault.kind == "heal":
        return "the network heals: all nodes hear each other again"
    return f"the network cuts off {', '.join(sorted(fault.side or ()))}"
