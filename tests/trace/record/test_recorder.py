"""The recorder: exact lines, restarts, torn lines, threads, and wrapping."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from paxcheck.protocol.errors import UsageError
from paxcheck.record import Recorder, value_text
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.read import TraceError

THREE = ["a1", "a2", "a3"]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_lines_of_a_log_exactly(tmp_path: Path) -> None:
    path = tmp_path / "a1.jsonl"
    held: dict[str, Any] = {"promised": None, "vote": None}
    with Recorder(path, "paxos", THREE, clock=None, complete=True) as log:
        a1 = log.node("a1", state=lambda: held)
        a1.boot(first=True)
        a1.receive("p1", {"type": "prepare", "ballot": (1, "p1")}, mid=1)
        held["promised"] = (1, "p1")
        a1.send("p1", {"type": "promise", "ballot": (1, "p1"), "votes": []}, mid=2)
        a1.state()
        a1.state()  # nothing changed: no line
        held["vote"] = ((1, "p1"), {"b": 1, "a": 2})
        a1.state()
    assert path.read_text().splitlines() == [
        '{"paxcheck":1,"kind":"log","family":["paxos"],"members":["a1","a2","a3"],"complete":true}',
        '{"event":"boot","node":"a1","seq":1,"state":{"promised":null,"vote":null},"first":true}',
        '{"event":"receive","node":"a1","seq":2,"sender":"p1",'
        '"message":{"type":"prepare","ballot":[1,"p1"]},"mid":1}',
        '{"event":"send","node":"a1","seq":3,"to":"p1",'
        '"message":{"type":"promise","ballot":[1,"p1"],"votes":[]},"mid":2}',
        '{"event":"state","node":"a1","seq":4,"state":{"promised":[1,"p1"],"vote":null}}',
        '{"event":"state","node":"a1","seq":5,"state":{"promised":[1,"p1"],'
        '"vote":{"ballot":[1,"p1"],"value":"{\\"a\\":2,\\"b\\":1}"}}}',
    ]


def test_times_are_those_of_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "log"
    ticks = iter([1.5, 2.25])
    with Recorder(path, "lease", THREE, clock=lambda: next(ticks)) as log:
        a1 = log.node("a1")
        a1.lease("a1", until=9.0)
        a1.lease_end()
    assert [line.get("time") for line in lines(path)] == [None, 1.5, 2.25]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (None, None),
        (7, "7"),
        ({"b": 1, "a": (2,)}, '{"a":[2],"b":1}'),
        (range(3), '"range(0, 3)"'),
        ("x" * 101, "sha256:c675a2e604b0cd1229c036e3"),
    ],
)
def test_values_as_texts(value: Any, text: str | None) -> None:
    assert value_text(value) == text


def test_a_restart_continues_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a1.jsonl"
    for first in (True, False):
        with Recorder(path, "paxos", THREE, clock=None) as log:
            log.node("a1").boot(first=first)
    assert [line.get("first") for line in lines(path)] == [None, True, False]
    with pytest.raises(UsageError, match="is there already, and is not this log"):
        Recorder(path, "raft", THREE)


def test_a_torn_line_is_removed_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a1.jsonl"
    with Recorder(path, "paxos", THREE, clock=None) as log:
        a1 = log.node("a1")
        a1.boot(first=True)
        a1.send("p1", {"type": "promise", "ballot": 1, "votes": []})
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(TraceError, match=r"a1.jsonl:3: this line is cut off"):
        validate_files([str(path)])
    with Recorder(path, "paxos", THREE, clock=None) as log:
        log.node("a1").boot()
    assert [line.get("event") for line in lines(path)] == [None, "boot", "lost", "boot"]


@pytest.mark.parametrize("cut", [0, 5])
def test_a_torn_header_is_written_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"paxcheck":1,'[:cut])
    with Recorder(path, "paxos", THREE, clock=None) as log:
        log.node("a1").boot()
    assert [line.get("event") for line in lines(path)] == [None, "boot"]


def test_a_very_long_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    Recorder(path, "paxos", THREE).close()
    header = path.read_bytes()
    path.write_bytes(header + b'{"event":"' + b"x" * 200_000)
    Recorder(path, "paxos", THREE, clock=None).close()
    assert path.read_bytes().splitlines()[0] + b"\n" == header
    assert [line.get("event") for line in lines(path)] == [None, "lost"]


KILLED = """
import sys
from paxcheck.record import Recorder
node = Recorder(sys.argv[1], "paxos", ["a1"]).node("a1")
node.boot()
i = 0
while True:
    i += 1
    node.send("p1", {"type": "promise", "ballot": i, "votes": []})
    if i == 1000:
        print("go", flush=True)
