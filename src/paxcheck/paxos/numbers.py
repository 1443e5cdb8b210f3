"""Foreign ballots and votes, so that the shared properties can compare and print them."""

from __future__ import annotations

from functools import total_ordering
from typing import Any

from paxcheck.paxos.monitor import ballot_text
from paxcheck.paxos.vocabulary import Ballot, Vote


@total_ordering
class Number:
    """A ballot of a foreign log: ordered as the log's own, printed as people write it."""

    __slots__ = ("of",)

    def __init__(self, of: Any) -> None:
        self.of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self.of == other.of

    def __lt__(self, other: Number) -> bool:
        return self.of < other.of

    def __hash__(self) -> int:
        return hash(self.of)

    def __str__(self) -> str:
        return ballot_text(self.of)


def number(ballot: Any) -> Ballot:
    """A foreign ballot as the shared properties take it: they only compare and print it."""
    return Number(ballot)  # pyright: ignore[reportReturnType]


def vote(ballot: Any, value: str | None) -> Vote:
    """A foreign vote; `?` stands for a value that was not recorded."""
    return Vote(number(ballot), "?" if value is None else value)
