"""The properties of single-decree Paxos as plain functions, sentence by sentence."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paxcheck.paxos import Ballot, Promised, Proposed, Vote, Voted, properties
from paxcheck.paxos.facts import config
from paxcheck.paxos.leases import Claim, lease_exclusion
from paxcheck.protocol import quorum_system

ONE, TWO, THREE = Ballot(1, "p1"), Ballot(2, "p2"), Ballot(3, "p1")
ABC = config("abc").is_quorum


def promise(acceptor: str, vote: Vote | None) -> Promised:
    return Promised(acceptor, THREE, vote)


def test_learners_agree() -> None:
    assert properties.learners_agree([("a", "x"), ("b", None), ("c", "x")]) is None
    broken = properties.learners_agree([("a", None), ("b", "x"), ("c", "y")])
    assert broken is not None
    assert broken.reason == "b learned x, and c learned y"


def test_a_promise_reports_the_latest_vote() -> None:
    x, y = Vote(ONE, "x"), Vote(TWO, "y")
    assert properties.honest_promise("a", None, None) is None
    assert properties.honest_promise("a", x, x) is None
    assert properties.honest_promise("a", x, y) is None
    assert properties.honest_promise("a", y, x) is not None
    broken = properties.honest_promise("a", x, None)
    assert broken is not None
    assert broken.reason == "a had voted x@1.p1, and its promise reports no vote"


def test_a_value_that_some_quorum_allows_is_safe() -> None:
    x, y = promise("a", Vote(ONE, "x")), promise("b", Vote(TWO, "y"))
    free = promise("c", None)
    assert properties.safe_value(THREE, "y", [x, y], ABC) is None
    assert properties.safe_value(THREE, "x", [x, free], ABC) is None
    assert properties.safe_value(THREE, "x", [x, y, free], ABC) is None
    assert properties.safe_value(THREE, "z", [free, promise("b", None)], ABC) is None
    broken = properties.safe_value(THREE, "x", [y, x], ABC)
    assert broken is not None
    assert broken.reason == "ballot 3.p1 proposes x, but a reported x@1.p1; b reported y@2.p2"
    assert properties.safe_value(THREE, "z", [x, free], ABC) is not None


@given(
    st.dictionaries(
        st.sampled_from("abcde"),
        st.none() | st.tuples(st.integers(1, 3), st.sampled_from("xy")),
    ),
    st.sampled_from("xyz"),
)
def test_safe_value_is_there_is_a_quorum(
    reported: dict[str, tuple[int, str] | None], value: str
) -> None:
    """Against the definition: some quorum's latest vote is for the value, or it has none.

    Two votes of one ballot may differ (a log can show it): either is then taken as the latest.
    """
    quorum = config("abcde").is_quorum
    promises = [
        promise(name, vote and Vote(Ballot(vote[0], "p"), vote[1]))
        for name, vote in reported.items()
    ]
    names = [p.acceptor for p in promises]
    expected = False
    for bits in range(1 << len(names)):
        chosen = [p for i, p in enumerate(promises) if bits >> i & 1]
        if not quorum(frozenset([p.acceptor for p in chosen])):
            continue
        votes = [p.vote for p in chosen if p.vote]
        top = max([v.ballot for v in votes], default=None)
        if top is None or any(v.ballot == top and v.value == value for v in votes):
            expected = True
    if not quorum(frozenset(names)):
        assert properties.safe_value(THREE, value, promises, quorum) is None
    else:
        assert (properties.safe_value(THREE, value, promises, quorum) is None) == expected


def test_quorums_of_phases() -> None:
    assert properties.proposal_needs_quorum(ONE, ["a", "b"], ABC) is None
    broken = properties.proposal_needs_quorum(ONE, [], ABC)
    assert broken is not None
    assert broken.reason == (
        "ballot 1.p1 asks for votes with the promises of nobody, which is no quorum"
    )
    assert properties.decision_needs_quorum(ONE, ["a", "b"], ABC) is None
    broken = properties.decision_needs_quorum(ONE, ["a"], ABC)
    assert broken is not None
    assert broken.reason == "ballot 1.p1 is taken as decided with the votes of a, no quorum"


def test_leases() -> None:
    one, two = Claim("a", 0, 4), Claim("b", 3, 7)
    assert lease_exclusion([two, one], clock_error=1) is None
    assert lease_exclusion([one, Claim("a", 2, 9)], clock_error=0) is None
    broken = lease_exclusion([two, one], clock_error=0.5)
    assert broken is not None
    assert broken.reason == "a holds the lease until 4.000 s, and b holds it from 3.000 s"
    # A long lease is not hidden by a short one inside it.
    inside = Claim("a", 1, 2)
    assert lease_exclusion([Claim("a", 0, 9), inside, Claim("b", 5, 6)], 0) is not None


VOTES = st.builds(
    Voted, st.sampled_from("abcd"), st.builds(Ballot, st.integers(1, 4), st.just("p")),
    st.sampled_from("xy"),
)  # fmt: skip


@pytest.mark.parametrize("text", ["majority", "any:1", "flexible:2,1", "grid:2x2", "all"])
@given(votes=st.lists(VOTES, max_size=6))
def test_p2c_is_what_the_paper_says(text: str, votes: list[Voted]) -> None:
    """For some quorum: nobody in it voted earlier, or its latest votes are for the value."""
    quorums = quorum_system(text, "abcd")
    proposal = Proposed("p", Ballot(4, "p"), "x", frozenset())
    safe = False
    for quorum in [set(c) for n in range(5) for c in combinations("abcd", n)]:
        cast = [v for v in votes if v.acceptor in quorum and v.ballot < proposal.ballot]
        last = max([v.ballot for v in cast], default=None)
        safe |= quorums.phase1(quorum) and {v.value for v in cast if v.ballot == last} <= {"x"}
    assert (properties.p2c([proposal], votes, quorums) is None) is safe