"""


def test_kill_9_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "a1.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"go\n"
        os.kill(child.pid, signal.SIGKILL)
    assert path.read_bytes().endswith(b"}\n")
    verdict = validate_files([str(path)])
    assert verdict.verdict == "ok"
    assert verdict.events >= 1001


def test_threads_are_put_in_one_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with Recorder(path, "paxos", THREE) as log:
        nodes = [log.node(name) for name in THREE]

        def work(k: int) -> None:
            for i in range(500):
                nodes[(k + i) % 3].send("p", {"type": "promise", "ballot": i})

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    written = lines(path)[1:]
    assert len(written) == 2000
    for name in THREE:
        mine = [line["seq"] for line in written if line["node"] == name]
        assert mine == list(range(1, len(mine) + 1))


class Box:
    """An implementation: it knows nothing of the recorder."""

    def __init__(self) -> None:
        self.promised = 0
        self.out: list[tuple[str, str, int]] = []

    def send(self, to: str, kind: str, ballot: int) -> None:
        self.out.append((to, kind, ballot))

    def on_prepare(self, sender: str, ballot: int) -> str:
        if ballot < 0:
            raise ValueError(ballot)
        self.promised = max(self.promised, ballot)
        self.send(sender, "promise", self.promised)
        return "done"

    async def later(self, ballot: int) -> int:
        await asyncio.sleep(0)
        self.promised = ballot
        return ballot


def wrapped(tmp_path: Path) -> tuple[Recorder, Box]:
    log = Recorder(tmp_path / "log", "paxos", THREE, clock=None)
    box = Box()
    node = log.node("a1", state=lambda: {"promised": box.promised})
    node.boot(first=True)
    node.wrap_send(
        box, "send", lambda to, kind, ballot: (to, {"type": kind, "ballot": ballot}, len(box.out))
    )
    node.wrap_receive(
        box, "on_prepare", lambda sender, ballot: (sender, {"type": "prepare", "ballot": ballot})
    )
    node.wrap_state(box, "later")
    return log, box


def test_wrapping_tells_messages_and_the_state_after_them(tmp_path: Path) -> None:
    log, box = wrapped(tmp_path)
    assert box.on_prepare("p1", 4) == "done"
    assert asyncio.run(box.later(5)) == 5
    log.close()
    assert box.on_prepare("p1", 6) == "done"  # not recorded any more
    assert vars(box).keys() == {"promised", "out"}
    told = [(line["event"], line.get("mid"), line.get("state")) for line in lines(log.path)[1:]]
    assert told == [
        ("boot", None, {"promised": 0}),
        ("receive", None, None),
        ("send", 0, None),
        ("state", None, {"promised": 4}),
        ("state", None, {"promised": 5}),
    ]


def test_a_class_is_wrapped_for_all_its_objects(tmp_path: Path) -> None:
    seen: list[tuple[Any, ...]] = []
    original = Box.send
    with Recorder(tmp_path / "log", "paxos", THREE) as log:
        log.wrap(Box, "send", before=lambda *args: seen.append(args))
        box = Box()
        box.send("p1", "promise", 3)
    assert Box.send is original
    assert seen == [(box, "p1", "promise", 3)]


def test_an_exception_of_the_implementation_passes_through(tmp_path: Path) -> None:
    log, box = wrapped(tmp_path)
    with pytest.raises(ValueError, match="-1"):
        box.on_prepare("p1", -1)
    log.close()
    assert [line["event"] for line in lines(log.path)[1:]] == ["boot", "receive"]


class Slotted:
    __slots__ = ()

    def send(self) -> None: ...


def test_what_cannot_be_recorded_is_said(tmp_path: Path) -> None:
    with Recorder(tmp_path / "log", "paxos", THREE) as log:
        node = log.node("a1")
        with pytest.raises(UsageError, match="the log of a1 is kept already"):
            log.node("a1")
        with pytest.raises(UsageError, match="has no method 'gone'"):
            log.wrap(Box(), "gone")
        with pytest.raises(UsageError, match="wrap it on its class"):
            log.wrap(Slotted(), "send")
        with pytest.raises(UsageError, match="there is no field `balot` in `message`"):
            node.send("p1", {"type": "promise", "balot": 1})
        with pytest.raises(
            UsageError, match=r"`message\.index` is a text, and must be a whole number or null"
        ):
            node.send("p1", {"type": "appended", "index": "7"})
        with pytest.raises(UsageError, match="no event is called 'vot'"):
            node.event("vot")
        node.boot()
    with pytest.raises(UsageError, match="is closed"):
        node.boot()
    assert [line.get("seq") for line in lines(tmp_path / "log")] == [None, 1]  # none was lost
    with pytest.raises(
        UsageError, match=r"`family\[0\]` is 'pax', and must be one of: lease, paxos, raft"
    ):
        Recorder(tmp_path / "other", "pax")
    with pytest.raises(
        UsageError, match="the members 'a1' are a text, and must be a list of names"
    ):
        Recorder(tmp_path / "other", "paxos", "a1")
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        Recorder(tmp_path, "paxos")


def test_a_state_that_waits_for_a_lock_of_its_own_is_no_deadlock(tmp_path: Path) -> None:
    """One thread sends inside its lock; another asks for the state, which waits for that lock."""
    mine = threading.Lock()
    asked, sending = threading.Event(), threading.Event()

    def held() -> dict[str, Any]:
        asked.set()
        sending.wait(5)
        with mine:
            return {"promised": 7}

    with Recorder(tmp_path / "log", "paxos", THREE, clock=None) as log:
        node = log.node("a1", state=held)

        def send() -> None:
            with mine:
                asked.wait(5)
                sending.set()
                node.send("p1", {"type": "promise", "ballot": 7})

        threads = [threading.Thread(target=send, daemon=True)]
        threads += [threading.Thread(target=node.state, daemon=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert not any(thread.is_alive() for thread in threads)
    assert [line["event"] for line in lines(tmp_path / "log")[1:]] == ["send", "state"]


def test_of_two_states_the_older_is_not_written_last(tmp_path: Path) -> None:
    """The first thread has seen 1, and is slow; meanwhile the second sees 2 and writes it."""
    promised = [1]
    slow, go_on = threading.Event(), threading.Event()

    def held() -> dict[str, Any]:
        seen = promised[0]
        if threading.current_thread().name == "slow" and not go_on.is_set():
            slow.set()
            go_on.wait(5)
        return {"promised": seen}

    with Recorder(tmp_path / "log", "paxos", THREE, clock=None) as log:
        node = log.node("a1", state=held)
        thread = threading.Thread(target=node.state, name="slow")
        thread.start()
        assert slow.wait(5)
        promised[0] = 2
        node.state()
        go_on.set()
        thread.join(5)
    assert [line["state"] for line in lines(tmp_path / "log")[1:]] == [{"promised": 2}]


def test_logical_clocks_are_written_and_judged(tmp_path: Path) -> None:
    """A vector clock given with each message, a Lamport clock asked of the node."""
    path = tmp_path / "log"
    ticks = iter([1, 2, 9, 3])
    with Recorder(path, "paxos", THREE, clock=None) as log:
        a1 = log.node("a1", logical_clock=lambda: next(ticks))
        a2 = log.node("a2")
        a1.vote(1, "x")
        a1.send("a2", {"type": "hello"}, mid=1)
        a2.receive("a1", {"type": "hello"}, mid=1, clock=2)
        a1.vote(2, "x")
        a1.vote(3, "x")
    written = lines(path)[1:]
    assert [(line["node"], line["clock"]) for line in written] == [
        ("a1", 1),
        ("a1", 2),
        ("a2", 2),
        ("a1", 9),
        ("a1", 3),
    ]
    answer = validate_files([str(path)]).of("clock-consistency")
    assert answer is not None
    assert [(v.line, v.message) for v in answer.violations] == [
        (4, "a2 receives message 1 at 2, and it was sent at 2"),
        (6, "a1's clock was 9, and now it is 3"),
    ]
