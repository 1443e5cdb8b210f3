"""Recordings that count the lines of all nodes together: parts of them, and in other orders.

Each log is a whole run of three nodes in which one proposer decides one value. It is clean, so
every part and every order that keeps the nodes' own must be clean; and read, not refused.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest

from paxcheck.trace.observe.follow import follow_files
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict
from paxcheck.trace.read import TraceError

Line = dict[str, Any]
NODES = ["1.1", "1.2", "1.3"]


class Run:
    """The lines of a run, with their numbers and the identities of the messages."""

    def __init__(self, head: Line) -> None:
        self.lines: list[Line] = [head]
        self.sent = 0

    def line(self, node: str, what: str, **fields: Any) -> int:
        self.lines.append({"seq": len(self.lines) - 1, "ev": what, "node": node, **fields})
        return len(self.lines)

    def send(self, node: str, to: str, msg: Line, **fields: Any) -> tuple[str, Line]:
        self.sent += 1
        self.line(node, "send", to=to, mid=self.sent, msg=msg, **fields)
        return node, {"mid": self.sent, "msg": msg}


def paxi(early: bool = False, first: str = "v", leader: str = "1.1") -> Run:
    """`early`: it decides before the vote arrives; `first`: the value in its first P2a."""
    run = Run({"meta": {"nodes": NODES}})
    log = [{"slot": 0, "ballot": "1.1.1", "value": "v", "commit": False}]

    def state(*entries: Line) -> Line:
        return {"active": True, "ballot": "1.1.1", "execute": 0, "slot": 0, "log": list(entries)}

    def send(node: str, to: str, kind: str, entries: list[Line], **fields: Any) -> Any:
        msg = {"type": kind, "ballot": "1.1.1", **fields}
        return run.send(node, to, msg, state=state(*entries))

    def take(node: str, message: Any) -> None:
        sender, rest = message
        run.line(node, "recv", **{"from": sender}, **rest, state=state())

    asked = [send("1.1", to, "prepare", []) for to in NODES[1:]]
    for node, message in zip(NODES[1:], asked, strict=True):
        take(node, message)
        take("1.1", send(node, "1.1", "promise", [], accepted=[]))
    values = [first, "v"]
    for to, value in zip(NODES[1:], values, strict=True):
        take(to, send(leader, to, "accept", log, slot=0, value=value))
    vote = send("1.2", "1.1", "accepted", log, slot=0)
    if not early:
        take("1.1", vote)
    for to in NODES[1:]:
        send("1.1", to, "decide", log, slot=0, value="v")
    run.line("1.1", "execute", slot=0, value="v", state=state())
    if early:
        take("1.1", vote)
    return run


def composable() -> Run:
    run = Run({"meta": {}, "nodes": NODES, "quorum": 2})
    ballot = {"n": 1, "by": "1.1"}
    rest = {"inc": 1, "slot": 0, "step": 0, "state": None}

    def send(node: str, to: str, kind: str, **fields: Any) -> Any:
        msg = {"type": kind, "from_uid": node, "proposal_id": ballot, **fields}
        return run.send(node, to, msg, **rest)

    def take(node: str, message: Any) -> None:
        run.line(node, "recv", frm=message[0], **message[1], **rest)

    run.line("1.1", "propose", value="v", **rest)
    asked = [send("1.1", to, "prepare") for to in NODES]
    for node, message in zip(NODES, asked, strict=True):
        take(node, message)
        nothing = {"last_accepted_id": None, "last_accepted_value": None}
        take("1.1", send(node, "1.1", "promise", **nothing))
    for node in NODES:
        take(node, send("1.1", node, "accept", proposal_value="v"))
        take("1.1", send(node, "1.1", "accepted", proposal_value="v"))
    run.line("1.1", "decide", value="v", proposal=ballot, **rest)
    return run


def pypi() -> Run:
    acceptors = ["A1", "A2", "A3"]
    run = Run({"meta": {}, "proposers": ["P0"], "acceptors": acceptors, "learners": ["L4"]})
    proposal = {"n": 1, "pid": 0, "instance": 1, "value": "v"}
    rest = {"instance": 1, "step": 0, "state": None}

    def send(node: str, to: str, kind: str) -> Any:
        return run.send(node, to, {"type": kind, "proposal": proposal}, **rest)

    def take(node: str, message: Any) -> None:
        run.line(node, "recv", frm=message[0], **message[1], **rest)

    for node in acceptors:
        take(node, send("P0", node, "prepare"))
        take("P0", send(node, "P0", "promise"))
    for node in acceptors:
        take(node, send("P0", node, "accept"))
        take("L4", send(node, "L4", "accepted"))
    run.line("L4", "decide", value="v", **rest)
    return run


RUNS: dict[str, Callable[[], Run]] = {
    "paxi": paxi,
    "paxos-composable": composable,
    "paxos-pypi": pypi,
}
QUORUMS = {
    "paxi": {
        "chosen-once": 1,
        "proposal-needs-quorum": 1,
        "decision-needs-quorum": 1,
        "decided-was-chosen": 1,
    },
    "paxos-composable": {
        "chosen-once": 1,
        "proposal-needs-quorum": 1,
        "decision-needs-quorum": 1,
        "decided-was-chosen": 1,
    },
    "paxos-pypi": {"chosen-once": 1, "proposal-needs-quorum": 1, "decided-was-chosen": 1},
}


@pytest.fixture
def judge(tmp_path: Path):
    def validate(*files: list[Line]) -> TraceVerdict:
        names: list[str] = []
        for number, lines in enumerate(files):
            path = tmp_path / f"{number}.ndjson"
            path.write_text("".join([json.dumps(line) + "\n" for line in lines]))
            names.append(str(path))
        return validate_files(names)

    return validate


def broken(verdict: TraceVerdict) -> dict[str, list[int]]:
    return {
        p.name: [v.line for v in p.violations]
        for p in verdict.properties
        if p.verdict == "violated"
    }


@pytest.mark.parametrize("source", RUNS)
def test_a_whole_run(judge, source: str) -> None:
    verdict = judge(RUNS[source]().lines)
    assert (verdict.format, broken(verdict)) == (source, {})
    assert {p.name: p.quorums for p in verdict.properties if p.quorums} == QUORUMS[source]


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize("source", RUNS)
def test_a_log_that_starts_late(judge, source: str, head: bool) -> None:
    lines = RUNS[source]().lines
    for start in range(2, len(lines)):
        verdict = judge([*lines[: int(head)], *lines[start:]])
        assert (verdict.format, broken(verdict)) == (source, {}), start
        missed = [p.name for p in verdict.properties if p.quorums and "needs" in p.name]
        assert missed == [], start  # what was heard before is unknown


@pytest.mark.parametrize("source", RUNS)
def test_a_lost_line(judge, source: str) -> None:
    lines = RUNS[source]().lines
    for lost in range(1, len(lines)):
        assert broken(judge(lines[:lost] + lines[lost + 1 :])) == {}, lost


@pytest.mark.parametrize("source", RUNS)
def test_one_file_a_node(judge, source: str) -> None:
    head, *lines = RUNS[source]().lines
    nodes = sorted({line["node"] for line in lines})
    for order in (nodes, nodes[::-1]):
        files = [[head, *[line for line in lines if line["node"] == node]] for node in order]
        verdict = judge(*files)
        assert (verdict.format, broken(verdict)) == (source, {})
        assert broken(judge([head, *[line for file in files for line in file[1:]]])) == {}


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("source", RUNS)
def test_a_recording_goes_on_in_a_second_file(judge, source: str, again: bool) -> None:
    """With its head once more or not: what was begun in the first file is still known."""
    head, *lines = RUNS[source]().lines
    for cut in range(1, len(lines)):
        verdict = judge([head, *lines[:cut]], [*[head][: int(again)], *lines[cut:]])
        assert (verdict.format, broken(verdict)) == (source, {}), cut
        assert {p.name: p.quorums for p in verdict.properties if p.quorums} == QUORUMS[source], cut


@pytest.mark.parametrize("source", RUNS)
def test_the_second_file_first(judge, source: str) -> None:
    """A node that is in both has an order: the files are read in it."""
    head, *lines = RUNS[source]().lines
    for cut in range(1, len(lines)):
        both = {x["node"] for x in lines[:cut]} & {x["node"] for x in lines[cut:]}
        verdict = judge([head, *lines[cut:]], [head, *lines[:cut]])
        assert broken(verdict) == {}
        assert bool(both) == any("in the order of their own numbers" in n for n in verdict.notes)


def test_a_gap_in_a_second_file_excuses_what_is_not_heard(judge) -> None:
    """A line that is lost between two files may be the vote; one that is not lost may not."""
    run = paxi(early=True)
    line = next(n for n, x in enumerate(run.lines, 1) if x.get("msg", {}).get("type") == "decide")
    head, lines = run.lines[0], run.lines[1:]
    for cut in range(1, line - 1):
        rest = [head, *lines[cut:]]
        assert broken(judge([head, *lines[:cut]], rest)) == {
            "decision-needs-quorum": [rest.index(run.lines[line - 1]) + 1]
        }
        assert broken(judge([head, *lines[: cut - 1]], rest)) == {}, cut


@pytest.mark.parametrize("source", RUNS)
def test_files_of_single_nodes_are_followed(tmp_path: Path, source: str) -> None:
    head, *lines = RUNS[source]().lines
    files: list[str] = []
    for node in sorted({line["node"] for line in lines}):
        path = tmp_path / node
        own = [head, *[line for line in lines if line["node"] == node]]
        path.write_text("".join([json.dumps(line) + "\n" for line in own]))
        files.append(str(path))
    stop = Event()
    Timer(0.5, stop.set).start()
    verdict = follow_files(files, tell=lambda _: None, stop=stop)
    assert (verdict.format, broken(verdict), verdict.events > 10) == (source, {}, True)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("source", RUNS)
def test_any_order_of_the_nodes(judge, source: str, seed: int) -> None:
    chance = random.Random(seed)
    head, *lines = RUNS[source]().lines
    left = {n: [x for x in lines if x["node"] == n] for n in {line["node"] for line in lines}}
    mixed: list[Line] = []
    while any(left.values()):
        node = chance.choice(sorted([n for n, own in left.items() if own]))
        mixed.append(left[node].pop(0))
    assert broken(judge([head, *mixed])) == {}


@pytest.mark.parametrize("source", RUNS)
def test_a_node_out_of_its_own_order_is_refused(judge, source: str) -> None:
    lines = RUNS[source]().lines
    node = lines[1]["node"]
    own = [n for n, line in enumerate(lines) if line.get("node") == node]
    one, two = own[1], own[2]
    lines[one], lines[two] = lines[two], lines[one]
    late = rf"{lines[two]['seq']} of {node} comes after its event {lines[one]['seq']}"
    with pytest.raises(TraceError, match=late):
        judge(lines)


def test_paxi_decides_too_early(judge) -> None:
    """Also when it executes the value, and when the vote arrives at last."""
    run = paxi(early=True)
    line = next(n for n, x in enumerate(run.lines, 1) if x.get("msg", {}).get("type") == "decide")
    assert broken(judge(run.lines)) == {"decision-needs-quorum": [line]}


def test_paxi_decides_in_place_of_a_receipt(judge) -> None:
    """The vote of 1.2 was cast, and no number is missing: it was not heard. That of 1.3 is late."""
    run = paxi()
    kinds = [(x.get("ev"), x.get("msg", {}).get("type")) for x in run.lines]
    at = kinds.index(("recv", "accepted"))
    receipt = run.lines[at]
    run.lines[at] = {**run.lines[at + 1], "seq": receipt["seq"]}
    run.line("1.1", "recv", **{"from": "1.3"}, mid=99, msg=receipt["msg"], state=receipt["state"])
    assert broken(judge(run.lines)) == {"decision-needs-quorum": [at + 1]}


def test_paxi_proposes_another_value_than_it_holds(judge) -> None:
    run = paxi(first="w")
    line = next(n for n, x in enumerate(run.lines, 1) if x.get("msg", {}).get("type") == "accept")
    found = broken(judge(run.lines))
    assert found.keys() == {"one-value-per-ballot"}
    assert found["one-value-per-ballot"][0] == line


def test_paxi_uses_the_ballot_of_another_node(judge) -> None:
    run = paxi(leader="1.3")
    line = next(n for n, x in enumerate(run.lines, 1) if x.get("msg", {}).get("type") == "accept")
    assert broken(judge(run.lines))["one-proposer-per-ballot"][0] == line


def test_composable_uses_the_ballot_of_another_node(judge) -> None:
    lines = composable().lines
    line = next(n for n, x in enumerate(lines, 1) if x.get("msg", {}).get("type") == "accept")
    lines[line - 1]["msg"]["proposal_id"] = {"n": 1, "by": "1.2"}
    assert broken(judge(lines))["one-proposer-per-ballot"] == [line]
