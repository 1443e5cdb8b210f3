"""Each property of single-decree Paxos catches a broken model, and is not vacuous.

The mutants change one method or one switch; the length of each shortest counterexample is exact.
"""

import pytest
from synod_mutants import MUTANTS

from paxcheck.engine.reference import explore
from paxcheck.loading import load_model
from paxcheck.protocol import Protocol, System

Synod = load_model("synod").protocol

SWITCHED_OFF: dict[str, dict[str, object]] = {
    "no-promise": {"without": ["keeps_promise"]},
    "promise-back": {"without": ["promises_only_newer"], "acceptors": 2, "network": "bag"},
    "own-value": {"without": ["adopts_latest_vote"]},
    "one-answer": {"without": ["waits_for_quorum"]},
    "one-vote": {"without": ["waits_for_votes"], "learners": 1, "proposers": 1},
    "split": {"quorums": "any:1", "acceptors": 2},
}

# Each way to forget a promise: in memory only, a lost disk, a lost write.
FORGETS: dict[str, dict[str, object]] = {
    "in-memory": {"faults": {"crash": 1}},
    "lost-disk": {"faults": {"amnesia": 1}, "promise_on_disk": True},
    "torn": {"faults": {"torn": 1}, "promise_on_disk": True},
}

EXTRA: dict[str, dict[str, object]] = {
    # Sharing alone does no harm: an acceptor promises a ballot once, so only one proposer gets a
    # quorum for it. Both must go wrong.
    "SharesBallots": {"without": ["promises_only_newer"], "network": "bag"},
}

# property, mutant, steps of the shortest counterexample
BITES = [
    ("agreement", "no-promise", 14),
    ("agreement", "own-value", 14),
    ("agreement", "one-answer", 10),
    ("agreement", "split", 8),
    ("validity", "InventsAValue", 6),
    ("stability", "no-promise", 13),
    ("learned_was_chosen", "one-vote", 7),
    ("one_value_per_ballot", "ProposesTwice", 8),
    ("b1", "SharesBallots", 10),
    ("b2", "split", 0),
    ("b3", "own-value", 11),
    ("p2c", "one-answer", 8),
    ("one_promise_per_ballot", "no-promise", 9),
    ("promise_never_goes_back", "promise-back", 4),
    ("no_vote_below_promise", "no-promise", 8),
    ("no_vote_below_promise", "promise-back", 8),
    ("no_vote_below_promise", "in-memory", 9),
    ("no_vote_below_promise", "lost-disk", 9),
    ("no_vote_below_promise", "torn", 9),
    ("no_exception", "Asserts", 6),
]


def mutant(name: str) -> Protocol:
    if name in SWITCHED_OFF:
        return Synod(**SWITCHED_OFF[name])  # type: ignore[arg-type]
    if name in FORGETS:
        return load_model("synod_amnesia").protocol(**FORGETS[name])  # type: ignore[arg-type]
    return MUTANTS[name](**EXTRA.get(name, {}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("prop", "name", "steps"), BITES)
def test_bite(prop: str, name: str, steps: int) -> None:
    protocol = mutant(name)
    only = [p for p in protocol.properties() if p.name == prop]
    verdict = explore(System(protocol), properties=only, stop_at_first=True)
    assert (verdict.verdict, verdict.of(prop).steps) == ("violated", steps)
    assert verdict.of(prop).reason


def test_every_property_has_a_mutant_and_holds_in_the_model() -> None:
    safety = {p.name for p in Synod(learners=1).properties() if p.kind != "reachable"}
    assert {prop for prop, _, _ in BITES} == safety
    verdict = explore(System(Synod(learners=1)))
    assert {p.name for p in verdict.properties if p.verdict == "holds"} >= safety


def test_nothing_holds_vacuously() -> None:
    """Witnesses in the scope with a learner: exact lengths."""
    verdict = explore(System(Synod(learners=1)))
    witnesses = {p.name: p.steps for p in verdict.properties if p.kind == "reachable"}
    assert witnesses == {
        "a_value_is_chosen": 7,
        "two_ballots_compete": 10,
        "a_vote_is_adopted": 11,
        "every_learner_learns": 9,
    }
    assert verdict.coverage is not None
    assert verdict.coverage.vacuous() == []


@pytest.mark.parametrize(
    ("settings", "silent"),
    [
        ({"learners": 1}, set[str]()),
        ({}, {"learned_was_chosen", "every_learner_learns"}),
        ({"learners": 1, "proposers": 1}, {"two_ballots_compete", "a_vote_is_adopted"}),
        ({"learners": 1, "proposers": 1, "rounds": 2}, {"a_vote_is_adopted"}),
        ({"learners": 1, "without": ["adopts_latest_vote"]}, {"a_vote_is_adopted"}),
    ],
)
def test_what_says_nothing_is_left_out(settings: dict[str, object], silent: set[str]) -> None:
    """No learner, no second proposer, a rule switched off: then nothing is "reached" for free."""
    every = {p.name for p in Synod(learners=1).properties()}
    protocol = Synod(**settings)  # type: ignore[arg-type]
    assert every - {p.name for p in protocol.properties()} == silent
    verdict = explore(System(protocol))
    assert all(p.steps for p in verdict.properties if p.kind == "reachable")


def test_every_rule_of_synod_is_needed() -> None:
    """Switched off, each of them breaks something."""
    needed = {rule for s in SWITCHED_OFF.values() for rule in s.get("without", ())}  # type: ignore[attr-defined]
    assert needed == set(Synod().rules()) | {"waits_for_votes"}
