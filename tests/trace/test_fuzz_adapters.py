"""Bad input of every kind: an error with file and line, or a verdict; no traceback, no silence.

`PAXCHECK_EXAMPLES` sets how many damaged logs each adapter is given (200 without it).
"""

import gzip
import json
import os
import time
import tracemalloc
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_damage import damaged
from log_samples import SAMPLES

from paxcheck.paxos.facts import Fact
from paxcheck.protocol.errors import PaxcheckError, UsageError
from paxcheck.trace import lines as line_reader
from paxcheck.trace.adapters import adapters
from paxcheck.trace.observe import outputs, text
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict
from paxcheck.trace.read import TraceError

EXAMPLES = int(os.environ.get("PAXCHECK_EXAMPLES", "200"))
MAP = Path(__file__).parents[2] / "traces" / "maps" / "paxos-pypi.toml"
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=2000,  # milliseconds for one log of a few lines: bounded time
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SEEDS = st.integers(min_value=0, max_value=2**48)
COUNTS = {
    "native": (21, 24),
    "facts": (6, 4),
    "etcd-log": (8, 8),
    "maelstrom": (8, 10),
    "etcd-raft": (20, 18),
    "etcd-wal": (6, 4),
    "ccf": (8, 5),
    "ceph-mon": (8, 2),
    "pysyncobj": (14, 15),
    "paxos-composable": (16, 29),
    "paxos-pypi": (13, 26),
    "multi-paxos-example": (21, 34),
    "paxi": (11, 15),
    "tlc-json": (7, 17),
    "itf": (7, 17),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def all_outputs(verdict: TraceVerdict) -> None:
    """Every output can be written as UTF-8 and read again."""
    text.as_text(verdict, True).encode()
    text.lint_text(verdict).encode()
    outputs.as_github(verdict).encode()
    ET.fromstring(outputs.as_junit(verdict))
    for shape in (outputs.as_json(verdict), outputs.lint_json(verdict)):
        json.loads(json.dumps(shape, ensure_ascii=False).encode())
    json.loads(outputs.as_sarif(verdict, "1").encode())


def survives(log: bytes, source: str) -> str:
    """What became of a damaged log: a verdict, or an error of ours that says where."""
    Path("x.log").write_bytes(log)
    try:
        if source == "map":
            verdict = validate_files(["x.log"], map_file=MAP)
        else:
            verdict = validate_files(["x.log"], source=source)
    except TraceError as problem:
        return "error" if "x.log" in str(problem) else "an error that does not say where"
    assert verdict.events > 0
    all_outputs(verdict)
    return verdict.verdict


def test_there_is_a_sample_of_every_format() -> None:
    assert set(SAMPLES) == {"facts", *adapters()}


@pytest.mark.parametrize("source", SAMPLES)
def test_samples_are_right(source: str) -> None:
    Path("x.log").write_bytes(SAMPLES[source])
    verdict = validate_files(["x.log"])  # detected
    assert verdict.verdict == "ok"
    assert (verdict.events, verdict.checks) == COUNTS[source]


@pytest.mark.parametrize("source", [*SAMPLES, "map"])
def test_damaged_logs(source: str) -> None:
    seen: set[str] = set()

    @FUZZ
    @given(SEEDS)
    def damage(seed: int) -> None:
        log = SAMPLES["paxos-pypi" if source == "map" else source]
        seen.add(survives(damaged(log, seed), source))

    damage()
    assert seen <= {"error", "ok", "violated", "not_observable"}
    assert {"error", "ok"} <= seen  # the blows are neither all fatal nor all harmless


@pytest.mark.parametrize("source", SAMPLES)
def test_foreign_bytes(source: str) -> None:
    """A log of one format, read as another: refused, or at least not called valid for nothing."""
    for other, log in SAMPLES.items():
        if other != source:
            assert survives(log, source) in ("error", "not_observable", "ok"), other


@settings(FUZZ, max_examples=min(EXAMPLES, 60))
@given(SEEDS)
def test_damaged_logs_on_the_command_line(seed: int) -> None:
    from paxcheck.cli.main import cli

    source = list(SAMPLES)[seed % len(SAMPLES)]
    Path("x.log").write_bytes(damaged(SAMPLES[source], seed))
    for command in (["validate", "x.log", "--all"], ["lint", "x.log"]):
        result = CliRunner().invoke(cli, command, standalone_mode=False)
        if result.exception is not None:
            assert isinstance(result.exception, PaxcheckError)
        else:
            assert result.return_value in (0, 1, 3)


@settings(FUZZ, max_examples=min(EXAMPLES, 60))
@given(SEEDS)
def test_whatever_is_broken_can_be_shrunk(seed: int) -> None:
    source = ("native", "pysyncobj", "paxos-composable", "etcd-wal")[seed % 4]
    Path("x.log").write_bytes(damaged(SAMPLES[source], seed))
    try:
        verdict = validate_files(["x.log"], source=source)
    except TraceError:
        return
    if verdict.first is not None and not verdict.notes:
        kept: list[tuple[Fact, ...]] = []
        validate_files(["x.log"], source=source, shrunk=lambda _, facts: kept.append(facts))
        assert 0 < len(kept[0]) <= verdict.facts


# --- special inputs, each with its answer ---------------------------------------------------

RAFT, NATIVE, WAL = SAMPLES["etcd-raft"], SAMPLES["native"], SAMPLES["etcd-wal"]
UNKNOWN = "bad.log: its format is not recognised by its first lines"
CUT = "this line is cut off"
HARD = b'{"node": "n2", "rec": "hardstate", "term": %s, "vote": "1", "commit": 0}\n'
REFUSED: dict[str, tuple[bytes, str]] = {
    "truncated last line": (RAFT[:-30], f"bad.log:20: {CUT}"),
    "truncated last line of a native log": (NATIVE[:-30], f"bad.log:21: {CUT}"),
    "UTF-16": (RAFT.decode().encode("utf-16"), "bad.log:1: this file is UTF-16"),
    "UTF-16 without its mark": (RAFT.decode().encode("utf-16-le"), UNKNOWN),
    "latin-1": (
        RAFT + '{"msg": "café"}\n'.encode("latin-1"),
        "bad.log:21: this line is not UTF-8: byte 13 is 0xe9",
    ),
    "100,000 deep": (
        RAFT + b"[" * 100_000 + b"]" * 100_000,
        "bad.log:21: this line is nested too deeply",
    ),
    "100,000 deep, first": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, UNKNOWN),
    "a key twice": (
        WAL + b'{"node": "n1", "node": "n2", "rec": "entry", "term": 1, "index": 3, "sha": "c"}',
        "bad.log:8: this line has the key 'node' twice",
    ),
    "a key twice, nested": (
        NATIVE + b'{"event":"request","node":"a","value":"v","note":{"a":[{"b":1,"b":1}]}}',
        "bad.log:22: this line has the key 'b' twice",
    ),
    "a key twice, with a blank": (
        WAL + b'{"node" : "n1", "node" : "n2", "rec": "x"}',
        "bad.log:8: this line has the key 'node' twice",
    ),
    "a key twice in etcd's log": (
        SAMPLES["etcd-log"] + b'{"caller":"raft/raft.go:1","caller":"x/y.go:1","msg":"m"}',
        "bad.log:13: this line has the key 'caller' twice",
    ),
    **{
        f"no node, {name}": (
            SAMPLES[name] + b'{"ev":"crash"}',
            f"bad.log:{SAMPLES[name].count(10) + 1}: this is not a line of the format {name}: "
            "it has no 'node'",
        )
        for name in ("paxi", "paxos-pypi", "paxos-composable")
    },
    "number as text": (
        WAL.replace(b'"term": 1', b'"term": "1"'),
        "bad.log:2: this is not a line of the format etcd-wal: term is '1', not a whole number",
    ),
    "number as text, native": (
        NATIVE.replace(b'"term": 1', b'"term": "1"'),
        "bad.log:11: this line is not an event of a native log: `term` is a text, and must be "
        "a whole number",
    ),
    "fraction": (
        WAL + HARD % b"1.5",
        "bad.log:8: this is not a line of the format etcd-wal: term is 1.5, not a whole number",
    ),
    "truth": (
        WAL + HARD % b"true",
        "bad.log:8: this is not a line of the format etcd-wal: term is True, not a whole number",
    ),
    "NaN": (
        WAL + HARD % b"NaN",
        "bad.log:8: this line is not JSON: invalid character (byte 43)",
    ),
    "Infinity": (
        WAL + HARD % b"Infinity",
        "bad.log:8: this line is not JSON: invalid character (byte 43)",
    ),
    "1e999": (
        WAL + HARD % b"1e999",
        "bad.log:8: this line is not JSON that can be read: a number in it is too large",
    ),
    "5,000 digits": (
        WAL + HARD % (b"9" * 5000),
        "bad.log:8: this line is not JSON that can be read: a number in it is too large",
    ),
    "unknown field, native": (
        NATIVE.replace(b'"inc"', b'"extra": 1, "inc"', 1),
        "bad.log:2: this line is not an event of a native log: there is no field `extra`",
    ),
    "events out of order": (
        NATIVE.replace(b'"seq": 3', b'"seq": 33', 1),
        "bad.log:7: a's event 4 comes after its event 33",
    ),
    "a life out of order": (
        NATIVE.replace(b'"inc": 1', b'"inc": 2', 1),
        "bad.log:4: a's incarnation 1 comes after its incarnation 2",
    ),
    "ballots of two kinds": (
        NATIVE + b'{"event":"vote","node":"b","inc":1,"ballot":7,"value":"w","slot":1}',
        "bad.log:22: this does not compare with what came before: '>=' not supported between "
        "instances of 'int' and 'tuple'",
    ),
    "nothing": (b"", "bad.log is empty: there is nothing to validate"),
    "blank lines": (b"\n\n  \n\t\n", "bad.log is empty: there is nothing to validate"),
    "a header alone": (
        NATIVE.splitlines()[0],
        "bad.log: read as native, no line told anything",
    ),
    "zeros": (bytes(100_000), UNKNOWN),
    "old line ends": (RAFT.replace(b"\n", b"\r"), UNKNOWN),
    "no object": (WAL + b"[1]\n", "bad.log:8: this line is not a JSON object"),
    "half a pair": (
        WAL + b'{"node": "\\ud800"}',
        "bad.log:8: this line is cut off",
    ),
    "gzip cut off": (
        gzip.compress(RAFT)[:-12],
        "bad.log cannot be read after line 19: Compressed file ended before the end-of-stream "
        "marker was reached",
    ),
    "gzip in name only": (b"\x1f\x8b" + RAFT, "bad.log cannot be read: Unknown compression method"),
    "1,001 monitors": (
        SAMPLES["ceph-mon"].replace(b"e0: 3 mons", b"e0: 99999999999 mons"),
        "bad.log:2: this is not a line of the format ceph-mon: 99999999999 monitors",
    ),
    "no such day": (
        SAMPLES["ceph-mon"].replace(b"2026-11-23", b"2026-11-53"),
        "bad.log:1: this is not a line of the format ceph-mon: day is out of range for month",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    log, message = REFUSED[what]
    Path("bad.log").write_bytes(log)
    with pytest.raises(TraceError) as problem:
        validate_files(["bad.log"])
    assert str(problem.value).splitlines()[0] == message


READ: dict[str, tuple[bytes, int, int]] = {
    "byte order mark": (b"\xef\xbb\xbf" + RAFT, 20, 18),
    "line ends of Windows": (RAFT.replace(b"\n", b"\r\n"), 20, 18),
    "no last line end": (RAFT.rstrip(b"\n"), 20, 18),
    "blank lines between": (RAFT.replace(b"\n", b"\n\n \n"), 20, 18),
    "unknown fields": (WAL.replace(b'"rec"', b'"extra": {"a": [1]}, "rec"'), 6, 4),
    "beyond 64 bits": (WAL.replace(b'"term": 1,', b'"term": 18446744073709551617,'), 6, 4),
    "beyond 64 bits, native": (
        NATIVE.replace(b'"term": 1', b'"term": 18446744073709551617'),
        21,
        24,
    ),
    "gz in name only": (RAFT, 20, 18),
    "gzipped": (gzip.compress(RAFT), 20, 18),
    "zap's repeated keys": (
        SAMPLES["etcd-log"] + b'{"caller":"a/b.go:1","msg":"m","error":"x","error":"y"}',
        8,
        8,
    ),
}


@pytest.mark.parametrize("what", READ)
def test_read_all_the_same(what: str) -> None:
    log, events, checks = READ[what]
    Path("good.log.gz").write_bytes(log)
    verdict = validate_files(["good.log.gz"])
    assert (verdict.verdict, verdict.events, verdict.checks) == ("ok", events, checks)


def test_numbers_beyond_64_bits_are_exact() -> None:
    """Rounded to a float, the two terms would be equal."""
    big = 2**64 + 1
    log = WAL + HARD % str(big).encode() + HARD % str(big - 1).encode()
    Path("x.log").write_bytes(log)
    first = validate_files(["x.log"]).first
    assert first is not None
    assert (first.property, first.line) == ("term-never-goes-back", 9)
    assert first.message == f"n2 was in term {big}, and is now in term {big - 1}"


@pytest.mark.parametrize("source", ["auto", "etcd-wal", "ceph-mon", "facts"])
def test_a_directory_and_a_missing_file(source: str) -> None:
    Path("logs").mkdir()
    with pytest.raises(TraceError) as problem:
        validate_files(["logs"], source=source)
    assert str(problem.value) == "logs cannot be read: Is a directory"
    with pytest.raises(TraceError) as problem:
        validate_files(["none.log"], source=source)
    assert str(problem.value) == "none.log cannot be read: No such file or directory"


@pytest.mark.parametrize("source", ["etcd-wal", "ceph-mon", "etcd-log", "maelstrom"])
def test_empty_input_is_an_error_where_the_format_is_given(source: str) -> None:
    Path("x.log").write_bytes(b"\n")
    with pytest.raises(TraceError, match=f"^x.log: read as {source}, no line told anything"):
        validate_files(["x.log"], source=source)


def test_one_silent_file_of_several_is_an_error() -> None:
    Path("a.log").write_bytes(WAL)
    Path("b.log").write_bytes(b'{"node": "n3", "rec": "other"}\n')
    with pytest.raises(TraceError) as problem:
        validate_files(["a.log", "b.log"], source="etcd-wal")
    assert str(problem.value).splitlines()[0] == "b.log: read as etcd-wal, no line told anything"


def test_what_is_broken_before_an_unreadable_line_is_told() -> None:
    log = WAL + HARD % b"0" + b'{"node": "n2", "rec"'
    Path("x.log").write_bytes(log)
    verdict = validate_files(["x.log"])
    assert verdict.exit_code == 1
    assert verdict.first is not None
    assert (verdict.first.property, verdict.first.line) == ("term-never-goes-back", 8)
    assert verdict.events == 7
    assert verdict.notes[-1].startswith("not all was read: x.log:9: this line is cut off")


def test_two_formats_and_one_file_twice() -> None:
    Path("a.log").write_bytes(WAL)
    Path("b.log").write_bytes(RAFT)
    with pytest.raises(
        UsageError, match=r"different formats: etcd-raft \(b.log\), etcd-wal \(a.log\)"
    ):
        validate_files(["a.log", "b.log"])
    with pytest.raises(UsageError, match="a file is named twice"):
        validate_files(["a.log", "a.log"])


def test_a_line_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert line_reader.LONGEST == 64 * 2**20
    monkeypatch.setattr(line_reader, "LONGEST", 2**20)
    Path("x.log").write_bytes(WAL + b'{"a": "' + b"x" * 2**20 + b'"}\n')
    with pytest.raises(TraceError) as problem:
        validate_files(["x.log"])
    assert str(problem.value).splitlines()[0] == "x.log:8: this line is longer than 1 MiB"


def test_a_line_of_100_mb_and_a_bomb() -> None:
    """Neither is held in memory whole, and both end at once."""
    with Path("long.log").open("wb") as out:
        out.truncate(100_000_000)
    part = gzip.compress(b"0" * 2**20, 9)
    Path("bomb.gz").write_bytes(part * 1024)  # 1 GiB, in one line
    for name in ("long.log", "bomb.gz"):
        tracemalloc.start()
        started = time.perf_counter()
        with pytest.raises(TraceError) as problem:
            validate_files([name])
        assert time.perf_counter() - started < 3
        assert tracemalloc.get_traced_memory()[1] < 300 * 2**20
        tracemalloc.stop()
        told = str(problem.value).splitlines()[0]
        assert told == f"{name}:1: this line is longer than 64 MiB"
