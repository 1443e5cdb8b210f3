"""The benchmark runs, and its tools count the same: SPIN, Rumur and paxcheck, on both models."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def bench(out: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    command = [sys.executable, str(ROOT / "bench" / "run.py"), "--times", "1", "--json", str(out)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    return done, json.loads(out.read_text())


def test_paxcheck_alone(tmp_path: Path) -> None:
    done, whole = bench(tmp_path / "b.json", "--scope", "counting 3,2,1", "--tool", "paxcheck")
    assert done.returncode == 0, done.stdout
    [row] = [row for row in whole["rows"] if "absent" not in row]
    assert (row["tool"], row["right"], row["counted"]) == ("paxcheck", True, [[2905, 8338]])
    assert row["ratio"] is None  # SPIN did not run: there is nothing to compare with


@pytest.mark.parametrize(
    ("scope", "counted"),
    [("counting 3,3,1", [159_725, 544_479]), ("lamport 3,3,3", [362_361, 979_863])],
)
def test_the_peers_count_the_same(tmp_path: Path, scope: str, counted: list[int]) -> None:
    if not all(map(shutil.which, ("spin", "rumur", "gcc"))):
        pytest.skip("SPIN, Rumur or gcc is not installed: apt-get install spin rumur gcc")
    tools = ("spin dfs", "spin bfs", "rumur")
    chosen = [word for tool in tools for word in ("--tool", tool)]
    done, whole = bench(tmp_path / "b.json", "--scope", scope, *chosen)
    assert done.returncode == 0, done.stdout
    assert {row["tool"]: row["counted"] for row in whole["rows"]} == {t: [counted] for t in tools}
    assert all(row["ratio"] > 0 for row in whole["rows"])


def test_an_absent_peer_is_named(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "bench" / "run.py"), "--times", "1"]
    done = subprocess.run(
        [*command, "--scope", "counting 3,2,1"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split(None, 2)[2] for line in done.stdout.splitlines() if "absent" in line]
    assert lines == [
        "spin dfs       absent: apt-get install spin gcc",
        "spin bfs       absent: apt-get install spin gcc",
        "rumur          absent: apt-get install rumur gcc",
    ]
