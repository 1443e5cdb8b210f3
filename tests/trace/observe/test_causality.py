"""Messages are received after they were sent; logical clocks say so. Each against its opposite."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import PropertyAnswer, TraceVerdict

HEADER: dict[str, Any] = {"paxcheck": 1, "kind": "log", "family": ["paxos"], "members": ["a"]}
Line = dict[str, Any]


def boot(node: str) -> Line:
    return {"event": "boot", "node": node, "first": True}


def send(node: str, to: str, mid: int, **more: Any) -> Line:
    return {"event": "send", "node": node, "to": to, "mid": mid, "message": {"type": "m"}, **more}


def receive(node: str, sender: str, mid: int, **more: Any) -> Line:
    at = {"event": "receive", "node": node, "sender": sender, "mid": mid}
    return {**at, "message": {"type": "m"}, **more}


def judged(folder: Path, *files: list[Line]) -> TraceVerdict:
    paths: list[str] = []
    for number, lines in enumerate(files):
        path = folder / f"{number}.jsonl"
        path.write_text("".join([json.dumps(line) + "\n" for line in [HEADER, *lines]]))
        paths.append(str(path))
    return validate_files(paths)


def causality(folder: Path, *files: list[Line]) -> PropertyAnswer:
    answer = judged(folder, *files).of("message-causality")
    assert answer is not None
    return answer


def said(answer: PropertyAnswer) -> list[tuple[int, str, list[int]]]:
    return [(v.line, v.message, [m.line for m in v.evidence]) for v in answer.violations]


def test_the_lines_of_different_nodes_come_in_any_order(tmp_path: Path) -> None:
    a = [boot("a"), send("a", "b", 1), receive("a", "b", 2)]
    b = [boot("b"), receive("b", "a", 1), send("b", "a", 2)]
    for files in ([a, b], [b, a], [[*a, *b]], [[*b, *a]]):
        answer = causality(tmp_path, *files)
        assert (answer.verdict, answer.checks, answer.reason) == ("ok", 2, "")


def test_a_message_that_nobody_sent(tmp_path: Path) -> None:
    lines = [boot("a"), boot("b"), receive("b", "a", 7), send("b", "a", 1), receive("a", "b", 1)]
    answer = causality(tmp_path, lines)
    assert said(answer) == [(4, "b receives message 7 from a, which never sent it", [4])]
    assert answer.checks == 2


@pytest.mark.parametrize(
    "lines",
    [
        [boot("b"), send("b", "a", 1), receive("b", "a", 7)],  # the log of a is not there
        [boot("b"), send("b", "a", 1), receive("b", "a", 7), send("a", "b", 8)],  # it begins late
        [boot("a"), {"event": "lost", "node": "a"}, send("b", "a", 1), receive("b", "a", 7)],
        [boot("a"), boot("b"), receive("b", "a", 7)],  # nobody writes what he sends
    ],
)
def test_what_may_have_been_sent(lines: list[Line], tmp_path: Path) -> None:
    answer = causality(tmp_path, lines)
    assert (answer.verdict, answer.reason) == (
        "not_observable",
        "the log of a sender is not there, begins late, or has holes",
    )


def test_a_cycle(tmp_path: Path) -> None:
    """a waits for b, b for c, c for a: each sends what the next needs, after it has received."""
    lines = [
        boot("a"),
        *[receive("a", "b", 1), send("a", "c", 3)],
        *[receive("b", "c", 2), send("b", "a", 1)],
        *[receive("c", "a", 3), send("c", "b", 2)],
    ]
    assert said(causality(tmp_path, lines)) == [
        (
            3,
            "a receives message 1, and it can only have been sent later: each of these lines comes "
            "before the next one, and the last before the first",
            [4, 7, 8, 5, 6, 3],
        )
    ]


def test_nothing_is_said_of_a_log_that_ends_in_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [HEADER, boot("a"), boot("b"), send("b", "a", 1), receive("b", "a", 7)]
    lines += [{"event": "decide", "node": n, "value": v} for n, v in (("b", "x"), ("a", "y"))]
    path.write_text("".join([json.dumps(line) + "\n" for line in lines]) + '{"event":')
    verdict = validate_files([str(path)])
    assert [p.name for p in verdict.properties if p.verdict == "violated"] == ["agreement"]


@pytest.mark.parametrize("kind", ["lamport", "vector"])
def test_clocks_of_random_runs(kind: str, tmp_path: Path) -> None:
    """Right clocks are right in any order of the files; each one that is set back is found."""
    for seed in range(20):
        chance = random.Random(seed)
        lines = run(chance, kind)
        nodes = sorted({line["node"] for line in lines})
        by_node = [[line for line in lines if line["node"] == node] for node in nodes]
        chance.shuffle(by_node)
        for files in ([lines], by_node):
            verdict = judged(tmp_path, *files)
            answer = verdict.of("clock-consistency")
            assert answer is not None
            assert (verdict.verdict, answer.checks) == ("ok", len(lines))
        receipts = [n for n, line in enumerate(lines) if line["event"] == "receive"]
        number = chance.choice(receipts)
        sent = next(e for e in lines if e["event"] == "send" and e["mid"] == lines[number]["mid"])
        lines[number] = {**lines[number], "clock": sent["clock"]}
        answer = judged(tmp_path, lines).of("clock-consistency")
        assert answer is not None
        assert number + 2 in [v.line for v in answer.violations]


def run(chance: random.Random, kind: str) -> list[Line]:
    """A random run of three nodes with right clocks."""
    lamport = dict.fromkeys("abc", 0)
    vectors = {node: dict.fromkeys("abc", 0) for node in "abc"}
    mids, lines = itertools.count(1), list[Line]()
    pending: list[tuple[str, str, int, int, dict[str, int]]] = []

    def clock(node: str) -> Any:
        lamport[node] += 1
        vectors[node][node] += 1
        return lamport[node] if kind == "lamport" else dict(vectors[node])

    while len(lines) < 40:
        node, to = chance.sample("abc", 2)
        if pending and chance.random() < 0.5:
            sender, taker, mid, number, vector = pending.pop(chance.randrange(len(pending)))
            lamport[taker] = max(lamport[taker], number)
            for name, known in vector.items():
                vectors[taker][name] = max(vectors[taker][name], known)
            lines.append(receive(taker, sender, mid, clock=clock(taker)))
        else:
            mid = next(mids)
            lines.append(send(node, to, mid, clock=clock(node)))
            pending.append((node, to, mid, lamport[node], dict(vectors[node])))
    return lines
