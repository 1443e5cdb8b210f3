"""Messages under Maelstrom's protocol, on small logs: what is judged, where, and what is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

Json = dict[str, Any]


class Log:
    def __init__(self, *nodes: str) -> None:
        self.lines: list[Json] = []
        self.mid = 0
        self.number = dict.fromkeys(nodes, 0)
        for node in nodes:
            self.send("c0", node, "init", msg_id=1, node_id=node, node_ids=list(nodes))

    def send(self, src: str, to: str, kind: str, heard: bool = True, **body: Any) -> None:
        self.mid += 1
        at = {"mid": self.mid, "src": src, "dest": to}
        self.lines.append({"ev": "send", **at, "body": {"type": kind, **body}})
        if heard:
            self.lines.append({"ev": "recv", **at, "type": kind, "term": body.get("term")})

    def request(self, src: str, to: str, kind: str, **body: Any) -> int:
        number = self.number[src] = self.number[src] + 1
        self.send(src, to, kind, msg_id=number, **body)
        return number

    def vote(
        self, src: str, voter: str, term: int, heard: bool = True, granted: bool = True
    ) -> None:
        number = self.request(src, voter, "request_vote", term=term)
        answer: Json = {"term": term, "vote_granted": granted, "in_reply_to": number}
        self.send(voter, src, "request_vote_res", heard, **answer)

    def append(self, src: str, to: str, term: int, commit: int, prev: int = 1) -> int:
        """An append of one entry; the line of its sending."""
        entries: Json = {"prev_log_index": prev, "entries": [{}], "leader_commit": commit}
        number = self.request(src, to, "append_entries", term=term, **entries)
        line = len(self.lines) - 1
        answer: Json = {"term": term, "success": True, "in_reply_to": number}
        self.send(to, src, "append_entries_res", True, **answer)
        return line

    def judge(self, folder: Path) -> TraceVerdict:
        path = folder / "a.ndjson"
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return validate_files([str(path)])

    def broken(self, folder: Path) -> list[tuple[str, int, str]]:
        found = self.judge(folder).properties
        return [(p.name, p.first.line, p.first.message) for p in found if p.first is not None]


def leader(heard: bool = True) -> Log:
    log = Log("n0", "n1", "n2")
    log.vote("n0", "n1", 1, heard)
    log.vote("n0", "n2", 1, heard=False, granted=False)
    return log


@pytest.mark.parametrize("early", [True, False])
def test_a_commit_needs_answers(tmp_path: Path, early: bool) -> None:
    """The first append shows 1 as committed; the next one shows 2."""
    log = leader()
    log.append("n0", "n1", 1, 1, prev=0)
    if not early:
        log.append("n0", "n1", 1, 1)
    line = log.append("n0", "n2", 1, 2)
    message = (
        "n0, leader of term 1, committed index 2 when only n0 had acknowledged it, "
        "which is no quorum of {n0, n1, n2}"
    )
    assert log.broken(tmp_path) == ([("commit-needs-quorum", line, message)] if early else [])


def test_the_terms_of_what_a_node_sends(tmp_path: Path) -> None:
    log = leader()
    log.vote("n2", "n1", 3)
    log.vote("n2", "n0", 3)
    log.append("n2", "n0", 2, 1)
    found = log.broken(tmp_path)
    assert ("term-never-goes-back", "n2 was in term 3, and is now in term 2") in [
        (name, message) for name, _, message in found
    ]


def test_a_vote_that_came_and_has_no_line_of_its_sending(tmp_path: Path) -> None:
    log = leader()
    log.append("n0", "n1", 1, 1)
    sent = [line.get("body", {}).get("type") for line in log.lines]
    at = sent.index("request_vote_res")
    log.lines[at]["body"]["vote_granted"] = False
    assert [found[:2] for found in log.broken(tmp_path)] == [("election-needs-quorum", 14)]
    del log.lines[at]
    assert log.judge(tmp_path).verdict == "ok"


def test_a_vote_that_came_and_has_no_line_of_its_receipt(tmp_path: Path) -> None:
    log = leader(heard=False)
    log.append("n0", "n1", 1, 1)
    answer = log.judge(tmp_path).of("election-needs-quorum")
    assert answer is not None
    assert (answer.verdict, answer.reason) == (
        "not_observable",
        "the receipt of a vote of n1 is not in the log",
    )


def test_a_node_whose_lines_are_all_missing(tmp_path: Path) -> None:
    log = leader()
    log.append("n0", "n1", 1, 1)
    log.lines = [line for line in log.lines if line["ev"] != "send" or line["src"] != "n1"]
    assert log.judge(tmp_path).verdict == "ok"
