"""What ends a step, and what a rule may do: exceptions, choices, refusals that nothing swallows."""

from pathlib import Path

import pytest
from model_files import check, refusal, write

from paxcheck.engine.engines import EngineName
from paxcheck.loading import load_model
from paxcheck.protocol import System
from paxcheck.story.words import as_text, tell
from paxcheck.trace.replay import replay

BOTH: tuple[EngineName, ...] = ("reference", "compiled")

# A node with an action whose body begins in line 15, and one that only takes messages.
MODEL = """
class A(Node):
    c: int = constant(5)
    x: int = durable(0)
    log: list[int] = durable([])
    g: set[int] = ghost()
    {rule}
    @action
    def go(self):
        {body}
class B(Node):
    x: int = durable(0)
    def on_ping(self, msg: Ping): self.x = 1
class Test(Protocol):
    {network}
    def nodes(self): return [A("a"), B("b")]
"""


def model(folder: Path, body: str, rule: str = "pass", network: str = "pass") -> Path:
    text = MODEL.replace("{network}", network)
    text = text.replace("{rule}", rule.replace("\n", "\n    "))
    return write(folder, text.replace("{body}", body.replace("\n", "\n        ")))


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import sys; sys.exit()", "SystemExit"),
        ("quit()", "SystemExit: None"),
        ("assert self.x, 'no x'", "AssertionError: no x"),
        ("raise ValueError('one\\ntwo')", "ValueError: one"),
    ],
)
def test_an_exit_is_an_exception(body: str, told: str, engine: EngineName, tmp_path: Path) -> None:
    path = model(tmp_path, body)
    verdict = check(path, engine)
    found = verdict.of("no_exception")
    assert (verdict.verdict, verdict.exit_code, found.steps) == ("violated", 1, 1)
    assert found.reason == f"{told} at {path}:15 in go"


def test_ctrl_c_in_a_handler_is_no_exception_of_the_model(tmp_path: Path) -> None:
    path = model(tmp_path, "raise KeyboardInterrupt")
    for engine in BOTH:
        verdict = check(path, engine)
        assert (verdict.verdict, verdict.exit_code) == ("undetermined", 3)
        assert verdict.stopped == "it was interrupted"
        assert f"interrupted at {path}:15 in go" in verdict.notes


@pytest.mark.parametrize("body", ["[0] * 10**15", "raise MemoryError"])
def test_no_memory_is_no_exception_of_the_model(body: str, tmp_path: Path) -> None:
    for engine in BOTH:
        verdict = check(model(tmp_path, body), engine)
        assert verdict.verdict == "undetermined"
        assert verdict.stopped == "the machine has no more memory"


SWALLOWED = {
    "a node that is not there": (
        "try: self.send('c', Ping(1))\nexcept Exception: self.x = 1",
        "FILE:15: a sends Ping to 'c', and there is no such node\n  the nodes are a, b",
    ),
    "a field that is not there": (
        "try: self.z = 1\nexcept Exception: self.x = 1",
        "FILE:15: A has no field `z`\n"
        "  declare it in the class: z: ... = durable(...) or volatile(...)",
    ),
    "a constant": (
        "try: self.c = 1\nexcept Exception: raise ValueError",
        "FILE:15: A.c is a constant and cannot change\n"
        "  a value that changes is durable(...) or volatile(...)",
    ),
    "no class of messages": (
        "try: self.sent('Ping')\nexcept Exception: self.x = 1",
        "FILE:15: sent() is asked for 'Ping', which is no class of messages\n  sent(Accepted)",
    ),
    "a ghost that is read": (
        "try: self.x = len(self.g)\nexcept: self.x = 1",
        "FILE:15: g is a ghost field: handlers may only add to it\n"
        "  a value that the protocol needs is durable(...) or volatile(...)",
    ),
    "a ghost that is given a list": (
        "try: self.g.add([0.5])\nexcept: self.x = 1",
        "FILE:15: an item of g is a float, which cannot be part of a state\n"
        "  use None, bool, int, str, bytes, an Enum, a Record, a tuple or a frozenset",
    ),
}


@pytest.mark.parametrize("name", SWALLOWED)
def test_a_mistake_cannot_be_swallowed(name: str, tmp_path: Path) -> None:
    body, text = SWALLOWED[name]
    for engine in BOTH:
        assert refusal(model(tmp_path, body), engine) == text


@pytest.mark.parametrize(
    "look",
    ["self.g.update({1})", "self.g |= {1}", "self.g.discard(1)", "list(self.g)", "self.g < {1}",
     "{1} | self.g", "print(self.g)", "f'{self.g}'", "self.g == {1}"],
)  # fmt: skip
def test_of_a_ghost_field_a_handler_sees_nothing(look: str, tmp_path: Path) -> None:
    assert refusal(model(tmp_path, look)) == (
        "FILE:15: g is a ghost field: handlers may only add to it\n"
        "  a value that the protocol needs is durable(...) or volatile(...)"
    )


@pytest.mark.parametrize(
    "body",
    [
        "self.x = self.choose([])",
        "try: self.choose([])\nexcept Exception: self.x = 1",
        "try: self.choose([])\nexcept: self.x = 1",
        "try: self.choose([])\nexcept: raise ValueError",
        "try: self.choose([])\nfinally: self.x = 1",
    ],
)
def test_a_step_with_nothing_to_choose_is_off_whatever_is_caught(body: str, tmp_path: Path) -> None:
    for engine in BOTH:
        verdict = check(model(tmp_path, body), engine)
        assert (verdict.distinct_states, verdict.verdict) == (1, "holds")


