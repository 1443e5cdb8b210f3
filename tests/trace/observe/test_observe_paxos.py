"""Each property of Paxos: a log that breaks it, at the right line, and one that keeps it."""

from typing import Any

import msgspec
import pytest

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Decided,
    Declaration,
    Fact,
    LinesLost,
    Members,
    Promised,
    PromiseHeld,
    Proposed,
    Received,
    Sent,
    Valid,
    VoteCast,
    VoteReported,
    config,
)
from paxcheck.trace.observe import PropertyAnswer, observe

SLOTS = Declaration(name="test", family=frozenset({"paxos"}), starts_late=False)
ALL_SLOTS = Declaration(name="test", family=frozenset({"paxos"}), promise="all")
ABC = config("abc")


def members(line: int = 1) -> Fact:
    return Members(node="", line=line, members=ABC)


def judge(name: str, facts: list[Fact], declaration: Declaration = SLOTS) -> PropertyAnswer:
    answer = observe(facts, declaration, only=[name]).of(name)
    assert answer is not None
    return answer


def promised(node: str, line: int, ballot: Any, **more: Any) -> Fact:
    return Promised(node=node, line=line, ballot=ballot, **more)


def voted(node: str, line: int, ballot: Any, value: str | None = "x", **more: Any) -> Fact:
    return VoteCast(node=node, line=line, ballot=ballot, value=value, **more)


def heard(node: str, line: int, sender: str, ballot: Any, **more: Any) -> Fact:
    more = {"kind": "promise", "granted": True, "votes": ()} | more
    return AnswerHeard(node=node, line=line, sender=sender, ballot=ballot, **more)


def campaign(node: str, line: int, ballot: Any, self_vote: bool = False) -> Fact:
    return Campaigned(node=node, line=line, term=ballot, self_vote=self_vote)


def proposed(node: str, line: int, ballot: Any, value: str = "x", **more: Any) -> Fact:
    return Proposed(node=node, line=line, ballot=ballot, value=value, **more)


def decided(node: str, line: int, value: str, **more: Any) -> Fact:
    return Decided(node=node, line=line, value=value, **more)


WHOLE: list[Fact] = [members(), *[Booted(node=n, line=2, first=True) for n in "abc"]]
"""The logs of all members, from their first start."""

