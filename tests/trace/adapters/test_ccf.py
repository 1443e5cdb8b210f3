"""CCF's traces, on small logs in both of their forms: what is judged, where, and what is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

Json = dict[str, Any]
NODES: Json = {"0": {}, "1": {}, "2": {}}


def judge(folder: Path, lines: list[Json]) -> TraceVerdict:
    path = folder / "a.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return validate_files([str(path)])


def broken(folder: Path, lines: list[Json]) -> list[tuple[str, int, str]]:
    found = judge(folder, lines).properties
    return [(p.name, p.first.line, p.first.message) for p in found if p.first is not None]


class Older:
    """`msg.event.function`, and lines for both ends of each message."""

    def __init__(self) -> None:
        self.lines: list[Json] = []
        for node in NODES:
            self.line("add_configuration", node, 0, configurations=[{"idx": 0, "nodes": NODES}])

    def line(self, what: str, node: str, last: int = 0, commit: int = 0, **more: Any) -> None:
        view = 0 if what == "add_configuration" else 1
        state = {"current_view": view, "commit_idx": commit, "last_idx": last}
        if "sender" in more:
            more["from"] = more.pop("sender")
        msg = {"event": {"component": "raft", "function": what}, "node": node, "state": state}
        self.lines.append({"tag": "tla", "msg": {**msg, "leadership": "Leader", **more}})

    def asks(self, *others: str) -> None:
        self.line("become_candidate", "0")
        ask = {"msg": 3, "term": 1}
        for other in others:
            self.line("send_request_vote", "0", to=other, paket=ask)
        for other in others:
            self.line("become_follower", other)
            self.line("recv_request_vote", other, sender="0", paket=ask)

    def vote(self, voter: str, heard: bool, yes: bool = True) -> None:
        vote = {"msg": 4, "term": 1, "vote_granted": yes}
        self.line("send_request_vote_response", voter, to="0", paket=vote)
        if heard:
            self.line("recv_request_vote_response", "0", sender=voter, paket=vote)


def test_a_leader_with_one_vote(tmp_path: Path) -> None:
    log = Older()
    log.asks("1", "2")
    log.vote("1", heard=True, yes=False)
    log.vote("2", heard=True, yes=False)
    log.line("become_leader", "0")
    assert broken(tmp_path, log.lines) == [
        (
            "election-needs-quorum",
            len(log.lines),
            "0 became leader of term 1 with the votes of 0, which is no quorum of {0, 1, 2}",
        )
    ]


def test_the_line_of_a_receipt_is_lost(tmp_path: Path) -> None:
    log = Older()
    log.asks("1", "2")
    log.vote("1", heard=True, yes=False)
    log.vote("2", heard=False)
    log.line("become_leader", "0")
    answer = judge(tmp_path, log.lines).of("election-needs-quorum")
    assert answer is not None
    assert (answer.verdict, answer.reason) == (
        "not_observable",
        "the receipt of a vote of 2 is not in the log",
    )


class Newer:
    """Tag `raft_trace`: `msg.function`, and no line for the sending of a vote."""

    def __init__(self) -> None:
        self.lines: list[Json] = []

    def line(self, what: str, node: str, last: int = 0, commit: int = 0, **more: Any) -> None:
        state = {
            "node_id": node,
            "current_view": 1,
            "commit_idx": commit,
            "last_idx": last,
            "leadership_state": "Leader",
        }
        configurations = [{"idx": 0, "nodes": NODES}]
        msg = {"function": what, "state": state, "configurations": configurations, **more}
        self.lines.append({"tag": "raft_trace", "msg": msg})

    def leads(self, granted: bool) -> None:
        ask = {"msg": "raft_request_vote", "term": 1}
        answer = {"msg": "raft_request_vote_response", "term": 1, "vote_granted": granted}
        self.line("become_candidate", "0")
        for other in "12":
            self.line("send_request_vote", "0", to_node_id=other, packet=ask)
            self.line("recv_request_vote", other, from_node_id="0", packet=ask)
            self.line("recv_request_vote_response", "0", from_node_id=other, packet=answer)
        self.line("become_leader", "0")

    def sends(self) -> None:
        append = {
            "msg": "raft_append_entries",
            "term": 1,
            "prev_idx": 0,
            "idx": 1,
        }
        self.line("replicate", "0", 1)
        for other in "12":
            self.line("send_append_entries", "0", 1, to_node_id=other, packet=append)
            self.line("recv_append_entries", other, from_node_id="0", packet=append)

    def ack(self, node: str, success: str) -> None:
        answer = {
            "msg": "raft_append_entries_response",
            "term": 1,
            "success": success,
            "last_log_idx": 1,
        }
        self.line("execute_append_entries_sync", node, 1)
        self.line("send_append_entries_response", node, 1, to_node_id="0", packet=answer)
        self.line("recv_append_entries_response", "0", 1, from_node_id=node, packet=answer)


@pytest.mark.parametrize("granted", [True, False])
def test_the_votes_of_the_newer_form(tmp_path: Path, granted: bool) -> None:
    log = Newer()
    log.leads(granted)
    found = broken(tmp_path, log.lines)
    assert [item[:2] for item in found] == (
        [] if granted else [("election-needs-quorum", len(log.lines))]
    )


@pytest.mark.parametrize("acked", [True, False])
def test_the_commits_of_the_newer_form(tmp_path: Path, acked: bool) -> None:
    log = Newer()
    log.leads(True)
    log.sends()
    log.ack("1", "OK" if acked else "FAIL")
    log.line("commit", "0", 1, args={"idx": 1})
    log.line("become_follower", "0", 1, 1)
    for node in "12":
        log.line("become_follower", node, int(node == "1"))
    answer = judge(tmp_path, log.lines).of("commit-needs-quorum")
    assert answer is not None
    assert (answer.verdict, answer.reason) == ("ok" if acked else "violated", "")
