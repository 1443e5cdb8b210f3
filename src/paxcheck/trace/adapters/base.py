"""What the adapters of JSON logs share: decoding, and an error for a line that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol

import msgspec

from paxcheck.misfit import unreadable
from paxcheck.paxos.facts import Booted, Declaration, Fact, LinesLost, Received, Sent
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
    """What a module of this package offers (its own names, in capitals where they are values).

    It may also offer `session()`: a function such as `facts` that reads several files of one
    system one after the other, and remembers what it knows of each node (see `session_of`); where
    that has a method `end()`, it gives what is only known when all files are read; and
    TEXT = True where half a line may look like a whole one: then a last line that has no line end
    is left out. (Half a line of JSON is an error by itself.)
    """

    NAME: str
    DECLARATION: Declaration

    def recognises(self, first: list[bytes]) -> bool:
        """Whether the first lines of a file (1 to 20 of them) look like this format."""
        ...

    def facts(self, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        """The facts of a log."""
        ...


def session_of(adapter: Adapter) -> Facts:
    """What reads the files of one call: with one memory for all of them, where it can.

    The log of one node may go on in a second file: its lives are counted on, and what it held
    before is still known.
    """
    make = getattr(adapter, "session", None) or getattr(adapter.facts, "session", None)
    return make() if make else adapter.facts


class Reader(Protocol):
    """Turns one decoded line into facts. One object reads all files of a call: state belongs to a
    node, not to the reader.

    It may have a method `end` too: what it has to tell when all files are read.
    """

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        """The facts of a line; `at` holds file and line, ready for a fact's constructor."""
        ...


_IN_ORDER = "the lines must be in their own order, and each one once"


class Disorder(TraceError):
    """A file was read to its end, but its lines are not in their own order."""


class Numbers:
    """The numbers that a source gives its lines: a jump means that lines are lost.

    A number that comes twice is told by `end`: what the lines after it show must be judged too.
    Nothing can be judged after one that goes back, as where a log follows itself: what is old looks
    as if it came after what is new. Of parts in two files the files may be put in order.
    """

    def __init__(self, first: int | None = 0) -> None:
        self._next = first
        self._file = ""
        self.disorder: tuple[str, Where] | None = None

    def lost_before(self, at: dict[str, Any], line: Line) -> bool:
        """Whether lines are missing before this one. Raises TraceError when it is an older one."""
        number = line.get("seq")
        if number is None:
            return False
        due, file = self._next, self._file
        self._next, self._file = int(number) + 1, at["file"]
        if due is None or number >= due:
            return due is not None and number > due
        what, where = f"event {number} comes after event {due - 1}", Where(at["file"], at["line"])
        if number < due - 1 and file == at["file"]:
            raise TraceError(what, where=where, hint=_IN_ORDER)
        self.disorder = self.disorder or (what, where)
        self._next, self._file = due, file
        return False

    def end(self) -> None:
        """Raises Disorder when the lines are not in order."""
        _refuse(self.disorder)


def _refuse(disorder: tuple[str, Where] | None) -> None:
    if disorder is not None:
        raise Disorder(disorder[0], where=disorder[1], hint=_IN_ORDER)


class OneCount:
    """The numbers of a recording that counts the lines of all its nodes together, from 0.

    A file may hold a part of the recording, in any order that keeps each node's own, and other
    files may hold others. A number that is not the next one leaves out a line: it may be lost, or
    stand elsewhere, and be anybody's. Of a node's numbers that do not go up the same is said as by
    `Numbers`.
    """

    def __init__(self) -> None:
        self._next: int | None = None  # None: nothing says that the numbers begin here
        self._last: dict[str, tuple[int, str]] = {}  # of each node: its last number, and the file
        self._nodes: list[str] = []
        self._idle: set[str] = set()  # members that did nothing yet, and no number was left out
        self.disorder: tuple[str, Where] | None = None

    def begin(self, members: Iterable[str], others: Iterable[str] = ()) -> None:
        """The head of the recording, which names its nodes: the next line is number 0.

        Where lines came before it, as where each file has the same head, it only names them.
        """
        names = set(members)
        self._nodes = [*sorted(names), *others]
        if not self._last:
            self._idle, self._next = names, 0

    def arrive(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        """What is missing before a line, and that a member starts; `at` has no node yet."""
        if (said := line.get("seq")) is None:
            return
        number, node = int(said), line.get("node")
        if number != self._next:
            self._idle.clear()
            for name in dict.fromkeys([*self._nodes, *self._last]):
                yield LinesLost(node=name, **at)
        self._next = number + 1
        if node is None:
            return
        last, file = self._last.get(node, (-1, ""))
        if number <= last:
            what = f"event {number} of {node} comes after its event {last}"
            where = Where(at["file"], at["line"])
            if number < last and file == at["file"]:
                raise TraceError(what, where=where, hint=_IN_ORDER)
            self.disorder = self.disorder or (what, where)
        if node not in self._last and node not in self._nodes:
            yield LinesLost(node=node, **at)  # what it did before is not here
        if number > last:
            self._last[node] = number, at["file"]
        if node in self._idle and line.get("ev") != "drop":  # the network drops, not the node
            self._idle.remove(node)
            yield Booted(node=node, inc=line.get("inc", 0), first=True, **at)

    def end(self) -> None:
        """Raises Disorder when the lines of a node are not in order."""
        _refuse(self.disorder)


def stamp(value: Any) -> float | None:
    """A time in seconds, of a number or an ISO date; None for anything else.

    It only puts the parts of one node's log in order: a strange one is no error.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return None


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


class JsonFacts:
    """The `facts` of a format of JSON lines: decodes each line and gives it to a reader.

    A line that is not a JSON object, or has not the fields of the format, is a TraceError; so is
    one that has a key twice (`unique`: of these keys only, where the source repeats others).
    """

    def __init__(
        self, name: str, make: Callable[[], Reader], unique: Container[str] | None = None
    ) -> None:
        self.name = name
        self.make = make
        self.unique = unique

    def __call__(self, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        """The facts of one file."""
        read = self.session()
        yield from read(lines, file)
        yield from read.end()

    def session(self) -> JsonSession:
        """Reads several files with one reader."""
        return JsonSession(self)


class JsonSession:
    """The `facts` of several files, read one after the other by one reader."""

    def __init__(self, form: JsonFacts) -> None:
        self._form = form
        self._reader = form.make()

    def __call__(self, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        """The facts of the next file."""
        form, reader = self._form, self._reader
        for number, text in lines:
            line = decoded(text, file, number, form.unique)
            try:
                at = {"file": file, "line": number, "seq": line.get("seq")}
                for fact in reader.read(at, line):
                    yield well_formed(fact)
            except _MISFITS as problem:
                what = f"it has no {problem}" if isinstance(problem, KeyError) else str(problem)
                raise TraceError(
                    f"this is not a line of the format {form.name}: {what}",
                    where=Where(file, number),
                ) from None
        for numbers in getattr(reader, "numbers", ()):
            numbers.end()

    def end(self) -> Iterator[Fact]:
        """What is only known when all files are read."""
        yield from getattr(self._reader, "end", tuple)()


json_facts = JsonFacts  # an adapter says: facts = json_facts(NAME, _Reader)


def decoded(text: str, file: str, number: int, unique: Container[str] | None = None) -> Line:
    """The JSON object of a line. Raises TraceError; for a key that it has twice too."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as problem:
        told = unreadable(problem)
        cut = told == "cut off" and not text.endswith("}")
        raise TraceError(
            "this line is cut off" if cut else f"this line is {told}",
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
