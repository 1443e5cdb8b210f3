"""Certificates: made by one engine, counted by another; a difference is named or refused."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli, main

MODEL = """\
from paxcheck import *

class Tick(Message):
    n: int

class Clock(Node):
    time: int = durable(0)

    @action
    def tick(self):
        if self.time < 4:
            self.time += 1
            self.broadcast(Tick(self.time))

    def on_tick(self, msg: Tick):
        self.time = max(self.time, msg.n)

class Clocks(Protocol):
    "Two clocks that follow each other."

    def nodes(self):
        return [Clock("a"), Clock("b")]

    @invariant
    def close(self, world: WorldView):
        "No clock is two ahead."
        return abs(world["a"].time - world["b"].time) < 5
"""


@pytest.fixture
def clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("clocks.py").write_text(MODEL)
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args), standalone_mode=False)


@pytest.mark.parametrize(
    ("made_by", "again"), [("compiled", "reference"), ("reference", "compiled")]
)
def test_another_engine_confirms(clocks: Path, made_by: str, again: str) -> None:
    made = run("check", "clocks.py", "--engine", made_by, "--certificate", "c.json", "-q")
    assert made.return_value == 0, made.output
    certificate = json.loads(Path("c.json").read_text())
    assert certificate["engine"] == made_by
    assert certificate["distinct_states"] == sum(certificate["levels"]) == 237
    assert certificate["states"] == "3119f028ad2dd3ba4329a9a2f69eb09e"
    found = run("recheck", "c.json", "--format", "json")
    assert found.return_value == 0
    assert json.loads(found.output) == {
        "verdict": "confirmed",
        "certificate": "c.json",
        "model": "clocks.py",
        "engine": again,
        "made_by": made_by,
        "differences": [],
        "stopped": None,
    }


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("distinct_states", 44, "distinct_states: 44, now 237"),
        ("generated_states", 1, "generated_states: 1, now "),
        ("states", "0" * 32, "states: 00000000000000000000000000000000, now 3119f028"),
        ("levels", [1, 2, 9], "levels: they differ from depth 2 on"),
        ("verdict", "violated", "verdict: violated, now holds"),
        (
            "properties",
            {"close": {"verdict": "violated", "steps": 3}},
            "property close: violated (3 steps), now holds",
        ),
    ],
)
def test_a_difference_is_named(clocks: Path, field: str, value: object, told: str) -> None:
    run("check", "clocks.py", "--certificate", "c.json", "-q")
    certificate = json.loads(Path("c.json").read_text())
    certificate[field] = value
    Path("c.json").write_text(json.dumps(certificate))
    found = run("recheck", "c.json")
    assert found.return_value == 1
    assert f"differs: {told}" in found.output
    assert "verdict: the certificate is not confirmed" in found.output


def test_a_limit_confirms_nothing(clocks: Path) -> None:
    run("check", "clocks.py", "--certificate", "c.json", "-q")
    found = run("recheck", "c.json", "--max-states", "10")
    assert found.return_value == 3
    assert "verdict: undetermined: the limit of 10 states was reached" in found.output


def test_limits_on_states_and_depth_are_in_the_certificate(clocks: Path) -> None:
    for limit in ("--max-states", "--max-depth"):
        made = run("check", "clocks.py", limit, "3", "--certificate", "c.json", "-q")
        assert made.return_value == 3
        assert run("recheck", "c.json").return_value == 0
        assert json.loads(Path("c.json").read_text())["limits"] == {limit[6:]: 3}


def test_a_run_that_time_ended_cannot_be_repeated(clocks: Path, capsys) -> None:
    run("check", "clocks.py", "--max-time", "0", "--certificate", "c.json", "-q")
    with pytest.raises(SystemExit) as ended:
        main(["recheck", "c.json"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: c.json is of a run that was stopped by time, memory or Ctrl-C\n"
        "  where such a run ends is chance: there is nothing to compare with\n"
    )


def test_what_is_refused(clocks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("check", "clocks.py", "--certificate", "c.json", "-q")
    whole = Path("c.json").read_text()
    cases = {
        "missing.json": ("", "missing.json cannot be read: No such file or directory"),
        "cut.json": (whole[:300], "cut.json is not a certificate: it is cut off"),
        "old.json": (whole.replace('"certificate": 1', '"certificate": 9'), "is version 9 of the"),
        "other.json": ('{"a": 1}', "other.json is not a certificate: there is no field `a`"),
        "run.json": (
            '{"paxcheck": 1, "kind": "behavior", "model": "synod"}\n{}',
            "run.json is a saved run, not a certificate\n  paxcheck show run.json reads it",
        ),
        "log.json": (
            '{"paxcheck": 1, "kind": "log", "family": ["paxos"]}',
            "log.json is a log, not a certificate\n  paxcheck validate log.json reads it",
        ),
    }
    for name, (text, message) in cases.items():
        if text:
            Path(name).write_text(text)
        with pytest.raises(SystemExit) as ended:
            main(["recheck", name])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
    Path("clocks.py").write_text(MODEL.replace("< 4", "< 3"))
    with pytest.raises(SystemExit) as ended:
        main(["recheck", "c.json"])
    assert ended.value.code == 2
    assert "the model clocks.py has changed since c.json was made" in capsys.readouterr().err


def test_with_symmetry_all_counts_are_those_of_the_whole_space() -> None:
    options = ("--set", "acceptors=4", "--without", "keeps_promise", "--format", "json")
    counts: list[tuple[int, ...]] = []
    for symmetry in ("--symmetry", "--no-symmetry"):
        found = json.loads(run("check", "synod", symmetry, *options).output)
        told = [p.get("steps") for p in found["properties"]]
        counts.append(
            (found["distinct_states"], found["generated_states"], *found["levels"], *told)
        )
        assert any("symmetry of {a1, a2, a3, a4}" in n for n in found["notes"]) == (
            symmetry == "--symmetry"
        )
    assert counts[0] == counts[1]
    assert counts[0][0] == 1_716_305
