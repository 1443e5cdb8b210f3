"""The recordings of real systems that lie beside the repository, against their manifest.

They are not part of the repository; where they are absent, these tests skip.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files

FOLDER = Path(__file__).parents[4] / "shared" / "traces"
MANIFEST: list[dict[str, Any]] = (
    json.loads((FOLDER / "manifest.json").read_text()) if FOLDER.exists() else []
)
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="no recordings beside the repository")

# How the manifest names a kind of violation, and the property that must tell it.
KINDS = {
    "second vote in term": "one-vote-per-term",
    "vote changed in term": "one-vote-per-term",
    "term/ballot goes back": "term-never-goes-back",
    "second leader of term": "election-safety",
    "promise goes back": "promise-never-goes-back",
    "accepts": "no-vote-below-promise",
    "accept below promise": "no-vote-below-promise",
    "disagreement in slot": "agreement",
}

BROKEN = [entry for entry in MANIFEST if entry["expected"] == "violated"]
RIGHT = [entry["file"] for entry in MANIFEST if entry["expected"] != "violated"]
NOT_LOGS = {"faults.ndjson", "client.ndjson", "members.json", "values.json", "manifest.json"}
LISTED = {entry["file"] for entry in MANIFEST}
CLEAN = sorted(
    str(path.relative_to(FOLDER))
    for path in FOLDER.rglob("*json*")
    if path.is_file() and path.name not in NOT_LOGS and str(path.relative_to(FOLDER)) not in LISTED
)


def expected(entry: dict[str, Any]) -> list[tuple[str, int]]:
    if "property" in entry:
        return [(entry["property"].split()[0], entry["first_line"])]
    raft = entry["file"].startswith("etcd")
    return [
        (
            "state-machine-safety" if raft and kind.startswith("disagreement") else KINDS[kind],
            first.get("line") or first["state"],
        )
        for kind, first in entry["first_of_each_kind"].items()
    ]


@pytest.mark.parametrize("entry", BROKEN, ids=[entry["file"] for entry in BROKEN])
def test_a_known_violation_is_found_at_its_line(entry: dict[str, Any]) -> None:
    verdict = validate_files([str(FOLDER / entry["file"])])
    assert verdict.exit_code == 1
    for number, (name, line) in enumerate(expected(entry)):
        answer = verdict.of(name)
        assert answer is not None
        lines = [violation.line for violation in answer.violations]
        assert line in lines, (name, lines)
        if number == 0:
            assert lines[0] == line
            assert answer.violations[0].evidence[-1].text != ""


@pytest.mark.parametrize("file", RIGHT + CLEAN)
def test_a_right_log_is_not_accused(file: str) -> None:
    verdict = validate_files([str(FOLDER / file)])
    assert [p.name for p in verdict.properties if p.verdict == "violated"] == []
    assert verdict.exit_code == 0
    assert verdict.checks > 0
