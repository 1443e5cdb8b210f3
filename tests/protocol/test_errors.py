"""Every error of the language: its text, its place and its advice."""

import random
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from paxcheck.engine.reference import explore
from paxcheck.loading import load_model
from paxcheck.protocol import PaxcheckError, System

HEAD = """\
from paxcheck import *
class Ping(Message):
    n: int
class Pong(Message):
    n: int
"""
TAIL = """
class Test(Protocol):
    def nodes(self):
        return [A("a"), B("b")]
"""
B = """
class B(Node):
    x: int = durable(0)
    def on_ping(self, msg: Ping): self.x = msg.n
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def write_model(body: str) -> Path:
        # A name of its own, since modules are kept by name.
        path = tmp_path / f"m{random.randrange(10**12)}.py"
        path.write_text(HEAD + textwrap.dedent(body) + B + TAIL)
        return path

    return write_model


def error_of(path: Path, line: int) -> str:
    """What loading and checking the model says, after file and line were compared."""
    with pytest.raises(PaxcheckError) as caught:
        explore(System(load_model(str(path)).protocol()))
    assert caught.value.where is not None
    assert (Path(caught.value.where.file).name, caught.value.where.line) == (path.name, line)
    text = str(caught.value)
    prefix = f"{path.name}:{line}: "
    assert text.startswith(prefix)
    return text.removeprefix(prefix).replace(path.name, "FILE")


def action(body: str) -> str:
    """A node A with one action whose body starts in line 10."""
    return f"""
class A(Node):
    y: int = durable(0)
    @action
    def go(self):
        {body}
"""


CASES = {
    "two handlers": (
        """
        class A(Node):
            def on_ping(self, msg: Ping): pass
            def on_other(self, msg: Ping): pass
        """,
        9,
        "A has two handlers for Ping: on_ping and on_other\n"
        "  keep one of them, or let one call the other",
    ),
    "handler without a message": (
        """
        class A(Node):
            def on_ping(self, msg): pass
        """,
        8,
        "A.on_ping does not say which message it handles\n"
        "  def on_ping(self, msg: SomeMessage) -> None",
    ),
    "handler with too much": (
        """
        class A(Node):
            def on_ping(self, msg: Ping, more: int): pass
        """,
        8,
        "A.on_ping must take self and one message\n  def on_ping(self, msg: SomeMessage) -> None",
    ),
    "rule without a sentence": (
        """
        class A(Node):
            @rule
            def fine(self): return True
        """,
        8,
        "rule A.fine has no docstring\n"
        "  state the rule in one sentence: it is what a refusal prints",
    ),
    "field without a kind": (
        """
        class A(Node):
            z: int = 3
        """,
        8,
        "A.z does not say how it is remembered\n"
        "  z: ... = durable(...), volatile(...), ghost() or constant()",
    ),
    "unhandled message": (
        action('self.send("b", Pong(1))'),
        11,
        "b has no handler for Pong, sent by a\n  add to its class: def on_pong(self, msg: Pong)",
    ),
    "broadcast to nobody": (
        action("self.broadcast(Pong(1))"),
        11,
        "a broadcasts Pong, which no other node handles\n"
        "  add a handler, or publish() it if only properties ask for it",
    ),
    "no such node": (
        action('self.send("c", Ping(1))'),
        11,
        "a sends Ping to 'c', and there is no such node\n  the nodes are a, b",
    ),
    "not a message": (
        action('self.send("b", 5)'),
        11,
        "A.go sends 5, which is not a Message\n  class Something(Message): ...",
    ),
    "mutable value in a message": (
        action('self.send("b", Ping([1]))'),
        11,
        "Ping.n is a list, which can change after it was sent or stored\n  use a tuple instead",
    ),
    "undeclared field": (
        action("self.z = 1"),
        11,
        "A has no field `z`\n  declare it in the class: z: ... = durable(...) or volatile(...)",
    ),
    "a value that no state can hold": (
        action("self.y = 1.5"),
        9,
        "A.y is a float, which cannot be part of a state\n"
        "  use None, bool, int, str, bytes, an Enum, a Record, a tuple or a frozenset",
    ),
    "a counter": (
        "import itertools\nCOUNT = itertools.count()\n" + action("self.y = next(COUNT)"),
        11,
        "A.go is not deterministic: run twice on the same state it did two things\n"
        "  random numbers, clocks, global variables and the order of a set must not decide a "
        "step; use self.choose(...) for a free choice",
    ),
    "syntax": ("class A(Node)\n", 6, "the model is not valid Python: expected ':'"),
    "failing module": (
        "1 / 0\n",
        6,
        "the model fails while it is loaded: ZeroDivisionError: division by zero\n"
        "  FILE:6 in <module>: 1 / 0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_error(name: str, write: Write) -> None:
    body, line, text = CASES[name]
    path = write(body)
    assert error_of(path, line) == text


FIELDS = """
class A(Node):
    c: int = constant(5)
    g: set[int] = ghost()
    @action
    def go(self):
        {body}
