"""Logs that grow, are rotated, cut, or come late: what is told, and when."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paxcheck.protocol.errors import PaxcheckError, UsageError
from paxcheck.trace.lines import TraceError
from paxcheck.trace.observe import follow, tail
from paxcheck.trace.observe.follow import follow_files
from paxcheck.trace.observe.verdict import TraceVerdict, Violation

HEADER = {"paxcheck": 1, "kind": "log", "family": ["paxos"], "members": ["a", "b", "c"]}


def vote(ballot: int, node: str = "a", **more: Any) -> dict[str, Any]:
    return {"event": "vote", "node": node, "ballot": ballot, "value": "x", **more}


def add(name: str, *lines: dict[str, Any]) -> None:
    with Path(name).open("a") as out:
        out.write("".join([json.dumps(line) + "\n" for line in lines]))


class Watch:
    """A watch in a thread of its own."""

    def __init__(self, *files: str, **options: Any) -> None:
        self.told: list[Violation] = []
        self.stop = threading.Event()
        self.found: TraceVerdict | PaxcheckError | None = None
        self.thread = threading.Thread(target=self._run, args=[files, options])
        self.thread.start()

    def _run(self, files: tuple[str, ...], options: dict[str, Any]) -> None:
        try:
            self.found = follow_files(files, tell=self.told.append, stop=self.stop, **options)
        except PaxcheckError as problem:
            self.found = problem

    def until(self, what: Callable[[], object]) -> None:
        end = time.monotonic() + 20
        while not what():
            assert time.monotonic() < end, "it did not come"
            time.sleep(0.01)

    def tells(self, count: int) -> list[int]:
        """Wait for so many violations; their lines."""
        self.until(lambda: len(self.told) >= count)
        return [violation.line for violation in self.told]

    def ended(self) -> TraceVerdict | PaxcheckError:
        self.stop.set()
        self.thread.join(20)
        assert self.found is not None
        return self.found

    def verdict(self) -> TraceVerdict:
        found = self.ended()
        assert isinstance(found, TraceVerdict), found
        return found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tail, "POLL", 0.01)
    monkeypatch.setattr(follow, "POLL", 0.01)


def pause() -> None:
    time.sleep(0.1)  # ten looks


def test_a_file_that_is_not_there_yet_is_waited_for() -> None:
    watch = Watch("log")
    pause()
    Path("log").touch()
    pause()
    add("log", HEADER, vote(5), vote(3))
    assert watch.tells(1) == [3]
    verdict = watch.verdict()
    assert (verdict.verdict, verdict.events, verdict.notes) == ("violated", 3, ())


def test_a_quiet_file_holds_up_nobody() -> None:
    Path("quiet").touch()
    watch = Watch("quiet", "log")
    add("log", HEADER, vote(5), vote(3))
    assert watch.tells(1) == [3]
    add("quiet", HEADER, vote(5, "b"), vote(4, "b"))
    watch.tells(2)
    assert [(v.file, v.line) for v in watch.told] == [("log", 3), ("quiet", 3)]
    assert watch.verdict().nodes == {"a": 1, "b": 1}


def test_a_log_that_is_renamed_goes_on_in_the_new_file() -> None:
    """What the node held before is still known; the end of the old file is read first."""
    add("log", HEADER, vote(5), vote(3))
    watch = Watch("log", all_of_them=True)
    watch.tells(1)
    with Path("log").open("a") as old:  # the writer still has it
        Path("log").rename("log.1")
        pause()
        old.write(json.dumps(vote(7)) + "\n")
    add("log", vote(6))
    assert watch.tells(2) == [3, 1]
    assert watch.told[1].message == "a had voted in 7, and votes x@6"
    verdict = watch.verdict()
    found = verdict.of("no-vote-below-promise")
    assert found is not None
    assert [violation.line for violation in found.violations] == [1, 3]
    # The lines of the old file are not those of the new one: nothing is quoted.
    assert {m.text for v in found.violations for m in v.evidence} == {""}


def test_a_log_that_is_cut_goes_on_with_a_note() -> None:
    add("log", HEADER, *[vote(n) for n in range(1, 30)])
    watch = Watch("log")
    pause()
    Path("log").write_text("")
    pause()
    add("log", vote(40), vote(3))
    assert watch.tells(1) == [2]
    verdict = watch.verdict()
    assert not verdict.complete
    assert verdict.notes == ("log:30: after this line the file was cut, and lines may be gone",)


def test_the_end_of_a_line_is_waited_for() -> None:
    add("log", HEADER, vote(5))
    watch = Watch("log")
    text = json.dumps(vote(3)) + "\n"
    for part in (text[:9], text[9:20], text[20:]):
        pause()
        assert watch.told == []
        with Path("log").open("a") as out:
            out.write(part)
    assert watch.tells(1) == [3]
    assert watch.verdict().events == 3


def test_a_number_that_comes_twice_is_an_error_at_the_end() -> None:
    def cast(seq: int, ballot: int) -> dict[str, Any]:
        msg = {"type": "accepted", "proposal": {"n": ballot, "value": "x"}}
        return {"seq": seq, "ev": "send", "node": "a", "instance": 1, "to": "l", "msg": msg}

    meta = {"meta": {}, "proposers": ["p"], "acceptors": ["a", "b"], "learners": ["l"]}
    add("log", meta, cast(0, 1), cast(1, 2), cast(1, 3))
    watch = Watch("log")
    pause()
    assert str(watch.ended()) == (
        "log:4: event 1 of a comes after its event 1\n"
        "  the lines must be in their own order, and each one once"
    )
    add("log", cast(2, 1))
    watch = Watch("log")
    watch.tells(1)
    verdict = watch.verdict()
    assert verdict.verdict == "violated"
    assert verdict.notes == (
        "the lines are not in order: log:4: event 1 of a comes after its event 1 "
        "(the lines must be in their own order, and each one once)",
    )


def test_an_error_after_a_violation_is_a_note() -> None:
    add("log", HEADER, vote(5), vote(3))
    watch = Watch("log")
    watch.tells(1)
    with Path("log").open("a") as out:
        out.write("nonsense\n")
    watch.thread.join(20)
    verdict = watch.verdict()
    assert verdict.exit_code == 1
    assert verdict.notes == (
        "not all was read: log:4: this line is not an event of a native log: "
        "it is not JSON: invalid character (byte 4)",
    )


@pytest.mark.parametrize(
    ("content", "kind", "answer"),
    [
        (gzip.compress(b"x\n" * 99), UsageError, "log is zipped: it does not grow line by line"),
        (b"hello\n" * 20, TraceError, "log: its format is not recognised by its first lines"),
        (json.dumps(HEADER).encode("utf-16") + b"\n", TraceError, "log:1: this file is UTF-16"),
        (json.dumps(HEADER).encode() + b"\n\xff\n", TraceError, "log:2: this line is not UTF-8"),
        (b"", TraceError, "no line came that could be read"),
    ],
)
def test_what_cannot_be_followed(content: bytes, kind: type, answer: str) -> None:
    Path("log").write_bytes(content)
    watch = Watch("log")
    if content:
        watch.thread.join(20)
    else:
        pause()
    found = watch.ended()
    assert isinstance(found, kind)
    assert str(found).startswith(answer)


def test_a_node_in_two_files_is_refused() -> None:
    add("one", HEADER, vote(5))
    watch = Watch("one", "two")
    pause()
    add("two", HEADER, vote(3))
    watch.thread.join(20)
    assert str(watch.ended()) == (
        "a is in one and in two, and nobody knows in which order\n  follow only the file that grows"
    )


def test_files_of_different_systems_are_refused() -> None:
    add("one", HEADER, vote(5))
    watch = Watch("one", "two")
    pause()
    add("two", HEADER | {"members": ["a"]}, vote(3, "b"))
    watch.thread.join(20)
    assert str(watch.ended()).startswith("the headers of one and two differ")
