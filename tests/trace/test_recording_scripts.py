"""The scripts of traces/record/, where what they record is installed (the extra `record`)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRACES = Path(__file__).parent.parent.parent / "traces"


def run(script: str, *options: str) -> str:
    command = [sys.executable, str(TRACES / "record" / script), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("seed", [1, 2, 463])
def test_the_package_paxos_is_recorded_to_the_byte(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("paxos.messages", reason="the package paxos 0.1 is not installed")
    out = tmp_path / "log.jsonl"
    assert run("pypi_paxos.py", "--seed", str(seed), str(out)) == ""
    assert out.read_bytes() == (TRACES / f"pypi-paxos/seed{seed}.jsonl").read_bytes()


def test_a_search_names_the_seeds_that_break_a_rule() -> None:
    pytest.importorskip("paxos.messages", reason="the package paxos 0.1 is not installed")
    assert run("pypi_paxos.py", "--search", "9").splitlines() == [
        "seed 1, line 77: promise-never-goes-back",
        "seed 6, line 61: promise-never-goes-back",
        "seed 8, line 201: promise-never-goes-back",
    ]


def test_pysyncobj_is_recorded(tmp_path: Path) -> None:
    """A real cluster for some twenty seconds: what is recorded now is clean, too."""
    pytest.importorskip("pysyncobj", reason="PySyncObj is not installed")
    from paxcheck import validate

    run("pysyncobj_cluster.py", str(tmp_path), "--base", "24700")
    files = sorted(tmp_path.glob("*.gz"))
    assert len(files) == 5
    verdict = validate(None, files)
    verdict.assert_ok()
    assert {p.verdict for p in verdict.details.properties} == {"ok"}  # type: ignore[union-attr]
