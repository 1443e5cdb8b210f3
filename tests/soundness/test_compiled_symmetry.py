"""With symmetry the search finds the same: verdicts, counts of all states, lengths of runs."""

import sys
from pathlib import Path

import pytest
from law import SCOPES, law, protocol_of

from paxcheck.engine import reference
from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.native import NativeTier
from paxcheck.engine.compiled.set_arrays import SetArrays
from paxcheck.engine.compiled.symmetry import NotSymmetric, Symmetry
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.limits import Limits, Watch
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol import (
    Message,
    Node,
    Protocol,
    System,
    WorldView,
    action,
    durable,
    invariant,
    step_invariant,
)
from paxcheck.trace.replay import replay, shows

sys.path.insert(0, str(Path(__file__).parents[1] / "counts"))
from counting_scope import CountingScope


def search(protocol: Protocol, threads: int = 1) -> NativeTier:
    tables = Tables(System(protocol))
    findings = Findings(tables, protocol.properties())
    tier = NativeTier(tables, findings, Limits(), Watch(Limits()), Symmetry(tables), threads)
    assert tier.run_levels() is None
    return tier


def same(protocol: Protocol, plain: Verdict | None = None) -> NativeTier:
    tier = search(protocol)
    plain = plain or reference.explore(System(protocol))
    assert tier.full == plain.distinct_states
    assert tier.generated == plain.generated_states
    assert tuple(tier.full_levels) == plain.levels
    assert tier.terminal == plain.terminal_states
    # Even the runs are the same: what was found under other names is told under the right ones.
    assert tier.behaviors == {
        p.name: p.behavior for p in plain.properties if p.behavior is not None
    }
    checks = {p.name: p for p in protocol.properties()}
    for name, run in tier.behaviors.items():
        breach = shows(replay(protocol, run), checks[name])
        assert (breach is None) == (checks[name].kind == "reachable")
    return tier


@pytest.mark.parametrize(
    ("scope", "orbits", "full", "steps"),
    [
        ((3, 2, 1), 609, 2_905, 8_338),
        ((5, 2, 1), 8_492, 525_185, 2_346_690),
        ((4, 3, 1), 182_283, 3_684_617, 16_576_659),
    ],
)
def test_published_orbits(scope: tuple[int, int, int], orbits: int, full: int, steps: int) -> None:
    acceptors, proposers, rounds = scope
    tier = search(CountingScope(acceptors=acceptors, proposers=proposers, rounds=rounds))
    assert (tier.distinct, tier.full, tier.generated) == (orbits, full, steps)


SYMMETRIC = [(m, s) for m, s in SCOPES if m != "single_server"]


@pytest.mark.parametrize(("model", "scope"), SYMMETRIC)
def test_bundled_scopes(model: str, scope: str) -> None:
    protocol = protocol_of(model, scope)
    if protocol.network != "set" or not protocol.symmetry():
        pytest.skip("it has no symmetry")
    same(protocol, law(model, scope))


class Knock(Message):
    pass


class Door(Node):
    knocks: int = durable(0)

    @action
    def knock(self) -> None:
        if self.knocks < 2:
            self.knocks += 1
            self.broadcast(Knock())

    def on_knock(self, msg: Knock) -> None:
        if self.knocks < 2:
            self.knocks += 1


class Doors(Protocol):
    door: type[Door] = Door

    def nodes(self) -> list[Node]:
        return [self.door(f"d{i}") for i in range(3)]

    def symmetry(self) -> list[list[str]]:
        return [["d0", "d1", "d2"]]


def test_a_fair_declaration() -> None:
    tier = same(Doors())
    assert tier.distinct < tier.full


class Biased(Door):
    def on_knock(self, msg: Knock) -> None:
        if self.knocks < 2 and self.name != "d2":
            self.knocks += 1


class BiasedDoors(Doors):
    door = Biased


def test_a_handler_that_treats_one_differently_is_named() -> None:
    with pytest.raises(NotSymmetric, match=r"Biased.on_knock of d. does not do the same"):
        search(BiasedDoors())


class UnfairInvariant(Doors):
    @invariant
    def first_is_quiet(self, world: WorldView) -> bool:
        """The first door never hears two knocks."""
        return world["d0"].knocks < 2


def test_a_property_that_treats_one_differently_is_named() -> None:
    with pytest.raises(NotSymmetric, match="property first_is_quiet answers otherwise"):
        search(UnfairInvariant())


class FairStep(Doors):
    @step_invariant
    def never_two(self, step: object) -> bool:
        """No door gets to two knocks by a message."""
        return step.after.knocks < 2 or step.action is not None  # type: ignore[attr-defined]


def test_steps_are_judged_with_symmetry() -> None:
    same(FairStep())


@pytest.mark.parametrize("scope", [(3, 2, 1), (5, 2, 1), (3, 3, 1)])
def test_the_layout_of_states_does_not_choose_among_images(
    monkeypatch: pytest.MonkeyPatch, scope: tuple[int, int, int]
) -> None:
    """Fields grow step by step, and then a state has two words instead of one."""
    calls = 0

    def widths(self: SetArrays) -> list[int]:
        nonlocal calls
        calls += 1
        tight = [len(rows).bit_length() for rows in self.tables.rows]
        return tight if calls < 4 else [max(b, 14) for b in tight]

    monkeypatch.setattr(SetArrays, "roomy_widths", widths)
    a, p, r = scope
    tier = search(CountingScope(acceptors=a, proposers=p, rounds=r))
    orbits, full, steps = {
        (3, 2, 1): (609, 2_905, 8_338),
        (5, 2, 1): (8_492, 525_185, 2_346_690),
        (3, 3, 1): (28_498, 159_725, 544_479),
    }[scope]
    assert (tier.distinct, tier.full, tier.generated) == (orbits, full, steps)
    assert calls >= 4
    assert tier.arrays.width == 2
