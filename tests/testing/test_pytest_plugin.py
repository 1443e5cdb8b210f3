"""The fixture and the function, in the tests of somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest

import paxcheck
from paxcheck import Recorder, TraceError, validate
from paxcheck.loading import load_model
from paxcheck.protocol.errors import UsageError

pytest_plugins = ["pytester"]
TRACES = Path(__file__).parent.parent.parent / "traces"
SEED463 = TRACES / "pypi-paxos/seed463.jsonl"

RECORDS = """
def record(node, *ballots):
    node.boot(first=True)
    for ballot in ballots:
        node.send("p1", {"type": "promise", "ballot": ballot, "votes": []})
"""


def run(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(RECORDS + text)
    return pytester.runpytest_inprocess("-q", *options)


def test_a_good_recording_passes(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_good(paxcheck_log):
    record(paxcheck_log("paxos", ["a1"]).node("a1"), 1, 2)
def test_without_a_log(paxcheck_log):
    pass
def test_without_the_fixture():
    pass
""",
    )
    result.assert_outcomes(passed=3)


def test_a_broken_rule_fails_the_test_with_the_diagnosis(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_bad(paxcheck_log):
    record(paxcheck_log("paxos", ["a1"], clock=None).node("a1"), 2, 1)
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*/log.jsonl:4: promise-never-goes-back is violated",
            "  a1 had promised 2, and now promises 1",
            "  rule: An acceptor never promises a ballot below one that it promised or voted in*",
            "  */log.jsonl:3: a1 promises 2, reporting no vote",
            '    | {"event":"send","node":"a1","seq":2,"to":"p1",*',
            "verdict: violated",
        ]
    )
    result.stdout.no_fnmatch_line("*_judged*")  # no traceback of ours


def test_a_test_that_fails_itself_also_tells(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_bad(paxcheck_log):
    record(paxcheck_log("paxos", ["a1"]).node("a1"), 2, 1)
    assert 1 == 2
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*assert 1 == 2", "E*a1 had promised 2, and now promises 1"])


def test_a_log_that_shows_nothing_fails(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_silent(paxcheck_log):
    paxcheck_log("paxos", ["a1"]).node("a1").boot(first=True)
def test_empty(paxcheck_log):
    paxcheck_log("paxos")
""",
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["verdict: not valid: nothing could be checked", "*log.jsonl: *no line told anything"]
    )


def test_the_test_may_judge_itself(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
import paxcheck
def test_expects_a_violation(paxcheck_log):
    log = paxcheck_log("paxos", ["a1"], judge=False)
    record(log.node("a1"), 2, 1)
    assert paxcheck.validate(None, log).details.first.line == 4
""",
    )
    result.assert_outcomes(passed=1)


def test_logs_of_one_system_are_judged_together(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_two_leaders(paxcheck_log):
    for name in ["n1", "n2"]:
        paxcheck_log("raft", ["n1", "n2"], name=name).node(name).lead(7)
def test_two_systems(paxcheck_log):
    for name in ["n1", "n2"]:
        paxcheck_log("raft", [name], name=name).node(name).lead(7)
""",
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["  n1 is leader of term 7, and so is n2"])


def test_logs_can_be_kept(pytester: pytest.Pytester) -> None:
    text = """
import pytest
@pytest.mark.parametrize("n", [1, 2])
def test_kept(paxcheck_log, n):
    record(paxcheck_log("paxos", ["a1"]).node("a1"), n, n)
"""
    for _ in range(2):  # the logs of the first run are not continued
        run(pytester, text, "--paxcheck-logs", "kept").assert_outcomes(passed=2)
    kept = sorted(pytester.path.glob("kept/*/log.jsonl"))
    assert [path.parent.name for path in kept] == [
        f"test_logs_can_be_kept.py_test_kept[{n}]" for n in (1, 2)
    ]
    assert [len(path.read_text().splitlines()) for path in kept] == [4, 4]


def test_wrapping_ends_with_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
class Box:
    def send(self): pass
original = Box.send
def test_wraps(paxcheck_log):
    log = paxcheck_log("paxos", ["a1"])
    log.wrap(Box, "send")
    record(log.node("a1"), 1, 2)
    assert Box.send is not original
def test_later():
    assert Box.send is original
""",
    )
    result.assert_outcomes(passed=2)


# --- validate ---------------------------------------------------------------------------------


def test_validate_says_what_is_broken() -> None:
    verdict = validate(None, SEED463)
    assert (verdict.ok, bool(verdict), verdict.verdict) == (False, False, "violated")
    with pytest.raises(AssertionError) as caught:
        verdict.assert_ok()
    first = f"{SEED463}:243: no-vote-below-promise is violated"
    second = "  a3 had voted in 17 in slot 6, and votes v18@16"
    assert str(caught.value).splitlines()[:2] == [first, second]
    assert str(verdict) == repr(verdict) == str(caught.value)


def test_validate_takes_files_paths_and_recorders(tmp_path: Path) -> None:
    with Recorder(tmp_path / "log", "paxos", ["a1"]) as log:
        node = log.node("a1")
        for ballot in (1, 2):
            node.send("p1", {"type": "promise", "ballot": ballot})
        for trace in (log, tmp_path / "log", str(tmp_path / "log"), [log]):
            verdict = validate(None, trace)
            assert verdict.ok
            verdict.assert_ok()
    five = sorted((TRACES / "pysyncobj").glob("*.gz"))
    assert len(five) == 5
    assert validate(None, five, only=["log-matching"]).diagnosis.startswith(
        "ok        log-matching  652 checks\n"
    )


HEADER = '{"paxcheck":1,"kind":"trace","model":"synod"}\n'
START = '{"event":"act","node":"p1","action":"start"}\n'
UNASKED = (
    '{"event":"deliver","node":"p1","message":{"type":"Promise","sender":"a1",'
    '"ballot":{"type":"Ballot","round":1,"proposer":"p1"},"vote":null}}\n'
)


def test_validate_replays_a_native_trace_in_a_model(tmp_path: Path) -> None:
    synod = load_model("synod").protocol
    file = tmp_path / "trace.jsonl"
    file.write_text(HEADER + START)
    good = validate(synod(), file)
    assert good.ok
    assert str(good).splitlines()[0] == "1 of 1 events are steps of synod"
    assert str(good).endswith("verdict: valid")
    file.write_text(HEADER + START + UNASKED)
    bad = validate(synod(), file)
    assert bad.verdict == "violated"
    assert f"{file}:3: synod refuses step 2: " in str(bad)
    file.write_text(HEADER)
    empty = validate(synod(), file)
    assert empty.verdict == "not_observable"
    assert "nothing was checked: the trace has no events" in str(empty)


def test_a_recorder_that_nobody_told_anything(tmp_path: Path) -> None:
    with Recorder(tmp_path / "log", "paxos", members=["a", "b"]) as log:
        log.node("a")
    with pytest.raises(TraceError) as caught:
        validate(None, log)
    assert str(caught.value).replace(str(tmp_path), "") == (
        "/log: read as native, no line told anything\n"
        "  it is of this format, and has no event that is judged: was anything recorded?"
    )


def test_validate_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    synod = load_model("synod").protocol
    with pytest.raises(UsageError, match="a model replays native traces"):
        validate(synod(), SEED463)
    with pytest.raises(UsageError, match="there is no file to read"):
        validate(None, [])
    with pytest.raises(TraceError, match="cannot be read"):
        validate(None, tmp_path / "gone")
    with pytest.raises(AttributeError, match="has no attribute 'valid'"):
        _ = paxcheck.valid  # type: ignore[attr-defined]
