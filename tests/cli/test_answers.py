"""What a run may claim: "holds" only of all states, a witness of a few, limits that hold, files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli
from paxcheck.protocol.errors import UsageError

ALL_SEEN = "verdict: holds (every reachable state of this scope was seen)"
WITNESS = "verdict: a witness was found: a_value_is_chosen (not every state of this scope was seen)"


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(args), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return result


def last_line(result: Result) -> str:
    return result.output.rstrip("\n").splitlines()[-1]


def test_holds_is_said_of_all_states_only() -> None:
    one = ("--property", "a_value_is_chosen")
    assert last_line(run("check", "synod", *one)) == ALL_SEEN
    assert last_line(run("check", "synod", *one, "--max-states", "2000")) == WITNESS
    assert last_line(run("simulate", "synod", *one)) == WITNESS


def test_a_witness_beside_what_must_hold_decides_nothing() -> None:
    both = ("--property", "a_value_is_chosen", "--property", "agreement")
    told = last_line(run("check", "synod", *both, "--max-states", "2000", code=3))
    assert told == "verdict: undetermined: the limit of 2,000 states was reached"
    told = last_line(run("simulate", "synod", *both, "--walks", "50", code=3))
    assert told == "verdict: undetermined: 50 random walks are not all walks"


def test_only_a_breadth_first_run_is_called_shortest() -> None:
    one = ("--property", "a_value_is_chosen")
    assert "A shortest run to a_value_is_chosen, 7 steps:" in run("check", "synod", *one).output
    assert "\nA run to a_value_is_chosen, 13 steps:" in run("simulate", "synod", *one).output


def test_the_limits_hold_in_a_simulation() -> None:
    def simulated(*args: str) -> dict[str, object]:
        return json.loads(run("simulate", "synod", *args, "--format", "json", code=3).output)

    shallow = simulated("--max-depth", "3")
    assert (shallow["depth"], shallow["stopped"]) == (3, "1,000 random walks are not all walks")
    few = simulated("--max-states", "10")
    assert (few["distinct_states"], few["stopped"]) == (10, "the limit of 10 states was reached")
    assert simulated("--max-time", "0")["distinct_states"] == 1


def test_nothing_to_save_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    text = run("check", "synod", "--save", str(file)).output
    assert text.endswith(
        f"{ALL_SEEN}\n\n"
        "nothing was saved: there is no counterexample\n"
        "(--property NAME saves the witness of a property that can be reached)\n"
    )
    assert not file.exists()
    file.write_text("mine")
    text = run("check", "synod", "--max-states", "9", "--save", str(file), code=3).output
    assert f"nothing was saved: there is no counterexample; {file} is as it was\n" in text
    assert file.read_text() == "mine"


def test_the_note_does_not_go_into_the_json(tmp_path: Path) -> None:
    args = ["check", "synod", "--format", "json", "--save", str(tmp_path / "run.jsonl")]
    result = CliRunner().invoke(cli, args, standalone_mode=False)
    assert json.loads(result.stdout)["verdict"] == "holds"
    assert result.stderr.startswith("nothing was saved: there is no counterexample\n")


@pytest.mark.parametrize("option", ["--save", "--certificate"])
def test_a_bad_file_is_noticed_before_the_search(option: str, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "run.jsonl"
    forever = ("check", "synod", "--set", "acceptors=9", "--set", "proposers=6")
    with pytest.raises(UsageError) as caught:
        run(*forever, option, str(missing))
    assert str(caught.value) == (
        f"{option} {missing}: there is no folder {tmp_path}/nowhere\n"
        f"  make it first: mkdir -p {tmp_path}/nowhere"
    )
    long = tmp_path / ("x" * 300)
    with pytest.raises(UsageError, match="cannot be written: File name too long"):
        run(*forever, option, str(long))
    result = CliRunner().invoke(cli, [*forever, option, str(tmp_path)])
    assert result.exit_code == 2
    assert f"File '{tmp_path}' is a directory." in result.output


def test_looking_whether_a_file_can_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    run("check", "synod", "--save", str(tmp_path / "run.jsonl"), "-q")
    assert list(tmp_path.iterdir()) == []
