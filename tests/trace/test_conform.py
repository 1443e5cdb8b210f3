"""The level `conform`: order, missing and changed lines, faults; on random runs of the models."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from paxcheck.loading import load_model
from paxcheck.protocol import Protocol, System
from paxcheck.protocol.execute import NodeFault
from paxcheck.protocol.messages import Envelope
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.events import Event, Header
from paxcheck.trace.read import Trace
from paxcheck.trace.replay import Behavior, replay
from paxcheck.trace.write import events_of, header_of

MODELS = ["single_server", "broadcast", "rounds", "majority", "synod", "synod_amnesia"]


def random_run(protocol: Protocol, seed: int, length: int = 40) -> Behavior:
    """A random run, without faults of the network."""
    system, chance = System(protocol), random.Random(seed)
    world, steps = system.initial(), []
    for _ in range(length):
        choices = [t for t in system.successors(world) if t.step.node and t.world is not None]
        if not choices:
            break
        chosen = chance.choice(choices)
        steps.append(chosen.step)
        assert chosen.world is not None
        world = chosen.world
    return replay(protocol, steps)


def header(behavior: Behavior) -> Header:
    return msgspec.structs.replace(header_of(behavior, model="m"), kind="trace")


def trace(head: Header, events: Sequence[Event], path: str = "t") -> Trace:
    return Trace(path, head, tuple((n, e) for n, e in enumerate(events, 2)))


def checked(head: Header, events: Sequence[Event], protocol: Protocol) -> Conformance:
    return conform(trace(head, events), System(protocol))


def shuffled(events: list[Event], chance: random.Random) -> list[Event]:
    """Another order of the same events; that of each node is kept."""
    queues: dict[str, list[Event]] = {}
    for event in events:
        queues.setdefault(event.node or "", []).append(event)
    found: list[Event] = []
    while queues:
        node = chance.choice(sorted(queues))
        found.append(queues[node].pop(0))
        if not queues[node]:
            del queues[node]
    return found


def plain(model: str, **options: Any) -> Protocol:
    return load_model(model).protocol(**options)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("network", ["set", "bag", "fifo"])
def test_a_run_conforms_in_any_order_of_the_nodes(model: str, network: str) -> None:
    protocol = plain(model, network=network)
    for seed in range(5):
        behavior = random_run(protocol, seed)
        events = events_of(behavior)
        for order in (events, shuffled(events, random.Random(seed))):
            result = checked(header(behavior), order, protocol)
            assert result.refusal is None, (seed, result.refusal)
            assert result.replayed == len(events)
            assert result.hidden == ()
            assert result.causality.unsent == ()
            assert result.causality.cycle == ()


def test_one_file_for_each_node() -> None:
    protocol = plain("synod")
    behavior = random_run(protocol, 3)
    events = events_of(behavior)
    nodes = sorted({str(e.node) for e in events})
    parts = [trace(header(behavior), [e for e in events if e.node == n], n) for n in nodes]
    result = conform(parts, System(protocol))
    assert (result.refusal, result.replayed) == (None, len(events))


def test_states_and_sends_may_be_left_out() -> None:
    protocol = plain("synod")
    behavior = random_run(protocol, 1)
    events = [
        msgspec.structs.replace(e, sent=None, state=None) if n % 2 else e
        for n, e in enumerate(events_of(behavior))
    ]
    result = checked(header(behavior), events, protocol)
    assert (result.refusal, result.verdict) == (None, "holds")


def test_a_missing_line_is_found_by_what_it_explains() -> None:
    """Each line of a run is left out in turn: the rest is explained, or it was not needed."""
    protocol = plain("synod")
    explained = 0
    for seed in range(3):
        behavior = random_run(protocol, seed, 25)
        events = events_of(behavior)
        for left_out in range(len(events)):
            rest = events[:left_out] + events[left_out + 1 :]
            result = checked(header(behavior), rest, protocol)
            assert result.refusal is None, (seed, left_out, result.refusal)
            explained += bool(result.hidden)
    assert explained == 23


def test_a_hidden_step_is_told_in_words() -> None:
    protocol = plain("synod")
    behavior = random_run(protocol, 0, 25)
    events = events_of(behavior)
    first = next(n for n, e in enumerate(events) if e.event == "deliver")
    rest = events[:first] + events[first + 1 :]
    result = checked(header(behavior), rest, protocol)
    said = behavior.frames[first].step.trigger
    assert isinstance(said, Envelope)
    (way,) = result.hidden[0].ways
    assert way.startswith(f"{said.to} took Prepare(ballot ")
    assert result.hidden[0].node in (said.to, said.sender)


def test_a_changed_state_is_refused_at_its_line() -> None:
    protocol = plain("synod")
    behavior = random_run(protocol, 2, 25)
    events = events_of(behavior)
    for number, event in enumerate(events):
        if not event.state or "promised" not in event.state:
            continue
        wrong = {**event.state, "promised": {"round": 9, "proposer": "p9"}}
        changed = [*events]
        changed[number] = msgspec.structs.replace(event, state=wrong)
        result = checked(header(behavior), changed, protocol)
        assert result.refusal is not None
        assert result.refusal.line == number + 2
        assert result.refusal.explanations == (
            "a crash and restart, a lost disk, another value on the disk and a duplicate "
            "do not explain it",
        )


def test_a_message_that_nobody_sent() -> None:
    protocol = plain("synod")
    behavior = random_run(protocol, 2, 25)
    events = events_of(behavior)
    number = next(n for n, e in enumerate(events) if e.event == "deliver")
    message = {**(events[number].message or {}), "ballot": {"round": 1, "proposer": "p9"}}
    events[number] = msgspec.structs.replace(events[number], message=message)
    result = checked(header(behavior), events, protocol)
    assert result.refusal is not None
    assert result.refusal.line == number + 2
    assert result.causality.unsent == (("t", number + 2),)
    assert result.refusal.nearest != ()


def test_a_lost_disk_is_the_only_explanation() -> None:
    lossy = plain("synod", faults={"amnesia": 1})
    system, chance = System(lossy), random.Random(5)
    world, steps, struck = system.initial(), [], False
    for _ in range(30):
        choices = [t for t in system.successors(world) if t.step.node and t.world]
        faults = [t for t in choices if isinstance(t.step.trigger, NodeFault)]
        faults = [t for t in faults if str(t.step.node).startswith("a") and len(steps) > 12]
        if not choices:
            break
        chosen = chance.choice(faults if faults and not struck else choices)
        struck = struck or chosen in faults
        steps.append(chosen.step)
        assert chosen.world
        world = chosen.world
    events = events_of(replay(lossy, steps))
    lost = next(n for n, e in enumerate(events) if e.event == "amnesia")
    node = events[lost].node
    rest = [e for n, e in enumerate(events) if n != lost and e.event != "amnesia"]
    head = msgspec.structs.replace(header(replay(lossy, steps)), faults={})
    result = checked(head, rest, plain("synod"))
    assert result.refusal is not None
    assert result.refusal.node == node
    assert len(result.refusal.explanations) == 1
    assert result.refusal.explanations[0].startswith(f"a lost disk of {node} between lines ")
    assert result.refusal.explanations[0].endswith(
        f" and {result.refusal.line} explains it; a crash and restart, another value on the disk "
        "and a duplicate do not"
    )


def test_a_duplicate_explains_a_second_delivery() -> None:
    protocol = plain("majority", network="bag")
    behavior = random_run(protocol, 4, 20)
    events = events_of(behavior)
    number = next(n for n, e in enumerate(events) if (e.message or {}).get("type") == "Prepare")
    again = [*events[: number + 1], msgspec.structs.replace(events[number]), *events[number + 1 :]]
    result = checked(header(behavior), again, protocol)
    assert result.refusal is not None
    assert result.refusal.line == number + 3
    assert result.refusal.explanations[0].startswith("a duplicate of Prepare(")
    assert result.causality.again == 1


def test_lines_that_wait_for_each_other() -> None:
    protocol = plain("synod")
    behavior = random_run(protocol, 0, 25)
    events = events_of(behavior)
    taken = next(n for n, e in enumerate(events) if (e.message or {}).get("type") == "Promise")
    asked = next(n for n, e in enumerate(events) if e.node == events[taken].node)
    events[asked], events[taken] = events[taken], events[asked]
    result = checked(header(behavior), events, protocol)
    assert result.refusal is not None
    assert {("t", asked + 2), ("t", taken + 2)} <= set(result.causality.cycle)
