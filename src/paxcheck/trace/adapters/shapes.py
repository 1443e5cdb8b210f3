"""Whether a fact that was made of foreign data has the types that monitors rely on.

JSON has no types of ours: a term may come as the text "9", a node as a list. Texts compare
differently from numbers ("10" is less than "9"), so such a line must be refused, not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast, get_type_hints

import msgspec

from paxcheck.paxos.facts import FACTS, Ballot, Fact, VoteReported
from paxcheck.protocol.errors import Where
from paxcheck.trace.lines import TraceError

Test = Callable[[Any], bool]


def _is_ballot(value: Any) -> bool:
    if isinstance(value, tuple):
        parts = cast(tuple[Any, ...], value)
        return all(type(part) in (int, str) for part in parts)
    return value is None or type(value) in (int, str)


def check_ballots(fact: Any) -> None:
    """Raises ValueError for a ballot of a fact that is a number written as text.

    Text is compared letter by letter: "10" would come before "9", and a right log be called wrong.
    Of a list that holds for its first part, the number. A name after it may be anything but a long
    number: whoever made it may compare it as one.
    """
    for name in BALLOTS[type(fact)]:
        value = getattr(fact, name)
        if type(value) is int or not value:
            continue
        for ballot in [vote.ballot for vote in value] if name == "votes" else (value,):
            if type(ballot) is not int:
                _refuse_text_numbers(name, ballot)


class Ballots:
    """The ballots of a log: each is looked at once, and is one object in all facts."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def check(self, fact: Fact, names: Sequence[str], file: str, number: int) -> None:
        """Raises TraceError, with the line, for a ballot that `check_ballots` refuses.

        `names`: the fields of such a fact that hold ballots.
        """
        for name in names:
            value = getattr(fact, name)
            if type(value) is int or not value:
                continue
            known = None if name == "votes" else self._known.get(value)
            if known is None:
                try:
                    check_ballots(fact)
                except ValueError as problem:
                    raise TraceError(str(problem), where=Where(file, number)) from None
                if name != "votes":
                    self._known[value] = value
            elif known is not value:
                msgspec.structs.force_setattr(fact, name, known)


def _refuse_text_numbers(name: str, ballot: str | tuple[int | str, ...]) -> None:
    if not ballot:
        return
    first, *rest = ballot if isinstance(ballot, tuple) else (ballot,)
    bad = [first] if isinstance(first, str) and first[:1].isdigit() else []
    bad += [part for part in rest if isinstance(part, str) and len(part) > 1 and part.isdigit()]
    if bad:
        raise ValueError(
            f'{name} has the number "{bad[0][:20]}" as text, and text is compared letter by '
            'letter: "10" is before "9". Write numbers as numbers, such as 10 or [10, "p1"]'
        )


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


_VOTES = tuple[VoteReported, ...] | None
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
    _VOTES: (_are_votes, "votes with a ballot and a value"),
}
# What no adapter hands through from a line as it stands.
_OUR_OWN = ("file", "line", "members", "voters", "source", "kind", "clock", "of")


def _tests(kind: type[Fact]) -> tuple[tuple[str, Test, str], ...]:
    hints = get_type_hints(kind)
    return tuple(
        [(name, *_IS[hints[name]]) for name in kind.__struct_fields__ if name not in _OUR_OWN]
    )


_TESTS: dict[type[Fact], tuple[tuple[str, Test, str], ...]] = {k: _tests(k) for k in FACTS}


BALLOTS: dict[type[Fact], tuple[str, ...]] = {
    kind: names
    for kind, hints in [(kind, get_type_hints(kind)) for kind in _TESTS]
    if (names := tuple([n for n, hint in hints.items() if hint in (Ballot, _VOTES)]))
}
"""The fields of facts that hold ballots."""


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
    if type(fact) in BALLOTS:
        check_ballots(fact)
    return fact


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
