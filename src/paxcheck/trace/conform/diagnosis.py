"""Why an event is refused, for people: the lines that contradict it, before and after, the rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from paxcheck.protocol.errors import short_path
from paxcheck.protocol.execute import Act, RuleCall
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.node import Node, Rule, handlers_of
from paxcheck.protocol.values import show
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.keys import message_key
from paxcheck.trace.conform.matching import No, what
from paxcheck.trace.conform.nearest import MOST, nearest
from paxcheck.trace.conform.places import Place
from paxcheck.trace.conform.result import Refusal
from paxcheck.trace.conform.tracks import Track, Tracks
from paxcheck.trace.conform.typed import plain
from paxcheck.trace.conform.wording import field_texts
from paxcheck.trace.describe import describe
from paxcheck.trace.encode import encode
from paxcheck.trace.events import Event
from paxcheck.trace.observe.verdict import Mention


def refusal(
    system: Handlers,
    world: World,
    place: Place,
    no: No,
    tracks: Tracks,
    explanations: tuple[str, ...],
) -> Refusal:
    """The refusal of an event in a world, with all that explains it."""
    event = place.event
    node = event.node if event.node in system.index else None
    track = tracks.of[node] if node else Track()
    if event.event == "state" and not no.rules:
        # What it holds and sent follows from its steps: what said no in the latest one?
        denied = [(call, system.docs[call.rule]) for call in track.denied]
        no = replace(no, rules=tuple(denied))
    fields = _fields(system, node, no) if node else []
    earlier = [(name, *track.changed[name]) for name in fields if name in track.changed]
    life = tracks.life(place)
    held = _held(system, world, node, fields) if node else {}
    evidence = _evidence(node or "", earlier, held)
    again = tracks.taken.get(message_key(node, event.message or {})) if node else None
    if no.waits and again is not None:
        envelope, file, line = again
        told = f"the delivery of {type(envelope.message).__name__} to {envelope.to}, before"
        evidence.append(Mention(file, line, node or "", told, 0))
    evidence.append(Mention(place.file, place.line, event.node or "", what(event), life))
    no = replace(no, rules=tuple([(_told_call(call), doc) for call, doc in no.rules]))
    return Refusal(
        event=place.number,
        line=place.line,
        node=event.node,
        reason=_waiting(system, world, event) if no.waits else no.reason,
        rules=no.rules,
        sources=tuple([_source(system, node, call.rule) for call, _ in no.rules]) if node else (),
        file=place.file,
        nearest=nearest(system, world, event, no.reason) or _has_sent(track, event),
        explanations=explanations,
        incarnation=life,
        before=", ".join(f"{name} {show(value)}" for name, value in held.items()),
        after=_claim(system, no, event, held),
        across_restart=any(then < life for _, _, then in earlier),
        evidence=tuple(evidence),
    )


def _fields(system: Handlers, node: str, no: No) -> list[str]:
    """The fields that decide: those that the rules look at, or that differs, or of the handler."""
    i = system.index[node]
    known = system.positions[i]
    cls = type(system.nodes[i])
    names: list[str] = []
    if no.rules:
        names = [name for call, _ in no.rules for name in _rule(cls, call).method.__code__.co_names]
    elif no.difference is None or not no.difference.field:
        names = list(_mentioned(cls, no))
    if no.difference is not None:
        names.append(no.difference.field)
    return [name for name in dict.fromkeys(names) if name in known]


def _mentioned(cls: type[Node], no: No) -> Iterable[str]:
    """The names in the code of the handler or action that refused."""
    trigger = no.trigger
    if isinstance(trigger, Act):
        return getattr(cls, trigger.action).__code__.co_names
    if isinstance(trigger, Envelope):
        handler = handlers_of(cls)[type(trigger.message)]
        return getattr(cls, handler.name).__code__.co_names
    return ()


def _rule(cls: type[Node], call: RuleCall) -> Rule:
    return getattr(cls, call.rule)


def _source(system: Handlers, node: str, rule: str) -> str:
    """Where a rule stands: file:line, and of which class it is."""
    cls = type(system.nodes[system.index[node]])
    code = getattr(cls, rule).method.__code__
    return f"{short_path(code.co_filename)}:{code.co_firstlineno}, {code.co_qualname}"


def _held(system: Handlers, world: World, node: str, fields: list[str]) -> dict[str, object]:
    i = system.index[node]
    return {name: world.locals[i][system.positions[i][name]] for name in fields}


def _evidence(
    node: str, earlier: list[tuple[str, Place, int]], held: dict[str, object]
) -> list[Mention]:
    """The lines since which the fields are as they are, each line once, oldest first."""
    lines: dict[int, tuple[Place, int, list[str]]] = {}
    for name, place, life in earlier:
        lines.setdefault(place.number, (place, life, []))[2].append(f"{name} {show(held[name])}")
    return [
        Mention(
            place.file,
            place.line,
            node,
            f"{what(plain(place.event))}: since then {', '.join(told)}",
            life,
        )
        for _, (place, life, told) in sorted(lines.items())
    ]


def _claim(system: Handlers, no: No, event: Event, held: dict[str, object]) -> str:
    """What the trace says instead, in the model's words."""
    differs = no.difference
    if differs is not None and differs.theirs is not None and not differs.field:
        return f"sends {differs.theirs}"
    state = event.state or {}
    other = [n for n, v in held.items() if n in state and state[n] != encode(v)]
    if differs is not None and differs.field and differs.field not in other:
        other.append(differs.field)
    return ", ".join(
        f"{name} {field_texts(system, event.node or '', name, state[name], encode(held[name]))[0]}"
        for name in other
        if name in state
    )


def _told_call(call: RuleCall) -> RuleCall:
    """A question to a rule as people read it."""
    return call._replace(args=tuple([show(arg) for arg in call.args]))


def _has_sent(track: Track, event: Event) -> tuple[str, ...]:
    """What a node sent in its latest steps, where a trace says that it sent something else."""
    wanted = {sent.message.get("type") for sent in event.sent or ()}
    sent = {e.message: None for past in track.past for e in past.sent}
    found = [f"it sent {describe(m)}" for m in sent if type(m).__name__ in wanted]
    return tuple(found[-MOST:])


def _waiting(system: Handlers, world: World, event: Event) -> str:
    """Why a message is not there."""
    message = event.message
    if message is None:
        return f"the network cannot do this here: {event.event}"
    kind = message.get("type")
    if any(encode(e.message) == message for e in system.net.copies(world.network)):
        return f"this {kind} was not sent to {event.node}, or it cannot be delivered yet"
    return f"nobody sent this {kind}, or it is no longer in transit"
