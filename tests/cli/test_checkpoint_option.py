"""`--checkpoint` as a user meets it: refusals are one message and exit code 2."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paxcheck.loading import models_folder


def check(*args: str, code: int) -> tuple[str, str]:
    run = subprocess.run(
        [sys.executable, "-m", "paxcheck", "check", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == code, run.stderr
    return run.stdout, run.stderr


def refused(*args: str) -> str:
    output, told = check(*args, code=2)
    assert output == ""
    return told


@pytest.fixture
def model(tmp_path: Path) -> Path:
    shutil.copy(models_folder() / "rounds.py", tmp_path / "mine.py")
    for path in models_folder().glob("*.py"):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / "mine.py"


def test_limits_may_be_raised(tmp_path: Path) -> None:
    folder = str(tmp_path / "kept")
    output, told = check("synod", "--checkpoint", folder, "--max-depth", "7", "-q", code=3)
    assert "undetermined: the limit of depth 7 was reached" in output
    assert told == (
        f"{folder} has the search up to depth 7 (419 states looked at); "
        "the same command goes on from there\n"
    )
    output, told = check("synod", "--checkpoint", folder, "--format", "json", code=0)
    assert told == f"going on from {folder}: 419 states, depth 7\n"
    assert json.loads(output)["distinct_states"] == 4761


def test_another_model_parameters_properties(tmp_path: Path) -> None:
    kept = ("--checkpoint", str(tmp_path / "kept"))
    check("synod", *kept, code=0)
    told = refused("rounds", *kept)
    assert 'it is of another run: model is "synod" there and "rounds" here' in told
    assert "give another folder to --checkpoint" in told
    assert "parameters is" in refused("synod", "--set", "acceptors=4", *kept)
    assert "properties is" in refused("synod", "--property", "agreement", *kept)
    assert 'without is [] there and ["keeps_promise"] here' in refused(
        "synod", "--without", "keeps_promise", *kept
    )
    assert 'network is "set" there and "bag" here' in refused("synod", "--network", "bag", *kept)
    assert "made by the compiled engine" in refused("synod", "--engine", "reference", *kept)
    assert "first is false there and true here" in refused("synod", "--first", *kept)
    check("synod", *kept, code=0)


def test_a_model_that_changed(tmp_path: Path, model: Path) -> None:
    kept = ("--checkpoint", str(tmp_path / "kept"))
    check(str(model), *kept, code=1)
    with model.open("a") as file:
        file.write("\n# a remark\n")
    assert "source of the model is" in refused(str(model), *kept)


def test_damage(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    check("synod", "--checkpoint", str(folder), code=0)
    part = next(folder.glob("part-*"))
    part.write_bytes(part.read_bytes()[:-1])
    told = refused("synod", "--checkpoint", str(folder))
    assert f"the checkpoint in {folder} is damaged: {part.name} has" in told
    assert "nothing was changed there; begin again in another folder" in told


def test_progress_for_machines(tmp_path: Path) -> None:
    args = ("synod", "--engine", "reference", "--set", "acceptors=4", "--progress", "json")
    _, told = check(*args, "--max-time", "3", code=3)
    lines = [json.loads(line) for line in told.splitlines()]
    assert len(lines) >= 3
    assert {line["event"] for line in lines} == {"progress"}
    assert lines[-1]["trend"] in ("growing", "steady", "shrinking")
    states = [line["distinct_states"] for line in lines]
    assert states == sorted(states)
