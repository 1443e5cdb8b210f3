"""The trace points of etcd-io/raft, on small logs in its format: what is judged, where, and what
is not."""

import json
from pathlib import Path
from typing import Any

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

Json = dict[str, Any]
ROLE = {"Candidate": "StateCandidate", "Follower": "StateFollower", "Leader": "StateLeader"}


class Log:
    """The lines of three nodes; each keeps its state until it is changed."""

    def __init__(self) -> None:
        self.lines: list[Json] = []
        self.state: dict[str, Json] = {}
        for node in "123":
            self.start(node, 0)

    def point(self, name: str, node: str, msg: Json | None = None, **change: Any) -> None:
        held = self.state[node]
        held |= change
        state = {key: held[key] for key in ("term", "vote", "commit")}
        told: Json = {"name": name, "nid": node, "state": state, "role": held["role"]}
        told |= {"log": held["log"], "conf": [["1", "2", "3"], []]}
        self.lines.append({"event": told if msg is None else {**told, "msg": msg}, "tag": "trace"})

    def driver(self, name: str, **more: Any) -> None:
        self.lines.append({"event": {"name": name, **more}, "tag": "sim"})

    def start(self, node: str, term: int, vote: str = "0") -> None:
        zero: Json = {"term": 0, "vote": "0", "commit": 0, "role": "StateFollower", "log": 0}
        self.state[node] = zero
        self.point("InitState", node)
        self.point("BecomeFollower", node, term=term, vote=vote)

    def campaign(self, node: str, term: int) -> None:
        self.point("BecomeCandidate", node, term=term, vote=node, role="StateCandidate")

    def message(self, kind: str, sender: str, to: str, index: int = 0, no: bool = False) -> Json:
        term = self.state[sender]["term"]
        return {
            "type": kind,
            "from": sender,
            "to": to,
            "term": term,
            "index": index,
            "reject": no,
        }

    def vote(self, voter: str, to: str, heard: bool = True, no: bool = False) -> None:
        """A vote is sent before it is stored, and shows in the next state."""
        term = self.state[to]["term"]
        if self.state[voter]["term"] != term:
            self.point("BecomeFollower", voter, term=term, vote="0")
        answer = self.message("MsgVoteResp", voter, to, no=no)
        self.point("SendRequestVoteResponse", voter, answer)
        if not no:
            self.state[voter]["vote"] = to
        if heard:
            self.point("ReceiveRequestVoteResponse", to, answer)

    def leader(self, node: str, voter: str) -> None:
        self.campaign(node, 1)
        self.vote(node, node)
        self.vote(voter, node)
        self.point("BecomeLeader", node, role="StateLeader")

    def ack(self, sender: str, to: str, index: int, heard: bool = True) -> Json:
        answer = self.message("MsgAppResp", sender, to, index)
        self.point("SendAppendEntriesResponse", sender, answer, log=index)
        if heard:
            self.point("ReceiveAppendEntriesResponse", to, answer)
        return answer

    def append(self, sender: str, to: str) -> None:
        request = self.message("MsgApp", sender, to)
        self.point("SendAppendEntriesRequest", sender, request)
        self.point("ReceiveAppendEntriesRequest", to, request)

    def judge(self, folder: Path) -> TraceVerdict:
        path = folder / "a.ndjson"
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return validate_files([str(path)])

    def broken(self, folder: Path) -> list[tuple[str, int, str]]:
        found = self.judge(folder).properties
        return [(p.name, p.first.line, p.first.message) for p in found if p.first is not None]


def test_what_was_never_stored_may_be_gone(tmp_path: Path) -> None:
    log = Log()
    log.campaign("1", 1)
    log.driver("Crash", nid="1")
    log.start("1", 0)
    assert log.judge(tmp_path).verdict == "ok"


def test_a_hard_state_is_stored(tmp_path: Path) -> None:
    log = Log()
    log.campaign("1", 1)
    log.driver("PersistHardState", nid="1", term=1, vote="1", commit=0)
    log.driver("Crash", nid="1")
    log.start("1", 0)
    assert log.broken(tmp_path) == [
        ("term-never-goes-back", len(log.lines), "1 was in term 1, and is now in term 0")
    ]


