"""Facts as a file: JSON Lines, one fact a line, so that a shrunken log can be kept and read again.

The first line is the header: the version and the declaration of the log that the facts come from.
Each fact keeps the file and line that it was first read from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Union

import msgspec

from paxcheck.misfit import misfit
from paxcheck.paxos.facts import FACTS, Declaration, Fact
from paxcheck.protocol.errors import UsageError, Where
from paxcheck.trace.adapters.base import refuse_doubles
from paxcheck.trace.adapters.shapes import BALLOTS, Ballots
from paxcheck.trace.events import VERSION, Version
from paxcheck.trace.lines import TraceError

NAME = "facts"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["paxos", "raft", "lease"]),
    notes=("the header of each file of facts says what it can show",),
)


class FactHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a file of facts."""

    paxcheck: Version
    kind: str
    declaration: Declaration


_ANY_FACT: Any = Union[FACTS]  # noqa: UP007 (made of a tuple of classes)
_FACT: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(_ANY_FACT)
_HEADER = msgspec.json.Decoder(FactHeader)
_ENCODER = msgspec.json.Encoder(order="sorted")


def write_facts(path: Path, declaration: Declaration, facts: Iterable[Fact]) -> int:
    """Write facts to a file; returns how many."""
    count = 0
    with path.open("wb") as out:
        out.write(_ENCODER.encode(FactHeader(VERSION, NAME, declaration)) + b"\n")
        for fact in facts:
            out.write(msgspec.json.encode(fact) + b"\n")
            count += 1
    return count


def recognises(first: list[bytes]) -> bool:
    """Whether the first line is the header of a file of facts."""
    try:
        return bool(first) and _HEADER.decode(first[0]).kind == NAME
    except (msgspec.DecodeError, RecursionError):
        return False


def declare(files: Sequence[tuple[str, bytes]]) -> Declaration:
    """The declaration of files of facts, by their headers: (name, first line) of each file.

    Raises TraceError for a line that is no header, and UsageError where they differ.
    """
    name, first = files[0]
    declaration = _declaration(first, name, 1)
    for other, line in files[1:]:
        if _declaration(line, other, 1) != declaration:
            raise UsageError(
                f"the headers of {name} and {other} differ",
                hint="files that are judged together are of one system",
            )
    return declaration


def facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
    """The facts of a file, in order. Raises TraceError, with the line, for another format."""
    ballots = Ballots()
    stream = iter(lines)
    for number, text in stream:
        _declaration(text, file, number)
        break
    for number, text in stream:
        try:
            fact = _FACT.decode(text)
        except (msgspec.DecodeError, RecursionError) as problem:
            raise TraceError(
                f"this line is not a fact: {misfit(problem, _FACT.type)}",
                where=Where(file, number),
            ) from None
        refuse_doubles(text, fact, file, number)
        if (names := BALLOTS.get(type(fact))) is not None:
            ballots.check(fact, names, file, number)
        yield fact


def _declaration(line: str | bytes, file: str, number: int) -> Declaration:
    try:
        header = _HEADER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise TraceError(
            f"this line is not the header of a file of facts: {misfit(problem, _HEADER.type)}",
            where=Where(file, number),
        ) from None
    if header.paxcheck != VERSION:
        raise TraceError(
            f"this is version {header.paxcheck} of the format; this paxcheck reads {VERSION}",
            where=Where(file, number),
        )
    return header.declaration