BROKEN: list[tuple[str, list[Fact], int, str]] = [
    (
        "agreement",
        [decided("a", 1, "x", slot=3), decided("b", 2, "x", slot=3), decided("c", 3, "y", slot=3)],
        3,
        "a decided x in slot 3, and c decides y",
    ),
    (
        "chosen-once",
        [
            members(),
            voted("a", 2, 1),
            voted("b", 3, 1),
            voted("b", 4, 2, "y"),
            voted("c", 5, 2, "y"),
        ],
        5,
        "x was chosen in ballot 1 by a, b, and now y is chosen in ballot 2 by b, c",
    ),
    (
        "promise-never-goes-back",
        [promised("a", 1, (2, "p")), promised("b", 2, (1, "q")), promised("a", 3, (1, "q"))],
        3,
        "a had promised 2.p, and now promises 1.q",
    ),
    (
        "promise-never-goes-back",
        [promised("a", 1, 2, slot=1), voted("a", 2, 5, slot=1), promised("a", 3, 4, slot=1)],
        3,
        "a had voted in 5 in slot 1, and now promises 4",
    ),
    (
        "no-vote-below-promise",
        [promised("a", 1, (2, "p")), voted("a", 2, (1, "q"))],
        2,
        "a had promised 2.p, and votes x@1.q",
    ),
    (
        "no-vote-below-promise",
        [voted("a", 1, 4), voted("a", 2, 4), voted("a", 3, 2, "y")],
        3,
        "a had voted in 4, and votes y@2",
    ),
    (
        "one-value-per-ballot",
        [proposed("p", 1, 1), voted("a", 2, 1), proposed("p", 3, 1, "y")],
        3,
        "ballot 1 has two values: p proposed x, and p proposed y",
    ),
    (
        "one-proposer-per-ballot",
        [proposed("p", 1, 1), proposed("q", 2, 1)],
        2,
        "ballot 1 has x by p and x by q",
    ),
    (
        "one-proposer-per-ballot",
        [proposed("p", 1, (1, "p"), owner="p"), proposed("p", 2, (2, "q"), owner="q")],
        2,
        "p asks for votes in ballot 2.q, and that is a ballot of q",
    ),
    # The vote that makes it right comes too late: that it is decided once more changes nothing.
    (
        "decision-needs-quorum",
        [
            members(),
            proposed("p", 2, 1),
            heard("p", 3, "a", 1, kind="accepted"),
            decided("p", 4, "x", ballot=1),
            decided("p", 5, "x"),
            voted("b", 6, 1),
            heard("p", 7, "b", 1, kind="accepted"),
            decided("p", 8, "x", ballot=1),
        ],
        4,
        "p: ballot 1 is taken as decided with the votes of a, no quorum of {a, b, c}",
    ),
    (
        "one-promise-per-ballot",
        [
            promised("a", 1, 4, votes=(VoteReported(1, "x"),)),
            promised("a", 2, 4, votes=()),
        ],
        2,
        "a promised 4 with its vote x@1, and again with nothing",
    ),
    (
        "honest-promise",
        [voted("a", 1, 3), promised("a", 2, 4, votes=())],
        2,
        "a had voted x@3, and its promise reports no vote",
    ),
    (
        "durable-acceptor",
        [
            PromiseHeld(node="a", line=1, ballot=3, inc=1),
            Booted(node="a", line=2, inc=2),
            PromiseHeld(node="a", line=3, ballot=None, inc=2),
        ],
        3,
        "a had promised 3, and now nothing",
    ),
    (
        "durable-acceptor",
        [voted("a", 1, 3, source="state"), voted("a", 2, 2, source="state")],
        2,
        "a held its vote x@3, and now x@2",
    ),
    (
        "proposal-needs-quorum",
        [members(), campaign("p", 2, 1), heard("p", 3, "a", 1), proposed("p", 4, 1)],
        4,
        "p: ballot 1 asks for votes with the promises of a, which is no quorum of {a, b, c}",
    ),
    (
        "adopts-highest-vote",
        [
            members(),
            campaign("p", 2, 3),
            heard("p", 3, "a", 3, votes=(VoteReported(1, "x"),)),
            heard("p", 4, "b", 3, votes=(VoteReported(2, "y"),)),
            proposed("p", 5, 3, "x"),
        ],
        5,
        "p: ballot 3 proposes x, but a reported x@1; b reported y@2",
    ),
    (
        "decision-needs-quorum",
        [
            members(),
            proposed("p", 2, 1),
            heard("p", 3, "a", 1, kind="accepted"),
            decided("p", 4, "x", ballot=1),
        ],
        4,
        "p: ballot 1 is taken as decided with the votes of a, no quorum of {a, b, c}",
    ),
    (
        "decided-was-chosen",
        [*WHOLE, voted("a", 3, 1, None), voted("b", 3, 1, "y"), decided("c", 4, "x")],
        4,
        "c decided x, and no ballot has the votes of a quorum of {a, b, c} for it",
    ),
    (
        "decided-was-chosen",
        [*WHOLE, voted("a", 3, 1), decided("c", 4, "x")],
        4,
        "c decided x, and no ballot has the votes of a quorum of {a, b, c} for it",
    ),
    (
        "validity",
        [Valid(node="p", line=1, value="x"), decided("a", 2, "z")],
        2,
        "a decided z, and no client gave it",
    ),
    (
        "message-integrity",
        [
            Sent(node="a", line=1, to="b", mid=7, content="x"),
            Received(node="b", line=2, sender="a", mid=7, content="y"),
        ],
        2,
        "message 7 is x at a, and y at b",
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
    ("agreement", [decided("a", 1, "x", slot=1), decided("b", 2, "y", slot=2)], 0),
    ("agreement", [decided("a", 1, "x"), decided("b", 2, "x")], 1),
    (
        "chosen-once",
        [members(), voted("a", 2, 1), voted("b", 3, 1), voted("b", 4, 2), voted("c", 5, 2, "y")],
        1,
    ),
    # One promise covers one slot: another slot's lower promise is right.
    ("promise-never-goes-back", [promised("a", 1, 5, slot=1), promised("a", 2, 3, slot=2)], 0),
    # A state that merely still shows an old number is not an answer.
    (
        "no-vote-below-promise",
        [voted("a", 1, 4), PromiseHeld(node="a", line=2, ballot=2), voted("a", 3, 4)],
        1,
    ),
    # A repeated answer reports the vote that came after the first one.
    (
        "one-promise-per-ballot",
        [promised("a", 1, 4, votes=()), promised("a", 2, 4, votes=(VoteReported(4, "x"),))],
        2,
    ),
    # A vote before the log began.
    ("honest-promise", [voted("a", 1, 3), promised("a", 2, 5, votes=(VoteReported(4, "y"),))], 1),
    # Some quorum among three answers allows the value.
    (
        "adopts-highest-vote",
        [
            members(),
            campaign("p", 2, 3),
            heard("p", 3, "a", 3, votes=(VoteReported(1, "x"),)),
            heard("p", 4, "b", 3, votes=(VoteReported(2, "y"),)),
            heard("p", 4, "c", 3),
            proposed("p", 5, 3, "x"),
        ],
        1,
    ),
    (
        "proposal-needs-quorum",
        [
            members(),
            campaign("p", 2, 1),
            heard("p", 3, "a", 1),
            heard("p", 4, "b", 1),
            proposed("p", 5, 1),
            proposed("p", 6, 1),
        ],
        1,
    ),
]


@pytest.mark.parametrize(("name", "facts", "checks"), KEPT)
def test_a_log_that_keeps_the_rule_is_not_accused(
    name: str, facts: list[Fact], checks: int
) -> None:
    answer = judge(name, facts)
    assert answer.verdict == ("ok" if checks else "not_observable")
    assert (answer.checks, answer.count) == (checks, 0)


def test_a_promise_for_all_slots() -> None:
    facts = [promised("a", 1, 5, slot=1), voted("a", 2, 3, slot=2)]
    assert judge("no-vote-below-promise", facts, ALL_SLOTS).verdict == "violated"
    assert judge("no-vote-below-promise", facts, SLOTS).verdict == "not_observable"


def test_a_leader_may_take_over_thousands_of_slots() -> None:
    """Each report is read once, not once for each slot: a million looks, and not 10^8."""
    slots = 10_000
    votes = tuple([VoteReported(1, f"x{slot}", slot) for slot in range(slots)])
    log: list[Fact] = [members(), *[Booted(node=n, line=2, first=True) for n in "abc"]]
    log += [voted(n, 3, 1, f"x{slot}", slot=slot) for n in "bc" for slot in range(slots)]
    log += [campaign("a", 4, 2)]
    log += [promised(n, 5, 2, to="a", votes=votes) for n in "bc"]
    log += [heard("a", 6, n, 2, votes=votes) for n in "bc"]
    log += [proposed("a", 7, 2, f"x{slot}", slot=slot) for slot in range(slots - 1)]
    log += [proposed("a", 8, 2, "other", slot=slots - 1)]
    declaration = msgspec.structs.replace(ALL_SLOTS, reports_all=True)
    adopts = judge("adopts-highest-vote", log, declaration)
    assert (adopts.checks, adopts.count) == (slots, 1)
    assert adopts.violations[0].message == (
        "a: ballot 2 proposes other, but b reported x9999@1; c reported x9999@1 in slot 9999"
    )
    honest = judge("honest-promise", log, declaration)
    assert (honest.checks, honest.verdict) == (2, "ok")


UNKNOWN: list[tuple[str, list[Fact], str]] = [
    ("agreement", [], "the log does not show decisions with their values"),
    ("agreement", [decided("a", 2, "x")], "nothing to compare: no slot is decided a second time"),
    (
        "promise-never-goes-back",
        [promised("a", 2, 1), voted("a", 3, 1)],
        "nothing to compare: no acceptor promises after another promise or vote",
    ),
    (
        "promise-never-goes-back",
        [voted("a", 3, 1)],
        "the log does not show promises that acceptors send",
    ),
    (
        "no-vote-below-promise",
        [voted("a", 3, 1)],
        "nothing to compare: no acceptor votes after a promise or another vote",
    ),
    (
        "durable-acceptor",
        [PromiseHeld(node="a", line=2, ballot=1)],
        "nothing to compare: no acceptor's state shows its promise or its vote a second time",
    ),
    (
        "one-value-per-ballot",
        [proposed("p", 2, 1)],
        "nothing to compare: no ballot has a second proposal or vote",
    ),
    (
        "chosen-once",
        [members(), voted("a", 3, 1)],
        "nothing to compare: no value has the votes of a quorum",
    ),
    ("chosen-once", [voted("a", 3, 1)], "the members are not known"),
    (
        "decision-needs-quorum",
        [members(), decided("a", 3, "x", ballot=1)],
        "nothing to compare: no decision names a ballot in which its node asked for votes",
    ),
    ("validity", [decided("a", 2, "x")], "the log does not show the values that clients give"),
    ("validity", [Valid(node="a", line=2, value="x")], "nothing to compare: nothing is decided"),
    (
        "message-integrity",
        [Sent(node="a", line=2, to="b", mid=1, content="x")],
        "nothing to compare: no message shows a second time",
    ),
    (
        "message-causality",
        [Sent(node="a", line=2, to="b", mid=1)],
        "nothing to compare: no message is received",
    ),
    (
        "proposal-needs-quorum",
        [members(), proposed("p", 4, 1)],
        "the log does not show phase 1 of a proposal",
    ),
    (
        "proposal-needs-quorum",
        [campaign("p", 2, 1), proposed("p", 4, 1)],
        "the members are not known",
    ),
    (
        "proposal-needs-quorum",
        [members(), campaign("p", 2, 1), LinesLost(node="p", line=3), proposed("p", 4, 1)],
        "lines of p are missing before :3",
    ),
    # b promised, and the line in which p received it is not there.
    (
        "proposal-needs-quorum",
        [
            members(),
            campaign("p", 2, 1),
            heard("p", 3, "a", 1),
            promised("b", 4, 1),
            proposed("p", 5, 1),
        ],
        "the receipt of a promise is not in the log",
    ),
    # A hole shows later, and nobody knows where it is.
    (
        "proposal-needs-quorum",
        [
            members(),
            campaign("p", 2, 1),
            proposed("p", 3, 1),
            LinesLost(node="p", line=4, somewhere=True),
        ],
        "the receipt of a promise is not in the log",
    ),
    (
        "decision-needs-quorum",
        [
            members(),
            proposed("p", 2, 1),
            heard("p", 3, "a", 1, kind="accepted"),
            decided("p", 4, "x", ballot=1),
            LinesLost(node="p", line=5, somewhere=True),
        ],
        "the receipt of a vote is not in the log",
    ),
    (
        "adopts-highest-vote",
        [
            members(),
            campaign("p", 2, 3),
            heard("p", 3, "a", 3, votes=(VoteReported(1, "y"),)),
            heard("p", 4, "b", 3),
            proposed("p", 5, 3),
            LinesLost(node="p", line=6, somewhere=True),
        ],
        "the receipt of a promise is not in the log",
    ),
    # A log that shows no answer: nobody knows what was received.
    (
        "proposal-needs-quorum",
        [members(), campaign("p", 2, 1), proposed("p", 3, 1)],
        "the log never shows that an answer is received",
    ),
    # Votes without their values, votes that are only received, no votes at all.
    (
        "decided-was-chosen",
        [*WHOLE, voted("a", 3, 1, None), voted("b", 4, 1), decided("c", 5, "x")],
        "the log does not show whose votes these were, or for what value",
    ),
    (
        "decided-was-chosen",
        [
            *WHOLE,
            voted("a", 3, 1, None),
            heard("p", 4, "a", 1, kind="accepted"),
            heard("p", 4, "b", 1, kind="accepted"),
            decided("c", 5, "x"),
        ],
        "the log does not show whose votes these were, or for what value",
    ),
    (
        "decided-was-chosen",
        [*WHOLE, decided("c", 5, "x")],
        "the log does not show whose votes these were, or for what value",
    ),
    (
        "decided-was-chosen",
        [members(), Booted(node="a", line=2, first=True), decided("a", 3, "x")],
        "the log of b is not known from its first start",
    ),
]


@pytest.mark.parametrize(("name", "facts", "why"), UNKNOWN)
def test_missing_evidence_is_no_violation(name: str, facts: list[Fact], why: str) -> None:
    answer = judge(name, facts)
    assert (answer.verdict, answer.reason) == ("not_observable", why)


def test_a_hole_in_another_life_excuses_nothing() -> None:
    facts = [
        members(),
        campaign("p", 2, 1),
        heard("p", 3, "a", 1),
        proposed("p", 3, 1),
        Booted(node="p", line=4),
        LinesLost(node="p", line=5, somewhere=True),
    ]
    assert judge("proposal-needs-quorum", facts).verdict == "violated"


def test_where_lines_have_numbers_a_vote_without_receipt_was_not_heard() -> None:
    numbered = msgspec.structs.replace(SLOTS, dense_seq=True)
    facts = [
        members(),
        proposed("p", 2, 1, seq=1),
        heard("p", 3, "a", 1, kind="accepted", seq=2),
        voted("b", 4, 1, seq=1),
        decided("p", 5, "x", ballot=1, seq=3),
    ]
    answer = judge("decision-needs-quorum", facts, numbered)
    assert answer.first is not None
    assert answer.first.line == 5
    assert judge("decision-needs-quorum", facts).verdict == "not_observable"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        # b and c are members, and p sends: a client may have given the value to one of them
        ([], "the log has no lines of b"),
        ([Booted(node=n, line=4, first=True) for n in "bc"], "the log has no lines of p"),
    ],
)
def test_a_value_may_be_given_to_a_node_whose_log_is_not_here(more: list[Fact], why: str) -> None:
    facts: list[Fact] = [
        members(),
        Valid(node="a", line=2, value="x"),
        Received(node="a", line=3, sender="p", mid=1),
        *more,
        decided("a", 5, "x", slot=1),
        decided("a", 6, "y", slot=2),
    ]
    answer = judge("validity", facts)
    assert (answer.verdict, answer.checks) == ("ok", 1)
    assert answer.reason == f"in part: {why}"
    answer = judge("validity", [*facts, Booted(node="p", line=7), *[Booted(node=n, line=8)
                   for n in "bc"]])  # fmt: skip
    assert (answer.verdict, answer.checks, answer.count) == ("violated", 2, 1)


def test_votes_that_are_not_said_to_be_all_are_no_evidence() -> None:
    log: list[Fact] = [promised("a", line, line, votes=()) for line in (2, 3)]
    for name in ("honest-promise", "one-promise-per-ballot"):
        answer = judge(name, log, ALL_SLOTS)
        assert (answer.verdict, answer.reason) == (
            "not_observable",
            "it is not said that a promise reports the votes of all slots (2x)",
        )


def test_one_step_back_is_one_violation() -> None:
    facts = [promised("a", 1, 9), *[promised("a", n, n) for n in range(2, 9)]]
    answer = judge("promise-never-goes-back", facts)
    assert answer.first is not None
    assert (answer.count, answer.first.line) == (1, 2)


def test_a_restart_in_between_is_a_lost_disk() -> None:
    facts = [
        promised("a", 1, 9),
        Booted(node="a", line=2, first=False),
        promised("a", 3, 4),
    ]
    first = judge("promise-never-goes-back", facts).first
    assert first is not None
    assert (first.across_restart, first.incarnation) == (True, 2)
    assert judge("promise-never-goes-back", [facts[0], facts[2]]).first is not None
