"""Records and messages look like frozen dataclasses, and are not: what a struct could change."""

from __future__ import annotations

import copy
import dataclasses
import functools
import os
import pickle
import subprocess
import sys
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_files import refusal, write

from paxcheck.engine.codec import Decoder, Encoder
from paxcheck.protocol import Message, ModelError, Record
from paxcheck.protocol.messages import stamped
from paxcheck.protocol.values import (
    FrozenOrderedSet,
    check_immutable,
    freeze,
    order_key,
    ordered,
    rename,
    settled,
    show,
)
from paxcheck.trace.encode import encode

T = TypeVar("T")


class Ballot(Record, order=True):
    round: int
    proposer: str = "p"

    def next(self) -> Ballot:
        return Ballot(self.round + 1, self.proposer)

    @property
    def first(self) -> bool:
        return self.round == 1


class Vote(Record):
    ballot: Ballot
    value: Any


class Prepare(Message):
    ballot: Ballot
    extra: Any = None


class Later(Prepare):
    more: int = 7


class Colour(Enum):
    RED = 1


class Held(Record):
    held: Any


class Numbered(Record, order=True):
    number: Any


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=1),
    lambda inner: (
        st.tuples(inner, inner)
        | st.frozensets(inner, max_size=2)
        | st.builds(Held, inner)
        | st.builds(Numbered, inner)
        | st.builds(
            lambda part, name: stamped(Prepare(Ballot(1), part), name), inner, st.text("ab")
        )
    ),
    max_leaves=5,
)


def plain(value: Any) -> Any:
    """Equal exactly where the value is, in words of Python alone."""
    if isinstance(value, Record):
        sender = value.sender if isinstance(value, Message) else ""
        return (value.__class__, sender, [plain(getattr(value, name)) for name in value._fields])
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def test_the_constructor_takes_fields_by_position_and_by_name() -> None:
    assert Ballot(2) == Ballot(2, "p") == Ballot(proposer="p", round=2) != Ballot(2, "q")
    assert Later(Ballot(1), more=8)._fields == ("ballot", "extra", "more")
    wrong: list[Callable[[], object]] = [
        lambda: Ballot(),  # type: ignore[call-arg]
        lambda: Ballot(1, "p", 3),  # type: ignore[call-arg]
        lambda: Ballot(1, round=2),  # type: ignore[misc]
        lambda: Ballot(1, name="p"),  # type: ignore[call-arg]
        lambda: Prepare(Ballot(1), None, "p1"),  # type: ignore[call-arg]
        lambda: Prepare(Ballot(1), sender="p1"),  # type: ignore[call-arg]
    ]
    for make in wrong:
        with pytest.raises(TypeError):
            make()


def test_words() -> None:
    message = Prepare(Ballot(1), frozenset("ba"))
    assert repr(Vote(Ballot(1), None)) == "Vote(ballot=Ballot(round=1, proposer='p'), value=None)"
    assert str(Vote(Ballot(1), None)) == "Vote(Ballot(1, p), nothing)"
    assert str(message) == show(message) == f"{message}" == "Prepare(Ballot(1, p), {a, b})"
    assert repr(Prepare(Ballot(1))) == "Prepare(ballot=Ballot(round=1, proposer='p'), extra=None)"
    assert repr(stamped(Prepare(Ballot(1)), "p1")) == repr(Prepare(Ballot(1))) + " from p1"
    assert str(stamped(Prepare(Ballot(1)), "p1")) == "Prepare(Ballot(1, p), nothing)"


@given(PARTS, PARTS)
def test_equality_is_that_of_class_sender_and_fields(one: Any, two: Any) -> None:
    for a, b in ((Held(one), Held(two)), (Held(one), Vote(Ballot(1), two)), (one, two)):
        same = plain(a) == plain(b)
        assert (a == b, a != b) == (same, not same)
        if a == b:
            assert hash(a) == hash(b)


def test_equality_is_plain_inside_and_strict_about_classes() -> None:
    assert Held(1) == Held(True)
    assert hash(Held(1)) == hash(Held(True))
    assert Held((1,)) != Held([1])
    assert Held(frozenset("a")) == Held(FrozenOrderedSet("a"))
    assert Held(1) != Numbered(1)
    assert len({Held(1), Numbered(1), Later(Ballot(1)), Prepare(Ballot(1))}) == 4
    assert (
        Prepare(Ballot(1)) != stamped(Prepare(Ballot(1)), "a") != stamped(Prepare(Ballot(1)), "b")
    )
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(Held([1]))


