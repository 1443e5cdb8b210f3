"""Is every step of a trace a step of the model? The first one that is not is named and explained.

This is the strict level, for traces with full information, such as a saved counterexample: each
event is tried in the model's own handlers. Where the model says no, the rules that were asked and
refused are the explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paxcheck.engine.verdict import Answer
from paxcheck.protocol.execute import Act, NodeFault, Outcome, RuleCall
from paxcheck.protocol.faults import NODE_FAULTS
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.node import handlers_of
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import NetworkFault, Step, System, Transition, Trigger
from paxcheck.protocol.world import World
from paxcheck.trace.encode import encode
from paxcheck.trace.events import Event
from paxcheck.trace.read import Trace
from paxcheck.trace.replay import Behavior, Frame, shows
from paxcheck.trace.write import sent_of, state_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first event that the model does not allow: where, why, and which rules said no."""

    event: int
    line: int
    node: str | None
    reason: str
    rules: tuple[tuple[RuleCall, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Conformance:
    """The result: how many events were replayed, and the refusal or the broken property, if any.

    `verdict`: holds (every event is a step of the model and every property held), violated, or
    undetermined (there was nothing to check).
    """

    path: str
    events: int
    replayed: int
    refusal: Refusal | None
    broken: tuple[tuple[str, int, str], ...] = ()

    @property
    def verdict(self) -> Answer:
        """An empty trace is never valid."""
        if self.refusal is not None or self.broken:
            return "violated"
        return "holds" if self.replayed else "undetermined"


def conform(trace: Trace, system: System, properties: Sequence[Property] = ()) -> Conformance:
    """Replay a trace in a system (best without memo) and judge the properties on the way.

    `broken` lists (property, line, reason) for the first breach of each invariant.
    """
    world = system.initial()
    frames: list[Frame] = []
    broken: dict[str, tuple[int, str]] = {}
    wanted = [p for p in properties if p.kind in ("invariant", "step_invariant")]
    for number, (line, event) in enumerate(trace.events, 1):
        transition, refusal = _next(system, world, event, number, line)
        if transition is None:
            result = tuple([(name, n, why) for name, (n, why) in broken.items()])
            return Conformance(trace.path, len(trace.events), number - 1, refusal, result)
        frames.append(Frame(transition.step, world, transition.world, transition.outcome))
        for prop in wanted:
            if prop.name not in broken:
                breach = shows(Behavior(system, tuple(frames[-1:])), prop)
                if breach is not None:
                    broken[prop.name] = (line, breach.reason)
        if transition.world is None:
            break
        world = transition.world
    result = tuple([(name, n, why) for name, (n, why) in broken.items()])
    return Conformance(trace.path, len(trace.events), len(frames), None, result)


def _next(
    system: System, world: World, event: Event, number: int, line: int
) -> tuple[Transition | None, Refusal | None]:
    """The transition that an event is, or why there is none."""

    def refuse(reason: str, rules: Sequence[RuleCall] = ()) -> tuple[None, Refusal]:
        known = system.all_rules()
        told = tuple([(call, known[call.rule].doc.splitlines()[0]) for call in rules])
        return None, Refusal(number, line, event.node, reason, told)

    if event.event in ("loss", "duplicate", "partition", "heal"):
        for t in system.successors(world):
            if isinstance(t.step.trigger, NetworkFault) and _is_fault(t.step.trigger, event):
                return t, None
        return refuse(f"the network cannot do this here: {event.event}")
    if event.node is None or event.node not in system.index:
        return refuse(f"the model has no node {event.node!r}; it has {', '.join(system.names)}")
    trigger, why = _trigger(system, world, event, event.node)
    if trigger is None:
        return refuse(why)
    i = system.index[event.node]
    steps = list(system.local_steps(world, i, trigger))
    fitting = [t for t in steps if t.outcome and not _difference(system, event, t.outcome)]
    if fitting:
        return fitting[0], None
    outcomes = system.react(i, world.locals[i], trigger, None).outcomes if not steps else ()
    asked = [o for t in steps if (o := t.outcome)] or list(outcomes)
    denied = [call for o in asked for call in o.rules if not call.allowed and not call.switched_off]
    if not steps:
        return refuse(f"{_what(event)} does nothing in the model", denied)
    assert steps[0].outcome is not None
    return refuse(_difference(system, event, steps[0].outcome), denied)


def _trigger(system: System, world: World, event: Event, node: str) -> tuple[Trigger | None, str]:
    if event.event == "act":
        actions = [t for t in system.triggers(system.index[node]) if isinstance(t, Act)]
        for act in actions:
            if act.action == event.action:
                return act, ""
        names = ", ".join(a.action for a in actions) or "none"
        return None, f"{node} has no action {event.action!r}; it has {names}"
    if event.event in NODE_FAULTS:
        fault = NodeFault(node, event.event)
        if fault in system.triggers(system.index[node]):
            return fault, ""
        return None, f"the fault {event.event} is not switched on (--fault {event.event}=1)"
    message = event.message or {}
    kind = message.get("type")
    handled = {k.__name__ for k in handlers_of(type(system.nodes[system.index[node]]))}
    if kind not in handled:
        return None, f"{node} has no handler for {kind}; it takes {', '.join(sorted(handled))}"
    copies = system.net.deliverable(world.network)
    for envelope in copies:
        if envelope.to == node and encode(envelope.message) == message:
            return envelope, ""
    if any(encode(e.message) == message for e in system.net.copies(world.network)):
        return None, f"this {kind} was not sent to {node}, or it cannot be delivered yet"
    return None, f"nobody sent this {kind}, or it is no longer in transit"


def _difference(system: System, event: Event, outcome: Outcome) -> str:
    """What the model does otherwise than the event says; empty when they agree."""
    assert event.node is not None
    if (event.error is not None) != (outcome.error is not None):
        return f"the model says: {outcome.error or 'no exception'}"
    if event.choices is not None and event.choices != [encode(c) for c in outcome.choices]:
        return f"the model cannot choose {event.choices}"
    if event.state is not None and outcome.error is None:
        behavior = Behavior(system, ())
        state = state_of(behavior, event.node, outcome.local)
        for field, value in event.state.items():
            if field in state and state[field] != value:
                return f"{field} is {value} in the trace and {state[field]} in the model"
    if event.sent is not None and outcome.error is None:
        mine = sorted([_plain(s.to, s.message) for s in sent_of(outcome)])
        theirs = sorted([_plain(s.to, s.message) for s in event.sent])
        if mine != theirs:
            return f"the trace sends {_types(theirs)}; the model sends {_types(mine)}"
    return ""


def _plain(to: Sequence[str], message: dict[str, Any]) -> str:
    rest = ", ".join(f"{k}={v}" for k, v in message.items() if k not in ("type", "sender"))
    return f"{message.get('type')}({rest}) to {', '.join(sorted(to))}"


def _types(sent: list[str]) -> str:
    return "; ".join(sent) or "nothing"


def _is_fault(fault: NetworkFault, event: Event) -> bool:
    if fault.kind != event.event:
        return False
    if isinstance(fault.envelope, Envelope):
        return fault.envelope.to == event.to and encode(fault.envelope.message) == event.message
    return sorted(fault.side or ()) == sorted(event.side or ())


def _what(event: Event) -> str:
    if event.event == "act":
        return f"{event.node}.{event.action}"
    if event.event == "deliver" and event.message:
        return f"the delivery of {event.message.get('type')} to {event.node}"
    return f"{event.event} of {event.node}"


def steps(trace: Trace, system: System) -> tuple[Step, ...]:
    """The steps that the events of a conforming trace are, for a replay."""
    world, found = system.initial(), list[Step]()
    for number, (line, event) in enumerate(trace.events, 1):
        transition, refusal = _next(system, world, event, number, line)
        if transition is None:
            raise ValueError(refusal)
        found.append(transition.step)
        world = transition.world or world
    return tuple(found)
