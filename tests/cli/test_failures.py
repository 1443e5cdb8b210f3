"""Whatever goes wrong: one message, and never the exit code of a verdict (0 holds, 1 violated)."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paxcheck.cli import main as cli_main
from paxcheck.cli.main import main
from paxcheck.trace.replay import ReplayError

MODEL = """\
import sys
from paxcheck import *
class A(Node):
    x: int = durable(0)
    {rule}
    @action
    def go(self):
        {go}
        self.x = 1
class Test(Protocol):
    many: int = param(1, "how many")
    def nodes(self):
        {nodes}
        return [A(f"a{i}") for i in range(self.many)]
    @invariant
    def fine(self, world):
        "It is fine."
        {prop}
        return True
"""


def model(folder: Path, **bodies: str) -> Path:
    text = MODEL
    for place in ("rule", "go", "nodes", "prop"):
        text = text.replace("{" + place + "}", bodies.get(place, "pass"))
    path = folder / f"model_{abs(hash(text))}.py"
    path.write_text(text, encoding="utf-8")
    return path


def process(*args: str, shell: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """`paxcheck` with these arguments; `shell`: what follows them on a shell's line."""
    command = [sys.executable, "-m", "paxcheck", *args]
    if shell:
        command = ["bash", "-c", f'"$@" {shell}', "bash", *command]
    return subprocess.run(
        command, capture_output=True, env={"PATH": "/usr/bin:/bin", **env},
        encoding=env.get("PYTHONIOENCODING", "utf-8"), timeout=60, check=False,
    )  # fmt: skip


BROKEN = {
    "nodes": (
        {"nodes": "raise ValueError('no nodes')"},
        "FILE:13: Test.nodes() raises ValueError: no nodes\n"
        "  FILE:13 in nodes: raise ValueError('no nodes')",
    ),
    "a property": (
        {"prop": "world['a0'].y"},
        "FILE:18: property fine raises AttributeError: A has no field y; its fields: x\n"
        "  FILE:18 in fine: world['a0'].y",
    ),
    "an exit": (
        {"prop": "sys.exit(0)"},
        "FILE:18: property fine raises SystemExit: 0\n  FILE:18 in fine: sys.exit(0)",
    ),
    "a number that is too long to print": (
        {"prop": "return str(10 ** 5000) + 1"},
        'FILE:18: property fine raises TypeError: can only concatenate str (not "int") to str\n'
        "  FILE:18 in fine: return str(10 ** 5000) + 1",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("command", ["check", "simulate"])
def test_a_broken_model(name: str, command: str, tmp_path: Path) -> None:
    bodies, text = BROKEN[name]
    path = model(tmp_path, **bodies)
    done = process(command, str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.replace(str(path), "FILE") == f"error: {text}\n"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--set", "proposers=7"), "proposers=7: Synod.proposers is number of proposers, each "
         "with its own value (int, 1 to 6)"),
        (("--set", "rounds=" + "9" * 5000), None),
        (("--set", "acceptors=" + "x" * 5000), "acceptors=" + "x" * 40 + "...: Synod.acceptors is "
         "number of acceptors (int, at least 1)"),
        (("--set", "quorums=grid:0x3"),
         "a grid has at least one row and one column, not 0x3"),
        (("--fault", "crash=" + "9" * 5000), f"--fault crash={'9' * 18}...: how often it may "
         "strike is a whole number"),
    ],
)  # fmt: skip
def test_a_bad_option(args: tuple[str, str], text: str | None) -> None:
    done = process("check", "synod", *args, "--max-states", "10")
    if text is None:
        assert done.returncode == 3
    else:
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {text}\n")


