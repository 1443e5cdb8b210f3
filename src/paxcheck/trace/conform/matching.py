"""One event of a trace against one world of a model: which step it is, or why it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from paxcheck.protocol.execute import Act, NodeFault, Outcome, RuleCall
from paxcheck.protocol.faults import NODE_FAULTS
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.system import NetworkFault, Step, Transition, Trigger
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.keys import message_key
from paxcheck.trace.conform.ordinary import sends
from paxcheck.trace.conform.wording import field_texts, sent_texts
from paxcheck.trace.encode import encode
from paxcheck.trace.events import Event, Sent
from paxcheck.trace.write import sent_of

NETWORK: Final = ("loss", "duplicate", "partition", "heal")


@dataclass(frozen=True, slots=True)
class Difference:
    """What an event says and the model does otherwise; `field`: of the state, where it is one."""

    reason: str
    field: str = ""
    theirs: Any = None
    mine: Any = None


@dataclass(frozen=True, slots=True)
class No:
    """Why an event is no step here; `waits`: only because its message is not in transit (yet).

    `rules`: those that said no, with what they say; `method`: what ran, `Class.method`.
    """

    reason: str
    rules: tuple[tuple[RuleCall, str], ...] = ()
    waits: bool = False
    difference: Difference | None = None
    trigger: Trigger | None = None


def match(
    system: Handlers, world: World, event: Event, stutters: bool = False
) -> list[Transition] | No:
    """The transitions that an event can be (several where it leaves something open).

    `stutters`: a delivery that the model ignores, and a fault that loses nothing, is a step too,
    one to the same world: an implementation logs it.
    """
    if event.event in NETWORK:
        found = [
            t
            for t in system.successors(world)
            if isinstance(t.step.trigger, NetworkFault) and _is_fault(t.step.trigger, event)
        ]
        # It may be possible later: the steps of the network are in no order with those of nodes.
        no = No(f"the network cannot do this here: {event.event}", waits=True)
        return found[:1] or no
    if event.node is None or event.node not in system.index:
        return No(f"the model has no node {event.node!r}; it has {', '.join(system.names)}")
    if event.event == "state":
        return _shown(system, world, event, event.node)
    triggers = _triggers(system, world, event, event.node)
    if isinstance(triggers, No):
        return triggers
    if len(triggers) == 1:
        return fitting(system, world, event, triggers[0], stutters)
    answers = [fitting(system, world, event, trigger, stutters) for trigger in triggers]
    fits = [t for answer in answers if not isinstance(answer, No) for t in answer]
    return fits or next(answer for answer in answers if isinstance(answer, No))


def fitting(
    system: Handlers, world: World, event: Event, trigger: Trigger, stutters: bool = False
) -> list[Transition] | No:
    """The outcomes of one trigger that say nothing else than the event."""
    assert event.node is not None
    i = system.index[event.node]
    steps: list[Transition] = []
    found: list[Transition] = []
    for t in system.local_steps(world, i, trigger):
        steps.append(t)
        if t.outcome and difference(system, event, t.outcome) is None:
            found.append(t)
    if found:
        return found
    asking = system.asking(world)
    outcomes = system.react(i, world.locals[i], trigger, asking).outcomes if not steps else ()
    if not steps and stutters and _may_change_nothing(system, world, trigger):
        quiet = [o for o in outcomes if o.local == world.locals[i] and not o.sent and not o.error]
        same = [o for o in quiet if difference(system, event, o) is None]
        if same:
            return [Transition(Step(trigger), world, same[0])]
    asked = [o for t in steps if (o := t.outcome)] or list(outcomes)
    denied = _denied(system, asked)
    differs = difference(system, event, asked[0]) if asked else None
    if not steps:
        return No(f"{what(event)} does nothing in the model", denied, False, differs, trigger)
    assert differs is not None
    return No(differs.reason, denied, False, differs, trigger)


def _denied(system: Handlers, outcomes: Sequence[Outcome]) -> tuple[tuple[RuleCall, str], ...]:
    return tuple(
        [
            (call, system.docs[call.rule])
            for outcome in outcomes
            for call in outcome.rules
            if not call.allowed and not call.switched_off
        ]
    )


def _may_change_nothing(system: Handlers, world: World, trigger: Trigger) -> bool:
    """Whether an implementation logs this also where it is no step: a message, an allowed fault."""
    if not isinstance(trigger, NodeFault):
        return isinstance(trigger, Envelope)
    return world.budgets[system.fault_names.index(trigger.kind)] > 0


def _shown(system: Handlers, world: World, event: Event, node: str) -> list[Transition] | No:
    """An event that is no step: whether the node holds, and has sent, what it says."""
    i = system.index[node]
    differs = _state_differs(system, i, world.locals[i], event.state)
    if differs is not None:
        return No(differs.reason, difference=differs)
    # Elsewhere a message that was taken is gone, and nobody knows any more that it was sent.
    for sent in (event.sent or ()) if system.network == "set" else ():
        for to in sent.to:
            if not system.transit.in_transit(world.network, message_key(to, sent.message)):
                said, _ = sent_texts(system, [Sent([to], sent.message)], [])
                return No(f"the trace says that {node} sent {said}, and in the model it did not")
    outcome = Outcome(world.locals[i])
    return [Transition(Step(Act(node, "")), world, outcome)]


def _triggers(system: Handlers, world: World, event: Event, node: str) -> Sequence[Trigger] | No:
    if event.event == "act":
        actions = [t for t in system.triggers(system.index[node]) if isinstance(t, Act)]
        for act in actions:
            if act.action == event.action:
                return (act,)
        names = ", ".join(a.action for a in actions) or "none"
        return No(f"{node} has no action {event.action!r}; it has {names}")
    if event.event in NODE_FAULTS:
        fault = NodeFault(node, event.event)
        if fault in system.triggers(system.index[node]):
            return (fault,)
        return No(f"the fault {event.event} is not switched on (--fault {event.event}=1)")
    message = event.message or {}
    kind = message["type"]
    takes = system.takes[node]
    if kind not in takes:
        return No(f"{node} has no handler for {kind}; it takes {', '.join(sorted(takes))}")
    key = message_key(node, message)
    found = system.transit.find(world.network, message.get("sender", ""), node, key)
    if found is not None:
        return (found,)
    if not takes[kind] <= message.keys():
        # Not all of the message is known: it may be any that fits.
        fits = [e for e in system.net.deliverable(world.network) if e.to == node]
        fits = [e for e in fits if agrees(e, message)]
        if fits:
            return fits
    return No(f"nobody sent this {kind}, or it is no longer in transit", waits=True)


def agrees(envelope: Envelope, message: dict[str, Any]) -> bool:
    """Whether a message has all that is known of it."""
    encoded = encode(envelope.message)
    return all(key in encoded and encoded[key] == value for key, value in message.items())


def difference(system: Handlers, event: Event, outcome: Outcome) -> Difference | None:
    """What the model does otherwise than the event says; None when they agree."""
    assert event.node is not None
    if (event.error is not None) != (outcome.error is not None):
        return Difference(f"the model says: {outcome.error or 'no exception'}")
    if event.choices is not None and event.choices != [encode(c) for c in outcome.choices]:
        return Difference(f"the model cannot choose {event.choices}")
    if outcome.error is not None:
        return None
    if event.state is not None:
        i = system.index[event.node]
        differs = _state_differs(system, i, outcome.local, event.state)
        if differs is not None:
            return differs
    if event.sent is not None and not sends(outcome, event.sent):
        theirs, mine = sent_texts(system, event.sent, sent_of(outcome))
        return Difference(f"the trace sends {theirs}; the model sends {mine}", "", theirs, mine)
    return None


def _state_differs(
    system: Handlers, i: int, local: Sequence[Any], state: dict[str, Any] | None
) -> Difference | None:
    positions = system.positions[i]
    for field, value in (state or {}).items():
        at = positions.get(field)
        if at is not None and (mine := encode(local[at])) != value:
            told, held = field_texts(system, system.names[i], field, value, mine)
            said = f"{field} is {told} in the trace and {held} in the model"
            return Difference(said, field, value, mine)
    return None


def shows(system: Handlers, i: int, local: Sequence[Any], event: Event) -> bool:
    """Whether a node in a local state holds what an event says."""
    return _state_differs(system, i, local, event.state) is None


def _is_fault(fault: NetworkFault, event: Event) -> bool:
    if fault.kind != event.event:
        return False
    if isinstance(fault.envelope, Envelope):
        same = encode(fault.envelope.message) == event.message
        return fault.envelope.to == event.to and same
    return sorted(fault.side or ()) == sorted(event.side or ())


def what(event: Event) -> str:
    """An event in a few words."""
    if event.event == "act":
        return f"{event.node}.{event.action}"
    if event.event == "deliver" and event.message:
        return f"the delivery of {event.message.get('type')} to {event.node}"
    return f"{event.event} of {event.node}"
