"""Files, pipes and parts of logs: each is read once, whole, and in its node's own order."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from paxcheck.protocol.errors import UsageError
from paxcheck.trace import lines as line_reader
from paxcheck.trace.lines import TraceError
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

HEADER = {"paxcheck": 1, "kind": "log", "family": ["paxos"], "members": ["a", "b", "c"]}


def event(kind: str, node: str, **more: Any) -> dict[str, Any]:
    return {"event": kind, "node": node, **more}


def vote(node: str, ballot: Any, value: str = "x", **more: Any) -> dict[str, Any]:
    return event("vote", node, ballot=ballot, value=value, **more)


def write(name: str, *events: dict[str, Any]) -> str:
    Path(name).write_text("".join([json.dumps(e) + "\n" for e in (HEADER, *events)]))
    return name


def broken(verdict: TraceVerdict) -> dict[str, list[tuple[str, int]]]:
    return {
        p.name: [(v.file, v.line) for v in p.violations] for p in verdict.properties if p.violations
    }


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


WRONG = [vote("a", 5), vote("a", 3)]
FOUND = {"no-vote-below-promise": 3}


# --- pipes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
def test_a_pipe_is_read_once_and_whole(zipped: bool) -> None:
    data = Path(write("log", *WRONG)).read_bytes()
    os.mkfifo("pipe")
    content = gzip.compress(data) if zipped else data
    writer = threading.Thread(target=Path("pipe").write_bytes, args=[content])
    writer.start()
    verdict = validate_files(["pipe"])
    writer.join()
    assert broken(verdict) == {"no-vote-below-promise": [("pipe", 3)]}
    assert (verdict.lines, verdict.events) == (3, 3)
    first = verdict.first
    assert first is not None
    assert [m.text for m in first.evidence] == [json.dumps(e) for e in WRONG]


def test_a_pipe_is_judged_while_it_is_read() -> None:
    """What is wrong is told although the other end goes on writing."""
    os.mkfifo("pipe")
    told, ended = threading.Event(), []

    def writes() -> None:
        with Path("pipe").open("w") as out:
            for item in (HEADER, *WRONG):
                out.write(json.dumps(item) + "\n")
            out.flush()
            ended.append(told.wait(20))

    writer = threading.Thread(target=writes)
    writer.start()
    verdict = validate_files(["pipe"], tell=lambda violation: told.set())
    writer.join()
    assert ended == [True]
    assert broken(verdict) == {"no-vote-below-promise": [("pipe", 3)]}


def test_a_pipe_can_be_shrunk() -> None:
    data = Path(write("log", vote("b", 1), *WRONG)).read_bytes()
    os.mkfifo("pipe")
    threading.Thread(target=Path("pipe").write_bytes, args=[data]).start()
    kept: list[list[int]] = []
    validate_files(["pipe"], shrunk=lambda _, facts: kept.append([f.line for f in facts]))
    assert kept == [[3, 4]]


def test_pipes_in_a_wrong_order_are_read_again_and_whole() -> None:
    """What the first attempt did not read is not lost, and what it seemed to find is not told."""
    parts = {"two": PARTS["numbers"][1], "one": PARTS["numbers"][0]}
    for name, events in parts.items():
        data = Path(write(f"{name}.log", *events)).read_bytes()
        os.mkfifo(name)
        threading.Thread(target=Path(name).write_bytes, args=[data]).start()
    told: list[object] = []
    verdict = validate_files(["two", "one"], tell=told.append)
    assert (verdict.verdict, verdict.files, verdict.lines) == ("ok", ("one", "two"), 6)
    assert verdict.notes == ("read in the order of their own numbers or times: one, two",)
    assert told == []


def test_a_pipe_that_breaks_off_can_be_shrunk() -> None:
    lines = Path(write("log", *[vote("b", n) for n in range(30)], *WRONG)).read_bytes()
    os.mkfifo("pipe")
    threading.Thread(target=Path("pipe").write_bytes, args=[lines + b"nonsense\n"]).start()
    kept: list[list[int]] = []
    verdict = validate_files(["pipe"], shrunk=lambda _, facts: kept.append([f.line for f in facts]))
    assert verdict.notes[0].startswith("not all was read: pipe:34: this line is not an event")
    assert kept == [[32, 33]]


def test_endless_empty_lines_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_reader, "EMPTY", 100)
    Path("log.gz").write_bytes(gzip.compress(Path(write("log", *WRONG)).read_bytes() + b"\n" * 101))
    verdict = validate_files(["log.gz"])
    assert broken(verdict) == {"no-vote-below-promise": [("log.gz", 3)]}
    assert not verdict.complete
    assert verdict.notes == (
        "not all was read: log.gz:103: 100 empty lines one after the other: this is no log",
    )


# --- a log that cannot be read to its end -------------------------------------------------------


def test_what_the_rest_may_make_right_is_not_judged() -> None:
    """The vote that is missing for the decision may be in the file that is cut off."""
    header = HEADER | {"complete": True}
    boots = [event("boot", node, first=True) for node in "abc"]
    lines = [*boots, vote("a", 1), event("decide", "a", value="x", ballot=1)]
    one = "".join([json.dumps(line) + "\n" for line in (header, *lines)])
    Path("one").write_text(one)
    Path("two.gz").write_bytes(gzip.compress(one.encode())[:-20])
    assert broken(validate_files(["one"])) == {"decided-was-chosen": [("one", 6)]}
    with pytest.raises(TraceError, match=r"^two.gz cannot be read after line"):
        validate_files(["two.gz"])
    Path("more").write_text(one + '{"event":"vote","node":"b","ball')
    with pytest.raises(TraceError, match=r"^more:7: this line is cut off"):
        validate_files(["more"])


# --- one node in several files -------------------------------------------------------------------

PARTS = {
    "numbers": (
        [event("boot", "a", seq=1, first=True), vote("a", 3, seq=2)],
        [vote("a", 5, seq=3), vote("a", 6, seq=4)],
    ),
    "lives": (
        [event("boot", "a", inc=1, seq=1), vote("a", 3, inc=1, seq=2)],
        [event("boot", "a", inc=2, seq=1), vote("a", 5, inc=2, seq=2)],
    ),
    "times": (
        [event("boot", "a", time=1.0), vote("a", 3, time=2.0)],
        [event("boot", "a", time=3.0), vote("a", 5, time=4.0)],
    ),
}


@pytest.mark.parametrize("how", PARTS)
def test_parts_are_put_in_order(how: str) -> None:
    one, two = PARTS[how]
    write("n.log.1", *one)
    write("n.log", *two)
    right = validate_files(["n.log.1", "n.log"])
    assert (right.verdict, right.notes) == ("ok", ())
    lives = 2 if how != "numbers" else 1
    assert right.nodes == {"a": lives}
    wrong = validate_files(["n.log", "n.log.1"])
    assert wrong.notes == ("read in the order of their own numbers or times: n.log.1, n.log",)
    assert (wrong.verdict, wrong.nodes, wrong.files) == ("ok", {"a": lives}, ("n.log.1", "n.log"))


def test_a_part_that_is_missing_shows() -> None:
    write("n.log.1", vote("a", 3, seq=2))
    write("n.log", vote("a", 5, seq=9))
    assert validate_files(["n.log.1", "n.log"]).verdict == "ok"
    write("n.log", vote("a", 1, seq=9))
    assert broken(validate_files(["n.log", "n.log.1"])) == {"no-vote-below-promise": [("n.log", 2)]}


def test_parts_that_nothing_orders_are_refused() -> None:
    write("one", vote("a", 3))
    write("two", vote("a", 5))
    for files in (["one", "two"], ["two", "one"]):
        with pytest.raises(TraceError) as caught:
            validate_files(files)
        assert str(caught.value) == (
            f"{files[1]}:2: the log of a is in {files[0]} and here, and no number or time in it "
            "says which comes first\n"
            "  put them into one file in their order: cat FIRST SECOND > whole.log"
        )
    # As it says: the second header is that of the first.
    Path("whole").write_text(Path("one").read_text() + Path("two").read_text())
    assert validate_files(["whole"]).verdict == "ok"


def test_parts_that_overlap_are_refused() -> None:
    write("one", *[vote("a", n, seq=n) for n in (1, 2, 3)])
    write("two", *[vote("a", n, seq=n) for n in (3, 4)])
    with pytest.raises(TraceError) as caught:
        validate_files(["two", "one"])
    assert str(caught.value) == (
        "two:2: the log of a is in one and goes on here, but this line is not later than that "
        "file\n  give the files of a node in its own order, the oldest first, and each line once"
    )


def test_a_log_that_follows_itself_is_refused() -> None:
    """What is old looks as if it came after what is new: only what came before is judged."""

    def cast(seq: int, ballot: int) -> dict[str, Any]:
        msg = {"type": "accepted", "proposal": {"n": ballot, "value": "x"}}
        return {"seq": seq, "ev": "send", "node": "a", "instance": 1, "to": "l", "msg": msg}

    meta = {"meta": {}, "proposers": ["p"], "acceptors": ["a", "b"], "learners": ["l"]}
    lines = [meta, *[cast(n, n) for n in range(4)]]
    Path("one").write_text("".join([json.dumps(line) + "\n" for line in lines]))
    assert validate_files(["one"]).verdict == "ok"
    Path("twice").write_text(Path("one").read_text() * 2)
    with pytest.raises(TraceError) as caught:
        validate_files(["twice"])
    assert str(caught.value) == (
        "twice:7: event 0 of a comes after its event 3\n"
        "  the lines must be in their own order, and each one once"
    )


def test_the_nodes_may_start_in_any_order() -> None:
    write("one", event("boot", "a", seq=1, time=9.0), vote("a", 3, seq=2, time=9.5))
    write("two", event("boot", "b", seq=1, time=1.0), vote("b", 3, seq=2, time=1.5))
    verdict = validate_files(["one", "two"])
    assert (verdict.files, verdict.notes) == (("one", "two"), ())


def test_one_file_in_two_names() -> None:
    write("one", *WRONG)
    Path("link").symlink_to("one")
    for other in ("one", "./one", "link", str(Path("one").absolute())):
        with pytest.raises(UsageError, match=r"^a file is named twice"):
            validate_files(["one", other])


def test_the_second_part_may_not_say_its_format() -> None:
    meta = {"meta": {}, "proposers": ["p"], "acceptors": ["a", "b"], "learners": ["l"]}

    def cast(seq: int, ballot: int) -> dict[str, Any]:
        msg = {"type": "accepted", "proposal": {"n": ballot, "value": "x"}}
        return {"seq": seq, "ev": "send", "node": "a", "instance": 1, "to": "l", "msg": msg}

    for name, lines in {
        "log": [cast(2, 5), cast(3, 3)],
        "log.1": [meta, cast(0, 1), cast(1, 4)],
    }.items():
        Path(name).write_text("".join([json.dumps(line) + "\n" for line in lines]))
    for files in (["log", "log.1"], ["log.1", "log"]):
        verdict = validate_files(files)
        assert broken(verdict) == {"no-vote-below-promise": [("log", 2)]}
    with pytest.raises(TraceError, match=r"^log: its format is not recognised"):
        validate_files(["log"])
    Path("faults").write_text('{"t": 1, "kill": "a"}\n')
    hint = r"\n  if this file is no log of a node, leave it out$"
    with pytest.raises(TraceError, match=r"^faults:1: this is not a line of the format .*" + hint):
        validate_files(["log.1", "faults"])
    Path("late").write_text(json.dumps(cast(2, 5)) + "\n[]\n")
    with pytest.raises(TraceError, match=r"^late:2: ") as caught:
        validate_files(["log.1", "late"])
    assert "leave it out" not in str(caught.value)


# --- what a member that never appears is ---------------------------------------------------------


def test_members_that_never_appear_are_no_nodes() -> None:
    header = HEADER | {"complete": True}
    write("log", vote("a", 1), event("decide", "a", value="x"))
    Path("log").write_text(Path("log").read_text().replace(json.dumps(HEADER), json.dumps(header)))
    verdict = validate_files(["log"])
    assert verdict.nodes == {"a": 1}


# --- ballots --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ballot", "shown"),
    [("10", "10"), ("8", "8"), (["8", "p"], "8"), ("10.p1", "10.p1"), ([1, "10"], "10")],
)
def test_numbers_as_text_are_refused(ballot: Any, shown: str) -> None:
    for item in (
        vote("a", ballot),
        event("promise", "a", ballot=ballot),
        event("state", "a", state={"promised": ballot}),
        event("state", "a", state={"vote": {"ballot": ballot, "value": "x"}}),
        event("send", "a", to="b", message={"type": "prepare", "ballot": ballot}),
        event("promise", "a", ballot=1, votes=[{"ballot": ballot, "value": "x"}]),
        event("lead", "a", term=ballot),
    ):
        write("log", item)
        with pytest.raises(TraceError) as caught:
            validate_files(["log"])
        where, _, said = str(caught.value).partition(" has the number ")
        assert where.startswith("log:2: ")
        assert said == (
            f'"{shown}" as text, and text is compared letter by letter: "10" is before "9". '
            'Write numbers as numbers, such as 10 or [10, "p1"]'
        )


@pytest.mark.parametrize("ballot", ["b", [3, "p10"], [3, "1"], [3, 10], 10])
def test_ballots_that_compare_as_they_should(ballot: Any) -> None:
    write("log", vote("a", ballot), vote("a", ballot))
    assert validate_files(["log"]).verdict == "ok"
