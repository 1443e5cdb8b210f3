"""Each property of Raft and of leases: a log that breaks it, and one that keeps it."""

from typing import Any

import pytest

from paxcheck.paxos.facts import (
    Acked,
    AnswerHeard,
    Applied,
    Booted,
    Campaigned,
    CommitAdvanced,
    Declaration,
    EntryWritten,
    Fact,
    Followed,
    LeaseEnded,
    LeaseHeld,
    Led,
    LogTruncated,
    Members,
    SnapshotInstalled,
    TermHeld,
    VoteGranted,
    VoteHeld,
    config,
)
from paxcheck.trace.observe import PropertyAnswer, observe

RAFT = Declaration(name="test", family=frozenset({"raft", "lease"}), clock_error=0.5)
ABC = config("abc")
MEMBERS = Members(node="", line=1, members=ABC)
# Of a member without any line, the lines of its answers are missing.
B = TermHeld(node="b", line=1, term=0)
C = TermHeld(node="c", line=1, term=0)


def judge(name: str, facts: list[Fact], declaration: Declaration = RAFT) -> PropertyAnswer:
    answer = observe(facts, declaration, only=[name]).of(name)
    assert answer is not None
    return answer


def vote(node: str, line: int, sender: str, term: int, granted: bool = True) -> Fact:
    return AnswerHeard(
        node=node, line=line, kind="vote", sender=sender, ballot=term, granted=granted
    )


def ack(node: str, line: int, sender: str, index: int, term: int | None = 1) -> Fact:
    return AnswerHeard(
        node=node, line=line, kind="append", sender=sender, ballot=term, granted=True, index=index
    )


def led(node: str, line: int, term: int, **more: Any) -> Fact:
    return Led(node=node, line=line, term=term, **more)


def entry(node: str, line: int, index: int, term: int, digest: str | None = "x") -> Fact:
    return EntryWritten(node=node, line=line, index=index, term=term, digest=digest)


def commit(node: str, line: int, index: int, leader: bool = True) -> Fact:
    return CommitAdvanced(node=node, line=line, index=index, leader=leader)


FROM_0 = commit("a", 1, 0, leader=False)


def lease(node: str, line: int, start: float, until: float) -> Fact:
    return LeaseHeld(node=node, line=line, time=start, holder=node, until=until)


