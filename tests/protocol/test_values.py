"""Values of a state: frozen and back, in an order that no hash seed changes."""

import operator
import os
import re
import subprocess
import sys
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paxcheck.protocol import ModelError, Record
from paxcheck.protocol.values import (
    DICT,
    LIST,
    SET,
    FrozenOrderedSet,
    OrderedSet,
    freeze,
    order_key,
    rename,
    show,
    thaw,
)


class Ballot(Record, order=True):
    round: int
    proposer: str


class Other(Record):
    round: int
    proposer: str


class Colour(Enum):
    RED = 1


ATOMS = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.tuples(inner, inner)
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3)
        | st.sets(ATOMS, max_size=3)
        | st.builds(Other, st.integers(0, 2), st.text("ab", max_size=1))
    ),
    max_leaves=6,
)


@given(VALUES)
def test_thaw_gives_back_what_was_frozen(value: object) -> None:
    frozen = freeze(value, "v")
    hash(frozen)
    back = thaw(frozen)
    assert back == value
    assert freeze(back, "v") == frozen


@given(st.lists(VALUES, max_size=4), st.randoms())
def test_the_order_does_not_depend_on_where_one_starts(
    values: list[object], random: object
) -> None:
    keys = [order_key(freeze(v, "v")) for v in values]
    shuffled = list(keys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sorted(shuffled) == sorted(keys)


def test_frozen_forms() -> None:
    assert freeze({"b": [2], "a": {1}}, "v") == (DICT, ("a", (SET, 1)), ("b", (LIST, 2)))
    assert freeze({3, 1, 2}, "v") == (SET, 1, 2, 3)
    assert freeze((), "v") == ()
    assert list(FrozenOrderedSet(["c", "a", "b"])) == ["a", "b", "c"]


def test_records_are_equal_by_class() -> None:
    assert Ballot(1, "p") != Other(1, "p")
    assert Ballot(1, "p") == Ballot(1, "p")
    assert len({Ballot(1, "p"), Ballot(1, "p"), Other(1, "p")}) == 2
    assert Ballot(1, "p2") > Ballot(1, "p1") >= Ballot(0, "p9")
    with pytest.raises(TypeError):
        assert Ballot(1, "p") < 3  # type: ignore[operator]


class Pair(Record, order=True):
    one: int | None
    two: int | None


class Nothing(Record, order=True):
    pass


PARTS = st.tuples(*[st.none() | st.integers(0, 1)] * 2)


@given(PARTS, PARTS)
def test_records_with_an_order_compare_as_tuples_do(one: Any, two: Any) -> None:
    """Also where equal fields have no order: a ballot of nobody, say."""
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        try:
            expected = compare(one, two)
        except TypeError:
            with pytest.raises(TypeError):
                compare(Pair(*one), Pair(*two))
        else:
            assert compare(Pair(*one), Pair(*two)) == expected
        assert compare(Nothing(), Nothing()) == compare((), ())


def test_ordered_sets_stay_ordered() -> None:
    one: OrderedSet = OrderedSet(["z", "a"])
    assert list(one | {"m"}) == ["a", "m", "z"]
    assert type({"m"} | one) is OrderedSet
    assert list(one - {"a"}) == ["z"]
    assert one.pop() == "a"
    two = FrozenOrderedSet("zax")
    assert list(two & frozenset("xz")) == ["x", "z"]
    assert list(two.union("b")) == ["a", "b", "x", "z"]
    assert (one == 3) is False


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (bytearray(b"x"), "f is a bytearray, which can change after it was sent or stored"),
        (1.5, "f is a float, which cannot be part of a state"),
        (object, "f is a type, which cannot be part of a state"),
    ],
)
def test_what_cannot_be_a_state(value: object, text: str) -> None:
    with pytest.raises(ModelError) as caught:
        freeze(value, "f")
    assert str(caught.value).split("\n")[0].endswith(text)


def test_rename_reaches_everything_and_restores_the_order() -> None:
    swap = {"a": "b", "b": "a"}
    value = freeze({"a": Ballot(1, "b"), "b": ["a", ("b", {"a"})]}, "v")
    assert thaw(rename(value, swap)) == {"b": Ballot(1, "a"), "a": ["b", ("a", {"b"})]}
    assert rename(rename(value, swap), swap) == value
    assert rename(value, swap) == freeze(thaw(rename(value, swap)), "v")


def test_show() -> None:
    assert show(None) == "nothing"
    assert show(freeze({"a": 1, "b": {2}}, "v")) == "{a: 1, b: {2}}"
    assert show(freeze([1, (2, Colour.RED)], "v")) == "[1, (2, RED)]"
    assert show(Ballot(1, "p")) == "Ballot(1, p)"


def test_no_result_depends_on_the_hash_seed() -> None:
    """Text and JSON of a whole run, counterexample and all, under four hash seeds."""
    seen: set[str] = set()
    for seed in ("0", "1", "2", "77"):
        command = [sys.executable, "-m", "paxcheck", "check", "majority", "--engine", "reference"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 1
        seen.add(re.sub(r"[0-9.]+ s\b", "", run.stdout))
    assert len(seen) == 1
    assert "Counterexample to agreement, 14 steps" in seen.pop()
