"""The two ways to judge an event say the same: the short one of an ordinary step, and the other."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paxcheck import (
    Broken,
    Node,
    Protocol,
    StepView,
    WorldView,
    action,
    durable,
    ghost,
    invariant,
    step_invariant,
    volatile,
)
from paxcheck.loading import load_model
from paxcheck.protocol import Message, ModelError
from paxcheck.protocol.growing import Growing
from paxcheck.protocol.system import Transition
from paxcheck.protocol.world import World
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.judging import Judge
from paxcheck.trace.conform.places import Place
from paxcheck.trace.events import Event

FAULTS = {"crash": 3, "amnesia": 1, "loss": 2, "duplicate": 2}
CONFIGURATIONS: list[tuple[str, dict[str, Any]]] = [
    *[(m, {}) for m in ("single_server", "broadcast", "rounds", "majority", "synod_amnesia")],
    *[("synod", {"network": network, "rounds": 5}) for network in ("set", "bag", "fifo")],
    ("synod", {"network": "bag", "rounds": 9, "learners": 1, "faults": FAULTS}),
    ("synod", {"rounds": 9, "learners": 1, "without": ["keeps_promise"]}),
    ("synod", {"rounds": 9, "learners": 1, "without": ["waits_for_votes"]}),
    ("synod", {"rounds": 9, "without": ["adopts_latest_vote"]}),
    ("synod", {"rounds": 9, "without": ["waits_for_quorum"]}),
    ("synod", {"rounds": 9, "network": "bag", "without": ["promises_only_newer"]}),
    ("synod", {"rounds": 9, "acceptors": 2, "quorums": "any:1", "faults": {"crash": 2}}),
    ("synod_amnesia", {"rounds": 9, "network": "bag", "faults": {"crash": 3, "torn": 1}}),
]

Taken = tuple[Place, list[tuple[World, Transition]], list[str]]
"""An event: what it may have been, and the fields that it changed."""


def random_events(
    system: Handlers, chance: random.Random, length: int, open_: float
) -> list[Taken]:
    """A random run. Its handlers also take steps that are not in it: histories branch.

    `open_`: how often the event may have been one of two steps. The run goes on after the first.
    """
    world, events = system.initial(), list[Taken]()
    for line in range(2, length + 2):
        steps = [t for t in system.successors(world) if t.world is not None]
        if not steps:
            break
        found = [(world, t) for t in chance.sample(steps, min(len(steps), 2))]
        found = found if chance.random() < open_ else found[:1]
        step = found[0][1]
        after, node = step.world, step.step.node
        assert after is not None
        fields = list[str]()
        if node is not None:
            i = system.index[node]
            rows = zip(system.shapes[i].names, world.locals[i], after.locals[i], strict=False)
            fields = [name for name, old, new in rows if old != new]
        place = Place(line, "t", line, Event("act", node=node))
        if after != world:
            events.append((place, found, fields))
        world = after
    return events


def forget(events: Sequence[Taken]) -> None:
    """Take all folds from the histories."""
    for _, found, _ in events:
        for world in [w for before, t in found for w in (before, t.world) if w is not None]:
            for value in [value for local in world.locals for value in local]:
                if isinstance(value, Growing):
                    value.line.folds.clear()


def judged(
    system: Handlers, protocol: Protocol, events: Sequence[Taken], short: Callable[[], bool]
) -> list[Any]:
    """All that a judge says of a run. `short`: whether to take the short way, where it is open."""
    judge = Judge(system, protocol.properties())
    said: list[Any] = []
    for place, found, fields in events:
        try:
            if len(found) == 1 and found[0][1].world is not None and short():
                judge.take_one(place, 1, *found[0], fields)
            else:
                judge.take(place, 1, found, fields)
            if place.line % 10 == 0:
                judge.settle()
        except ModelError as problem:
            said.append(str(problem))
            break
    for j in judge.judged:
        line = j.at.line if j.at else None
        reads = sorted(map(str, j.reads))
        said.append((j.prop.name, j.checks, line, j.life, j.reason, j.silent, reads))
    return said


def compare(protocol: Protocol, seed: int, length: int, open_: float) -> list[Any]:
    """What both ways say, and a run that takes now this one and now that."""
    system, chance = Handlers(protocol), random.Random(seed)
    events = random_events(system, chance, length, open_)
    forget(events)
    long = judged(system, protocol, events, lambda: False)
    for short in (lambda: True, lambda: chance.random() < 0.5):
        # With folds that have seen another part of the histories, and without.
        assert judged(system, protocol, events, short) == long
        forget(events)
        assert judged(system, protocol, events, short) == long
    return long


def test_both_ways_say_the_same_of_the_models() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(CONFIGURATIONS), st.integers(0, 9999), st.sampled_from([0, 0, 0.1]))
    def same(configuration: tuple[str, dict[str, Any]], seed: int, open_: float) -> None:
        model, options = configuration
        said = compare(load_model(model).protocol(**options), seed, 60, open_)
        seen["runs"] += 1
        seen["broken"] += sum(line is not None for _, _, line, *_ in said)
        seen["checks"] += sum(checks for _, checks, *_ in said)

    same()
    assert seen["runs"] >= 100
    assert seen["broken"] >= 5, seen
    assert seen["checks"] >= 2_000, seen


class Ping(Message):
    n: int


class Counting(Node):
    x: int = durable(0)
    y: int = volatile(0)
    seen: set[int] = ghost()

    @action
    def count(self) -> None:
        self.x += 1
        self.seen.add(self.x)
        self.broadcast(Ping(self.x % 3))

    @action
    def back(self) -> None:
        if self.x > 4:
            self.x = 0

    @action
    def touch(self) -> None:
        self.y = 1

    def on_ping(self, msg: Ping) -> None:
        if msg.n == 2:
            self.x += 2


class Looking(Protocol):
    """Its properties look in all the ways that there are."""

    def nodes(self) -> list[Node]:
        return [Counting("a"), Counting("b")]

    @invariant
    def wide(self, world: WorldView) -> bool:
        """It looks at more and more."""
        a, b = world["a"], world["b"]
        return a.x < 6 or b.x < 4 or len(world.sent(Ping)) < 6

    @invariant
    def later(self, world: WorldView) -> bool:
        """It looks at one more node when the first has counted."""
        return world["a"].x < 3 or world["b"].x < 99

    @invariant
    def low(self, world: WorldView) -> Broken | None:
        """No number is high."""
        high = [n.x for n in world.nodes(Counting) if n.x > 14]
        return Broken(f"{high} are high") if high else None

    @invariant
    def whole(self, world: WorldView) -> bool:
        """It goes through a whole history."""
        return max(world["a"].remembered("seen"), default=0) < 99

    @invariant
    def running(self, world: WorldView) -> bool:
        """Who is down has not counted far."""
        return not any(n.stopped and n.x > 9 for n in world.nodes(Counting))

    @invariant
    def nothing(self, world: WorldView) -> bool:
        """It looks at nothing."""
        return True

    @step_invariant
    def upwards(self, step: StepView) -> bool:
        """No number goes down."""
        return step.after.x >= step.before.x

    @step_invariant
    def histories(self, step: StepView) -> bool:
        """It goes through a history at each step."""
        return len(list(step.after.remembered("seen"))) < 99

    @invariant
    def odd(self, world: WorldView) -> Any:
        """It is odd."""
        return self.says(world["a"].x > 12)

    @step_invariant
    def odd_step(self, step: StepView) -> Any:
        """It is odd."""
        return self.says(step.node == "b" and step.before.x > 12)

    def says(self, odd: bool) -> Any:
        return None


class Raising(Looking):
    def says(self, odd: bool) -> Any:
        return 1 // (not odd) == 1


class Answering(Looking):
    def says(self, odd: bool) -> Any:
        return 5 if odd else True


class Silent(Looking):
    def says(self, odd: bool) -> Any:
        return not odd


OPTIONS: dict[str, Any] = {"network": "bag", "faults": {"stop": 1, "crash": 3}}


@pytest.mark.parametrize("kind", [Looking, Raising, Answering, Silent])
@pytest.mark.parametrize("longest", [2, 4, 2_000])
def test_both_ways_say_the_same_of_any_property(
    kind: type[Protocol], longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one gives up on a long history, and where its check is wrong."""
    monkeypatch.setattr("paxcheck.protocol.growing.LONGEST", longest)
    monkeypatch.setattr("paxcheck.trace.conform.judging.LONGEST", longest)
    said = Counter[str]()
    for seed in range(12):
        for open_ in (0, 0.1):
            found = compare(kind(**OPTIONS), seed, 120, open_)
            said["errors"] += sum(isinstance(f, str) for f in found)
            rows = [f for f in found if not isinstance(f, str)]
            said["broken"] += sum(row[2] is not None for row in rows)
            said["silent"] += sum(bool(row[5]) for row in rows)
    assert said["broken"] > 0, said
    assert (said["silent"] > 0) == (longest < 99), said
    assert (said["errors"] > 0) == (kind in (Raising, Answering)), said


def test_after_a_stop_nothing_is_judged() -> None:
    protocol = Looking(**OPTIONS)
    system = Handlers(protocol)
    events = random_events(system, random.Random(1), 40, 0)
    judge = Judge(system, protocol.properties())
    for place, found, fields in events[:20]:
        judge.take_one(place, 1, *found[0], fields)
    judge.stop("it is over")
    before = [(j.checks, j.silent, j.at) for j in judge.judged]
    assert all(silent == "it is over" or at for _, silent, at in before)
    for place, found, fields in events[20:]:
        judge.take_one(place, 1, *found[0], fields)
    judge.settle()
    assert [(j.checks, j.silent, j.at) for j in judge.judged] == before
