"""Reads a file of events. A trace is data: nothing in it is ever run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from paxcheck.protocol.errors import Where
from paxcheck.trace.events import VERSION, Event, Header
from paxcheck.trace.lines import TraceError, byte_lines

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trace:
    """A file's header and its events, each with its line number (1 is the header)."""

    path: str
    header: Header
    events: tuple[tuple[int, Event], ...]


def read_trace(path: Path) -> Trace:
    """Read a whole file, plain or gzipped.

    Raises TraceError with the line for anything that is not the format: a truncated line, another
    encoding, unknown fields in the wrong place, values of the wrong type.
    """
    lines = _lines(path)
    number, text = next(lines, (1, b""))
    _refuse_other_kinds(path, number, text)
    header = _decode(path, number, text, Header, "the header")
    if header.paxcheck != VERSION:
        raise TraceError(
            f"this is version {header.paxcheck} of the format; this paxcheck reads {VERSION}",
            where=Where(str(path), number),
        )
    events = tuple([(n, _decode(path, n, line, Event, "an event")) for n, line in lines])
    return Trace(str(path), header, events)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in byte_lines(str(path)) if line.strip())


class _Kind(msgspec.Struct):
    paxcheck: int
    kind: str


def _refuse_other_kinds(path: Path, number: int, line: bytes) -> None:
    """A file of ours that holds no steps of a model: say what it is."""
    try:
        kind = msgspec.json.decode(line, type=_Kind).kind
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if kind in ("log", "facts"):
        raise TraceError(
            f"this is a file of kind {kind}: it tells of an implementation, not of a model",
            where=Where(str(path), number),
            hint=f"judge it with: paxcheck validate {path}",
        )


def _decode(path: Path, number: int, line: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.ValidationError as problem:
        hint = 'the first line must be the header: {"paxcheck": 1, ...}' if number == 1 else ""
        raise TraceError(
            f"this line is not {what}: {problem}", where=Where(str(path), number), hint=hint
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise TraceError(
            f"this line is not JSON: {problem}", where=Where(str(path), number)
        ) from None
