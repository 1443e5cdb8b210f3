"""multi-paxos-example: leases, phase 1 left out under a master, and who the members are."""

import json
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

NODES = "ABC"


class Log:
    """Lines as the recorder writes them: sequence numbers, times, messages with identities."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.seq = dict.fromkeys(NODES, -1)
        self.inc = dict.fromkeys(NODES, 0)
        self.sent = 0
        for node in NODES:
            self.boot(node)

    def line(self, node: str, what: str, **fields: Any) -> int:
        self.seq[node] += 1
        state = {"instance": 1, "accepted": None, "accepted_value": None, "master": None}
        self.lines.append(
            {
                "t_ns": len(self.lines) * 10**7,
                "node": node,
                "inc": self.inc[node],
                "seq": self.seq[node],
                "ev": what,
                "state": {**state, "disk_promised": None},
                **fields,
            }
        )
        return len(self.lines)

    def boot(self, node: str) -> None:
        self.inc[node] += 1
        self.seq[node] = -1
        self.line(node, "boot", state=None)

    def send(self, node: str, to: str, kind: str, **fields: Any) -> dict[str, Any]:
        self.sent += 1
        message = {"type": kind, "msg": {"instance_number": 1, **fields}, "mid": self.sent}
        self.line(node, "send", to=to, dropped=False, **message)
        return message

    def take(self, node: str, sender: str, message: dict[str, Any]) -> None:
        self.line(node, "recv", frm=sender, **message)

    def everybody(self, node: str, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [self.send(node, to, kind, **fields) for to in NODES]

    def ballot(self, leader: str, n: int, value: str, promisers: str, voters: str) -> None:
        """One ballot; no promisers: phase 1 is left out."""
        who = [n, leader]
        if promisers:
            self.everybody(leader, "prepare", proposal_id=who)
        for node in promisers:
            fields = {"last_accepted_id": None, "last_accepted_value": None}
            self.take(leader, node, self.send(node, leader, "promise", proposal_id=who, **fields))
        self.everybody(leader, "accept", proposal_id=who, proposal_value=value)
        for node in voters:
            fields = {"proposal_id": who, "proposal_value": value}
            self.take(leader, node, self.send(node, leader, "accepted", **fields))


def judge(folder: Path, log: Log) -> TraceVerdict:
    text = "".join([json.dumps(line) + "\n" for line in log.lines])
    (folder / "log").write_text(text)
    verdict = validate_files([str(folder / "log")])
    assert verdict.format == "multi-paxos-example"
    return verdict


def broken(verdict: TraceVerdict) -> dict[str, list[int]]:
    return {
        p.name: [v.line for v in p.violations]
        for p in verdict.properties
        if p.verdict == "violated"
    }


def test_a_right_log(tmp_path: Path) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="AB", voters="AC")
    log.line("A", "decide", instance=1, value="x")
    verdict = judge(tmp_path, log)
    assert broken(verdict) == {}
    assert {p.name: p.quorums for p in verdict.properties if p.quorums} == {
        "chosen-once": 1,
        "proposal-needs-quorum": 1,
        "decision-needs-quorum": 1,
        "decided-was-chosen": 1,
    }


def test_under_a_master_phase_1_is_left_out(tmp_path: Path) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="", voters="AC")
    log.line("A", "decide", instance=1, value="x")
    verdict = judge(tmp_path, log)
    assert broken(verdict) == {}
    answer = verdict.of("proposal-needs-quorum")
    assert answer is not None
    assert answer.verdict == "not_observable"


def test_a_minority_of_promises(tmp_path: Path) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="A", voters="AC")  # 3 boots, 3 prepares, promise, receipt
    assert broken(judge(tmp_path, log)) == {"proposal-needs-quorum": [9]}


def test_a_decision_with_one_vote(tmp_path: Path) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="AB", voters="C")
    line = log.line("A", "decide", instance=1, value="x")
    assert broken(judge(tmp_path, log)) == {
        "decision-needs-quorum": [line],
        "decided-was-chosen": [line],
    }


def test_a_vote_below_a_promise(tmp_path: Path) -> None:
    log = Log()
    fields = {"last_accepted_id": None, "last_accepted_value": None}
    log.send("C", "B", "promise", proposal_id=[2, "B"], **fields)
    log.send("C", "A", "accepted", proposal_id=[1, "A"], proposal_value="x")
    assert broken(judge(tmp_path, log)) == {"no-vote-below-promise": [5]}


def test_two_masters_at_once(tmp_path: Path) -> None:
    log = Log()
    log.line("A", "lease", holder="A", until_ns=3 * 10**9)
    two = log.line("B", "lease", holder="B", until_ns=3 * 10**9)
    assert broken(judge(tmp_path, log)) == {"lease-exclusion": [two]}


def test_a_lease_that_ended(tmp_path: Path) -> None:
    log = Log()
    log.line("A", "lease", holder="A", until_ns=3 * 10**9)
    log.line("A", "lease_expired", holder="A")
    log.line("B", "lease", holder="B", until_ns=3 * 10**9)
    assert broken(judge(tmp_path, log)) == {}


def test_lost_lines_prove_nothing(tmp_path: Path) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="AB", voters="C")
    log.line("A", "decide", instance=1, value="x")
    del log.lines[9]  # the receipt of B's promise: a number of A is missing
    assert broken(judge(tmp_path, log)).keys() <= {"decided-was-chosen"}


def test_a_message_that_changed_on_its_way(tmp_path: Path) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="AB", voters="AC")
    line = next(n for n, x in enumerate(log.lines, 1) if x["ev"] == "recv" and n > 10)
    log.lines[line - 1]["msg"] = {**log.lines[line - 1]["msg"], "instance_number": 7}
    assert broken(judge(tmp_path, log)) == {"message-integrity": [line]}


@pytest.mark.parametrize("field", ["t_ns", "node", "seq", "inc"])
def test_a_line_without_a_field(tmp_path: Path, field: str) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="AB", voters="AC")
    del log.lines[6][field]
    with pytest.raises(Exception, match=f"log:7: this is not a line of the format .*{field}"):
        judge(tmp_path, log)
