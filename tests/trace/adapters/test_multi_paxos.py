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
        self.state: dict[str, dict[str, Any]] = {}  # what is special in the state of a node
        self.sent = 0
        for node in NODES:
            self.boot(node)

    def line(self, node: str, what: str, **fields: Any) -> int:
        self.seq[node] += 1
        state = {"instance": 1, "accepted": None, "accepted_value": None, "master": None}
        state |= {"proposal": {"n": 0, "by": node}, "leader": False} | self.state.get(node, {})
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


def test_a_decision_before_any_vote_was_heard(tmp_path: Path) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="", voters="")
    line = log.line("A", "decide", instance=1, value="x")
    for node in "AC":
        fields = {"proposal_id": [1, "A"], "proposal_value": "x"}
        log.take("A", node, log.send(node, "A", "accepted", **fields))
    assert broken(judge(tmp_path, log)) == {"decision-needs-quorum": [line]}


def test_a_vote_that_was_cast_and_not_heard(tmp_path: Path) -> None:
    """The lines have numbers: its receipt is not lost."""
    log = Log()
    log.ballot("A", 1, "x", promisers="AB", voters="C")
    log.send("B", "A", "accepted", proposal_id=[1, "A"], proposal_value="x")
    line = log.line("A", "decide", instance=1, value="x")
    assert broken(judge(tmp_path, log)) == {"decision-needs-quorum": [line]}


def test_votes_from_before_it_proposed_again_count(tmp_path: Path) -> None:
    """Ballots are not durable: after a restart it may use the same one, and hear old votes."""
    log = Log()
    log.ballot("A", 1, "x", promisers="AB", voters="")
    fields = {"proposal_id": [1, "A"], "proposal_value": "x"}
    votes = [(node, log.send(node, "A", "accepted", **fields)) for node in "BC"]
    log.boot("A")
    log.take("A", *votes[0])
    again = {"last_accepted_id": [1, "A"], "last_accepted_value": "x"}
    log.everybody("A", "prepare", proposal_id=[1, "A"])
    for node in "BC":
        answer = log.send(node, "A", "promise", proposal_id=[1, "A"], **again)
        log.take("A", node, answer)
    log.everybody("A", "accept", **fields)
    log.take("A", *votes[1])
    log.line("A", "decide", instance=1, value="x")
    assert broken(judge(tmp_path, log)) == {}


def test_a_master_prepares_the_ballot_that_it_leads(tmp_path: Path) -> None:
    """It got no answer to its accept, and the example sends a prepare instead of it."""
    log = Log()
    log.state["A"] = {"proposal": {"n": 1, "by": "A"}, "leader": True}
    fields = {"proposal_id": [1, "A"], "proposal_value": "x"}
    log.everybody("A", "accept", **fields)
    log.everybody("A", "prepare", proposal_id=[1, "A"])
    log.everybody("A", "accept", **fields)
    assert broken(judge(tmp_path, log)) == {}
    log = Log()  # also when it does not lead any more
    log.everybody("A", "accept", **fields)
    log.everybody("A", "prepare", proposal_id=[1, "A"])
    log.everybody("A", "accept", **fields)
    assert broken(judge(tmp_path, log)) == {}


@pytest.mark.parametrize(("shown", "expected"), [(1, {}), (0, {"proposal-needs-quorum": [12]})])
def test_a_log_that_begins_within_phase_1(
    tmp_path: Path, shown: int, expected: dict[str, list[int]]
) -> None:
    """Its first state has the ballot that it prepares: it may have asked, and heard, before."""
    log = Log()
    log.state["A"] = {"proposal": {"n": shown, "by": "A"}}
    log.line("A", "request", value="x")
    log.state["A"] = {"proposal": {"n": 1, "by": "A"}}
    log.ballot("B", 2, "y", promisers="", voters="")  # shows who the members are
    log.ballot("A", 1, "x", promisers="A", voters="")
    del log.lines[0]  # A's boot
    assert broken(judge(tmp_path, log)) == expected


def test_a_ballot_of_another_node(tmp_path: Path) -> None:
    log = Log()
    log.ballot("A", 1, "x", promisers="AB", voters="")
    log.send("B", "C", "accept", proposal_id=[1, "A"], proposal_value="x")
    assert broken(judge(tmp_path, log)) == {"one-proposer-per-ballot": [len(log.lines)]}


def test_a_broadcast_that_a_hole_cuts_shows_no_members(tmp_path: Path) -> None:
    """Members that are too few would make a quorum too small."""
    log = Log()
    log.ballot("A", 1, "x", promisers="", voters="")
    log.line("A", "request", value="y")
    del log.lines[5]  # the accept that A sends to C
    verdict = judge(tmp_path, log)
    assert {p.reason for p in verdict.properties if p.name == "chosen-once"} == {
        "the log does not show votes with their values; it takes votes with their values, "
        "and the members"
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
