"""Facts as a file: JSON Lines, one fact a line, so that a shrunken log can be kept and read again.

The first line is the header: the version and the declaration of the log that the facts come from.
Each fact keeps the file and line that it was first read from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Union

import msgspec

from paxcheck.paxos.facts import Declaration, Fact
from paxcheck.protocol.errors import Where
from paxcheck.trace.adapters.base import refuse_doubles
from paxcheck.trace.events import VERSION
from paxcheck.trace.observe.engine import FACTS
from paxcheck.trace.read import TraceError


class FactHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a file of facts."""

    paxcheck: int
    kind: str
    declaration: Declaration


_ANY_FACT: Any = Union[FACTS]  # noqa: UP007 (made of a tuple of classes)
_FACT: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(_ANY_FACT)
_HEADER = msgspec.json.Decoder(FactHeader)
_ENCODER = msgspec.json.Encoder(order="sorted")
KIND = "facts"


def write_facts(path: Path, declaration: Declaration, facts: Iterable[Fact]) -> int:
    """Write facts to a file; returns how many."""
    count = 0
    with path.open("wb") as out:
        out.write(_ENCODER.encode(FactHeader(VERSION, KIND, declaration)) + b"\n")
        for fact in facts:
            out.write(msgspec.json.encode(fact) + b"\n")
            count += 1
    return count


def is_fact_file(first: list[bytes]) -> bool:
    """Whether the first line is the header of a file of facts."""
    try:
        return bool(first) and _HEADER.decode(first[0]).kind == KIND
    except (msgspec.DecodeError, RecursionError):
        return False


def read_facts(lines: Iterable[tuple[int, str]], file: str) -> tuple[Declaration, Iterator[Fact]]:
    """The declaration of a file of facts, and its facts in order.

    Raises TraceError, with the line, for anything that is not the format.
    """
    stream = iter(lines)
    number, text = next(stream, (1, ""))
    try:
        header = _HEADER.decode(text)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise TraceError(
            f"this line is not the header of a file of facts: {problem}", where=Where(file, number)
        ) from None
    if header.paxcheck != VERSION:
        raise TraceError(
            f"this is version {header.paxcheck} of the format; this paxcheck reads {VERSION}",
            where=Where(file, number),
        )
    return header.declaration, _facts(stream, file)


def _facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
    for number, text in lines:
        try:
            fact = _FACT.decode(text)
        except (msgspec.DecodeError, RecursionError) as problem:
            raise TraceError(
                f"this line is not a fact: {problem}", where=Where(file, number)
            ) from None
        refuse_doubles(text, fact, file, number)
        yield fact
