"""A saved run is data: it cannot choose code that is run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli
from paxcheck.loading import models_folder
from paxcheck.protocol.errors import UsageError


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(args), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return result


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of the user's own, and a run of it; loading the model leaves a file behind."""
    monkeypatch.chdir(tmp_path)
    text = (models_folder() / "rounds.py").read_text()
    model = tmp_path / "my_rounds.py"
    model.write_text(text + "\n\nimport pathlib\npathlib.Path('loaded').touch()\n")
    shown = run("check", str(model), "--property", "agreement", "--save", "run.jsonl", code=1)
    assert f"(see it again: paxcheck show run.jsonl --model {model})\n" in shown.output
    Path("loaded").unlink()
    return model


@pytest.mark.parametrize("command", ["validate", "show", "lint"])
@pytest.mark.parametrize("name", ["my_rounds.py", "{}", "../{}", "my_rounds", "../../my_rounds"])
def test_a_log_cannot_name_a_file_to_run(command: str, name: str, own: Path) -> None:
    lines = Path("run.jsonl").read_text().splitlines()
    named = name.format(own)
    Path("run.jsonl").write_text(
        "\n".join([json.dumps(json.loads(lines[0]) | {"model": named}), *lines[1:]])
    )
    with pytest.raises(UsageError) as caught:
        run(command, "run.jsonl")
    if command != "lint":  # which replays nothing, whatever model there is
        assert caught.value.message == (
            f"run.jsonl names the model {named!r}, which is not one of the bundled models"
        )
        assert caught.value.hint == (
            f"a model is code: if you trust it, name it yourself: --model {named}"
            if named.endswith(".py")
            else "bundled: single_server, broadcast, rounds, majority, synod, synod_amnesia"
        )
    assert not Path("loaded").exists()


def test_the_user_can(own: Path) -> None:
    text = run("show", "run.jsonl", "--model", str(own)).output
    assert text.startswith(f"run.jsonl: model {own}, acceptors=3 proposers=2 ")
    assert "\n\nCounterexample to agreement, 6 steps:\n" in text
    text = run("validate", "run.jsonl", "--model", str(own), code=1).output
    assert "6 of 6 events are steps of my_rounds" in text
    text = run("explain", "run.jsonl", "--model", str(own), code=1).output
    assert text.endswith(f"step by step: paxcheck show run.jsonl --model {own}\n")


def test_rules_that_were_off_stay_off_when_a_run_is_shown(tmp_path: Path) -> None:
    file = str(tmp_path / "run.jsonl")
    run("check", "synod", "--without", "keeps_promise", "--save", file, code=1)
    shown = run("show", file, "--model", "synod").output
    assert shown == run("show", file).output
    refused = run("validate", file, "--model", "synod", code=1).output
    assert "rule keeps_promise(1.p1) said no" in refused