def test_a_state_may_hold_a_number_of_any_length(tmp_path: Path) -> None:
    path = model(tmp_path, go="self.x = 10 ** 5000; assert self.x < 0")
    for engine in ("reference", "compiled"):
        done = process("check", str(path), "--engine", engine)
        assert done.returncode == 1
    path = model(tmp_path, go="self.x = 10 ** 5000; return", prop="return world['a0'].x == 0")
    done = process("check", str(path), "--format", "json", "--certificate", f"{tmp_path}/cert")
    assert done.returncode == 1
    assert "0" * 5000 in done.stdout


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "args", [("check",), ("simulate", "--walks", "2"), ("check", "--property", "fine")]
)
def test_what_a_model_prints_is_no_result(args: tuple[str, ...], form: str, tmp_path: Path) -> None:
    path = model(
        tmp_path, go="print('go')", nodes="print('nodes')", prop="sys.stdout.write('look')"
    )
    done = process(args[0], str(path), *args[1:], "--format", form)
    assert not {"go", "nodes", "look"} & set(done.stdout.split())
    assert all(word in done.stderr for word in ("go", "nodes", "look"))
    if form == "json":
        assert json.loads(done.stdout)["distinct_states"] == 2


def test_what_a_model_prints_is_no_result_elsewhere(tmp_path: Path) -> None:
    path = model(tmp_path, go="print('go'); assert False", nodes="print('nodes')")
    saved, certificate = str(tmp_path / "run.jsonl"), str(tmp_path / "certificate")
    first = process("check", str(path), "--save", saved, "--certificate", certificate)
    assert first.returncode == 1
    for args, code in [
        (("graph", str(path)), 0),
        (("rules", str(path), "--format", "json"), 0),
        (("show", saved, "--model", str(path)), 0),
        (("convert", saved, "--model", str(path), "--to", "itf"), 0),
        (("explain", saved, "--model", str(path)), 1),
        (("validate", saved, "--model", str(path), "--format", "json"), 1),
        (("recheck", certificate, "--format", "json"), 0),
    ]:
        done = process(*args)
        assert done.returncode == code, done
        assert "nodes" in done.stderr
        if "json" in args:
            json.loads(done.stdout)
        else:
            assert "nodes\n" not in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "args", [("check", "rounds"), ("models",), ("--help",), ("graph", "rounds")]
)
def test_a_full_disk(args: tuple[str, ...]) -> None:
    done = process(*args, shell="> /dev/full")
    assert (done.returncode, done.stderr) == (2, "error: the output: No space left on device\n")


@pytest.mark.parametrize("option", ["--save", "--certificate"])
def test_a_full_disk_for_a_file(option: str) -> None:
    done = process("check", "rounds", option, "/dev/full")
    assert done.returncode == 2
    told = "error: /dev/full cannot be written: No space left on device\n"
    assert done.stderr.removesuffix("  name another file or folder\n") == told


def test_closed_streams() -> None:
    assert process("check", "rounds", shell="2>&-").returncode == 1
    assert process("check", "rounds", shell=">&-").returncode == 1
    assert process("check", "rounds", shell=">&- 2>&-").returncode == 1
    assert process("check", "nothing", shell=">&- 2>&-").returncode == 2
    done = process("graph", "synod", shell="| head -c 10; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (141, "digraph st", "")


@pytest.mark.parametrize("command", ["check synod", "models", "rules synod", "schema", "--help"])
def test_a_closed_pipe_is_no_bad_usage(command: str) -> None:
    done = process(*command.split(), shell="| true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (141, "", "")
    done = process("check", "nothing", shell="| true; exit ${PIPESTATUS[0]}")
    assert done.returncode == 2


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "iso8859-7"])
def test_an_encoding_that_does_not_have_our_signs(encoding: str) -> None:
    text = process("check", "rounds", PYTHONIOENCODING=encoding)
    assert (text.returncode, text.stderr) == (1, "")
    assert "   3  o-------Accept------->*          |  Accept 1.p1 x  (sent in 1)" in text.stdout
    result = process("check", "rounds", "--format", "json", PYTHONIOENCODING=encoding)
    assert json.loads(result.stdout)["counterexample"]["steps"][0] == "p1: start"


def test_json_in_an_old_encoding_is_json(tmp_path: Path) -> None:
    path = model(tmp_path, go="self.x = 1", prop="return world['a0'].x == 0 or Broken('é 漢 😀 →')")
    result = process("check", str(path), "--format", "json", PYTHONIOENCODING="latin-1")
    found = {p["name"]: p for p in json.loads(result.stdout)["properties"]}
    assert found["fine"]["reason"] == "é 漢 😀 ->"


