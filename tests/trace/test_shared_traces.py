"""Recordings of real systems: every known violation at its line, and no false alarm.

The recordings lie beside the repository; where they are absent these tests skip, visibly.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

SHARED = Path(__file__).parents[2].parent / "shared" / "traces"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no recordings beside the repository")
MANIFEST: list[dict[str, Any]] = (
    json.loads((SHARED / "manifest.json").read_text()) if SHARED.is_dir() else []
)
# The words of the manifest, which were chosen before our properties had names.
NAMES = {
    "state-machine-safety (agreement)": {"state-machine-safety"},
    "second vote in term": {"one-vote-per-term"},
    "vote changed in term": {"one-vote-per-term"},
    "term/ballot goes back": {"term-never-goes-back"},
    "disagreement in slot": {"agreement", "state-machine-safety"},
    "second leader of term": {"election-safety"},
    "promise goes back": {"promise-never-goes-back"},
    "accepts": {"no-vote-below-promise"},
    "accept below promise": {"agreement"},  # of states: the one in which two values are chosen
}
# Kinds of which our property shows an earlier line too: a vote is granted one line before it is
# seen to have changed, and one property covers both.
SECOND_SIGHT = {"vote changed in term", "second vote in term"}
EXPECTED = [
    (entry["file"], kind, line)
    for entry in MANIFEST
    if entry["expected"] == "violated"
    for kind, line in (
        [(entry["property"], entry["first_line"])]
        if "property" in entry
        else [(k, v.get("line", v.get("state"))) for k, v in entry["first_of_each_kind"].items()]
    )
]
ALL = sorted(
    str(p.relative_to(SHARED))
    for p in (SHARED.rglob("*") if SHARED.is_dir() else [])
    if p.is_file() and ("ndjson" in p.name or p.name.endswith((".log.gz", ".json")))
    if p.name not in ("manifest.json", "members.json", "values.json")
    if p.name not in ("client.ndjson", "faults.ndjson")
)
BROKEN = {entry["file"] for entry in MANIFEST if entry["expected"] == "violated"}


def verdict_on(file: str, all_of_them: bool = False) -> TraceVerdict:
    return validate_files([str(SHARED / file)], all_of_them=all_of_them)


@pytest.mark.parametrize(("file", "kind", "line"), EXPECTED)
def test_known_violation(file: str, kind: str, line: int) -> None:
    verdict = verdict_on(file, all_of_them=True)
    assert verdict.exit_code == 1
    assert verdict.first is not None
    assert verdict.first.evidence[-1].text != ""  # the log's own line is quoted
    found = {p.name: [v.line for v in p.violations] for p in verdict.properties}
    first = min(n for name in NAMES.get(kind, {kind}) for n in found.get(name, [10**9]))
    assert first in ({line, line - 1} if kind in SECOND_SIGHT else {line}), found


@pytest.mark.parametrize("file", [f for f in ALL if f not in BROKEN])
def test_no_false_alarm(file: str) -> None:
    verdict = verdict_on(file)
    broken = {p.name: p.first for p in verdict.properties if p.verdict == "violated"}
    assert broken == {}
    assert verdict.exit_code == 0
    assert verdict.checks > 0
