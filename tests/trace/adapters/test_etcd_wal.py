"""etcd's write-ahead log, on small logs in its format: snapshots over a log, and lost lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

Json = dict[str, Any]


def entry(node: str, index: int, term: int, sha: str = "a") -> Json:
    return {"node": node, "rec": "entry", "index": index, "term": term, "sha": sha}


def snapshot(node: str, index: int, term: int) -> Json:
    return {"node": node, "rec": "snapshot", "index": index, "term": term}


def judge(folder: Path, lines: list[Json]) -> TraceVerdict:
    path = folder / "a.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return validate_files([str(path)])


ONE = [entry("n1", 1, 1), entry("n1", 2, 2), entry("n1", 3, 2), entry("n1", 4, 2)]
# n2 has entries of a lost leader at 2 and 3.
TWO = [entry("n2", 1, 1), entry("n2", 2, 1), entry("n2", 3, 1)]


def test_the_leaders_snapshot_replaces_a_log_that_differs(tmp_path: Path) -> None:
    verdict = judge(tmp_path, [*ONE, *TWO, snapshot("n2", 3, 2), entry("n2", 4, 2)])
    assert (verdict.verdict, verdict.events) == ("ok", 9)


def test_without_it_the_logs_do_not_match(tmp_path: Path) -> None:
    answer = judge(tmp_path, [*ONE, *TWO, entry("n2", 4, 2)]).of("log-matching")
    assert answer is not None
    assert answer.first is not None
    assert (answer.first.line, answer.first.message) == (
        8,
        "index 4 of term 2 is the same on n1 and n2, but the entry before it is of term 2 on n1 "
        "and of term 1 on n2",
    )


@pytest.mark.parametrize("index", [1, 3])
def test_an_own_snapshot_leaves_the_log_as_it_is(tmp_path: Path, index: int) -> None:
    """The entry after it is still compared with the one before."""
    answer = judge(tmp_path, [*ONE, *TWO, snapshot("n2", index, 1), entry("n2", 4, 2)])
    found = answer.of("log-matching")
    assert found is not None
    assert found.first is not None
    assert found.first.line == 9


def test_what_is_committed_does_not_go_back(tmp_path: Path) -> None:
    hard = {"node": "n1", "rec": "hardstate", "term": 2, "vote": "0"}
    verdict = judge(tmp_path, [{**hard, "commit": 4}, *ONE, {**hard, "commit": 3}])
    answer = verdict.of("commit-never-goes-back")
    assert answer is not None
    assert answer.first is not None
    assert (answer.first.line, answer.first.message) == (
        6,
        "n1 had committed up to index 4, and now only up to 3",
    )


def test_numbered_lines_that_are_missing(tmp_path: Path) -> None:
    """Those that replaced the entries of the lost leader."""
    lines = [*ONE, *TWO, entry("n2", 2, 2), entry("n2", 3, 2), entry("n2", 4, 2)]
    for node in ("n1", "n2"):
        for seq, line in enumerate([line for line in lines if line["node"] == node]):
            line["seq"] = seq
    assert judge(tmp_path, lines).verdict == "ok"
    del lines[-3:-1]
    assert judge(tmp_path, lines).verdict == "ok"


def test_parts_in_a_wrong_order_whose_first_lines_tell_nothing(tmp_path: Path) -> None:
    lines = [{"node": "n1", "rec": "crc"}, entry("n1", 1, 1), entry("n1", 2, 1)]
    lines += [{"node": "n1", "rec": "crc"}, entry("n1", 3, 1), entry("n1", 4, 2)]
    texts = [json.dumps({**line, "seq": seq}) + "\n" for seq, line in enumerate(lines)]
    names = [str(tmp_path / "new"), str(tmp_path / "old")]
    Path(names[0]).write_text("".join(texts[3:]))
    Path(names[1]).write_text("".join(texts[:3]))
    verdict = validate_files(names)
    assert (verdict.first, verdict.events) == (None, 4)
    assert verdict.notes == (
        f"read in the order of their own numbers or times: {names[1]}, {names[0]}",
    )