BROKEN: list[tuple[str, list[Fact], int, str]] = [
    (
        "one-vote-per-term",
        [
            VoteGranted(node="a", line=1, term=3, candidate="b"),
            VoteGranted(node="a", line=2, term=3, candidate="c"),
        ],
        2,
        "a voted for b in term 3, and votes for c in the same term",
    ),
    (
        "one-vote-per-term",
        [
            Campaigned(node="a", line=1, term=3),
            VoteHeld(node="a", line=2, term=3, candidate="b"),
        ],
        2,
        "a voted for a in term 3, and votes for b in the same term",
    ),
    (
        "durable-vote",
        [
            VoteHeld(node="a", line=1, term=3, candidate="b"),
            VoteHeld(node="a", line=2, term=3, candidate=None),
        ],
        2,
        "a had voted for b in term 3, and its state no longer shows it",
    ),
    (
        "term-never-goes-back",
        [TermHeld(node="a", line=1, term=3), TermHeld(node="a", line=2, term=2)],
        2,
        "a was in term 3, and is now in term 2",
    ),
    (
        "election-safety",
        [led("a", 1, 2), led("a", 2, 2), led("b", 3, 2)],
        3,
        "a is leader of term 2, and so is b",
    ),
    (
        "election-needs-quorum",
        [
            MEMBERS,
            Campaigned(node="a", line=2, term=1),
            vote("a", 3, "b", 1, granted=False),
            led("a", 4, 1),
            vote("a", 5, "c", 1),
        ],
        4,
        "a became leader of term 1 with the votes of a, which is no quorum of {a, b, c}",
    ),
    (
        "commit-needs-quorum",
        [
            MEMBERS,
            B,
            C,
            FROM_0,
            led("a", 2, 1),
            ack("a", 3, "b", 4),
            commit("a", 4, 5),
            ack("a", 5, "b", 5),
        ],
        4,
        "a, leader of term 1, committed index 5 when only a had acknowledged it, "
        "which is no quorum of {a, b, c}",
    ),
    (
        "commit-never-goes-back",
        [commit("a", 1, 5), commit("a", 2, 4)],
        2,
        "a had committed up to index 5, and now only up to 4",
    ),
    (
        "log-matching",
        [entry("a", 1, 7, 2), entry("b", 2, 7, 2, "y")],
        2,
        "index 7 of term 2 is x on a and y on b",
    ),
    (
        "log-matching",
        [entry("a", 1, 1, 1), entry("a", 2, 2, 3), entry("b", 3, 1, 2), entry("b", 4, 2, 3)],
        4,
        "index 2 of term 3 is the same on a and b, but the entry before it is of term 1 on a "
        "and of term 2 on b",
    ),
    (
        "leader-append-only",
        [entry("a", 1, 1, 1), entry("a", 2, 2, 1), led("a", 3, 2), entry("a", 4, 2, 2)],
        4,
        "a is leader of term 2, and replaces its own entry at index 2 (term 1)",
    ),
    (
        "leader-append-only",
        [entry("a", 1, 1, 1), led("a", 2, 2), LogTruncated(node="a", line=3, index=1)],
        3,
        "a is leader of term 2, and drops its own entries from index 1 on",
    ),
    (
        "leader-completeness",
        [
            led("a", 1, 2),
            entry("a", 2, 1, 2),
            commit("a", 3, 1),
            entry("b", 4, 1, 1),
            led("b", 5, 3),
        ],
        5,
        "index 1 (term 2) was committed in term 2, and b, leader of term 3, has an entry of "
        "term 1 there",
    ),
    (
        "state-machine-safety",
        [
            Applied(node="a", line=1, index=4, digest="e", term=2),
            Applied(node="b", line=2, index=4, digest="e", term=1),
        ],
        2,
        "a applied e (term 2) at index 4, and b applies e (term 1)",
    ),
    (
        "lease-exclusion",
        [lease("a", 1, 0.0, 4.0), lease("a", 2, 3.0, 7.0), lease("b", 3, 6.0, 9.0)],
        3,
        "a holds the lease until 7.000 s, and b holds it from 6.000 s",
    ),
]


@pytest.mark.parametrize(("name", "facts", "line", "message"), BROKEN)
def test_a_broken_rule_is_found_at_its_line(
    name: str, facts: list[Fact], line: int, message: str
) -> None:
    answer = judge(name, facts)
    assert answer.verdict == "violated"
    first = answer.first
    assert first is not None
    assert (first.line, first.message, answer.count) == (line, message, 1)


KEPT: list[tuple[str, list[Fact], int]] = [
    (
        "election-needs-quorum",
        [MEMBERS, Campaigned(node="a", line=2, term=1), vote("a", 3, "b", 1), led("a", 4, 1)],
        1,
    ),
    (
        "commit-needs-quorum",
        [MEMBERS, FROM_0, led("a", 2, 1), ack("a", 3, "b", 5), commit("a", 4, 5)],
        1,
    ),
    # A restart forgets the commit index by design.
    (
        "commit-never-goes-back",
        [commit("a", 1, 5), Booted(node="a", line=2), commit("a", 3, 4)],
        0,
    ),
    # A follower may overwrite; a snapshot hides what was before it.
    (
        "leader-append-only",
        [
            entry("a", 1, 1, 1),
            led("a", 2, 2),
            Followed(node="a", line=3),
            entry("a", 4, 1, 2),
        ],
        0,
    ),
    (
        "log-matching",
        [
            entry("a", 1, 1, 1),
            entry("a", 2, 2, 3, None),
            SnapshotInstalled(node="b", line=3, index=1),
            entry("b", 4, 2, 3, None),
        ],
        0,
    ),
    # The overlap is shorter than the error of the clocks.
    ("lease-exclusion", [lease("a", 1, 0.0, 4.0), lease("b", 2, 3.6, 7.0)], 2),
    # An election ends the first lease.
    (
        "lease-exclusion",
        [lease("a", 1, 0.0, 9.0), LeaseEnded(node="a", line=2, time=2.0), lease("b", 3, 3.0, 7.0)],
        2,
    ),
    # The order of reading says nothing about time.
    ("lease-exclusion", [lease("b", 1, 5.0, 7.0), lease("a", 2, 0.0, 4.0)], 2),
]


