"""Bad files: each has a clear answer with its line."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from paxcheck.cli.main import cli
from paxcheck.loading import load_model
from paxcheck.protocol import System
from paxcheck.trace.conform import conform
from paxcheck.trace.read import TraceError, read_trace

HEADER = '{"paxcheck":1,"kind":"behavior","model":"rounds","nodes":{}}\n'
START = (
    '{"event":"act","node":"p1","action":"start","sent":[{"to":["a1","a2","a3"],"message":'
    '{"type":"Accept","sender":"p1","ballot":{"round":1,"proposer":"p1"},"value":"x"}}]}\n'
)


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert caught.value.where is not None
    return f"{caught.value.where.line}: {caught.value.message}"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "1: this file is empty"),
        (b"{\n}\n", "1: this is no run of a model: a run has one event a line"),
        (b'{"a":1}\n', '1: this is no run of a model: its first line has no "paxcheck"'),
        (b"[]\n", "1: this line is not the header: it is a list, and must be an object"),
        (b'{"paxcheck":9}\n', "1: this is version 9 of the format; this paxcheck reads 1"),
        (
            b'{"paxcheck":"1"}\n',
            "1: this line is not the header: `paxcheck` is a text, and must be a whole number",
        ),
        (
            HEADER.encode() + b'{"event":"act","who":"p1"}\n',
            "2: this line is not an event: there is no field `who`",
        ),
        (
            HEADER.encode() + b'{"event":"fly"}\n',
            "2: this line is not an event: `event` is 'fly', and must be one of: act, amnesia, "
            "corrupt, crash, deliver, duplicate, heal, loss, partition, state, stop, torn",
        ),
        (
            HEADER.encode() + b"\n\n" + START.encode()[:60],
            "4: this line is cut off",
        ),
        (
            HEADER.encode() + b'{"event":"act","node":"\xff\xfe"}\n',
            "2: this line is not UTF-8: byte 24 is 0xff",
        ),
        (
            HEADER.encode() + b'{"event":"act","note":' + b"[" * 100_000 + b"\n",
            "2: this line is nested too deeply",
        ),
    ],
)
def test_bad_file(content: bytes, told: str, tmp_path: Path) -> None:
    assert refused(tmp_path / "t.jsonl", content).startswith(told)


@pytest.mark.parametrize("name", ["UTF-16", "UTF-32"])
def test_other_encodings_are_refused(name: str, tmp_path: Path) -> None:
    assert refused(tmp_path / "t.jsonl", HEADER.encode(name)) == f"1: this file is {name}"


def test_a_file_of_empty_lines_is_given_up(tmp_path: Path) -> None:
    """One that is unzipped would be read for minutes."""
    told = refused(tmp_path / "t.jsonl.gz", gzip.compress(b"\n" * 1_000_001))
    assert told == "1000000: 1,000,000 empty lines one after the other: this is no log"


def test_gzip_byte_order_mark_and_truncated_gzip(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + (HEADER + START).encode()
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(content))
    trace = read_trace(tmp_path / "t.jsonl.gz")
    assert [line for line, _ in trace.events] == [2]
    (tmp_path / "cut.gz").write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(TraceError, match="cannot be read"):
        read_trace(tmp_path / "cut.gz")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("options", [(), ("--model", "rounds")])
def test_standard_input(pack: Callable[[bytes], bytes], options: tuple[str, ...]) -> None:
    """`cat run.jsonl | paxcheck validate -`: a behavior is recognised there too."""
    done = subprocess.run(
        [sys.executable, "-m", "paxcheck", "validate", "-", *options],
        input=pack((HEADER + START + START).encode()),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    told = done.stdout.decode().splitlines()
    assert told[0] == "-:3: rounds refuses step 2: p1.start does nothing in the model"


def check(text: str, tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    result = conform(read_trace(path), System(load_model("rounds").protocol()))
    reason = f"{result.refusal.line}: {result.refusal.reason}" if result.refusal else ""
    return result.verdict, reason


def test_an_empty_trace_is_never_valid(tmp_path: Path) -> None:
    assert check(HEADER, tmp_path) == ("undetermined", "")
    (tmp_path / "t.jsonl").write_text(HEADER)
    result = CliRunner().invoke(cli, ["validate", str(tmp_path / "t.jsonl")], standalone_mode=False)
    assert result.return_value == 3
    assert "nothing was checked: the trace has no events" in result.output


def event(**changes: object) -> str:
    return json.dumps(json.loads(START) | changes) + "\n"


ACCEPT = {
    "type": "Accept",
    "sender": "p1",
    "ballot": {"round": 1, "proposer": "p1"},
    "value": "x",
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (START, ""),
        (event(sent=None), ""),
        (event(node="p9"), "2: the model has no node 'p9'; it has p1, p2, a1, a2, a3"),
        (event(action="stop"), "2: p1 has no action 'stop'; it has start"),
        (START + START, "3: p1.start does nothing in the model"),
        (event(state={"round": 7}), "2: round is 7 in the trace and 1 in the model"),
        (
            event(sent=[{"to": ["a1"], "message": ACCEPT}]),
            "2: the trace sends Accept(ballot 1.p1, value x) to a1; "
            "the model sends Accept(ballot 1.p1, value x) to a1, a2, a3",
        ),
        (
            event(event="deliver", node="a1", message=ACCEPT),
            "2: nobody sent this Accept, or it is no longer in transit",
        ),
        (
            event(event="deliver", node="p1", message=ACCEPT),
            "2: p1 has no handler for Accept; it takes ",
        ),
        (
            event(event="crash"),
            "2: the fault crash is not switched on (--fault crash=1)",
        ),
        (event(event="heal"), "2: the network cannot do this here: heal"),
    ],
)
def test_the_first_refused_step(text: str, told: str, tmp_path: Path) -> None:
    verdict, reason = check(HEADER + text, tmp_path)
    assert reason == told
    assert verdict == ("violated" if told else "holds")
