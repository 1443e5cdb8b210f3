"""One event of a trace against one world of a model: which step it is, or why it is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from paxcheck.protocol.execute import Act, Local, NodeFault, Outcome, RuleCall
from paxcheck.protocol.faults import NODE_FAULTS
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.network import NETWORKS
from paxcheck.protocol.node import handlers_of
from paxcheck.protocol.system import NetworkFault, Step, System, Transition, Trigger
from paxcheck.protocol.world import World
from paxcheck.trace.conform.keys import key_of, message_key
from paxcheck.trace.conform.wording import field_texts, sent_texts
from paxcheck.trace.encode import encode
from paxcheck.trace.events import Event, Sent
from paxcheck.trace.replay import Behavior
from paxcheck.trace.write import sent_of, state_of

NETWORK = ("loss", "duplicate", "partition", "heal")


@dataclass(frozen=True, slots=True)
class No:
    """Why an event is no step here; `waits`: only because its message is not in transit (yet)."""

    reason: str
    rules: tuple[tuple[RuleCall, str], ...] = ()
    waits: bool = False


@lru_cache(maxsize=65_536)
def _encoded(message: Message) -> dict[str, Any]:
    return encode(message)


@lru_cache(maxsize=65_536)
def _state(system: System, node: str, local: Local) -> dict[str, Any]:
    return state_of(Behavior(system, ()), node, local)


_LATEST: dict[str, tuple[Any, dict[str, Envelope]]] = {}
"""The latest state of each network and its table: most events leave the network as it is."""


def _deliverable(network: str, state: Any) -> dict[str, Envelope]:
    """What can be delivered in a state of a network, by key."""
    latest = _LATEST.get(network)
    if latest is None or latest[0] is not state:
        table = {key_of(envelope): envelope for envelope in NETWORKS[network].deliverable(state)}
        latest = _LATEST[network] = (state, table)
    return latest[1]


@lru_cache(maxsize=65_536)
def _handled(system: System, node: str) -> frozenset[str]:
    return frozenset(k.__name__ for k in handlers_of(type(system.nodes[system.index[node]])))


def match(
    system: System, world: World, event: Event, stutters: bool = False
) -> list[Transition] | No:
    """The transitions that an event can be (several where it leaves a choice open).

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
    trigger = _trigger(system, world, event, event.node)
    if isinstance(trigger, No):
        return trigger
    return fitting(system, world, event, trigger, stutters)


def fitting(
    system: System, world: World, event: Event, trigger: Trigger, stutters: bool = False
) -> list[Transition] | No:
    """The outcomes of one trigger that say nothing else than the event."""
    assert event.node is not None
    i = system.index[event.node]
    steps = list(system.local_steps(world, i, trigger))
    found = [t for t in steps if t.outcome and not difference(system, event, t.outcome)]
    if found:
        return found
    outcomes = system.react(i, world.locals[i], trigger, None).outcomes if not steps else ()
    if not steps and stutters and _may_change_nothing(system, world, trigger):
        quiet = [o for o in outcomes if o.local == world.locals[i] and not o.sent and not o.error]
        same = [o for o in quiet if not difference(system, event, o)]
        if same:
            return [Transition(Step(trigger), world, same[0])]
    asked = [o for t in steps if (o := t.outcome)] or list(outcomes)
    known = system.all_rules()
    denied = tuple(
        [
            (call, known[call.rule].doc.splitlines()[0])
            for o in asked
            for call in o.rules
            if not call.allowed and not call.switched_off
        ]
    )
    if not steps:
        return No(f"{what(event)} does nothing in the model", denied)
    assert steps[0].outcome is not None
    return No(difference(system, event, steps[0].outcome), denied)


def _may_change_nothing(system: System, world: World, trigger: Trigger) -> bool:
    """Whether an implementation logs this also where it is no step: a message, an allowed fault."""
    if not isinstance(trigger, NodeFault):
        return isinstance(trigger, Envelope)
    return world.budgets[system.fault_names.index(trigger.kind)] > 0


def _trigger(system: System, world: World, event: Event, node: str) -> Trigger | No:
    if event.event == "act":
        actions = [t for t in system.triggers(system.index[node]) if isinstance(t, Act)]
        for act in actions:
            if act.action == event.action:
                return act
        names = ", ".join(a.action for a in actions) or "none"
        return No(f"{node} has no action {event.action!r}; it has {names}")
    if event.event in NODE_FAULTS:
        fault = NodeFault(node, event.event)
        if fault in system.triggers(system.index[node]):
            return fault
        return No(f"the fault {event.event} is not switched on (--fault {event.event}=1)")
    message = event.message or {}
    kind = message.get("type")
    handled = _handled(system, node)
    if kind not in handled:
        return No(f"{node} has no handler for {kind}; it takes {', '.join(sorted(handled))}")
    found = _deliverable(system.network, world.network).get(message_key(node, message))
    if found is not None:
        return found
    if any(_encoded(e.message) == message for e in system.net.copies(world.network)):
        return No(f"this {kind} was not sent to {node}, or it cannot be delivered yet", waits=True)
    return No(f"nobody sent this {kind}, or it is no longer in transit", waits=True)


def difference(system: System, event: Event, outcome: Outcome) -> str:
    """What the model does otherwise than the event says; empty when they agree."""
    assert event.node is not None
    if (event.error is not None) != (outcome.error is not None):
        return f"the model says: {outcome.error or 'no exception'}"
    if event.choices is not None and event.choices != [encode(c) for c in outcome.choices]:
        return f"the model cannot choose {event.choices}"
    if event.state is not None and outcome.error is None:
        state = _state(system, event.node, outcome.local)
        for field, value in event.state.items():
            if field in state and state[field] != value:
                theirs, mine = field_texts(system, event.node, field, value, state[field])
                return f"{field} is {theirs} in the trace and {mine} in the model"
    if event.sent is not None and outcome.error is None:
        sent = sent_of(outcome)
        if sorted(map(_plain, sent)) != sorted(map(_plain, event.sent)):
            theirs, mine = sent_texts(system, event.sent, sent)
            return f"the trace sends {theirs}; the model sends {mine}"
    return ""


def _plain(sent: Sent) -> str:
    """All of what was sent but its sender, to compare it."""
    rest = ", ".join(f"{k}={v}" for k, v in sent.message.items() if k not in ("type", "sender"))
    return f"{sent.message.get('type')}({rest}) to {', '.join(sorted(sent.to))}"


def _is_fault(fault: NetworkFault, event: Event) -> bool:
    if fault.kind != event.event:
        return False
    if isinstance(fault.envelope, Envelope):
        return fault.envelope.to == event.to and _encoded(fault.envelope.message) == event.message
    return sorted(fault.side or ()) == sorted(event.side or ())


def what(event: Event) -> str:
    """An event in a few words."""
    if event.event == "act":
        return f"{event.node}.{event.action}"
    if event.event == "deliver" and event.message:
        return f"the delivery of {event.message.get('type')} to {event.node}"
    return f"{event.event} of {event.node}"