def test_a_hard_state_with_another_vote(tmp_path: Path) -> None:
    log = Log()
    log.campaign("1", 1)
    log.driver("PersistHardState", nid="1", term=1, vote="2", commit=0)
    line = len(log.lines)
    log.point("Ready", "1")
    assert log.broken(tmp_path) == [
        ("one-vote-per-term", line, "1 voted for 1 in term 1, and votes for 2 in the same term")
    ]


def test_a_vote_that_the_next_state_does_not_show(tmp_path: Path) -> None:
    """A refusal that says yes."""
    log = Log()
    log.campaign("1", 1)
    log.vote("2", "1")
    log.point("Ready", "2", vote="0")
    line = len(log.lines)
    for node in "123":
        log.point("Ready", node)
    assert log.broken(tmp_path) == [
        ("durable-vote", line, "2 had voted for 1 in term 1, and its state no longer shows it")
    ]


def commits(*, acked: bool = False, heard: bool = False, dropped: bool = False) -> Log:
    """Leader 1 commits index 1 after its own acknowledgement; 3 has sent one or not."""
    log = Log()
    log.leader("1", "2")
    log.vote("3", "1")
    log.append("1", "2")
    log.append("1", "3")
    log.ack("1", "1", 1)
    if acked:
        log.ack("3", "1", 1, heard)
    if dropped:
        log.driver("Drop", type="MsgAppResp", term=1, **{"from": "3", "to": "1"})
    log.point("Commit", "1", commit=1)
    return log


TOO_EARLY = (
    "1, leader of term 1, committed index 1 when only 1 had acknowledged it, "
    "which is no quorum of {1, 2, 3}"
)


def test_a_commit_without_acknowledgements(tmp_path: Path) -> None:
    log = commits()
    assert log.broken(tmp_path) == [("commit-needs-quorum", len(log.lines), TOO_EARLY)]


def test_a_commit_after_an_acknowledgement(tmp_path: Path) -> None:
    assert commits(acked=True, heard=True).judge(tmp_path).verdict == "ok"


def test_the_line_of_a_receipt_is_lost(tmp_path: Path) -> None:
    """The acknowledgement was sent, and neither came nor was lost: it may have come."""
    verdict = commits(acked=True).judge(tmp_path)
    answer = verdict.of("commit-needs-quorum")
    assert answer is not None
    assert (verdict.verdict, answer.verdict) == ("ok", "not_observable")
    assert answer.reason == "the receipt of an acknowledgement of 3 is not in the log"


def test_an_acknowledgement_that_the_network_lost(tmp_path: Path) -> None:
    log = commits(acked=True, dropped=True)
    assert log.broken(tmp_path) == [("commit-needs-quorum", len(log.lines), TOO_EARLY)]


def test_a_copy_does_not_use_up_the_answer(tmp_path: Path) -> None:
    """Two answers are sent, the second is doubled. One receipt is lost: which one?"""
    log = commits()
    commit = log.lines.pop()
    log.ack("3", "1", 1, heard=False)
    again = log.ack("3", "1", 1, heard=False)
    log.driver("Duplicate", type="MsgAppResp", term=1, **{"from": "3", "to": "1"})
    log.lines.append(commit)
    for _ in range(2):
        log.point("ReceiveAppendEntriesResponse", "1", again)
    assert log.judge(tmp_path).verdict == "ok"
    log.point("ReceiveAppendEntriesResponse", "1", again)
    assert log.broken(tmp_path) == [("commit-needs-quorum", log.lines.index(commit) + 1, TOO_EARLY)]


def test_the_line_of_a_start_is_lost(tmp_path: Path) -> None:
    """Only while it loads, a node has a configuration in term 0."""
    log = Log()
    log.leader("1", "2")
    log.state["1"] |= {"term": 0, "vote": "0", "role": "StateFollower"}
    log.point("ApplyConfChange", "1")
    log.point("BecomeFollower", "1", term=1, vote="1")
    assert log.judge(tmp_path).verdict == "ok"


def test_what_is_applied_is_another_than_what_was_written(tmp_path: Path) -> None:
    log = Log()
    entry = {"index": 1, "term": 1, "sha": "aa", "type": "EntryNormal"}
    log.driver("Persist", nid="1", entries=[entry])
    log.driver("Apply", nid="1", **{**entry, "sha": "bb"})
    line = len(log.lines)
    log.driver("Apply", nid="2", **entry)
    assert log.broken(tmp_path) == [
        ("state-machine-safety", line, "index 1 of term 1 is aa in the log of 1, and 1 applies bb")
    ]
