"""etcd's log: the lines of both kinds of versions, nodes that share a file, and parts of a log."""

import json
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.lines import TraceError
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

OLD: dict[str, Any] = {"caller": "raft/raft.go:706"}  # up to 3.4
NEW: dict[str, Any] = {"logger": "raft", "caller": "etcdserver/zap_raft.go:77"}  # since 3.5
A, B, C = "8e9e05c52164694d", "91bc3c398fb3c146", "fd422379fda50e48"
VOTERS = " ".join([str(int(node, 16)) for node in (A, B, C)])


def line(second: int, said: dict[str, Any], msg: str, **more: Any) -> str:
    stamp = f"2026-11-23T19:13:{second:02}.931Z"
    return json.dumps({"level": "info", "ts": stamp, **said, "msg": msg, **more}) + "\n"


def starts(node: str, second: int, said: dict[str, Any], term: int = 0) -> list[str]:
    own = {"caller": "etcdserver/raft.go:536"}
    again = "re" if term else ""
    born = f"newRaft {node} [peers: [], term: {term}, commit: 0, applied: 0, lastindex: 0, "
    return [
        line(second, {"caller": "embed/etcd.go:305"}, "starting an etcd server", name="n"),
        line(second, own, f"{again}starting local member", **{"local-member-id": node}),
        line(second, said, f"{node} switched to configuration voters=()"),
        line(second, said, f"{node} became follower at term 0"),  # it has not read its disk yet
        line(second, said, born + "lastterm: 0]"),
        line(second, said, f"{node} switched to configuration voters=({VOTERS})"),
    ]


def leads(node: str, second: int, said: dict[str, Any], term: int, *voters: str) -> list[str]:
    ends = "[logterm: 0, index: 0]"
    asked = [f"{node} {ends} sent MsgVote request to {other} at term {term}" for other in (A, B, C)]
    asked = [text for text in asked if f"to {node}" not in text]
    heard = [f"{node} received MsgVoteResp from {other} at term {term}" for other in voters]
    texts = [f"{node} became candidate at term {term}", *asked, *heard]
    texts.append(f"{node} became leader at term {term}")
    return [line(second, said, text) for text in texts]


def votes(node: str, second: int, said: dict[str, Any], term: int, candidate: str) -> list[str]:
    ends = "[logterm: 0, index: 0]"
    text = f"{node} [logterm: 0, index: 0, vote: 0] cast MsgVote for {candidate} {ends}"
    return [line(second, said, f"{text} at term {term}")]


def judge(*logs: list[str], names: tuple[str, ...] = ("1", "2", "3")) -> TraceVerdict:
    for name, lines in zip(names, logs, strict=False):
        Path(name).write_text("".join(lines))
    return validate_files(names[: len(logs)])


def summary(verdict: TraceVerdict) -> tuple[dict[str, int], dict[str, int], str]:
    checks = {p.name: p.checks for p in verdict.properties if p.checks}
    return verdict.nodes, checks, verdict.verdict


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def cluster(said: dict[str, Any]) -> tuple[list[str], list[str]]:
    """A leads twice, and restarts in between; B votes."""
    one = [*starts(A, 1, said), *leads(A, 2, said, 2, A, B)]
    one += [*starts(A, 4, said, term=2), *leads(A, 5, said, 3, A, B)]
    two = [*starts(B, 1, said), *votes(B, 3, said, 2, A), *votes(B, 6, said, 3, A)]
    return one, two


RIGHT = (
    {A: 2, B: 1},
    {
        "election-safety": 2,
        "election-needs-quorum": 2,
        "one-vote-per-term": 8,
        "term-never-goes-back": 7,
    },
    "ok",
)


@pytest.mark.parametrize("said", [OLD, NEW], ids=["3.4", "3.5"])
def test_both_kinds_of_lines(said: dict[str, Any]) -> None:
    verdict = judge(*cluster(said))
    assert verdict.format == "etcd-log"
    assert summary(verdict) == RIGHT


@pytest.mark.parametrize("said", [OLD, NEW], ids=["3.4", "3.5"])
def test_two_leaders_of_a_term(said: dict[str, Any]) -> None:
    one, two = cluster(said)
    verdict = judge(one, two, [*starts(C, 1, said), *leads(C, 7, said, 3, C, B)])
    first = verdict.of("election-safety")
    assert first is not None
    assert [(v.file, v.line) for v in first.violations] == [("3", 12)]


def test_the_lines_of_all_nodes_in_one_file() -> None:
    one, two = cluster(NEW)
    merged = sorted([*one, *two], key=lambda text: json.loads(text)["ts"])
    assert merged not in ([*one, *two], [*two, *one])
    assert summary(judge(merged)) == RIGHT
    assert summary(judge([*one, *two])) == RIGHT


def test_a_rotated_log_in_any_order_of_the_files() -> None:
    one, two = cluster(OLD)
    for cut in range(1, len(one)):
        verdict = judge(one[:cut], one[cut:], two, names=("m.log.1", "m.log", "two"))
        assert summary(verdict) == RIGHT, cut
        # Up to the fifth line it reads its disk.
        quiet = ("no line of m.log.1 told anything",) if cut < 5 else ()
        assert verdict.notes == quiet
    parts = (one[10:], one[:10], two)
    verdict = judge(*parts, names=("m.log", "m.log.1", "two"))
    assert summary(verdict) == RIGHT
    assert verdict.notes == (
        "read in the order of their own numbers or times: m.log.1, two, m.log",
    )


def test_a_part_that_comes_twice() -> None:
    one, _ = cluster(OLD)
    with pytest.raises(TraceError) as caught:
        judge(one, one)
    assert str(caught.value) == (
        f"2:5: the log of {A} is in 1 and goes on here, but this line is not later than that file\n"
        "  give the files of a node in its own order, the oldest first, and each line once"
    )
