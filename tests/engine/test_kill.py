"""A run that is killed at random moments, again and again, comes to the verdict of a whole run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

RUNS = {
    "reference": ("synod", "--engine", "reference"),
    "python": ("synod", "--set", "rounds=2", "--max-depth", "10"),
    "bag": ("synod", "--network", "bag", "--fault", "loss=1", "--max-depth", "9"),
    "native": ("synod", "--set", "proposers=3", "--no-symmetry"),
    "violated natively": (
        "synod",
        *["--set", "proposers=3", "--without", "keeps_promise", "--max-depth", "13"],
    ),
    "symmetric": ("synod", "--set", "proposers=3", "--symmetry"),
    "violated": ("rounds", "--set", "acceptors=5"),
}


def start(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "paxcheck", "check", *args, "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": str(random.randrange(1000))},
    )


def finished(run: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return run.communicate(timeout=120)
    finally:
        run.kill()


def verdict(output: str) -> dict[str, Any]:
    found = json.loads(output)
    del found["seconds"]
    return found


@pytest.mark.parametrize("name", RUNS)
def test_killed_at_random_moments(name: str, tmp_path: Path) -> None:
    args = RUNS[name]
    finished(start(*args))  # machine code that is made for the first time would take all the time
    began = time.monotonic()
    whole, _ = finished(start(*args))
    took = time.monotonic() - began
    chance = random.Random(name)
    kept = ("--checkpoint", str(tmp_path / "kept"), "--checkpoint-every", "0")
    killed = 0
    while True:
        run = start(*args, *kept)
        # The more often it was killed, the later: at the end it finishes.
        moment = chance.uniform(0.1, took * (0.6 + killed / 2))
        try:
            output, told = run.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.communicate()
            killed += 1
            continue
        break
    assert killed >= 1
    assert told.startswith("going on from") or not told
    assert verdict(output) == verdict(whole)
    # And once more: what is finished is not done again.
    output, told = finished(start(*args, *kept))
    assert told.startswith("going on from")
    assert verdict(output) == verdict(whole)


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    args = ("synod", "--engine", "reference", "--set", "proposers=3")
    run = start(*args, "--checkpoint", str(folder), "--checkpoint-every", "0")
    for _ in range(600):
        if (folder / "checkpoint.json").exists():
            break
        time.sleep(0.05)
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    output, told = finished(run)
    assert run.returncode == 3
    assert json.loads(output)["stopped"] == "it was interrupted"
    state = json.loads((folder / "checkpoint.json").read_text())["state"]
    assert told.splitlines()[-1] == (
        f"{folder} has the search up to depth {len(state['levels']) - 1} "
        f"({sum(state['levels']):,} states looked at); the same command goes on from there"
    )