def test_what_was_sent_is_asked_whatever_is_caught(tmp_path: Path) -> None:
    body = "try: n = len(self.sent(Ping))\nexcept: n = 7\nself.x = n\nself.broadcast(Ping(1))"
    # Asked twice: 0, then 1. An engine that must not tell yet may not be caught.
    for engine in BOTH:
        assert check(model(tmp_path, body), engine).distinct_states == 5


RULE = '@rule\ndef fine(self, log: object = ()) -> bool:\n    "It is fine."\n    '
RULES = {
    "no return": ("pass", "FILE:12: rule fine returned None"),
    "a number": ("return 1", "FILE:12: rule fine returned 1"),
    "sets": ("self.x = 1; return True", "FILE:15: rule fine sets A.x, and a rule only looks"),
    "grows": (
        "self.log.append(1); return True",
        "FILE:12: rule fine changes A.log, and a rule only looks",
    ),
    "sends": (
        "self.send('b', Ping(1)); return True",
        "FILE:15: rule fine sends, and a rule only looks",
    ),
    "broadcasts": (
        "self.broadcast(Ping(1)); return True",
        "FILE:15: rule fine sends, and a rule only looks",
    ),
    "chooses": (
        "return self.choose([True, False])",
        "FILE:15: rule fine chooses, and a rule only looks",
    ),
    "remembers": (
        "self.g.add(1); return True",
        "FILE:15: g is a ghost field: handlers may only add to it",
    ),
}
HINTS = {
    "no return": "return True when the rule allows the step, and False when it does not",
    "a number": "return True when the rule allows the step, and False when it does not",
    "sets": "let the handler change the field",
    "grows": "let the handler change the field",
    "remembers": "a value that the protocol needs is durable(...) or volatile(...)",
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("without", [(), ("fine",)])
def test_a_rule_answers_and_only_looks(name: str, without: tuple[str, ...], tmp_path: Path) -> None:
    body, text = RULES[name]
    path = model(tmp_path, "if self.fine(): self.x = 1", rule=RULE + body)
    hint = HINTS.get(name, "let the handler do it")
    for engine in BOTH:
        assert refusal(path, engine, without=without) == f"{text}\n  {hint}"


def test_rules_that_were_asked_before_there_was_nothing_to_choose_were_asked(
    tmp_path: Path,
) -> None:
    body = "self.fine(); self.choose([])"
    path = model(tmp_path, body, rule=RULE + "return self.x == 0")
    for engine in BOTH:
        coverage = check(path, engine).coverage
        assert coverage is not None
        assert (coverage.rules["fine"].ran > 0, coverage.rules["fine"].refused) == (True, 0)
        assert coverage.vacuous() == ["A.go", "B.on_ping"]


def test_a_decorator_cannot_hide_a_generator(tmp_path: Path) -> None:
    head = """\
from paxcheck import *
class Ping(Message): n: int
def hidden(method):
    def later(self): return (x for x in [method(self)])
    return later
"""
    path = tmp_path / "hidden.py"
    text = MODEL.replace("{rule}", "pass").replace("{network}", "pass").replace("{body}", "pass")
    path.write_text(head + text.replace("@action\n", "@action\n    @hidden\n"))
    assert refusal(path) == (
        "FILE:4: A.go returned a generator: nothing of it ran\n"
        "  write a plain function: steps are atomic, and nothing waits in them"
    )


def test_on_start_has_one_outcome(tmp_path: Path) -> None:
    hint = "  what a node does at the start is fixed: let an action choose"
    for body, told in [
        ("self.choose([1, 2])", "it has a choice"),
        ("self.choose([])", "no outcome"),
        ("1 / 0", "ZeroDivisionError: division by zero at FILE:8 in on_start"),
    ]:
        path = write(
            tmp_path,
            f"""
            class A(Node):
                def on_start(self): {body}
            class Test(Protocol):
                def nodes(self): return [A("a")]
            """,
        )
        assert refusal(path) == (
            f"FILE:8: A.on_start of a must have exactly one outcome: {told}\n{hint}"
        )


def test_of_a_long_traceback_the_two_ends_are_shown(tmp_path: Path) -> None:
    path = model(tmp_path, "self.again()", rule="def again(self): self.again()")
    protocol = load_model(str(path)).protocol()
    found = check(path).of("no_exception")
    assert found.behavior is not None
    told = as_text(tell(replay(protocol, found.behavior))).replace(str(path), "FILE").split("\n")
    again = "          FILE:12 in again: def again(self): self.again()"
    assert told[:3] == [
        "   1. a: go",
        "        raises RecursionError: maximum recursion depth exceeded",
        "          FILE:15 in go: self.again()",
    ]
    assert told[3:6] == told[7:10] == [again] * 3
    assert told[6].startswith("          ... ")
    assert told[6].endswith(" more ...")
    assert len(told) == 11


def test_sends_to_a_set_are_in_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        class A(Node):
            names: frozenset[str] = constant()
            x: int = durable(0)
            @action
            def go(self):
                self.x = 1
                self.send(self.names | {"c"}, Ping(1))
            def on_ping(self, msg: Ping): self.x = 2
        class Test(Protocol):
            def nodes(self): return [A(n, names=frozenset("edb")) for n in "abcde"]
        """,
    )
    system = System(load_model(str(path)).protocol())
    outcome = next(system.successors(system.initial())).outcome
    assert outcome is not None
    assert [e.to for e in outcome.sent] == ["b", "c", "d", "e"]
