"""Conform on random runs of every bundled model: never a false alarm, never a silent pass.

The reference is the run itself: what is left out of a run, or written in another order, is still a
run of the model, so `violated` is always wrong.
"""

import random
from collections import Counter
from functools import cache
from typing import Any

import msgspec
import pytest

from paxcheck.loading import load_model
from paxcheck.protocol import Protocol, System
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.conform.possible import Closure
from paxcheck.trace.conform.text import as_text
from paxcheck.trace.events import Event
from paxcheck.trace.read import Trace
from paxcheck.trace.replay import Behavior, replay
from paxcheck.trace.write import events_of, header_of

MODELS = ["single_server", "broadcast", "rounds", "majority", "synod", "synod_amnesia"]
SCOPES: list[tuple[str, dict[str, int]]] = [
    ("set", {}),
    ("bag", {}),
    ("fifo", {}),
    ("set", {"crash": 1, "amnesia": 1}),
    ("fifo", {"crash": 1, "amnesia": 1}),
    ("set", {"corrupt": 1}),
    ("bag", {"loss": 2, "duplicate": 2}),
    ("fifo", {"loss": 2, "duplicate": 2}),
    ("bag", {"partition": 1}),
]
SEEDS = range(3)


@cache
def protocol(model: str, network: str, faults: tuple[tuple[str, int], ...]) -> Protocol:
    return load_model(model).protocol(network=network, faults=dict(faults))


def random_run(of: Protocol, seed: int, length: int = 40) -> Behavior:
    system, chance = System(of), random.Random(seed)
    world, steps = system.initial(), []
    for _ in range(length):
        choices = [t for t in system.successors(world) if t.world is not None]
        if not choices:
            break
        taken = chance.choice(choices)
        steps.append(taken.step)
        assert taken.world is not None
        world = taken.world
    return replay(of, steps)


def node_of(event: Event) -> str:
    return event.node or "the network"


def interleaved(events: list[Event], chance: random.Random) -> list[Event]:
    """Another order in the file; that of each node is kept, and nothing else."""
    queues: dict[str, list[Event]] = {}
    for event in events:
        queues.setdefault(node_of(event), []).append(event)
    places = [node_of(event) for event in events]
    chance.shuffle(places)
    return [queues[node].pop(0) for node in places]


def checked(run: Behavior, events: list[Event], kind: Any = "trace") -> Conformance:
    """The result. The invariants of `rounds` are not made for lost disks."""
    header = msgspec.structs.replace(header_of(run, model="m"), kind=kind)
    lines = tuple((n, e) for n, e in enumerate(events, 2))
    system = System(run.system.protocol)
    judged = () if "rounds" in system.protocol.name() else system.protocol.properties()
    return conform(Trace("t", header, lines), system, judged)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("network", "faults"), SCOPES)
def test_no_false_alarm(model: str, network: str, faults: dict[str, int]) -> None:
    """Whatever is left out of a run; and what is complete holds, also file by file."""
    of = protocol(model, network, tuple(faults.items()))
    for seed in SEEDS:
        run = random_run(of, seed)
        events, chance = events_of(run), random.Random(seed)
        if not events:
            continue
        for kind in ("behavior", "trace"):
            result = checked(run, events, kind)
            assert (result.refusal, result.undecided) == (None, "")
            assert result.replayed == len(events)
            result = checked(run, interleaved(events, chance), kind)
            assert result.refusal is None or result.undecided
            if not any(node_of(e) == "the network" for e in events):
                assert (result.refusal, result.replayed) == (None, len(events))
        count = min(len(events), chance.choice((1, 2, 3, 6)))
        left_out = set(chance.sample(range(len(events)), count))
        gone = chance.choice(events)
        silent = [msgspec.structs.replace(e, state=None, sent=None, choices=None) for e in events]
        for rest in (
            [e for n, e in enumerate(events) if n not in left_out],
            [e for e in events if node_of(e) != node_of(gone)],
            interleaved([e for n, e in enumerate(silent) if n not in left_out], chance),
            interleaved(silent, chance),
        ):
            result = checked(run, rest)
            assert result.refusal is None or result.undecided, (seed, result.refusal)
            if not rest:
                assert result.verdict == "undetermined"


