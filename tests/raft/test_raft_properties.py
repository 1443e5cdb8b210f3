"""The properties of Raft as plain functions: each with a history that keeps it and one that does
not (Ongaro and Ousterhout, extended version, Figure 3)."""

from paxcheck.raft import properties
from paxcheck.raft.properties import AppliedEntry, Entry, Leader, TermVote


def majority_of_three(names: frozenset[str]) -> bool:
    return len(names & {"a", "b", "c"}) >= 2


def why(broken: object) -> str:
    assert broken is not None
    return broken.reason  # type: ignore[attr-defined]


def test_one_vote_per_term() -> None:
    votes = [TermVote("a", 1, "b"), TermVote("a", 2, "c"), TermVote("c", 1, "c")]
    assert properties.one_vote_per_term(votes) is None
    assert properties.one_vote_per_term([*votes, TermVote("a", 1, "b")]) is None
    found = properties.one_vote_per_term([*votes, TermVote("a", 1, "c")])
    assert why(found) == "a voted for b in term 1, and votes for c in the same term"
    assert found is not None
    assert found.evidence == (votes[0], TermVote("a", 1, "c"))


def test_term_never_goes_back() -> None:
    assert properties.term_never_goes_back("a", 2, 2) is None
    assert properties.term_never_goes_back("a", 2, 3) is None
    assert why(properties.term_never_goes_back("a", 3, 2)) == (
        "a was in term 3, and is now in term 2"
    )


def test_election_safety() -> None:
    leaders = [Leader("a", 1), Leader("b", 2), Leader("a", 1)]
    assert properties.election_safety(leaders) is None
    found = properties.election_safety([*leaders, Leader("c", 2)])
    assert why(found) == "b is leader of term 2, and so is c"


def test_quorums() -> None:
    a = Leader("a", 1)
    assert properties.election_needs_quorum(a, ["a", "b"], majority_of_three) is None
    assert why(properties.election_needs_quorum(a, ["a"], majority_of_three)) == (
        "a became leader of term 1 with the votes of a, which is no quorum"
    )
    assert properties.commit_needs_quorum(a, 4, ["a", "c"], majority_of_three) is None
    assert why(properties.commit_needs_quorum(a, 4, [], majority_of_three)) == (
        "a, leader of term 1, committed index 4 when nobody had acknowledged it, which is no quorum"
    )


def test_leader_append_only() -> None:
    log = [Entry(1, "x"), Entry(2, "y")]
    a = Leader("a", 2)
    assert properties.leader_append_only(a, log, [*log, Entry(2, "z")]) is None
    assert why(properties.leader_append_only(a, log, log[:1])) == (
        "a is leader of term 2, and changes its own entry at index 2"
    )
    assert why(properties.leader_append_only(a, log, [Entry(1, "q"), log[1]])) == (
        "a is leader of term 2, and changes its own entry at index 1"
    )


def test_log_matching() -> None:
    x, y, z = Entry(1, "x"), Entry(1, "y"), Entry(2, "z")
    assert properties.log_matching({"a": [x, z], "b": [x], "c": [x, y]}) is None
    assert why(properties.log_matching({"a": [x], "b": [y]})) == (
        "index 1 of term 1 is x on a and y on b"
    )
    assert why(properties.log_matching({"a": [x, z], "b": [Entry(2, "q"), z]})) == (
        "index 2 of term 2 is the same on a and b, but the entry before it is of term 1 on a "
        "and of term 2 on b"
    )


def test_leader_completeness() -> None:
    leader = Leader("b", 3)
    assert properties.leader_completeness(leader, {1: 1, 2: 2}, [(2, 2, 2)]) is None
    assert properties.leader_completeness(leader, {}, [(1, 1, 3)]) is None
    assert why(properties.leader_completeness(leader, {1: 1}, [(2, 2, 2)])) == (
        "index 2 (term 2) was committed in term 2, and b, leader of term 3, has nothing there"
    )
    assert why(properties.leader_completeness(leader, {1: 1, 2: 1}, [(2, 2, 2)])) == (
        "index 2 (term 2) was committed in term 2, and b, leader of term 3, has an entry of "
        "term 1 there"
    )


def test_state_machine_safety() -> None:
    first = AppliedEntry("a", 1, 1, "x")
    assert properties.state_machine_safety([first, AppliedEntry("b", 1, None, "x")]) is None
    assert properties.state_machine_safety([first, AppliedEntry("b", 1, 1, None)]) is None
    assert properties.state_machine_safety([first, AppliedEntry("b", 2, 2, "y")]) is None
    assert why(properties.state_machine_safety([first, AppliedEntry("b", 1, 2, "x")])) == (
        "a applied x (term 1) at index 1, and b applies x (term 2)"
    )
    assert why(properties.state_machine_safety([first, AppliedEntry("b", 1, 1, "y")])) == (
        "a applied x (term 1) at index 1, and b applies y (term 1)"
    )


def test_commit_never_goes_back() -> None:
    assert properties.commit_never_goes_back("a", 2, 2) is None
    assert why(properties.commit_never_goes_back("a", 2, 1)) == (
        "a had committed up to index 2, and now only up to 1"
    )
