"""`paxcheck validate` and `paxcheck lint` on foreign logs, as a user meets them."""

import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli, main

MAP = """\
name = "mine"
family = ["paxos"]

[common]
node = "who"

[[fact]]
is = "Members"
when = "what == 'start'"
node = { literal = "" }
members = "all"

[[fact]]
is = "Promised"
when = "what == 'promise'"
ballot = "n"

[[fact]]
is = "VoteCast"
when = "what == 'vote'"
ballot = "n"
value = "v"
"""
RIGHT = [
    {"what": "start", "all": ["a", "b", "c"]},
    {"what": "promise", "who": "a", "n": 2},
    {"what": "vote", "who": "a", "n": 2, "v": "x"},
    {"what": "vote", "who": "b", "n": 2, "v": "x"},
]
WRONG = [
    *RIGHT,
    {"what": "vote", "who": "a", "n": 1, "v": "y"},  # 5: below its promise
    {"what": "vote", "who": "b", "n": 1, "v": "y"},  # 6: below its vote, and y is chosen too
]


def write(path: str, lines: list[dict[str, object]]) -> None:
    Path(path).write_text("".join([json.dumps(line) + "\n" for line in lines]))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.toml").write_text(MAP)
    write("right.log", RIGHT)
    write("wrong.log", WRONG)


def run(*args: str, code: int, text: str | None = None) -> Result:
    result = CliRunner().invoke(cli, [*args, "--map", "m.toml"], input=text, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return result


def test_a_right_log() -> None:
    text = run("validate", "right.log", code=0).output
    assert "read as mine: 4 events of 2 nodes (2 incarnations), 3 checks, 1 quorum" in text
    assert text.endswith("verdict: valid: nothing that could be checked is broken\n")


def test_a_wrong_log_in_words() -> None:
    text = run("validate", "wrong.log", code=1).output
    assert text.startswith(
        "wrong.log:5: no-vote-below-promise is violated\n"
        "  a had voted in 2, and votes y@1\n"
        "  rule: An acceptor never votes in a ballot below one that it promised or voted in.\n"
        "        (Paxos Made Simple, section 2.2, P1a)\n"
        "  node a, incarnation 1\n"
    )
    assert '    | {"what": "vote", "who": "a", "n": 1, "v": "y"}\n' in text
    assert "    and 1 more of no-vote-below-promise\n" in text
    assert "wrong.log:6: chosen-once: x was chosen in ballot 2 by a, b, and now y" in text


def test_all_violations() -> None:
    text = run("validate", "wrong.log", "--all", code=1).output
    assert "wrong.log:6: no-vote-below-promise: b had voted in 2, and votes y@1" in text
    assert "more of" not in text


def test_one_property() -> None:
    found = run("validate", "wrong.log", "--property", "chosen-once", "--format", "json", code=1)
    properties = json.loads(found.output)["properties"]
    assert [(p["name"], p["verdict"], p["line"]) for p in properties] == [
        ("chosen-once", "violated", 6)
    ]


def test_json() -> None:
    found = json.loads(run("validate", "wrong.log", "--format", "json", code=1).output)
    assert {k: found[k] for k in ("verdict", "format", "files", "events", "checks")} == {
        "verdict": "violated",
        "format": "mine",
        "files": ["wrong.log"],
        "events": 6,
        "checks": 7,
    }
    first = next(p for p in found["properties"] if p["name"] == "no-vote-below-promise")
    assert {k: first[k] for k in ("verdict", "file", "line", "node", "message", "count")} == {
        "verdict": "violated",
        "file": "wrong.log",
        "line": 5,
        "node": "a",
        "message": "a had voted in 2, and votes y@1",
        "count": 2,
    }
    unknown = next(p for p in found["properties"] if p["name"] == "validity")
    assert unknown["verdict"] == "not_observable"
    assert unknown["reason"] == "the log does not show the values that clients give"


def test_junit_sarif_and_github() -> None:
    suite = ET.fromstring(run("validate", "wrong.log", "--format", "junit", code=1).output)
    failed = [
        case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None
    ]
    assert failed == ["chosen-once", "no-vote-below-promise"]
    sarif = json.loads(run("validate", "wrong.log", "--format", "sarif", code=1).output)
    places = [
        r["locations"][0]["physicalLocation"]["region"]["startLine"]
        for r in sarif["runs"][0]["results"]
    ]
    assert sorted(places) == [5, 6, 6]
    github = run("validate", "wrong.log", "--format", "github", code=1).output
    assert "::error file=wrong.log,line=5," in github


def test_standard_input() -> None:
    text = Path("wrong.log").read_text()
    assert run("validate", "-", code=1, text=text).output.startswith("-:5: no-vote-below-promise")


def test_shrunk_log() -> None:
    found = run("validate", "wrong.log", "--shrink", "small.jsonl", code=1)
    assert "small.jsonl: 2 facts, enough to break no-vote-below-promise" in found.output
    lines = Path("small.jsonl").read_text().splitlines()
    assert len(lines) == 3
    again = CliRunner().invoke(cli, ["validate", "small.jsonl"], standalone_mode=False)
    assert again.return_value == 1
    assert "no-vote-below-promise is violated" in again.output
    assert "read as mine" in again.output


def test_lint() -> None:
    text = run("lint", "wrong.log", code=0).output
    assert "decidable       no-vote-below-promise\n" in text
    assert "not observable  validity" in text
    assert "violated" not in text
    told = json.loads(run("lint", "wrong.log", "--format", "json", code=0).output)
    assert told["format"] == "mine"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["missing.log"], "missing.log cannot be read: No such file or directory"),
        (["empty.log", "--map", "m.toml"], "empty.log: read as mine, no line told anything"),
        (["other.log"], "other.log: its format is not recognised by its first lines"),
        (["right.log", "--from", "zab"], "no log format is called 'zab'"),
        (["right.log", "--map", "m.toml", "--property", "luck"], "no property of logs is called"),
        (["right.log", "right.log", "--map", "m.toml"], "a file is named twice"),
        (["-", "--map", "m.toml", "--follow"], "standard input cannot be followed"),
        (["right.log", "--map", "m.toml", "--follow", "--format", "json"], "--follow prints text"),
    ],
)
def test_bad_input(args: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.log").write_text('{"what": "nothing"}\n')
    Path("other.log").write_text("hello\n")
    with pytest.raises(SystemExit) as ended:
        main(["validate", *args])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_follow_tells_a_violation_when_its_line_is_there() -> None:
    write("live.log", RIGHT)
    command = [sys.executable, "-m", "paxcheck", "validate", "live.log", "--map", "m.toml"]
    with subprocess.Popen(
        [*command, "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline() == (
            "watching live.log; Ctrl-C ends it and gives the verdict\n"
        )
        with Path("live.log").open("a") as log:
            line = json.dumps(WRONG[4])
            log.write(line[:9])  # half a line is waited for
            log.flush()
            time.sleep(0.5)
            log.write(line[9:] + "\n")
        assert process.stdout.readline() == "live.log:5: no-vote-below-promise is violated\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert "read as mine: 5 events" in out
    assert process.returncode == 1