def test_the_order_is_that_of_one_class() -> None:
    class More(Ballot):
        more: int = 0

    assert Ballot(1, "p") < Ballot(1, "q") < Ballot(2, "p")
    assert Numbered(None) <= Numbered(None)
    assert not Numbered(None) < Numbered(None)
    for other in (More(2), (2, "p"), None):
        with pytest.raises(TypeError):
            assert Ballot(1) < other  # type: ignore[operator]
        assert Ballot(1).__lt__(other) is NotImplemented  # type: ignore[operator]
    with pytest.raises(TypeError):
        assert Numbered(None) < Numbered(1)
    with pytest.raises(TypeError):
        assert Held(1) < Held(2)  # type: ignore[operator]


def test_a_message_is_sent_by_somebody() -> None:
    message = Prepare(Ballot(1), "x")
    before = hash(message)
    sent = stamped(message, "p1")
    assert (message.sender, sent.sender, stamped(sent, "p2").sender) == ("", "p1", "p2")
    assert hash(message) == before != hash(sent) == hash(stamped(Prepare(Ballot(1), "x"), "p1"))
    assert sent.ballot is message.ballot
    assert Prepare.__match_args__ == ("ballot", "extra")
    match sent:
        case Prepare(ballot, extra):
            assert (ballot, extra) == (Ballot(1), "x")