@pytest.mark.parametrize(("name", "facts", "checks"), KEPT)
def test_a_log_that_keeps_the_rule_is_not_accused(
    name: str, facts: list[Fact], checks: int
) -> None:
    answer = judge(name, facts)
    assert answer.verdict == ("ok" if checks else "not_observable")
    assert (answer.checks, answer.count) == (checks, 0)


UNKNOWN: list[tuple[str, list[Fact], str]] = [
    (
        "commit-needs-quorum",
        [],
        "the log does not show a leader that commits more than before; "
        "it takes a leader's commits, the acknowledgements that it receives, and the members",
    ),
    (
        "term-never-goes-back",
        [TermHeld(node="a", line=2, term=1)],
        "nothing to compare: no node's state shows its term a second time",
    ),
    (
        "durable-vote",
        [VoteHeld(node="a", line=2, term=1, candidate="b")],
        "nothing to compare: no node's state shows its vote after it voted in that term",
    ),
    (
        "commit-never-goes-back",
        [commit("a", 2, 5)],
        "nothing to compare: no node shows its commit index a second time in one life",
    ),
    (
        "log-matching",
        [EntryWritten(node="a", line=2, index=1, term=1, digest="x")],
        "nothing to compare: no entry is written a second time, with its content or the entry "
        "before it",
    ),
    (
        "leader-completeness",
        [led("a", 2, 1)],
        "nothing to compare: no leader comes after one that committed an entry of known term",
    ),
    (
        "state-machine-safety",
        [Applied(node="a", line=2, index=1, digest="x")],
        "nothing to compare: no entry is applied a second time",
    ),
    (
        "commit-needs-quorum",
        [MEMBERS, led("a", 2, 1), commit("a", 4, 5)],
        "what a leader had committed before is not in the log",
    ),
    (
        "election-needs-quorum",
        [MEMBERS, vote("a", 3, "b", 1), led("a", 4, 1)],
        "the log does not show the campaign of a leader",
    ),
    (
        "election-needs-quorum",
        [
            MEMBERS,
            Campaigned(node="a", line=2, term=1),
            VoteGranted(node="b", line=3, term=1, candidate="a"),
            led("a", 4, 1),
        ],
        "the receipt of a vote of b is not in the log",
    ),
    (
        "election-needs-quorum",
        [MEMBERS, Campaigned(node="a", line=2, term=1), led("a", 4, 1)],
        "the log never shows that a receives a vote",
    ),
    (
        "commit-needs-quorum",
        [MEMBERS, FROM_0, ack("a", 3, "b", 5), commit("a", 4, 5)],
        "the log does not show the election of a leader that commits",
    ),
    (
        "commit-needs-quorum",
        [
            MEMBERS,
            FROM_0,
            led("a", 2, 1),
            ack("a", 3, "b", 4),
            Acked(node="c", line=4, to="a", index=5),
            commit("a", 5, 5),
        ],
        "the receipt of an acknowledgement of c is not in the log",
    ),
]


@pytest.mark.parametrize(("name", "facts", "why"), UNKNOWN)
def test_missing_evidence_is_no_violation(name: str, facts: list[Fact], why: str) -> None:
    answer = judge(name, facts)
    assert (answer.verdict, answer.reason) == ("not_observable", why)


def test_a_joint_configuration_needs_both_majorities() -> None:
    joint = config("abc", "ade")
    facts: list[Fact] = [
        Campaigned(node="a", line=2, term=1),
        vote("a", 3, "b", 1),
        vote("a", 4, "c", 1),
        led("a", 5, 1, members=joint),
        *[TermHeld(node=node, line=6, term=0) for node in "de"],
    ]
    assert judge("election-needs-quorum", facts).verdict == "violated"
    facts[2] = vote("a", 4, "d", 1)
    assert judge("election-needs-quorum", facts).verdict == "ok"


def test_clocks_without_a_stated_error_decide_no_lease() -> None:
    no_clock = Declaration(name="test", family=frozenset({"lease"}))
    facts = [lease("a", 1, 0.0, 4.0), lease("b", 2, 1.0, 7.0)]
    answer = judge("lease-exclusion", facts, no_clock)
    assert answer.verdict == "not_observable"
    assert answer.reason.startswith("no clock of this log may be trusted")
