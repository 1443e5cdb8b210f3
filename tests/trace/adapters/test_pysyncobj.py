"""PySyncObj's recordings, on small logs in their format: members, dumps, missing lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict
from paxcheck.trace.read import TraceError

Json = dict[str, Any]


class Log:
    """The lines of one life of each node; its state changes with its lines."""

    def __init__(self) -> None:
        self.lines: list[Json] = []
        self.seq: dict[str, Iterator[int]] = {}
        self.state: dict[str, Json] = {}

    def line(self, ev: str, node: str, state: Json | None = None, **more: Any) -> None:
        if node not in self.state:
            self.seq[node] = iter(range(999))
            self.state[node] = {
                "role": "follower",
                "term": 1,
                "voted_for": "a",
                "commit": 1,
                "last_index": 1,
            }
            self.line("boot", node)
            self.line("ready", node)
        self.state[node] |= state or {}
        at = {"node": node, "inc": 1, "seq": next(self.seq[node]), "ev": ev}
        held = None if ev == "boot" else dict(self.state[node])
        self.lines.append({**at, **more, "state": held})

    def send(self, kind: str, node: str, *peers: str, **more: Any) -> None:
        for peer in peers:
            self.line("send", node, peer=peer, msg={"type": kind, "term": 1, **more})

    def append(self, node: str, *peers: str) -> None:
        self.send("append_entries", node, *peers, prevLogIdx=1)

    def recv(self, kind: str, node: str, peer: str, **more: Any) -> None:
        self.line("recv", node, peer=peer, msg={"type": kind, "term": 1, **more})

    def leads(self, node: str, asked: str, voters: str) -> None:
        self.send("request_vote", node, *asked)
        for voter in voters:
            self.recv("response_vote", node, voter)
        self.line("set_state", node, {"role": "leader"}, old=1, new=2)

    def writes(self, node: str, index: int, term: int = 1, sha: str = "aa") -> None:
        state = {"last_index": index}
        self.line("log_append", node, state, index=index, term=term, sha=sha)

    def acked(self, node: str, peer: str, index: int) -> None:
        self.recv("next_node_idx", node, peer, next_node_idx=index + 1, success=True)

    def commits(self, node: str, index: int) -> int:
        self.line("commit", node, {"commit": index}, index=index)
        return len(self.lines)

    def judge(self, folder: Path) -> TraceVerdict:
        path = folder / "a.ndjson"
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return validate_files([str(path)])

    def broken(self, folder: Path) -> list[tuple[str, int, str]]:
        found = self.judge(folder).properties
        return [(p.name, p.first.line, p.first.message) for p in found if p.first is not None]


def test_whom_a_candidate_asks_are_the_members(tmp_path: Path) -> None:
    log = Log()
    log.recv("append_entries", "a", "b", prevLogIdx=1, _mid=1)
    log.leads("a", "bc", "")
    assert log.broken(tmp_path) == [
        (
            "election-needs-quorum",
            len(log.lines),
            "a became leader of term 1 with the votes of a, which is no quorum of {a, b, c}",
        )
    ]


def test_receipts_that_are_never_recorded(tmp_path: Path) -> None:
    log = Log()
    log.leads("a", "bc", "")
    answer = log.judge(tmp_path).of("election-needs-quorum")
    assert answer is not None
    assert answer.reason == "the log never shows that a receives a vote"


def leader_of_five() -> Log:
    """Leader a of a, b, c, d, e has written 2 and sent it to all; b acknowledges it."""
    log = Log()
    log.leads("a", "bcde", "bc")
    log.append("a", *"bcde")
    log.writes("a", 2)
    log.append("a", *"bcde")
    log.acked("a", "b", 2)
    return log


def test_a_commit_needs_a_quorum_of_all(tmp_path: Path) -> None:
    log = leader_of_five()
    line = log.commits("a", 2)
    found = log.broken(tmp_path)
    assert [broken[:2] for broken in found] == [("commit-needs-quorum", line)]


def test_the_members_are_not_known_while_they_may_change(tmp_path: Path) -> None:
    """The entry may remove two members. Whom the next row of appends goes to, shows it."""
    log = leader_of_five()
    log.acked("a", "c", 2)
    log.commits("a", 2)
    log.writes("a", 3)
    log.acked("a", "b", 3)
    log.commits("a", 3)
    log.append("a", *"bc")
    log.line("tick", "a")
    assert log.judge(tmp_path).verdict == "ok"


def test_an_acknowledgement_that_comes_after_the_commit(tmp_path: Path) -> None:
    """The lines are numbered and none is missing: what comes later was not there before."""
    log = Log()
    log.leads("a", "bc", "b")
    log.append("a", *"bc")
    log.writes("a", 2)
    log.append("a", *"bc")
    line = log.commits("a", 2)
    log.acked("a", "b", 2)
    assert [broken[:2] for broken in log.broken(tmp_path)] == [("commit-needs-quorum", line)]
    del log.lines[line - 2]  # a line before the commit, which may have been another one
    assert log.judge(tmp_path).verdict == "ok"


def test_a_dump_replaces_the_log(tmp_path: Path) -> None:
    """b has entries of a lost leader; then it gets a dump, and goes on after it."""
    log = Log()
    for node in "ab":
        log.writes(node, 2)
    log.writes("b", 3)
    log.writes("a", 3, 2, "bb")
    log.writes("a", 4, 2, "cc")
    log.recv("append_entries", "b", "a", serialized="dump")
    log.writes("b", 4, 2, "cc")
    assert log.judge(tmp_path).verdict == "ok"
    log.lines[-2]["msg"] = {"type": "append_entries", "term": 1, "prevLogIdx": 3}
    assert log.broken(tmp_path) == [
        (
            "log-matching",
            len(log.lines),
            "index 4 of term 2 is the same on a and b, but the entry before it is of term 2 on a "
            "and of term 1 on b",
        )
    ]


def test_lost_lines_empty_what_is_known_of_a_log(tmp_path: Path) -> None:
    log = Log()
    for node in "ab":
        log.writes(node, 2)
    log.writes("b", 3)
    log.writes("a", 3, 2, "bb")
    log.writes("a", 4, 2, "cc")
    log.line("log_truncate", "b", {"last_index": 2}, from_index=3)
    log.writes("b", 3, 2, "bb")
    log.writes("b", 4, 2, "cc")
    del log.lines[-3:-1]
    assert log.judge(tmp_path).verdict == "ok"


def test_what_is_applied_is_another_than_what_was_written(tmp_path: Path) -> None:
    log = Log()
    log.writes("a", 2)
    log.line("apply", "a", index=2, entry={"sha": "bb"})
    line = len(log.lines)
    log.writes("b", 2)
    log.line("apply", "b", index=2, entry={"sha": "aa"})
    assert log.broken(tmp_path) == [
        ("state-machine-safety", line, "index 2 of term 1 is aa in the log of a, and a applies bb")
    ]


def test_a_log_that_starts_late(tmp_path: Path) -> None:
    """Lines without a state of the node say what the format is, too."""
    log = leader_of_five()
    for start in range(len(log.lines)):
        late = Log()
        late.lines = log.lines[start:]
        assert late.judge(tmp_path).format == "pysyncobj"


def test_lines_that_are_not_in_their_order(tmp_path: Path) -> None:
    """Which of them is in the wrong place is not known: this is no violation."""
    log = leader_of_five()
    log.lines.insert(-3, log.lines.pop())
    with pytest.raises(TraceError) as problem:
        log.judge(tmp_path)
    last = len(log.lines)
    assert str(problem.value).splitlines()[0] == (
        f"{tmp_path}/a.ndjson:{last - 2}: event {last - 4} comes after event {last - 1}"
    )
