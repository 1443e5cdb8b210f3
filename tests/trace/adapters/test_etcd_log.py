"""etcd's own log, on small logs in its format: what is judged, where, and what is not."""

import json
from pathlib import Path

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

OLD = {"caller": "raft/raft.go:1"}
NEW = {"logger": "raft", "caller": "etcdserver/zap_raft.go:77"}


def start(node: str, term: int) -> list[str]:
    return [
        f"newRaft {node} [peers: [], term: {term}, commit: 0, applied: 0, lastindex: 0, "
        "lastterm: 0]",
        f"{node} switched to configuration voters=(10 11 12)",
    ]


def campaigns(node: str, term: int) -> list[str]:
    return [
        f"{node} became candidate at term {term}",
        f"{node} received MsgVoteResp from {node} at term {term}",
        *[
            f"{node} [logterm: 1, index: 3] sent MsgVote request to {to} at term {term}"
            for to in "abc"
            if to != node
        ],
    ]


def votes(node: str, candidate: str, term: int) -> str:
    return (
        f"{node} [logterm: 1, index: 3, vote: 0] cast MsgVote for {candidate} "
        f"[logterm: 1, index: 3] at term {term}"
    )


def hears(node: str, sender: str, term: int, what: str = "") -> str:
    return f"{node} received MsgVoteResp{what} from {sender} at term {term}"


def counts(node: str, granted: int, refused: int) -> str:
    return f"{node} has received {granted} MsgVoteResp votes and {refused} vote rejections"


def leads(node: str, term: int) -> str:
    return f"{node} became leader at term {term}"


def log(*sentences: str, at: dict[str, str] = OLD, minute: int = 0) -> str:
    return "".join(
        json.dumps(
            {"level": "info", "ts": f"2026-11-23T19:{minute:02}:{number:02}.1Z", **at, "msg": text}
        )
        + "\n"
        for number, text in enumerate(sentences)
    )


def judge(folder: Path, *logs: str) -> TraceVerdict:
    names: list[str] = []
    for number, text in enumerate(logs):
        path = folder / f"{number}.log"
        path.write_text(text)
        names.append(str(path))
    return validate_files(names)


def broken(verdict: TraceVerdict) -> list[tuple[str, str, int, str]]:
    """Property, file, line and message of the first violation of each."""
    return [
        (p.name, Path(p.first.file).name, p.first.line, p.first.message)
        for p in verdict.properties
        if p.first is not None
    ]


A_START = [*start("a", 1), *campaigns("a", 2)]  # 6 lines


def test_a_term_that_was_never_stored_may_be_gone(tmp_path: Path) -> None:
    """etcd says that it is a candidate before it writes its term, and dies in between."""
    verdict = judge(tmp_path, log(*A_START, *start("a", 1)))
    assert verdict.verdict == "ok"
    answer = verdict.of("term-never-goes-back")
    assert answer is not None
    assert (answer.verdict, answer.checks) == ("ok", 1)


@pytest.mark.parametrize("what", ["", " rejection"])
def test_an_answer_proves_that_the_term_was_stored(tmp_path: Path, what: str) -> None:
    verdict = judge(tmp_path, log(*A_START, hears("a", "b", 2, what), *start("a", 1)))
    assert broken(verdict) == [
        ("term-never-goes-back", "0.log", 8, "a was in term 2, and is now in term 1")
    ]


def test_the_own_vote_heard_proves_nothing(tmp_path: Path) -> None:
    verdict = judge(tmp_path, log(*A_START, *start("a", 2), votes("a", "b", 2)))
    assert verdict.verdict == "ok"


TWO_VOTES = log(
    *start("a", 1), votes("a", "b", 2), *start("a", 1), votes("a", "c", 2)
)  # lines 3 and 6


def test_a_vote_that_was_never_stored_may_be_given_again(tmp_path: Path) -> None:
    assert judge(tmp_path, TWO_VOTES).verdict == "ok"


def test_a_vote_that_was_heard_was_stored(tmp_path: Path) -> None:
    verdict = judge(
        tmp_path, TWO_VOTES, log(*start("b", 1), *campaigns("b", 2), hears("b", "a", 2))
    )
    assert broken(verdict) == [
        (
            "one-vote-per-term",
            "0.log",
            6,
            "a voted for b in term 2, and votes for c in the same term",
        ),
        ("term-never-goes-back", "0.log", 4, "a was in term 2, and is now in term 1"),
    ]


def test_a_vote_heard_by_another_than_it_was_cast_for(tmp_path: Path) -> None:
    """The voter went on to a newer term, which it stored: it did not forget its vote by right."""
    voter = log(*start("a", 1), votes("a", "b", 2), *campaigns("a", 3), hears("a", "b", 3))
    heard = log(*start("c", 1), *campaigns("c", 2), hears("c", "a", 2))
    verdict = judge(tmp_path, voter, heard)
    assert broken(verdict) == [
        (
            "one-vote-per-term",
            "1.log",
            7,
            "a voted for b in term 2, and votes for c in the same term",
        )
    ]


