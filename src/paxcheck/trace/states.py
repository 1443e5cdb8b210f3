"""A run as a sequence of states, for other tools: ITF, and the JSON of TLC's -dumpTrace.

There is a variable for each field, a function of the nodes that have it, and `in_transit` for the
network. None, which neither format has, is the text "None", as TLC writes a model value.

ITF: https://apalache-mc.org/docs/adr/015adr-trace.html. In the JSON of TLC sets and sequences are
both lists, and functions are objects with the keys as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from paxcheck.protocol.execute import Act
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.system import NetworkFault, Step, System
from paxcheck.protocol.values import DICT, SET, Record, Tag, Value, order_key
from paxcheck.protocol.world import World
from paxcheck.trace.adapters.tla_states import plain_value
from paxcheck.trace.replay import Behavior

Json = Any
NOTHING = "None"


@dataclass(frozen=True, slots=True)
class States:
    """States as ITF values, by the names of the variables; the action that led to each but the
    first: its name, and the node that took it. `source`: where the run is from."""

    states: tuple[dict[str, Json], ...]
    actions: tuple[tuple[str, str], ...]
    source: str


def states_of_behavior(behavior: Behavior, source: str) -> States:
    """The states of a replayed run, from the initial one. One that an exception ends has none."""
    system = behavior.system
    worlds = [system.initial(), *[frame.after for frame in behavior.frames if frame.after]]
    # What no state of the run needs is left out of all of them.
    stops = any(_stopped(system, world) for world in worlds)
    cuts = any(world.cut is not None for world in worlds)
    states: list[dict[str, Json]] = []
    for world in worlds:
        state = _fields(system, world)
        state[_free("in_transit", state)] = _network(system, world)
        if stops:
            state[_free("stopped", state)] = itf_value(_stopped(system, world))
        if cuts:
            state[_free("cut_off", state)] = itf_value(world.cut or frozenset())
        states.append(state)
    actions = [_action(frame.step) for frame in behavior.frames if frame.after]
    return States(tuple(states), tuple(actions), source)


def as_itf(run: States) -> str:
    """The run in the Informal Trace Format; one line a state."""
    names = list(run.states[0])
    head = {
        "#meta": {
            "format": "ITF",
            "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
            "source": run.source,
        },
        "vars": names,
    }
    lines: list[str] = []
    for index, state in enumerate(run.states):
        meta: dict[str, Json] = {"index": index}
        if index and run.actions:
            name, node = run.actions[index - 1]
            meta |= {"action": name, "node": node}
        lines.append(_dumped({"#meta": meta, **state}))
    return _dumped(head)[:-1] + ',\n"states": [\n' + ",\n".join(lines) + "\n]}\n"


def as_tlc(run: States) -> str:
    """The run as TLC dumps one with -dumpTrace json."""
    states = [[n, plain_value(state)] for n, state in enumerate(run.states, 1)]
    actions = [
        [before, {"name": name, "context": {"node": node}, "parameters": ["node"]}, after]
        for before, (name, node), after in zip(states, run.actions, states[1:], strict=False)
    ]
    whole = {"counterexample": {"state": states, "action": actions}, "vars": list(run.states[0])}
    return _dumped(whole) + "\n"


FORMATS: dict[str, Callable[[States], str]] = {"itf": as_itf, "tlc-json": as_tlc}


def itf_value(value: Value) -> Json:
    """A frozen value of a model as ITF has it; equal values give equal JSON."""
    if value is None:
        return NOTHING
    if isinstance(value, Record):
        fields = {name: itf_value(getattr(value, name)) for name in value._fields}  # pyright: ignore[reportPrivateUsage]
        if isinstance(value, Message):
            return {"type": type(value).__name__, "sender": value.sender, **fields}
        return fields
    if isinstance(value, tuple):
        items: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
        if items and items[0] is DICT:
            return {"#map": [[itf_value(k), itf_value(v)] for k, v in items[1:]]}
        if items and items[0] is SET:
            return {"#set": [itf_value(v) for v in items[1:]]}
        return [itf_value(v) for v in (items[1:] if items and isinstance(items[0], Tag) else items)]
    if isinstance(value, frozenset):
        return {"#set": [itf_value(v) for v in sorted(value, key=order_key)]}  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    return {"#bigint": str(value)} if type(value) is int else value


def itf_again(value: Json) -> Json:
    """A plain value, as read from the JSON of TLC, as ITF has it: its lists stay lists."""
    if isinstance(value, list):
        return [itf_again(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {str(k): itf_again(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    return {"#bigint": str(value)} if type(value) is int else value


def _fields(system: System, world: World) -> dict[str, Json]:
    """Each field as a function of the nodes that have it; without ghosts."""
    found: dict[str, list[Json]] = {}
    for shape, local in zip(system.shapes, world.locals, strict=True):
        for name, kind, value in zip(shape.names, shape.kinds, local, strict=False):
            if kind != "ghost":
                found.setdefault(name, []).append([shape.name, itf_value(value)])
    return {name: {"#map": pairs} for name, pairs in found.items()}


def _network(system: System, world: World) -> Json:
    """Messages in transit: a set, a list with each copy, or a queue for each channel."""
    state = world.network
    if system.net.name == "set":
        return {"#set": [_envelope(e) for e in system.net.copies(state)]}
    if system.net.name == "bag":
        return [_envelope(e) for e in state]
    return {"#map": [[list(ends), [_envelope(e) for e in queue]] for ends, queue in state]}


def _envelope(envelope: Envelope) -> Json:
    return {"to": envelope.to, "message": itf_value(envelope.message)}


def _stopped(system: System, world: World) -> frozenset[str]:
    pairs = zip(system.shapes, world.locals, strict=True)
    return frozenset([shape.name for shape, local in pairs if shape.stopped(local)])


def _free(name: str, taken: dict[str, Json]) -> str:
    while name in taken:
        name += "_"
    return name


def _action(step: Step) -> tuple[str, str]:
    trigger = step.trigger
    if isinstance(trigger, Act):
        return trigger.action, trigger.node
    if isinstance(trigger, Envelope):
        return type(trigger.message).__name__, trigger.to
    node = step.node if not isinstance(trigger, NetworkFault) else None
    return trigger.kind, node or ""


def _dumped(value: Sequence[Json] | dict[str, Json]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