@pytest.mark.parametrize("network", ["set", "bag", "fifo"])
def test_a_changed_line_never_passes(network: str) -> None:
    """One field of one state is changed; a run of a model (all steps known) names that line."""
    of = protocol("synod", network, ())
    said: Counter[str] = Counter()
    for seed in range(10):
        run = random_run(of, seed)
        events, chance = events_of(run), random.Random(seed)
        number = chance.choice([n for n, e in enumerate(events) if e.state])
        state = dict(events[number].state or {})
        field = chance.choice(sorted(state))
        state[field] = {"no such": "value"}
        changed = [*events]
        changed[number] = msgspec.structs.replace(events[number], state=state)
        for kind in ("behavior", "trace"):
            result = checked(run, changed, kind)
            assert result.refusal is not None
            assert result.refusal.line == number + 2
            assert result.refusal.reason.startswith(f"{field} is ")
            said[kind, result.verdict] += 1
    assert said == {("behavior", "violated"): 10, ("trace", "violated"): 10}


def test_a_file_without_one_node_is_explained_or_left_open() -> None:
    """The steps of a2 are not there: what it sent must be explained by hidden steps of a2."""
    run = random_run(protocol("synod", "set", ()), 1)
    events = [e for e in events_of(run) if e.node != "a2"]
    result = checked(run, events)
    assert result.verdict in ("holds", "undetermined")
    assert all("a2" in way for hidden in result.hidden for way in hidden.ways)


def test_a_fault_that_is_allowed_is_a_hidden_step() -> None:
    """A lost disk that the configuration allows may be missing in the file."""
    of = protocol("synod", "set", (("amnesia", 1),))
    found: list[str] = []
    for seed in range(30):
        run = random_run(of, seed)
        events = events_of(run)
        rest = [e for e in events if e.event != "amnesia"]
        if len(rest) < len(events):
            result = checked(run, rest)
            assert result.verdict != "violated" or result.broken, (seed, result.refusal)
            found += [way for hidden in result.hidden for way in hidden.ways]
    assert sum(way.startswith("a lost disk of ") for way in found) == 27


def test_the_closure_holds_all_that_a_run_can_do() -> None:
    """Against the reference search: every event of every run is possible."""
    for model in MODELS:
        of = protocol(model, "set", ())
        closure = Closure(System(of))
        for seed in SEEDS:
            run = random_run(of, seed)
            for event in events_of(run):
                expected = "perhaps" if closure.complete else "unknown"
                assert closure.allows(event, None) == expected


def test_the_closure_says_when_it_is_not_complete() -> None:
    closure = Closure(System(protocol("synod", "set", ())), most=10)
    assert not closure.complete
    assert closure.allows(Event(event="act", node="p1", action="no_such"), None) == "unknown"


def test_a_crash_that_loses_nothing_is_no_reason_to_refuse() -> None:
    of = protocol("synod", "set", (("crash", 1),))
    crash = Event(event="crash", node="a1")
    result = checked(random_run(of, 0), [crash])
    assert (result.verdict, result.replayed) == ("holds", 1)


def test_a_fault_too_many() -> None:
    """One crash is allowed, and it was there."""
    of = protocol("synod", "set", (("crash", 1),))
    run = random_run(of, 1)
    events = events_of(run)
    number = next(n for n, e in enumerate(events) if e.event == "crash")
    assert [e.event for e in events].count("crash") == 1
    result = checked(run, [*events, events[number]])
    assert result.refusal is not None
    assert (result.refusal.line, result.verdict) == (len(events) + 2, "violated")


def test_what_is_not_compared_is_counted() -> None:
    run = random_run(protocol("synod", "set", ()), 1)
    events = events_of(run)
    full = checked(run, events)
    assert (full.without_state, full.without_sent) == (0, 0)
    rest = [msgspec.structs.replace(e, state=None) for e in events[:3]]
    silent = [msgspec.structs.replace(e, sent=None) for e in events[3:5]]
    result = checked(run, [*rest, *silent, *events[5:]])
    assert (result.without_state, result.without_sent) == (3, 2)
    said = as_text(result, "synod").splitlines()
    assert (
        "not compared: the state after 3 events, what 2 events sent: the trace does not say it"
        in said
    )