OTHERS = [log(*start(node, 1)) for node in "bc"]


def test_a_leader_without_votes(tmp_path: Path) -> None:
    again = [hears("a", "b", 2), *campaigns("a", 3), leads("a", 3)]
    verdict = judge(tmp_path, log(*A_START, *again), *OTHERS)
    assert broken(verdict) == [
        (
            "election-needs-quorum",
            "0.log",
            12,
            "a became leader of term 3 with the votes of a, which is no quorum of {a, b, c}",
        )
    ]


def test_a_leader_whose_log_never_shows_a_vote_of_another(tmp_path: Path) -> None:
    assert judge(tmp_path, log(*A_START, leads("a", 2)), *OTHERS).verdict == "ok"


def test_the_count_of_votes_shows_that_a_line_is_missing(tmp_path: Path) -> None:
    verdict = judge(tmp_path, log(*A_START, counts("a", 2, 0), leads("a", 2)), *OTHERS)
    assert verdict.verdict == "ok"


def test_a_count_that_leaves_out_a_rejection(tmp_path: Path) -> None:
    """It counted the rejection as a vote."""
    refused = hears("a", "b", 2, " rejection")
    verdict = judge(tmp_path, log(*A_START, refused, counts("a", 2, 0), leads("a", 2)), *OTHERS)
    assert [found[:3] for found in broken(verdict)] == [("election-needs-quorum", "0.log", 9)]


def test_the_line_of_a_start_is_lost(tmp_path: Path) -> None:
    """A candidate of a term that it was in already has started anew in between."""
    forgot = [
        *start("a", 1),
        votes("a", "b", 2),
        *campaigns("a", 2),
        hears("a", "b", 2, " rejection"),
    ]
    again = [*campaigns("a", 3), hears("a", "b", 3)]
    assert judge(tmp_path, log(*forgot, *again)).verdict == "ok"


def elected(voters: str, asked: str) -> str:
    """Leader a starts with a snapshot of these voters, asks some, and has the vote of b."""
    fields = {"level": "info", "ts": "2026-11-23T19:00:00.1Z", "local-member-id": "a"}
    restart = json.dumps({**fields, "caller": "x", "msg": "restarting local member"}) + "\n"
    snapshot = f"a switched to configuration voters=({voters})"
    campaign = [line for line in campaigns("a", 2) if "sent" not in line]
    campaign += [f"a [logterm: 1, index: 3] sent MsgVote request to {to} at term 2" for to in asked]
    return restart + log(snapshot, start("a", 1)[0], *campaign, hears("a", "b", 2), leads("a", 2))


@pytest.mark.parametrize(
    ("voters", "asked", "broken_at"),
    [("10 11 12", "bc", []), ("10 11 12 13", "bcd", [10]), ("10 11 12 13", "bc", [])],
    ids=["three", "four", "of others than it asks: lines are missing"],
)
def test_a_snapshot_has_the_members(
    tmp_path: Path, voters: str, asked: str, broken_at: list[int]
) -> None:
    verdict = judge(tmp_path, elected(voters, asked), *OTHERS, log(*start("d", 1)))
    assert [found[2] for found in broken(verdict)] == broken_at


def test_the_lines_of_etcd_3_5(tmp_path: Path) -> None:
    verdict = judge(tmp_path, log(*A_START, hears("a", "b", 2), *start("a", 1), at=NEW))
    assert verdict.format == "etcd-log"
    assert [found[:3] for found in broken(verdict)] == [("term-never-goes-back", "0.log", 8)]


OLDER = log(*A_START, hears("a", "b", 2), leads("a", 2))
NEWER = log(*start("a", 2), *campaigns("a", 3), minute=1)


def test_one_log_in_two_files(tmp_path: Path) -> None:
    verdict = judge(tmp_path, OLDER, NEWER)
    assert (verdict.verdict, verdict.events) == ("ok", 10)


def test_the_newer_file_first(tmp_path: Path) -> None:
    verdict = judge(tmp_path, NEWER, OLDER)
    assert (verdict.verdict, verdict.events) == ("ok", 10)
    assert verdict.notes == (
        f"read in the order of their own numbers or times: {tmp_path}/1.log, {tmp_path}/0.log",
    )


def test_two_servers_in_one_file(tmp_path: Path) -> None:
    """Each of them has its own lives: the start of b is none of a."""
    verdict = judge(
        tmp_path,
        log(*A_START, *start("b", 1), hears("a", "b", 2), leads("a", 2), votes("b", "a", 2)),
    )
    assert verdict.verdict == "ok"
    answer = verdict.of("election-needs-quorum")
    assert answer is not None
    assert answer.checks == 1