"""


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "self.c = 6",
            "A.c is a constant and cannot change\n"
            "  a value that changes is durable(...) or volatile(...)",
        ),
        ("self.g = {1}", "A.g is a ghost field: handlers may only add to it\n  self.g.add(...)"),
        (
            "x = len(self.g)",
            "g is a ghost field: handlers may only add to it\n"
            "  a value that the protocol needs is durable(...) or volatile(...)",
        ),
        (
            "x = 1 in self.g",
            "g is a ghost field: handlers may only add to it\n"
            "  a value that the protocol needs is durable(...) or volatile(...)",
        ),
        (
            "x = self.sent(Ping)\n        self.publish(Pong(1))\n        self.z = 1",
            "A has no field `z`\n  declare it in the class: z: ... = durable(...) or volatile(...)",
        ),
    ],
)
def test_constants_and_ghosts(body: str, text: str, write: Write) -> None:
    path = write(FIELDS.format(body=body))
    line = 12 + body.count("\n")
    assert error_of(path, line) == text


def test_a_handler_may_not_ask_what_was_sent(write: Write) -> None:
    path = write(
        """
        class A(Node):
            @action
            def go(self): self.send("a", Pong(1))
            def on_pong(self, msg: Pong): self.sent(Ping)
        """
    )
    assert error_of(path, 10) == (
        "A.on_pong asks which Ping messages were sent\n"
        "  only an action may ask, and only in a set network (network = 'set')"
    )


def test_a_question_names_fields_that_the_message_has(write: Write) -> None:
    path = write(
        """
        class A(Node):
            @action
            def go(self): self.sent(Ping, m=1)
        """
    )
    assert error_of(path, 9) == (
        "A.go asks for Ping messages by their 'm', and they have no such field\n"
        "  their fields: sender, n"
    )


@pytest.mark.parametrize("network", ["bag", "fifo"])
def test_publish_and_sent_need_a_set_network(network: str, write: Write) -> None:
    for body, text in [
        ("self.publish(Pong(1))", "publish() needs a set network, where a message stays for ever"),
        ("self.sent(Pong)", "A.go asks which Pong messages were sent"),
    ]:
        protocol = load_model(str(write(action(body)))).protocol(network=network)
        with pytest.raises(PaxcheckError) as caught:
            explore(System(protocol))
        assert caught.value.message == text


def test_a_named_tuple_is_refused(write: Write) -> None:
    path = write(
        """
        from collections import namedtuple
        P = namedtuple("P", "n")
        class A(Node):
            y: object = durable(None)
            @action
            def go(self): self.send("b", Ping(P(1)))
        """
    )
    assert error_of(path, 12) == (
        "Ping.n is a named tuple (P): it equals every other tuple with the same parts\n"
        "  make it a record: class P(Record)"
    )


def test_an_exception_is_a_counterexample_with_the_models_own_lines(write: Write) -> None:
    path = write(
        """
        def helper(n): return 1 // n
        class A(Node):
            @action
            def go(self): self.send("a", Pong(0))
            def on_pong(self, msg: Pong): helper(msg.n)
        """
    )
    verdict = explore(System(load_model(str(path)).protocol()))
    found = verdict.of("no_exception")
    assert (verdict.verdict, found.verdict, found.steps) == ("violated", "violated", 2)
    assert found.reason == (
        f"ZeroDivisionError: integer division or modulo by zero at {path.name}:7 in helper"
    )


def test_a_global_variable_is_found(write: Write) -> None:
    path = write(
        """
        COUNT = []
        class A(Node):
            y: int = durable(0)
            @action
            def go(self):
                COUNT.append(1)
                self.y = len(COUNT)
        """
    )
    assert error_of(path, 10) == (
        "the global COUNT changes while A.go runs\n"
        "  what a node remembers is a field: durable(...), volatile(...) or ghost(); "
        "functools.cache keeps results"
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"nope": 1}, "Synod has no parameter 'nope'"),
        (
            {"acceptors": "three"},
            "acceptors=three: Synod.acceptors is number of acceptors (int, at least 1)",
        ),
        ({"without": ["nope"]}, "Synod has no rule called 'nope'"),
        ({"network": "tcp"}, "no network is called 'tcp'"),
        ({"faults": {"flood": 1}}, "no fault is called 'flood'"),
        ({"faults": {"crash": -1}}, "the budget of fault crash is negative: -1"),
        (
            {"faults": {"loss": 1}},
            "a set network has loss by its nature: a message may be delivered any number of "
            "times, or never",
        ),
        ({"quorums": "most"}, "no quorum system is called 'most'"),
        ({"quorums": "any:9"}, "a quorum of 9 cannot be made of 3 acceptors"),
        ({"quorums": "grid:2x2"}, "a grid of 2x2 needs 4 acceptors, and there are 3"),
    ],
)
def test_bad_configurations(call: dict[str, object], text: str) -> None:
    with pytest.raises(PaxcheckError) as caught:
        System(load_model("synod").protocol(**call))  # type: ignore[arg-type]
    assert caught.value.message == text


def test_no_such_model_and_no_such_scope() -> None:
    with pytest.raises(PaxcheckError) as caught:
        load_model("sinod")
    assert str(caught.value) == (
        "there is no model 'sinod'\n  bundled: single_server, broadcast, rounds, majority, synod, "
        "synod_amnesia; your own: its path, ending in .py"
    )
    with pytest.raises(PaxcheckError, match="model rounds has no scope 'x'"):
        load_model("rounds").scope("x")
