"""State sequences of Lamport's Paxos: the JSON dump of TLC, and the ITF of Apalache and Quint.

The specification is *Paxos* of the TLA+ examples: variables msgs, maxBal, maxVBal and maxVal. Its
messages 1a, 1b, 2a, 2b are read out of what a state's msgs has more than the one before. A ballot
has no named proposer there, so it is called `ballot 3`; it learns its value when a majority of 2b
is there, as whoever reads all messages could. A "line" is the number of a state.

ITF: https://apalache-mc.org/docs/adr/015adr-trace.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Decided,
    Declaration,
    Fact,
    Members,
    Promised,
    PromiseHeld,
    Proposed,
    VoteCast,
    VoteReported,
    config,
)
from paxcheck.protocol.errors import Where
from paxcheck.trace.adapters.base import Adapter, Facts, Line, decoded
from paxcheck.trace.read import TraceError

_NEEDED = ("msgs", "maxBal", "maxVBal", "maxVal")
_ORDER = {"1a": 0, "1b": 1, "2a": 2, "2b": 3}
_NOTES = (
    "lines are numbers of states",
    "the specification's quorums are not in the file: majorities of the acceptors are taken",
)


def states_of(lines: Iterable[tuple[int, str]], file: str) -> list[Line]:
    """The states of a file, from the first; each a dict of plain values (sets are lists).

    Raises TraceError for a file that is neither format, or has no state.
    """
    whole = decoded("\n".join([text for _, text in lines]), file, 1)
    found: list[Line]
    try:
        if "counterexample" in whole:
            found = [state for _, state in whole["counterexample"]["state"]]
        else:
            found = [plain_value(state) for state in whole["states"]]
        if not found or not all(isinstance(state, dict) for state in found):
            raise TypeError
    except (KeyError, TypeError, ValueError, RecursionError):
        raise TraceError(
            "this is neither a TLC dump nor ITF: no sequence of states in it", where=Where(file, 1)
        ) from None
    return found


def texts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[bytes]:
    """Each state as one line of JSON: what a verdict quotes."""
    for state in states_of(lines, file):
        yield msgspec.json.encode(state)


def plain_value(value: Line) -> Line:
    """An ITF value without its marks: numbers, lists and dicts."""
    if isinstance(value, list):
        return [plain_value(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, dict):
        return value
    whole: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    for mark, inside in whole.items():
        if mark == "#bigint":
            return int(inside)
        if mark in ("#set", "#tup"):
            return [plain_value(item) for item in inside]
        if mark == "#map":
            return {str(plain_value(k)): plain_value(v) for k, v in inside}
    if whole.keys() == {"tag", "value"}:  # a variant
        return plain_value(whole["value"])
    return {k: plain_value(v) for k, v in whole.items() if k != "#meta"}


def _facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
    reader = _Reader()
    for number, state in enumerate(states_of(lines, file), 1):
        missing = [name for name in _NEEDED if name not in state]
        if missing:
            raise TraceError(
                f"state {number} has no {missing[0]}: these are states of another specification",
                where=Where(file, number),
                hint="read are those of Paxos in the TLA+ examples: msgs, maxBal, maxVBal, maxVal",
            )
        try:
            yield from reader.read({"file": file, "line": number}, state)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise TraceError(
                f"state {number} is not one of Paxos: {problem}", where=Where(file, number)
            ) from None


class _Reader:
    def __init__(self) -> None:
        self._messages: set[bytes] = set()
        self._promise: dict[str, int] = {}
        self._vote: dict[str, tuple[int, str]] = {}
        self._voters: dict[tuple[int, str], set[str]] = {}

    def read(self, at: dict[str, Any], state: Line) -> Iterator[Fact]:
        acceptors: list[str] = sorted(state["maxBal"])
        if at["line"] == 1:
            yield Members(node="", members=config(acceptors), **at)
            for node in acceptors:
                yield Booted(node=node, inc=1, first=True, **at)
        new: list[Line] = []
        seen: set[bytes] = set()
        for message in state["msgs"]:
            text = msgspec.json.encode(message, order="sorted")
            seen.add(text)
            if text not in self._messages:
                new.append(message)
        self._messages |= seen
        for message in sorted(new, key=lambda m: (_ORDER[m["type"]], m["bal"])):
            yield from _sent(at, message)
            if message["type"] == "2b":
                yield from self._learned(at, message, len(acceptors))
        for node in acceptors:
            yield from self._held(at, node, state)

    def _learned(self, at: dict[str, Any], vote: Line, members: int) -> Iterator[Fact]:
        ballot, value, sender = int(vote["bal"]), str(vote["val"]), str(vote["acc"])
        leader, voters = f"ballot {ballot}", self._voters.setdefault((ballot, value), set())
        voters.add(sender)
        yield AnswerHeard(
            node=leader, kind="accepted", sender=sender, ballot=ballot, granted=True, **at
        )
        if 2 * len(voters) > members and 2 * (len(voters) - 1) <= members:
            yield Decided(node=leader, value=value, ballot=ballot, voters=frozenset(voters), **at)

    def _held(self, at: dict[str, Any], node: str, state: Line) -> Iterator[Fact]:
        promise = int(state["maxBal"][node])
        vote = (int(state["maxVBal"][node]), str(state["maxVal"][node]))
        if self._promise.get(node, -1) != promise:
            self._promise[node] = promise
            yield PromiseHeld(node=node, ballot=None if promise < 0 else promise, **at)
        if vote[0] >= 0 and self._vote.get(node) != vote:
            self._vote[node] = vote
            yield VoteCast(node=node, ballot=vote[0], value=vote[1], source="state", **at)


def _sent(at: dict[str, Any], message: Line) -> Iterator[Fact]:
    kind, ballot = message["type"], int(message["bal"])
    leader = f"ballot {ballot}"
    if kind == "1a":
        yield Campaigned(node=leader, term=ballot, self_vote=False, **at)
    elif kind == "1b":
        reported = int(message["mbal"])
        votes = (VoteReported(reported, str(message["mval"])),) if reported >= 0 else ()
        sender = str(message["acc"])
        yield Promised(node=sender, ballot=ballot, votes=votes, **at)
        # Whoever leads the ballot may count it at once: all messages are there for all to read.
        yield AnswerHeard(
            node=leader,
            kind="promise",
            sender=sender,
            ballot=ballot,
            granted=True,
            votes=votes,
            **at,
        )
    elif kind == "2a":
        yield Proposed(node=leader, ballot=ballot, value=str(message["val"]), **at)
    elif kind == "2b":
        yield VoteCast(
            node=str(message["acc"]),
            ballot=ballot,
            value=str(message["val"]),
            source="message",
            **at,
        )


def _adapter(name: str, marks: tuple[bytes, ...]) -> Adapter:
    declaration = Declaration(
        name=name,
        family=frozenset(["paxos"]),
        state_taken="after",
        duplicates=True,
        starts_late=False,
        order="file",
        unit="state",
        notes=_NOTES,
    )

    def recognises(first: list[bytes]) -> bool:
        start = b"".join(first)
        return start.startswith(b"{") and all(mark in start for mark in marks)

    facts: Facts = _facts
    return SimpleNamespace(  # pyright: ignore[reportReturnType]
        NAME=name, DECLARATION=declaration, recognises=recognises, facts=facts, texts=texts
    )


tlc_json = _adapter("tlc-json", (b'"counterexample"', b'"state"'))
itf = _adapter("itf", (b'"#meta"', b'"vars"', b'"states"'))
