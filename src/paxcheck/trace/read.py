"""Reads a file of events. A trace is data: nothing in it is ever run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from paxcheck.plain import count
from paxcheck.protocol.errors import Where
from paxcheck.trace.events import VERSION, Event, Header
from paxcheck.trace.lines import TraceError, lines_of

__all__ = ["Trace", "TraceError", "read_trace"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trace:
    """A file's header and its events, each with its line number (1 is the header)."""

    path: str
    header: Header
    events: tuple[tuple[int, Event], ...]


def read_trace(path: Path) -> Trace:
    """Read a whole file, plain or gzipped; `-` is standard input.

    Raises TraceError with the line for anything that is not the format: a truncated line, another
    encoding, unknown fields in the wrong place, values of the wrong type, a behavior without its
    last lines.
    """
    lines = lines_of(str(path))
    number, text = next(lines, (1, ""))
    _refuse_other_kinds(path, number, text)
    header = _decode(path, number, text, Header, "the header")
    if header.paxcheck != VERSION:
        raise TraceError(
            f"this is version {header.paxcheck} of the format; this paxcheck reads {VERSION}",
            where=Where(str(path), number),
        )
    events = tuple([(n, _decode(path, n, line, Event, "an event")) for n, line in lines])
    _refuse_cut(path, header, events)
    return Trace(str(path), header, events)


def _refuse_cut(path: Path, header: Header, events: tuple[tuple[int, Event], ...]) -> None:
    """A behavior is all steps of a run. Without the last ones it shows something else."""
    if header.kind == "behavior" and header.steps not in (None, len(events)):
        raise TraceError(
            f"the file is cut short, or was edited: its header says {count(header.steps, 'step')}, "
            f"and {count(len(events), 'step')} follow",
            where=Where(str(path), events[-1][0] if events else 1),
            hint='save the run again; if the change is meant, take "steps" out of the header',
        )


class _Kind(msgspec.Struct):
    paxcheck: int
    kind: str


def _refuse_other_kinds(path: Path, number: int, line: str) -> None:
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


def _decode(path: Path, number: int, line: str, kind: type[T], what: str) -> T:
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
