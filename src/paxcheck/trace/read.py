"""Reads a file of events, line by line. A trace is data: nothing in it is ever run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from paxcheck.misfit import misfit, unreadable
from paxcheck.plain import count
from paxcheck.protocol.errors import Where
from paxcheck.protocol.faults import NODE_FAULTS
from paxcheck.trace.doubles import refuse_doubles
from paxcheck.trace.events import VERSION, Event, Header
from paxcheck.trace.lines import TraceError, lines_of

__all__ = ["Trace", "TraceError", "open_trace", "read_trace"]

T = TypeVar("T")

BLOCK: Final = 256
"""How many events are read at once, if they have no more characters than `LARGE`."""

LARGE: Final = 1_000_000

_HEADER = msgspec.json.Decoder(Header)
_EVENT = msgspec.json.Decoder(Event)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Trace:
    """A file's header and its events, each with its line number (1 is the header).

    `path`: what to call it; `file`: where it can be opened once more (empty: not known).
    """

    path: str
    header: Header
    events: Iterable[tuple[int, Event]]
    file: str = ""


def read_trace(path: Path) -> Trace:
    """Read a whole file, plain or gzipped; `-` is standard input. Raises what `open_trace` does."""
    trace = open_trace(str(path))
    return Trace(trace.path, trace.header, tuple(trace.events), trace.file)


def open_trace(file: str, name: str = "") -> Trace:
    """A trace whose events are read when they are asked for, once. `name`: what to call the file.

    Raises TraceError with the line for anything that is not the format: a truncated line, another
    encoding, unknown fields, a key that is there twice, values of the wrong type, an event without
    what it needs, a behavior without its last lines.
    """
    name = name or file
    lines = lines_of(file)
    number, text = next(lines, (1, ""))
    if not text:
        raise TraceError("this file is empty", where=Where(name, 1))
    _refuse_other_kinds(name, number, text)
    header = _decode(name, number, text, _HEADER, "the header")
    if header.paxcheck != VERSION:
        raise TraceError(
            f"this is version {header.paxcheck} of the format; this paxcheck reads {VERSION}",
            where=Where(name, number),
        )
    return Trace(name, header, Events(lines, name, header), file)


class Events:
    """The events of lines, with their numbers; to be gone through once.

    A few are read at once, which is faster than one at a time, between other work; what cannot be
    read is told when all before it was given. `typed`: decodes an event whose messages are of a
    certain model's; those that are not, or that say anything else, are read as any event.
    """

    def __init__(self, lines: Iterator[tuple[int, str]], name: str, header: Header) -> None:
        self.typed: msgspec.json.Decoder[Event] | None = None
        self._lines = lines
        self._name = name
        self._header = header

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        name, header, typed = self._name, self._header, self.typed
        number, steps, size = 1, 0, 0
        block: list[tuple[int, Event]] = []
        try:
            for number, text in self._lines:
                event = _typed(text, typed) if typed is not None else None
                if event is None:
                    event = _event(name, number, text)
                steps += 1
                size += len(text)
                block.append((number, event))
                if len(block) == BLOCK or size > LARGE:
                    yield from block
                    block, size = [], 0
        except TraceError:
            yield from block
            raise
        yield from block
        # A behavior is all steps of a run. Without the last ones it shows something else.
        if header.kind == "behavior" and header.steps not in (None, steps):
            raise TraceError(
                "the file is cut short, or was edited: its header says "
                f"{count(header.steps, 'step')}, and {count(steps, 'step')} follow",
                where=Where(name, number),
                hint='save the run again; if the change is meant, take "steps" out of the header',
            )


def _event(name: str, number: int, text: str) -> Event:
    event = _decode(name, number, text, _EVENT, "an event")
    wrong = _wrong(event)
    if wrong:
        raise TraceError(f"this line is not an event: {wrong}", where=Where(name, number))
    return event


def _typed(text: str, decoder: msgspec.json.Decoder[Event]) -> Event | None:
    """The event, if it says no more and no less than what was understood of it."""
    try:
        event = decoder.decode(text)
        if text.count(":") != _encode(event).count(b":") or "\\u00" in text:
            return None  # a key is there twice, or left out (see `refuse_doubles`)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    kind = event.event
    if event.node is None or (event.message if kind == "deliver" else event.action) is None:
        return None
    # Nobody is called "": the sender was left out, and a key too many makes up for it.
    senders = [one.message for one in event.sent or ()]
    if event.message is not None:
        senders.append(event.message)
    for message in senders:
        if not message.sender:  # type: ignore[attr-defined]
            return None
    return event


def _wrong(event: Event) -> str:
    """What an event lacks, or has in another form than its kind needs."""
    kind = event.event
    if event.node is None and (kind in ("deliver", "act", "state") or kind in NODE_FAULTS):
        return f"{kind} needs its node"
    if kind == "deliver" and event.message is None:
        return "deliver needs its message"
    if kind == "act" and event.action is None:
        return "act needs its action"
    if event.message is not None and (problem := _wrong_message(event.message)):
        return problem
    for sent in event.sent or ():
        if problem := _wrong_message(sent.message):
            return problem
    return ""


def _wrong_message(message: dict[str, Any]) -> str:
    if message.get("type").__class__ is not str:
        return "a message needs its type, a text"
    if message.get("sender", "").__class__ is not str:
        return "the sender of a message is a text"
    return ""


def _refuse_other_kinds(name: str, number: int, line: str) -> None:
    """A file that holds no steps of a model: say what it is, and what reads it."""
    where = Where(name, number)
    if line == "{":
        raise TraceError(
            "this is no run of a model: a run has one event a line",
            where=where,
            hint=f"is it a certificate? count again with: paxcheck recheck {name}",
        )
    try:
        header = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if "paxcheck" not in header:
        raise TraceError(
            'this is no run of a model: its first line has no "paxcheck"',
            where=where,
            hint=f"is it a log of an implementation? judge it with: paxcheck validate {name}",
        )
    if header.get("kind") in ("log", "facts"):
        raise TraceError(
            f"this is a file of kind {header['kind']}: it tells of an implementation, not of a "
            "model",
            where=where,
            hint=f"judge it with: paxcheck validate {name}",
        )


def _decode(name: str, number: int, line: str, decoder: msgspec.json.Decoder[T], what: str) -> T:
    try:
        found = decoder.decode(line)
    except msgspec.ValidationError as problem:
        hint = 'the first line must be the header: {"paxcheck": 1, ...}' if number == 1 else ""
        raise TraceError(
            f"this line is not {what}: {misfit(problem, decoder.type)}",
            where=Where(name, number),
            hint=hint,
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise TraceError(f"this line is {unreadable(problem)}", where=Where(name, number)) from None
    refuse_doubles(line, found, name, number)
    return found
