"""Whether a fact that was made of foreign data has the types that monitors rely on.

JSON has no types of ours: a term may come as the text "9", a node as a list. Texts compare
differently from numbers ("10" is less than "9"), so such a line must be refused, not judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast, get_type_hints

import msgspec

from paxcheck.paxos import facts as fact_module
from paxcheck.paxos.facts import Ballot, Fact, VoteReported

Test = Callable[[Any], bool]


def _is_ballot(value: Any) -> bool:
    if isinstance(value, tuple):
        parts = cast(tuple[Any, ...], value)
        return all(type(part) in (int, str) for part in parts)
    return value is None or type(value) in (int, str)


def _are_votes(value: Any) -> bool:
    votes: tuple[VoteReported, ...] = value or ()
    return all(
        _is_ballot(v.ballot) and v.ballot is not None and _is_text(v.value) and _is_slot(v.slot)
        for v in votes
    )


def _is_text(value: Any) -> bool:
    return value is None or type(value) is str


def _is_slot(value: Any) -> bool:
    return value is None or type(value) in (int, str)


_IS: dict[Any, tuple[Test, str]] = {
    str: (lambda value: type(value) is str, "a text"),
    str | None: (_is_text, "a text"),
    int: (lambda value: type(value) is int, "a whole number"),
    int | None: (lambda value: value is None or type(value) is int, "a whole number"),
    bool: (lambda value: type(value) is bool, "true or false"),
    bool | None: (lambda value: value is None or type(value) is bool, "true or false"),
    float: (lambda value: type(value) in (int, float), "a number"),
    float | None: (lambda value: value is None or type(value) in (int, float), "a number"),
    int | str | None: (_is_slot, "a whole number or a text"),
    str | int | None: (_is_slot, "a whole number or a text"),
    Ballot: (_is_ballot, "a ballot: a whole number, a text, or a list of them"),
    tuple[VoteReported, ...] | None: (_are_votes, "votes with a ballot and a value"),
}
# What no adapter hands through from a line as it stands.
_OUR_OWN = ("file", "line", "members", "voters", "source", "kind", "clock", "of")


def _tests(kind: type[Fact]) -> tuple[tuple[str, Test, str], ...]:
    hints = get_type_hints(kind)
    return tuple(
        [(name, *_IS[hints[name]]) for name in kind.__struct_fields__ if name not in _OUR_OWN]
    )


_TESTS: dict[type[Fact], tuple[tuple[str, Test, str], ...]] = {
    kind: _tests(kind)
    for kind in vars(fact_module).values()
    if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
}


def well_formed(fact: Fact) -> Fact:
    """The fact itself. Raises ValueError when a field has another type than it must have.

    A value or digest that is a number is taken as a text: only equality is ever asked of it.
    """
    for name, test, what in _TESTS[type(fact)]:
        value = getattr(fact, name)
        if not test(value):
            if name in ("value", "digest") and type(value) in (int, float, bool):
                msgspec.structs.force_setattr(fact, name, str(value))
                continue
            raise ValueError(f"{name} is {_short(value)}, not {what}")
    return fact


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
