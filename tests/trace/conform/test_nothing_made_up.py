"""What the fast ways of a replay must not take for said, or for known: each was a wrong answer."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paxcheck.protocol import Message, Node, Protocol, Record, action, durable, invariant
from paxcheck.protocol.errors import ModelError
from paxcheck.protocol.messages import Envelope, stamped
from paxcheck.protocol.system import System
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.conform.ahead import second
from paxcheck.trace.conform.transit import BagTransit
from paxcheck.trace.conform.typed import decoder_of
from paxcheck.trace.lines import TraceError
from paxcheck.trace.read import open_trace

Line = dict[str, Any]


class Inner(Record):
    a: int
    rest: tuple[Inner, ...] = ()


class Told(Message):
    x: int


class Known(Message):
    x: int
    y: int = 0


class Nested(Message):
    inner: Inner


class Typed(Message):
    type: str


class Small(Message):
    x: int

    def __post_init__(self) -> None:
        assert self.x < 100


class Alone(Node):
    """It handles one class of messages."""

    n: int = durable(0)

    @action
    def go(self) -> None:
        if self.n < 300:
            self.n += 1
            self.broadcast(Told(self.n))

    def on_told(self, msg: Told) -> None:
        self.n += 1


class Telling(Node):
    n: int = durable(0)

    @action
    def tell(self) -> None:
        self.broadcast(Known(1))

    def on_known(self, msg: Known) -> None:
        self.n = msg.x

    def on_told(self, msg: Told) -> None:
        self.n = msg.x


class Nesting(Node):
    n: int = durable(0)

    @action
    def nest(self) -> None:
        self.broadcast(Nested(Inner(1, (Inner(2),))))

    def on_nested(self, msg: Nested) -> None:
        self.n = msg.inner.a


class Refusing(Node):
    n: int = durable(0)

    @action
    def small(self) -> None:
        self.broadcast(Small(1))

    def on_small(self, msg: Small) -> None:
        self.n = msg.x


class Server(Node):
    n: int = durable(0)

    @action
    def remind(self) -> None:
        self.n = 7
        self.send(self.name, Told(1))

    def on_told(self, msg: Told) -> None:
        self.send(self.name, Told(msg.x))


class Publishing(Node):
    n: int = durable(0)

    @action
    def note(self) -> None:
        self.publish(Told(5))

    def on_told(self, msg: Told) -> None:
        self.n = msg.x


class Asking(Publishing):
    @action
    def count(self) -> None:
        if len(self.sent(Told)) == 1:
            self.n = 1


class Naming(Node):
    n: int = durable(0)

    @action
    def go(self) -> None:
        self.broadcast(Typed("Other"))

    def on_typed(self, msg: Typed) -> None:
        self.n += 1


class Two(Protocol):
    kind: type[Node] = Alone

    def nodes(self) -> list[Node]:
        return [self.kind("a"), self.kind("b")]


def two(of: type[Node], network: str) -> Protocol:
    """A system of two such nodes."""
    made = type(f"Two{of.__name__}", (Two,), {"kind": of, "__module__": __name__})
    return made(network=network)


def written(tmp_path: Path, lines: list[Line | str], end: str = "\n", **header: Any) -> str:
    path = tmp_path / "run.jsonl"
    rows: list[Any] = [{"paxcheck": 1, "complete": True, **header}, *lines]
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(texts) + end, encoding="utf-8")
    return str(path)


def result(tmp_path: Path, of: Protocol, *lines: Line | str) -> Conformance:
    return conform(open_trace(written(tmp_path, list(lines)), "t"), System(of), of.properties())


def act(node: str, name: str, message: Line | None = None, to: str = "", **more: Any) -> Line:
    sent = [] if message is None else [{"to": [to], "message": message}]
    return {"event": "act", "node": node, "action": name, "sent": sent, **more}


def deliver(node: str, message: Line, **more: Any) -> Line:
    return {"event": "deliver", "node": node, "message": message, "sent": [], **more}


# What is read of a line ------------------------------------------------------------------------


def test_a_field_with_a_default_is_left_out(tmp_path: Path) -> None:
    """One key too few, and one too many, that says nothing: what is left out was not said."""
    known = {"type": "Known", "sender": "a", "x": 1}
    of = two(Telling, "set")
    full = result(tmp_path, of, act("a", "tell", known | {"y": 0}, "b"))
    assert full.verdict == "holds"
    for more in ({"note": None}, {}):
        line = act("a", "tell", known, "b", **more)
        assert result(tmp_path, of, line).verdict == "violated"
    line = act("a", "tell", known | {"z": 0}, "b")
    assert result(tmp_path, of, line).verdict == "violated"


def test_a_key_is_there_twice_and_another_one_left_out(tmp_path: Path) -> None:
    line = json.dumps(act("a", "tell", {"type": "Known", "sender": "a", "x": 1}, "b"))
    with pytest.raises(TraceError, match="the key 'node' twice"):
        result(tmp_path, two(Telling, "set"), line.replace('"node"', '"node": "b", "node"'))


@pytest.mark.parametrize("left_out", ["sender", "type"])
def test_what_every_message_has_is_left_out(tmp_path: Path, left_out: str) -> None:
    of = two(Alone, "bag")
    message = {"type": "Told", "sender": "a", "x": 1}
    went = act("a", "go", dict(message), "b", state={"n": 1})
    del message[left_out]
    lines = [went, deliver("b", message, note=None, state={"n": 1})]
    assert decoder_of(System(of)) is not None
    if left_out == "type":
        with pytest.raises(TraceError, match="a message needs its type"):
            result(tmp_path, of, *lines)
    else:
        found = result(tmp_path, of, *lines)
        assert (found.verdict, found.hidden, found.causality.unsent) == ("holds", (), ())


def test_a_clock_that_goes_back_at_a_delivery(tmp_path: Path) -> None:
    message = {"type": "Told", "sender": "a", "x": 1}
    went = act("a", "go", message, "b", clock=5)
    found = result(tmp_path, two(Alone, "bag"), went, deliver("b", message, clock=5))
    (broken,) = found.broken
    assert broken.reason == "b takes this Told at 5, and it was sent at 5"


def test_a_field_called_type_is_no_name_of_a_class(tmp_path: Path) -> None:
    message: Line = {"type": "Other", "sender": "a"}
    lines = [act("a", "go", message, "b"), deliver("b", message, state={"n": 1})]
    found = result(tmp_path, two(Naming, "bag"), *lines)
    assert found.refusal is not None
    assert found.refusal.reason == "b has no handler for Other; it takes Typed"
    message["type"] = 1
    with pytest.raises(TraceError, match="a message needs its type"):
        result(tmp_path, two(Naming, "bag"), *lines)


def test_a_record_that_holds_records_of_its_class(tmp_path: Path) -> None:
    inner = {"a": 1, "rest": [{"a": 2, "rest": []}]}
    message = {"type": "Nested", "sender": "a", "inner": inner}
    lines = [act("a", "nest", message, "b"), deliver("b", message, state={"n": 1})]
    assert result(tmp_path, two(Nesting, "set"), *lines).verdict == "holds"


def test_a_message_that_its_class_refuses(tmp_path: Path) -> None:
    message = {"type": "Small", "sender": "a", "x": 1}
    lines = [act("a", "small", message, "b"), deliver("b", message | {"x": 100})]
    found = result(tmp_path, two(Refusing, "set"), *lines)
    assert found.refusal is not None
    assert found.refusal.line == 3


# What is a step --------------------------------------------------------------------------------


def test_what_is_published_has_no_receiver(tmp_path: Path) -> None:
    message = {"type": "Told", "sender": "a", "x": 5}
    line = act("a", "note", message)
    assert result(tmp_path, two(Publishing, "set"), line).verdict == "violated"
    line["sent"][0]["to"] = []
    assert result(tmp_path, two(Publishing, "set"), line).verdict == "holds"


def test_who_sends_again_just_what_it_took_does_nothing(tmp_path: Path) -> None:
    message = {"type": "Told", "sender": "a", "x": 1}
    again = deliver("a", message) | {"sent": [{"to": ["a"], "message": message}]}
    found = result(tmp_path, two(Server, "bag"), act("a", "remind", message, "a"), again)
    assert found.refusal is not None
    assert found.refusal.reason == "the delivery of Told to a does nothing in the model"


def test_what_is_taken_and_sent_again_is_the_latest() -> None:
    net = BagTransit()
    one, two = [Envelope("a", stamped(Told(x), "a")) for x in (1, 2)]
    state = net.send(net.empty, [one, two])
    assert net.latest(net.after(state, one, [one]), "a", 1) == ([one], True)


def test_an_action_asks_what_was_sent(tmp_path: Path) -> None:
    note = act("a", "note", {"type": "Told", "sender": "a", "x": 5})
    note["sent"][0]["to"] = []
    count = act("b", "count", state={"n": 1})
    assert result(tmp_path, two(Asking, "set"), note, count).verdict == "holds"
    found = result(tmp_path, two(Asking, "set"), count)
    assert found.refusal is not None
    assert found.refusal.reason == "b.count does nothing in the model"


# A second process ------------------------------------------------------------------------------


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int | None]]:
    """All files are long; how many events were taken over: -1 for Again."""
    if sys.platform != "linux":
        pytest.skip("a second process is for Linux")
    found: list[int | None] = []
    take = second.Ahead.take

    def noting(self: second.Ahead, *args: Any) -> int | None:
        found.append(-1)
        found[-1] = take(self, *args)
        return found[-1]

    monkeypatch.setattr(second.Ahead, "take", noting)
    monkeypatch.setattr(second, "LEAST", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})  # also where there is but one
    yield found
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def going(count: int) -> list[Line | str]:
    """Both nodes act, one after the other; nothing is delivered."""
    lines: list[Line | str] = []
    for n in range(1, count + 1):
        for node, other in (("a", "b"), ("b", "a")):
            message = {"type": "Told", "sender": node, "x": n}
            lines.append(act(node, "go", message, other, state={"n": n}))
    return lines


def replayed(path: str, of: Protocol) -> Conformance:
    return conform(open_trace(path, "t"), System(of), of.properties())


def test_a_last_line_without_an_end_is_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: list[int | None]
) -> None:
    lines = going(20)
    lines[-1] = act("b", "go", None, state={"n": 20})
    monkeypatch.setattr(second, "SHARE", 0.999)
    found = replayed(written(tmp_path, lines, end=""), two(Alone, "bag"))
    assert found.refusal is not None
    assert found.refusal.line == len(lines) + 1
    assert ahead == []


def test_events_that_are_not_those_of_the_file(tmp_path: Path, ahead: list[int | None]) -> None:
    trace = open_trace(written(tmp_path, going(20)), "t")
    events = list(trace.events)
    shown = replace(trace, events=(*events[:-1], events[0]))
    assert conform(shown, System(two(Alone, "bag"))).verdict == "violated"
    assert ahead == []


class Counting(Node):
    n: int = durable(0)

    @action
    def go(self) -> None:
        if self.n < 1000:
            self.n += 1
            self.broadcast(Told(self.n))

    @action
    def count(self) -> None:
        if len(self.sent(Told)) <= 12:
            self.n += 100

    def on_told(self, msg: Told) -> None:
        self.n += 1


def test_an_action_asks_for_what_was_sent_before_the_boundary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: list[int | None]
) -> None:
    monkeypatch.setattr(second, "SHARE", 0.9)
    lines = [*going(20), act("a", "count", state={"n": 120})]
    found = replayed(written(tmp_path, lines), two(Counting, "set"))
    assert found.refusal is not None
    assert found.refusal.line == len(lines) + 1
    assert ahead == [-1]


class Looking(Two):
    kind = Alone

    @invariant
    def sent(self, world: Any) -> bool:
        """From some state on there is a message."""
        if world["a"].n == 19:
            assert [m for m in world.sent(Told) if m.x == 19]
        return True


@pytest.mark.parametrize("last", [[], [{"event": "crash", "node": "a"}]])
def test_a_property_looks_at_messages_behind_the_boundary(
    tmp_path: Path, ahead: list[int | None], last: list[Line | str]
) -> None:
    """It would fail for what the first process does not know; so all is done again."""
    path = written(tmp_path, [*going(20), *last])
    if last:
        found = replayed(path, Looking(network="bag"))
        assert found.refusal is not None
        assert found.refusal.reason.startswith("the fault crash is not switched on")
    else:
        assert replayed(path, Looking(network="bag")).verdict == "holds"
    assert ahead == [-1]


class Truth(Node):
    n: int = durable(0)
    flag: int = durable(False)

    @action
    def go(self) -> None:
        if self.n < 1000:
            self.n += 1
            self.broadcast(Told(self.n))

    @action
    def look(self) -> None:
        self.n += 1 if self.flag is False else 2

    def on_told(self, msg: Told) -> None:
        self.n += 1


def test_false_is_not_zero_at_the_boundary(tmp_path: Path, ahead: list[int | None]) -> None:
    """They are equal, so a trace may say 0; but a handler may do something else."""
    lines = going(20)
    for line in lines:
        assert isinstance(line, dict)
        line["state"]["flag"] = 0
    lines.append(act("a", "look", state={"n": 22, "flag": 0}))
    assert replayed(written(tmp_path, lines), two(Truth, "bag")).verdict == "violated"
    assert ahead == [None]


SEEN: set[int] = set()


class Remembering(Alone):
    def on_told(self, msg: Told) -> None:
        self.n += 1
        SEEN.add(1)


def test_a_global_that_changed_before_all_is_done_again(
    tmp_path: Path, ahead: list[int | None]
) -> None:
    SEEN.clear()
    goes = [line for line in going(20) if isinstance(line, dict) and line["node"] == "a"]
    taken = deliver("b", {"type": "Told", "sender": "a", "x": 1}, state={"n": 1})
    lines: list[Line | str] = [goes[0], taken, *goes[1:]]
    lines.append({"event": "state", "node": "a"})
    with pytest.raises(ModelError, match="the global SEEN changes"):
        replayed(written(tmp_path, lines), two(Remembering, "bag"))
    assert ahead == [-1]


def no_room(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda patch: patch.setattr(tempfile, "TemporaryFile", no_room),
        lambda patch: patch.setattr(os, "fork", no_room),
    ],
    ids=["no file", "no process"],
)
def test_there_is_no_room_for_a_second_process(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ahead: list[int | None],
    spoil: Callable[[pytest.MonkeyPatch], None],
) -> None:
    spoil(monkeypatch)
    assert replayed(written(tmp_path, going(20)), two(Alone, "bag")).verdict == "holds"
    assert ahead == []


def test_nobody_waits_for_children(tmp_path: Path, ahead: list[int | None]) -> None:
    """Some shells and daemons ignore the signal of children; what they run does, too."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        found = replayed(written(tmp_path, going(200)), two(Alone, "bag"))
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert found.verdict == "holds"
    assert ahead[0] is not None
    assert ahead[0] > 0
