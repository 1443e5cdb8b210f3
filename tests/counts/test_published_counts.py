"""Counts that others published or measured, reproduced by models in our language."""

import pytest
from counting_scope import CountingScope
from lamport_paxos import LamportPaxos
from stateright_paxos import StaterightPaxos
from two_phase_commit import TwoPhaseCommit

from paxcheck.engine.compiled import search as compiled
from paxcheck.engine.reference import explore
from paxcheck.protocol import Protocol, System


def count(protocol: Protocol) -> tuple[str, int, int, int]:
    verdict = explore(System(protocol))
    return verdict.verdict, verdict.distinct_states, verdict.generated_states, verdict.depth


def test_counting_scope_small() -> None:
    assert count(CountingScope()) == ("holds", 2905, 8338, 18)


def test_counting_scope_three_proposers() -> None:
    assert count(CountingScope(proposers=3)) == ("holds", 159_725, 544_479, 27)


@pytest.mark.parametrize(
    ("managers", "expected"), [(3, ("holds", 288, 761, 10)), (5, ("holds", 8832, 37_345, 16))]
)
def test_two_phase_commit(managers: int, expected: tuple[str, int, int, int]) -> None:
    """288 and 8,832 distinct states: TLC on TwoPhase.tla, Stateright's 2pc example."""
    assert count(TwoPhaseCommit(managers=managers)) == expected


def test_lamport_paxos_small() -> None:
    """3,921 distinct states: TLC, SPIN, Rumur and Stateright."""
    assert count(LamportPaxos()) == ("holds", 3921, 9442, 16)


@pytest.mark.parametrize(("values", "distinct"), [(2, 185_369), (3, 362_361)])
def test_lamport_paxos_three_ballots(values: int, distinct: int) -> None:
    """185,369 and 362,361 distinct states: TLC, SPIN, Rumur and Stateright.

    By the compiled engine, which takes a tenth of the time; the contract tests hold it to the law.
    """
    verdict = compiled.explore(System(LamportPaxos(ballots=3, values=values)))
    assert (verdict.verdict, verdict.distinct_states) == ("holds", distinct)


@pytest.mark.parametrize("recorded", [True, False])
def test_stateright_paxos(recorded: bool) -> None:
    """16,668 states in Stateright's `can_model_paxos`, with the clients' history.

    Without the history the count is the same: the history follows from the rest of the state.
    Stateright's shortest run to "value chosen" has 8 deliveries too.
    """
    verdict = explore(System(StaterightPaxos(recorded=recorded)))
    assert verdict.verdict == "holds"
    assert (verdict.distinct_states, verdict.generated_states, verdict.depth) == (
        16_668,
        32_970,
        20,
    )
    assert verdict.of("value_chosen").steps == 8
