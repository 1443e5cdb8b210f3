"""What the adapters of JSON logs share: decoding, and an error for a line that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any, Protocol

import msgspec

from paxcheck.paxos.facts import Declaration, Fact, Received, Sent
from paxcheck.protocol.errors import Where
from paxcheck.trace.adapters.shapes import well_formed
from paxcheck.trace.doubles import refuse_doubles
from paxcheck.trace.read import TraceError

Line = Any
"""A decoded line or a part of it: foreign data, whose shape only the adapter knows."""

Facts = Callable[[Iterable[tuple[int, str]], str], Iterator[Fact]]


_MISFITS = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)


class Adapter(Protocol):
    """What a module of this package offers (its own names, in capitals where they are values)."""

    NAME: str
    DECLARATION: Declaration

    def recognises(self, first: list[bytes]) -> bool:
        """Whether the first lines of a file look like this format."""
        ...

    def facts(self, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        """The facts of a log."""
        ...


class Reader(Protocol):
    """Turns one decoded line into facts; an object of it lives as long as one file is read."""

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        """The facts of a line; `at` holds file and line, ready for a fact's constructor."""
        ...


class Numbers:
    """The numbers that a source gives its lines: a jump means that lines are lost.

    A number that comes again or too late is told by `end`: what the lines before it and after it
    show must be judged too.
    """

    def __init__(self, first: int | None = 0) -> None:
        self._next = first
        self.disorder: tuple[str, int] | None = None

    def lost_before(self, at: dict[str, Any], line: Line) -> bool:
        """Whether lines are missing before this one."""
        number = line.get("seq")
        if number is None:
            return False
        due, self._next = self._next, int(number) + 1
        if due is not None and number < due and self.disorder is None:
            self.disorder = f"event {number} comes after event {due - 1}", at["line"]
        if due is not None and number < due:
            self._next = due
        return due is not None and number > due

    def end(self, file: str) -> None:
        """Raises TraceError when the lines are not in order."""
        if self.disorder is not None:
            raise TraceError(
                self.disorder[0],
                where=Where(file, self.disorder[1]),
                hint="the lines must be in their own order, and each one once",
            )


def message_ends(
    at: dict[str, Any], what: Any, mid: Any, peer: Any, message: Any
) -> Iterator[Fact]:
    """The fact that a message with an identity was sent or received, with its whole content."""
    if mid is None or what not in ("send", "recv"):
        return
    content = msgspec.json.encode(message, order="sorted").decode()
    if what == "send":
        yield Sent(to=str(peer), mid=mid, content=content, **at)
    else:
        yield Received(sender=str(peer), mid=mid, content=content, **at)


def json_facts(
    name: str, make: Callable[[], Reader], unique: Container[str] | None = None
) -> Facts:
    """A `facts` function that decodes each line and gives it to a reader.

    A line that is not a JSON object, or has not the fields of the format, is a TraceError; so is
    one that has a key twice (`unique`: of these keys only, where the source repeats others).
    """

    def facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        reader = make()
        for number, text in lines:
            line = decoded(text, file, number, unique)
            try:
                for fact in reader.read({"file": file, "line": number}, line):
                    yield well_formed(fact)
            except _MISFITS as problem:
                what = f"it has no {problem}" if isinstance(problem, KeyError) else str(problem)
                raise TraceError(
                    f"this is not a line of the format {name}: {what}", where=Where(file, number)
                ) from None
        for numbers in getattr(reader, "numbers", ()):
            numbers.end(file)

    return facts


def decoded(text: str, file: str, number: int, unique: Container[str] | None = None) -> Line:
    """The JSON object of a line. Raises TraceError; for a key that it has twice too."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as problem:
        told = str(problem)
        cut = "truncated" in told and not text.endswith("}")
        raise TraceError(
            "this line is cut off" if cut else f"this line is not JSON: {told}",
            where=Where(file, number),
            hint="of a log that is still written, leave the last line out" if cut else "",
        ) from None
    if not isinstance(value, dict):
        raise TraceError("this line is not a JSON object", where=Where(file, number))
    refuse_doubles(text, value, file, number, unique)
    return value  # pyright: ignore[reportUnknownVariableType]


def peek(first: list[bytes]) -> list[Line]:
    """The first lines as JSON objects, as far as they are; never raises."""
    found: list[Line] = []
    for line in first:
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            break
        if not isinstance(value, dict):
            break
        found.append(value)  # pyright: ignore[reportUnknownArgumentType]
    return found
