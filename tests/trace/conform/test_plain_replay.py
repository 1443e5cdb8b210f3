"""Conform against a plain replay: all successors of each world, and every property after each step.

The plain replay copies its worlds and keeps nothing. It says the same of every run: which line is
refused, and which line first breaks which property, with the same reason.
"""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paxcheck.loading import load_model
from paxcheck.protocol import Protocol, System, WorldView
from paxcheck.trace.conform import Conformance, conform, judging
from paxcheck.trace.events import Event
from paxcheck.trace.read import BLOCK, Trace, open_trace
from paxcheck.trace.replay import Behavior, Frame
from paxcheck.trace.write import event_of, header_of, write_trace

MODELS = ["single_server", "broadcast", "rounds", "majority", "synod", "synod_amnesia"]
LENGTH = 100

CONFIGURATIONS: list[tuple[str, dict[str, Any]]] = [
    *[(model, {"network": network}) for model in MODELS for network in ("set", "bag", "fifo")],
    # The properties of `rounds` are not made for lost disks.
    *[(m, {"faults": {"crash": 2, "amnesia": 1}}) for m in MODELS if m != "rounds"],
    *[("synod", {"network": network, "rounds": 3}) for network in ("set", "bag", "fifo")],
    ("synod", {"network": "bag", "rounds": 30, "faults": {"loss": 9, "duplicate": 9}}),
    ("synod", {"learners": 1, "rounds": 3, "without": ["keeps_promise"]}),
    ("synod", {"learners": 1, "rounds": 3, "without": ["waits_for_votes"]}),
    ("synod", {"rounds": 9, "without": ["adopts_latest_vote"]}),
    ("synod", {"rounds": 9, "without": ["waits_for_quorum"]}),
    ("synod", {"rounds": 9, "network": "bag", "without": ["promises_only_newer"]}),
    ("synod", {"rounds": 9, "acceptors": 2, "quorums": "any:1"}),
    ("synod_amnesia", {"rounds": 9, "network": "bag", "faults": {"crash": 3, "torn": 1}}),
]

Plain = tuple[int | None, dict[str, tuple[int, str]]]
"""The line that is refused, and where each property is first broken, with the reason."""


def random_run(protocol: Protocol, seed: int) -> list[Event]:
    """The events of a random run."""
    system, chance = System(protocol), random.Random(seed)
    world, events = system.initial(), list[Event]()
    for _ in range(LENGTH):
        choices = [t for t in system.successors(world) if t.world is not None]
        if not choices:
            break
        taken = chance.choice(choices)
        assert taken.world is not None
        frame = Frame(taken.step, world, taken.world, taken.outcome)
        events.append(event_of(Behavior(system, ()), frame))
        world = taken.world
    return events


def plainly(protocol: Protocol, events: list[Event]) -> Plain:
    """What a plain replay says."""
    system = System(protocol, memo=False)
    behavior, world = Behavior(system, ()), system.initial()
    broken: dict[str, tuple[int, str]] = {}
    for line, event in enumerate(events, 2):
        steps = [
            t
            for t in system.successors(world)
            if t.step.node == event.node
            and event_of(behavior, Frame(t.step, world, t.world, t.outcome)) == event
        ]
        if not steps:
            return line, broken
        after = steps[0].world
        assert after is not None
        for prop in protocol.properties():
            view: Any = None
            if prop.kind == "invariant":
                view = WorldView(system, after)
            elif prop.kind == "step_invariant":
                view = system.step_view(world, steps[0])
            breach = prop.judge(view) if view is not None else None
            if breach is not None:
                broken.setdefault(prop.name, (line, breach.reason))
        world = after
    return None, broken


def conformance(protocol: Protocol, events: list[Event], kind: Any = "behavior") -> Conformance:
    system = System(protocol)
    header = msgspec.structs.replace(header_of(Behavior(system, ()), model="m"), kind=kind)
    lines = tuple(enumerate(events, 2))
    return conform(Trace("t", header, lines), system, protocol.properties())


def said(result: Conformance) -> Plain:
    """The same of a conformance check."""
    refused = result.refusal.line if result.refusal is not None else None
    return refused, {p.name: (p.line, p.reason) for p in result.broken}


def corrupted(events: list[Event], chance: random.Random) -> list[Event]:
    """One event holds or sends something else."""
    number = chance.choice([n for n, e in enumerate(events) if e.state])
    event = events[number]
    if event.sent and chance.random() < 0.5:
        changed = msgspec.structs.replace(event, sent=event.sent[1:])
    else:
        state = dict(event.state or {})
        state[chance.choice(sorted(state))] = {"no such": "value"}
        changed = msgspec.structs.replace(event, state=state)
    return [*events[:number], changed, *events[number + 1 :]]


def test_the_same_is_said_of_every_run() -> None:
    """Runs as they are, and with one line changed; of all models, also where a rule is missing."""
    counts: Counter[str] = Counter()
    for model, options in CONFIGURATIONS:
        protocol = load_model(model).protocol(**options)
        for seed in range(2):
            events, chance = random_run(protocol, seed), random.Random(seed)
            variants = [events]
            if any(event.state for event in events):
                variants.append(corrupted(events, chance))
            for variant in variants:
                expected = plainly(protocol, variant)
                # Of a trace, what is not a step may be explained by steps that are not in it.
                for kind in ("behavior", "trace") if variant is events else ("behavior",):
                    result = conformance(protocol, variant, kind)
                    assert said(result) == expected, (model, options, seed, kind)
                counts["runs"] += 1
                counts["events"] += len(variant)
                counts["refused"] += expected[0] is not None
                counts["broken"] += len(expected[1])
    assert counts == {"runs": 136, "events": 3566, "refused": 68, "broken": 76}


@pytest.mark.parametrize("size", [1, 7])
def test_it_does_not_matter_how_many_events_are_judged_at_once(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[tuple[Protocol, list[Event]]] = []
    for model, options in CONFIGURATIONS[-7:]:
        protocol = load_model(model).protocol(**options)
        runs.append((protocol, random_run(protocol, 5)))
    usual = [conformance(protocol, events) for protocol, events in runs]
    monkeypatch.setattr(judging, "BATCH", size)
    assert [conformance(protocol, events) for protocol, events in runs] == usual
    assert sum(len(result.broken) for result in usual) == 7


def test_a_line_that_cannot_be_read_comes_after_all_before_it(tmp_path: Path) -> None:
    """Some events are read at once: what is broken before the bad line is still found."""
    protocol = load_model("synod").protocol(rounds=9, without=["keeps_promise"])
    system = System(protocol)
    events = random_run(protocol, 1)
    header = msgspec.structs.replace(header_of(Behavior(system, ()), model="m"), kind="trace")
    path = tmp_path / "run.jsonl"
    write_trace(path, header, events)
    assert len(events) < BLOCK
    whole = conform(open_trace(str(path)), system, protocol.properties())
    path.write_bytes(path.read_bytes() + b'{"event": "act"}\n')
    cut = conform(open_trace(str(path)), system, protocol.properties())
    line = f"{path}:{len(events) + 2}: this line is not an event: act needs its node"
    assert cut.stopped == line
    assert replace(cut, stopped="") == whole
    assert [prop.name for prop in whole.broken] == [
        "one_promise_per_ballot",
        "promise_never_goes_back",
        "no_vote_below_promise",
    ]