def interrupted(path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Ctrl-C, as soon as the model says that it has begun."""
    command = [sys.executable, "-u", "-m", "paxcheck", *args]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/bin"}
    )
    begun = path.with_suffix(".begun")
    deadline = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    try:
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    return subprocess.CompletedProcess(command, running.returncode, out, err)


HANGS = "path = __file__[:-2] + 'begun'; import pathlib; pathlib.Path(path).touch()\n"


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_ctrl_c_in_a_handler_that_hangs(engine: str, tmp_path: Path) -> None:
    path = model(tmp_path, go=HANGS + "        while True: pass")
    done = interrupted(path, "check", str(path), "--engine", engine)
    assert done.returncode == 3
    assert f"interrupted at {path}:9 in go" in done.stdout.split("\n")
    assert "not all was explored: it was interrupted" in done.stdout


@pytest.mark.parametrize(
    "command",
    [("check", "--engine", "reference"), ("check", "--engine", "compiled"), ("simulate",)],
)
def test_the_time_is_up_in_a_handler_that_hangs(command: tuple[str, ...], tmp_path: Path) -> None:
    path = model(tmp_path, go="while True: pass")
    name, *more = command
    done = process(name, str(path), *more, "--max-time", "0.5")
    assert done.returncode == 3
    assert f"interrupted at {path}:8 in go" in done.stdout.split("\n")
    assert "the limit of 0.5 seconds was reached" in done.stdout
    assert "it was interrupted" not in done.stdout


@pytest.mark.parametrize(
    "command",
    [("check", "--engine", "reference"), ("check", "--engine", "compiled"), ("simulate",)],
)
def test_the_time_is_up_in_a_property_that_hangs(command: tuple[str, ...], tmp_path: Path) -> None:
    """The first state is judged before any step."""
    path = model(tmp_path, prop="while True: pass")
    name, *more = command
    done = process(name, str(path), *more, "--max-time", "0.5")
    assert done.returncode == 3
    assert f"interrupted at {path}:18 in fine" in done.stdout.split("\n")
    assert "verdict: undetermined: the limit of 0.5 seconds was reached" in done.stdout


def test_ctrl_c_elsewhere(tmp_path: Path) -> None:
    for place, line, name in [("nodes", 14, "nodes")]:
        path = model(tmp_path, **{place: HANGS + "        while True: pass"})
        done = interrupted(path, "check", str(path))
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.strip() == f"stopped at {path}:{line} in {name}"


class Undisclosed(BaseException):
    pass


@pytest.mark.parametrize(
    ("problem", "code", "text"),
    [
        (ReplayError("no step"), 2, "error: this is a bug in paxcheck, please report it: "
         "ReplayError: no step\nTraceback (most recent call last):\n"),
        (IndexError(), 2, "error: this is a bug in paxcheck, please report it: IndexError\n"
         "Traceback (most recent call last):\n"),
        (Undisclosed(), 2, "error: this is a bug in paxcheck, please report it: Undisclosed\n"
         "Traceback (most recent call last):\n"),
        (MemoryError(), 3, "stopped: the machine has no more memory\n"),
        (SystemExit(1), 141, ""),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (FileNotFoundError(2, "No such file or directory", "x"), 2,
         "error: x: No such file or directory\n"),
    ],
)  # fmt: skip
def test_the_last_resort(
    problem: BaseException, code: int, text: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fails(**_: object) -> None:
        raise problem

    monkeypatch.setattr(cli_main.cli, "main", fails)
    monkeypatch.setattr(cli_main, "give_up_stdout", lambda: None)
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == code
    told = capsys.readouterr()
    assert told.out == ""
    if text.endswith("last):\n"):
        assert told.err.startswith(text)
        assert told.err.rstrip().endswith(text.split("report it: ")[1].split("\n")[0])
    else:
        assert told.err == text
