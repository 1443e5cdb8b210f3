"""The recordings in traces/: each is judged exactly as the manifest says."""

from __future__ import annotations

import gzip
import json
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files

TRACES = Path(__file__).parent.parent.parent / "traces"
MANIFEST: list[dict[str, Any]] = json.loads((TRACES / "manifest.json").read_text())
CLEAN = [entry for entry in MANIFEST if entry["verdict"] == "ok"]
VIOLATED = [entry for entry in MANIFEST if entry["verdict"] == "violated"]
_APPENDS = "etcd's log has no appends, acknowledgements, entries or commits"


def name_of(entry: dict[str, Any]) -> str:
    return entry.get("file", entry["files"][0])


def files(entry: dict[str, Any]) -> list[str]:
    return [str(TRACES / name) for name in entry["files"]]


def test_the_manifest_has_all_recordings() -> None:
    assert (len(CLEAN), len(VIOLATED)) == (3, 18)
    named = {name for entry in MANIFEST for name in entry["files"]}
    there = {
        str(path.relative_to(TRACES))
        for path in TRACES.rglob("*")
        if path.name.endswith((".jsonl", ".jsonl.gz", ".log.gz"))
    }
    assert named == there
    assert sum(path.stat().st_size for path in TRACES.rglob("*")) < 1_000_000


@pytest.mark.parametrize(
    ("entry", "numbers", "unknown"),
    [
        (CLEAN[0], ("native", 3604, 3637, 71), {}),
        (
            CLEAN[1],
            ("etcd-log", 107, 90, 6),
            {
                "commit-needs-quorum": _APPENDS,
                "commit-never-goes-back": _APPENDS,
                "log-matching": _APPENDS,
                "leader-append-only": _APPENDS,
                "leader-completeness": _APPENDS,
                "state-machine-safety": _APPENDS,
                "message-integrity": "the log does not show message ids and contents, "
                "where they are sent and where they are received",
                "message-causality": "the log does not show messages with ids; "
                "it takes messages with ids, sent and received, in the whole log of the sender",
            },
        ),
        (
            CLEAN[2],
            ("native", 391, 566, 21),
            {
                "decision-needs-quorum": "nothing to compare: no decision names a ballot in which "
                "its node asked for votes"
            },
        ),
    ],
    ids=["pysyncobj", "etcd", "paxos"],
)
def test_clean(
    entry: dict[str, Any], numbers: tuple[str, int, int, int], unknown: dict[str, str]
) -> None:
    verdict = validate_files(files(entry))
    assert verdict.verdict == "ok"
    assert (verdict.format, verdict.events, verdict.checks, verdict.quorums) == numbers
    assert {
        p.name: p.reason for p in verdict.properties if p.verdict == "not_observable"
    } == unknown


@pytest.mark.parametrize("entry", VIOLATED, ids=name_of)
def test_violated(entry: dict[str, Any]) -> None:
    verdict = validate_files(files(entry))
    assert verdict.verdict == "violated"
    answer = verdict.of(entry["property"])
    assert answer is not None
    first = answer.first
    assert first is not None
    assert (first.file, first.line) == (str(TRACES / entry["file"]), entry["line"])
    assert first.message == entry["message"]
    assert first.across_restart == entry["across_restart"]
    assert all(mention.text for mention in first.evidence)


@pytest.mark.parametrize("entry", [e for e in VIOLATED if "changed" in e], ids=name_of)
def test_one_line_is_changed(entry: dict[str, Any]) -> None:
    source, line = entry["changed"].rsplit(":", 1)
    old, new = (_text(TRACES / name).splitlines() for name in (source, entry["file"]))
    assert [n for n, (a, b) in enumerate(zip(old, new, strict=True), 1) if a != b] == [int(line)]


def test_the_broken_ones_are_made_by_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "traces"
    shutil.copytree(TRACES, copy, ignore=shutil.ignore_patterns("broken", "manifest.json"))
    monkeypatch.setattr(sys, "argv", ["broken.py", str(copy)])
    runpy.run_path(str(TRACES / "record" / "broken.py"), run_name="__main__")
    assert json.loads((copy / "manifest.json").read_text()) == MANIFEST
    made = sorted(path.name for path in (copy / "broken").iterdir())
    assert made == sorted(path.name for path in (TRACES / "broken").iterdir())
    for name in made:
        assert _text(copy / "broken" / name) == _text(TRACES / "broken" / name)


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def test_lines_of_other_programs_in_etcd_log_are_passed_over(tmp_path: Path) -> None:
    """gRPC and a panic write plain text to the same standard error."""
    text = _text(TRACES / "etcd/n1.log.gz")
    plain = "WARNING: 2026/11/24 14:10:03 [core] grpc: addrConn ...\npanic: x\n\ngoroutine 1:\n"
    log = tmp_path / "n1.log"
    log.write_text(plain + text)
    with_them, without = (
        validate_files([str(log)]),
        validate_files([str(TRACES / "etcd/n1.log.gz")]),
    )
    assert with_them.format == "etcd-log"
    assert (with_them.events, with_them.checks) == (without.events, without.checks) == (41, 36)
