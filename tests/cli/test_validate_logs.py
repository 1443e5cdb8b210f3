"""`paxcheck validate` and `paxcheck lint` on foreign logs, as a user meets them."""

import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.logs import progress_on
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


@contextmanager
def child(*args: str) -> Generator[subprocess.Popen[str]]:
    """paxcheck as a process of its own. It is killed after a minute, and when the test fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", "paxcheck", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background lets its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    limit = threading.Timer(60, process.kill)
    limit.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()  # it has ended long ago, unless the test fails
    finally:
        limit.cancel()


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
    output = run("validate", "-", code=1, text=text).output
    assert output.startswith(
        "-:5: no-vote-below-promise: a had voted in 2, and votes y@1\n"
        "-:6: chosen-once: x was chosen in ballot 2 by a, b, and now y is chosen in ballot 1 by "
        "a, b\n"
        "-:5: no-vote-below-promise is violated\n"
    )
    assert '    | {"what": "vote", "who": "a", "n": 1, "v": "y"}\n' in output


def test_standard_input_is_judged_while_it_comes() -> None:
    with child("validate", "-", "--map", "m.toml") as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(Path("wrong.log").read_text())
        process.stdin.flush()  # and it stays open
        assert process.stderr.readline() == (
            "-:5: no-vote-below-promise: a had voted in 2, and votes y@1\n"
        )
        out, _ = process.communicate()
    assert out.startswith("-:5: no-vote-below-promise is violated\n")
    assert process.returncode == 1


def test_shrunk_log() -> None:
    found = run("validate", "wrong.log", "--shrink", "small.jsonl", code=1)
    assert "small.jsonl: 2 facts, enough to break no-vote-below-promise" in found.output
    lines = Path("small.jsonl").read_text().splitlines()
    assert len(lines) == 3
    again = CliRunner().invoke(cli, ["validate", "small.jsonl"], standalone_mode=False)
    assert again.return_value == 1
    assert "no-vote-below-promise is violated" in again.output
    assert "read as mine" in again.output
    # What was left out may be what makes the others right: they are not judged.
    left_out = "the log was shrunk to what breaks no-vote-below-promise"
    assert f"not observable  chosen-once              {left_out}\n" in again.output
    shown = CliRunner().invoke(cli, ["show", "small.jsonl"], standalone_mode=False).output
    assert shown.startswith(
        "small.jsonl: facts of a log of the format mine\n\n"
        "wrong.log:3: a votes for x in ballot 2\nwrong.log:5: a votes for y in ballot 1\n\n"
        "wrong.log:5: no-vote-below-promise is violated\n"
    )


def test_nothing_to_shrink() -> None:
    found = run("validate", "right.log", "--shrink", "small.jsonl", code=0)
    assert "nothing is broken: small.jsonl is not written" in found.output
    assert not Path("small.jsonl").exists()


def test_lint() -> None:
    text = run("lint", "wrong.log", code=0).output
    assert "decidable       no-vote-below-promise\n" in text
    assert "not observable  validity" in text
    assert "violated" not in text
    told = json.loads(run("lint", "wrong.log", "--format", "json", code=0).output)
    assert told["format"] == "mine"
    assert told["declaration"]["clock_error"] is None


def test_what_is_taken_for_granted_is_said() -> None:
    text = run("lint", "wrong.log", "--clock-error", "0.01", code=0).output
    assert (
        "read as mine: 6 events of 2 nodes\n"
        "  protocol: paxos\n"
        "  the order that is trusted: each node's own\n"
        "  clocks: equal to 0.01 s\n"
        "  when the state is taken: after the handler\n"
        "  must survive a restart: promises and votes\n"
        "  a promise covers: one slot\n"
    ) in text
    text = run("validate", "right.log", code=0).output
    assert text.splitlines()[-2] == (
        "trusted: each node's own order, clocks not trusted; states are those after the handler; "
        "must survive a restart: promises and votes"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["missing.log"], "missing.log cannot be read: No such file or directory"),
        (["empty.log", "--map", "m.toml"], "empty.log: read as mine, no line told anything"),
        (["other.log"], "other.log: its format is not recognised by its first lines"),
        (
            ["c.json"],
            "c.json is a certificate, not a log\n  count again with: paxcheck recheck c.json",
        ),
        (["right.log", "--from", "zab"], "no log format is called 'zab'"),
        (["right.log", "--map", "m.toml", "--property", "luck"], "no property of logs is called"),
        (["right.log", "right.log", "--map", "m.toml"], "a file is named twice"),
        (["right.log", "./right.log", "--map", "m.toml"], "right.log and ./right.log are one"),
        (["right.log", "--map", "m.toml", "--clock-error", "nan"], "an error of the clocks of nan"),
        (["right.log", "--map", "m.toml", "--clock-error", "inf"], "an error of the clocks of inf"),
        (["right.log", "--map", "m.toml", "--shrink", "right.log"], "would overwrite the log"),
        (["right.log", "--map", "m.toml", "--shrink", "./right.log"], "would overwrite the log"),
        (["right.log", "--map", "m.toml", "--shrink", "no/where"], "no/where cannot be written"),
        (["right.log", "--map", "m.toml", "--follow", "--shrink", "x"], "--shrink needs the whole"),
        (["run.jsonl", "--shrink", "x"], "--shrink is for logs"),
        (["run.jsonl", "--follow"], "--follow is for logs"),
        (["strange.log"], 'strange.log:2: ballot has the number "1\\x1b[2J" as text'),
        (["-", "--map", "m.toml", "--follow"], "standard input cannot be followed"),
        (["right.log", "--map", "m.toml", "--follow", "--format", "json"], "--follow prints text"),
    ],
)
def test_bad_input(args: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.log").write_text('{"what": "nothing"}\n')
    Path("other.log").write_text("hello\n")
    Path("c.json").write_text('{\n  "certificate": 1,\n  "paxcheck": "0.1.0"\n}\n')
    Path("run.jsonl").write_text('{"paxcheck":1,"kind":"behavior","model":"rounds"}\n')
    Path("strange.log").write_text(
        '{"paxcheck":1,"kind":"log","family":["paxos"]}\n'
        '{"event":"vote","node":"a","ballot":"1\\u001b[2J","value":"x"}\n'
    )
    with pytest.raises(SystemExit) as ended:
        main(["validate", *args])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_fault_of_ours_is_no_violation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("paxcheck.cli.validate.validate_files", lambda *_, **__: 1 // 0)
    with pytest.raises(SystemExit) as ended:
        main(["validate", "right.log"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(
        "error: this is a bug in paxcheck, please report it: ZeroDivisionError: "
    )
    assert told.endswith("ZeroDivisionError: integer division or modulo by zero\n")


def test_progress_tells_how_fast_it_is() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with progress_on(terminal) as progress:
        assert progress is not None
        progress(65_536, 70_000)
    assert re.fullmatch(
        r"\r\x1b\[K65,536 events, [\d,]+ events/s, line 70,000\r\x1b\[K", terminal.getvalue()
    )
    with progress_on(io.StringIO()) as progress:
        assert progress is None


def test_follow_tells_a_violation_when_its_line_is_there() -> None:
    write("live.log", RIGHT)
    with child("validate", "live.log", "--map", "m.toml", "--follow") as process:
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
        out, _ = process.communicate()
    assert "read as mine: 5 events" in out
    assert process.returncode == 1