@pytest.mark.parametrize("name", ["round", "other"])
def test_nothing_can_be_assigned(name: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
        setattr(Ballot(1), name, 2)
    with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{name}'"):
        delattr(Ballot(1), name)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'sender'"):
        Prepare(Ballot(1)).sender = "x"  # type: ignore[misc]


@given(PARTS)
def test_copies_are_equal_and_carry_no_hash(part: Any) -> None:
    record = stamped(Prepare(Ballot(1), part), "p1")
    hash(record)
    freeze(record, "v")
    order_key(record)
    for other in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert other == record
        assert hash(other) == hash(record)
        assert order_key(other) == order_key(record)
        assert other.__class__ is Prepare
        assert other.sender == "p1"


def test_a_hash_does_not_travel() -> None:
    """Strings have other hashes in another process."""
    code = "from test_records import *; import sys; print(pickle.dumps({0}).hex())"
    read = "from test_records import *; r = pickle.loads(bytes.fromhex('{1}')); print(r in {{{0}}})"
    made = "(lambda r: (hash(r), freeze(r, ''), r)[2])(stamped(Later(Ballot(1, 'q')), 'p1'))"

    def run(text: str, seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", text]
        folder = Path(__file__).parent
        return subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    saved = run(code.format(made), "1")
    assert run(read.format(made, saved), "2") == "True"


def test_methods_constants_and_what_python_offers() -> None:
    class Shape(Record, ABC):
        size: int
        SIDES: ClassVar[list[int]] = [3]
        names = ["plain"]

        @abstractmethod
        def area(self) -> int: ...

        @functools.cached_property
        def double(self) -> list[int]:
            return [2 * self.size]

    class Square(Shape):
        colour: Colour = Colour.RED

        def area(self) -> int:
            return self.size * self.size

    class Box(Record, Generic[T]):
        held: T

    assert Ballot(1).next() == Ballot(2)
    assert Ballot(1).first
    square = Square(3)
    assert Square._fields == ("size", "colour")
    assert (square.area(), square.SIDES, square.names) == (9, [3], ["plain"])
    assert square.double is square.double
    assert square == Square(3)
    assert rename(square, {3: 4}) == Square(4)
    assert rename(square, {3: 4}).double == [8]
    with pytest.raises(TypeError, match="abstract"):
        Shape(1)  # type: ignore[abstract]
    assert Box[int](3) == Box(3)


def test_what_is_mixed_in_is_kept() -> None:
    class Plain:
        def told(self) -> str:
            return f"told {self}"

    class Other(Record):
        def other(self) -> int:
            return 2

    class First(Plain, Message):
        n: int

    class Last(Message, Other, Plain):
        n: int

    for kind in (First, Last):
        message = stamped(kind(1), "a")
        assert message.told() == f"told {kind.__name__}(1)"
        assert message == stamped(kind(1), "a") != kind(1)
    assert Last(1).other() == 2


def test_fields_and_defaults_are_inherited() -> None:
    class Base(Record):
        a: int
        b: tuple[int, ...] = dataclasses.field(default_factory=tuple)
        c: int = dataclasses.field(default=3)

    class Same(Base):
        b: Any
        c: str = "c"
        d: Any = None

    assert Base(1) == Base(1, (), 3)
    assert Same._fields == ("a", "b", "c", "d")
    assert Same(1) == Same(1, (), "c", None)


def test_dataclasses_know_records() -> None:
    sent = stamped(Prepare(Ballot(1), "x"), "p1")
    assert dataclasses.is_dataclass(Ballot)
    assert dataclasses.replace(Ballot(1), proposer="q") == Ballot(1, "q")
    assert dataclasses.replace(sent, extra="y") == Prepare(Ballot(1), "y")
    assert [field.name for field in dataclasses.fields(Later)] == ["ballot", "extra", "more"]
    assert dataclasses.astuple(Ballot(1)) == (1, "p")


def test_post_init_may_look_and_may_put_in_order() -> None:
    class Sorted(Record):
        items: tuple[int, ...]

        def __post_init__(self) -> None:
            if not self.items:
                raise ValueError("no items")
            object.__setattr__(self, "items", tuple(sorted(self.items)))

    assert Sorted((2, 1)) == Sorted((1, 2))
    with pytest.raises(ValueError, match="no items"):
        Sorted(())


def test_annotations_are_never_evaluated() -> None:
    constant = ClassVar

    class Odd(Record):
        a: Nowhere  # type: ignore[name-defined]  # noqa: F821
        b: 1 / 0 = 3  # type: ignore[valid-type]
        LOCAL: ClassVar[Nowhere] = []  # type: ignore[name-defined]  # noqa: F821

    assert Odd._fields == ("a", "b")
    assert Odd(1) == Odd(1, 3)
    assert constant is ClassVar


def test_the_check_reaches_everything_each_time() -> None:
    deep = Held((Vote(Ballot(1), Held(frozenset([Held(None)]))), "x"))
    assert check_immutable(deep, "v") is deep
    inner: list[int] = []
    for wrong in (Held(inner), Held((1, Held(inner))), Vote(Ballot(1), Held(inner))):
        for _ in range(2):  # what was refused is refused again
            with pytest.raises(ModelError, match=r"Held\.held is a list, which can change"):
                check_immutable(wrong, "v")
    for odd in (1.5, Ballot, object()):
        with pytest.raises(ModelError, match=r"Held\.held is a .*, which cannot be part of"):
            freeze((Held(odd),), "v")


def test_a_set_in_a_record_walks_in_canonical_order() -> None:
    message = Prepare(Ballot(1), frozenset(["b", "a", "c"]))
    before = hash(message)
    assert freeze(message, "v") is message
    assert message.extra.__class__ is FrozenOrderedSet
    assert list(message.extra) == ["a", "b", "c"]
    assert hash(message) == before
    constant = Held({"b", "a"})
    assert settled(constant, "c") is constant
    assert constant.held.__class__ is FrozenOrderedSet


@given(PARTS)
def test_the_sort_key_is_the_same_before_and_after_the_check(part: Any) -> None:
    def key(value: Any) -> Any:
        if isinstance(value, Record):
            parts = [key(getattr(value, name)) for name in value._fields]
            sender = [(3, value.sender)] if isinstance(value, Message) else []
            return (6, value.__class__.__name__, *sender, *parts)
        if isinstance(value, tuple):
            return (7, *map(key, value))
        return (8, *sorted(map(key, value))) if isinstance(value, frozenset) else order_key(value)

    record = stamped(Prepare(Ballot(1), part), "b")
    assert order_key(record) == key(record)
    check_immutable(record, "v")
    assert order_key(record) == order_key(record) == key(record)
    assert order_key(stamped(record, "a")) == key(stamped(record, "a"))
    assert ordered({record, stamped(record, "a")})[0].sender == "a"


@given(PARTS)
def test_rename_reaches_the_sender_too(part: Any) -> None:
    record = stamped(Prepare(Ballot(1, "a"), part), "b")
    swap = {"a": "b", "b": "a"}
    for _ in range(2):
        other = rename(record, swap)
        assert (other.sender, other.ballot.proposer) == ("a", "b")
        assert other.extra == rename(part, swap)
        assert rename(other, swap) == record
        check_immutable(record, "v")  # noted on it: its copies have keys of their own
        order_key(record)
        assert order_key(other) != order_key(record)


def test_encoded_messages_begin_with_type_and_sender() -> None:
    message = stamped(Later(Ballot(1), (Colour.RED, b"a", Vote(Ballot(2), None))), "p1")
    assert list(encode(message).items()) == [
        ("type", "Later"),
        ("sender", "p1"),
        ("ballot", {"round": 1, "proposer": "p"}),
        ("extra", ["RED", "61", {"ballot": {"round": 2, "proposer": "p"}, "value": None}]),
        ("more", 7),
    ]


def test_a_checkpoint_gives_the_same_record_back() -> None:
    message = stamped(Later(Ballot(1), Vote(Ballot(2), (None,))), "p1")
    coded = Encoder().encode(message)
    assert Decoder().decode(coded) == message
    assert Decoder().decode(coded).sender == "p1"
    with pytest.raises(ValueError, match="Later has 3 fields, and not 2"):
        Decoder().decode(coded[:-1])


REFUSED = {
    "a constructor": (
        "class R(Record):\n    n: int\n    def __init__(self, n): pass",
        "FILE:8: R defines __init__, which every record has already\n"
        "  give fields defaults, or make the record in a class method",
    ),
    "slots": (
        "class R(Record):\n    __slots__ = ('n',)\n    n: int",
        "FILE:7: R defines __slots__, which every record has already\n"
        "  a record has a slot for each field",
    ),
    "an assignment of its own": (
        "class R(Record):\n    n: int\n    def __setattr__(self, name, value): pass",
        "FILE:8: R defines __setattr__, which every record has already\n  a record never changes",
    ),
    "an option of a dataclass": (
        "class R(Record, kw_only=True):\n    n: int",
        "FILE:6: R is declared with kw_only, which no record knows\n"
        "  class Ballot(Record, order=True) is all that there is",
    ),
    "a constant that hides a field": (
        "class R(Ping):\n    n = 5",
        "FILE:7: R.n hides the field `n` of its base class\n  give one of the two another name",
    ),
    "a method that hides a field": (
        "class R(Ping):\n    def n(self): return 5",
        "FILE:7: R.n hides the field `n` of its base class\n  give one of the two another name",
    ),
    "a mixin that hides a field": (
        "class M:\n    n = 5\nclass R(M, Ping): pass",
        "FILE:7: M.n hides the field `n` of its base class\n  give one of the two another name",
    ),
    "a sender of its own": (
        "class R(Message):\n    sender = 'a'",
        "FILE:7: R.sender hides the field `sender` of its base class\n"
        "  give one of the two another name",
    ),
    "two bases with fields": (
        "class Q(Record):\n    a: int\nclass R(Q, Message):\n    b: int",
        "FILE:8: R has the fields of Q and of Message: a record inherits from one\n"
        "  let one of the two inherit from the other, or write its fields out",
    ),
    "a field that is no argument": (
        "from dataclasses import field\nclass R(Record):\n    a: int = field(init=False)",
        "FILE:8: R.a is no plain argument of the constructor\n"
        "  field() of a record takes default or default_factory",
    ),
    "an argument that is no field": (
        "import dataclasses as d\nclass R(Record):\n    a: int\n    b: 'd.InitVar[int]'",
        "FILE:9: R.b is InitVar, and no field\n  a field is name: type, with a default or without",
    ),
    "fields by name only": (
        "from dataclasses import KW_ONLY\nclass R(Record):\n    _: KW_ONLY\n    b: int",
        "FILE:8: R._ is KW_ONLY, and no field\n  a field is name: type, with a default or without",
    ),
    "a mutable default": (
        "class R(Record):\n    a: list[int] = []",
        "FILE:6: the model fails while it is loaded: ValueError: mutable default <class 'list'> "
        "for field a is not allowed: use default_factory\n  FILE:6 in <module>: class R(Record):",
    ),
    "a field without a default behind one that has it": (
        "class R(Record):\n    a: int = 1\n    b: int",
        "FILE:6: the model fails while it is loaded: TypeError: non-default argument 'b' follows "
        "default argument\n  FILE:6 in <module>: class R(Record):",
    ),
    "the sender": (
        "class R(Message):\n    sender: str",
        "FILE:6: the model fails while it is loaded: TypeError: R.sender: every message has its "
        "sender already\n  FILE:6 in <module>: class R(Message):",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_record_must_not_declare(tmp_path: Path, name: str) -> None:
    body, words = REFUSED[name]
    assert refusal(write(tmp_path, textwrap.dedent(body))) == words


def test_class_constants_under_any_name(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        import typing as t
        from typing import ClassVar as Fixed
        class R(Record):
            a: int
            ONE: t.ClassVar[list[int]] = [1]
            TWO: 't.ClassVar[list[int]]' = [2]
            THREE: 'Fixed[list[int]]' = [3]
        assert R._fields == ("a",) and R(1).ONE + R.TWO + R.THREE == [1, 2, 3]
        """,
    )
    assert refusal(path).startswith("FILE defines no protocol")
