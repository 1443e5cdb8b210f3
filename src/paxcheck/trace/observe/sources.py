"""The files of one call: opened once or again, their format found, their facts in one stream."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from paxcheck.paxos.facts import Declaration, Fact, LinesLost, Unread
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.adapters import Adapter, adapter_named, adapters, detect, unrecognised
from paxcheck.trace.adapters.base import Disorder, Facts, session_of
from paxcheck.trace.adapters.mapped import load_map
from paxcheck.trace.lines import TraceError, is_read_once, lines_of
from paxcheck.trace.observe.parts import Parts, WrongOrder, start_of
from paxcheck.trace.observe.texts import lines_of as raw_lines

T = TypeVar("T")

AUTO = "auto"
HEAD = 20
"""So many lines are looked at to find the format of a file."""


class Source:
    """One log file. What can be read only once (a pipe) is copied while it is read.

    `name`: as the user wrote it; `path`: what can be read again; `count`: lines read so far;
    `half`: the number of a last line that has no line end, and may be half a line; `guessed`: its
    own first lines do not say of which format it is.
    """

    def __init__(self, name: str, copy: Path) -> None:
        self.name = name
        self.path = name
        self.count = 0
        self.half: int | None = None
        self.guessed = False
        self._head: list[tuple[int, str]] = []
        self._given = False
        self._rest: Generator[tuple[int, str]] | None = None
        if is_read_once(name):
            self.path = str(copy)
            self._rest = self._copied()

    def heads(self) -> Iterator[list[bytes]]:
        """The first line, the first two, and so on: the format is known as soon as it can be."""
        found: list[bytes] = []
        lines = self._again() if self._rest is None else self._begun()
        for _, text in itertools.islice(lines, HEAD):
            found.append(text.encode())
            yield found

    def lines(self) -> Iterator[tuple[int, str]]:
        """All lines with their numbers, from the first."""
        if self._rest is not None and self._given:
            # It was read before, perhaps not to its end: the rest is copied, then all is read.
            with contextlib.suppress(TraceError):
                deque(self._rest, maxlen=0)
            self._rest = None
        self._given = True
        lines = self._again() if self._rest is None else itertools.chain(self._head, self._rest)
        count = 0
        try:
            for count, line in enumerate(lines, 1):  # noqa: B007
                yield line
            self._rest = None
        finally:
            self.count = count

    def raw(self) -> Iterator[bytes]:
        """The lines that were read, as they stand, to quote from."""
        if self._rest is not None:
            self._rest.close()  # what it has copied so far is on the disk then
        yield from raw_lines(self.path)

    def _again(self) -> Iterator[tuple[int, str]]:
        return lines_of(self.path, None, self._ends_in, self.name)

    def _begun(self) -> Iterator[tuple[int, str]]:
        """The first lines of a pipe; they are kept."""
        yield from self._head
        for line in self._rest or ():
            self._head.append(line)
            yield line

    def _copied(self) -> Generator[tuple[int, str]]:
        with Path(self.path).open("wb") as out:
            yield from lines_of(self.name, out.write, self._ends_in)

    def _ends_in(self, number: int) -> None:
        self.half = number


@dataclass(frozen=True, slots=True)
class Log:
    """Files of one format, ready to be read."""

    sources: tuple[Source, ...]
    declaration: Declaration
    adapter: Adapter

    @property
    def names(self) -> tuple[str, ...]:
        """The files as the user named them."""
        return tuple([source.name for source in self.sources])

    def facts(self) -> Iterator[Fact]:
        """All facts, file after file.

        Raises WrongOrder for one node's log in a wrong order, and Disorder, when all is read, for
        the first file whose lines are not in order.
        """
        read = session_of(self.adapter)
        parts = Parts()
        disorder: Disorder | None = None
        for source in self.sources:
            found = self._facts(read, source)
            if source.guessed:
                found = _unless_foreign(found, source)
            try:
                yield from parts.checked(found, source.name) if len(self.sources) > 1 else found
            except Disorder as problem:
                disorder = disorder or problem
        if (end := getattr(read, "end", None)) is not None:
            yield from end()
        if disorder is not None:
            raise disorder

    def _facts(self, read: Facts, source: Source) -> Iterator[Fact]:
        if not getattr(self.adapter, "TEXT", False):
            yield from read(source.lines(), source.name)
            return
        whole = (line for line in source.lines() if line[0] != source.half)
        nodes: set[str] = set()
        for fact in read(whole, source.name):
            nodes.add(fact.node)
            yield fact
        if source.half is not None:
            at: dict[str, Any] = {"file": source.name, "line": source.half}
            why = "this last line has no line end, so it may be cut off: it was left out"
            yield Unread(node="", why=why, **at)
            for node in sorted(nodes - {""}):
                yield LinesLost(node=node, **at)

    def in_order(self) -> Log:
        """The same files, each node's in the order of its own numbers or times."""
        starts = {s: start_of(self.adapter.facts(s.lines(), s.name)) for s in self.sources}
        for kind in ("time", "seq"):
            keys: dict[Source, Any] = {s: getattr(starts[s], kind, None) for s in self.sources}
            if None not in keys.values():
                return replace(self, sources=tuple(sorted(self.sources, key=lambda s: keys[s])))
        return self

    def judged(self, judge: Callable[[Log], T]) -> tuple[Log, T, tuple[str, ...]]:
        """The log, its files put in order where they were not; what `judge` says; notes on that.

        Names such as n1.log, n1.log.1, n1.log.2 come in the wrong order from every shell.
        """
        try:
            return self, judge(self), ()
        except WrongOrder:
            ordered = self.in_order()
            if ordered == self:
                raise
        note = f"read in the order of their own numbers or times: {', '.join(ordered.names)}"
        return ordered, judge(ordered), (note,)

    def raw(self, name: str) -> Iterator[bytes]:
        """The lines of one of the files again, to quote from; nothing for another name.

        A file of facts names files too. It is data: it cannot have us read whatever it names.
        """
        source = next((s for s in self.sources if s.name == name), None)
        if source is None:
            return
        texts = getattr(self.adapter, "texts", None)  # of formats whose "lines" are no lines
        yield from texts(source.lines(), name) if texts else source.raw()


@contextmanager
def opened(
    files: Sequence[str],
    source: str = AUTO,
    clock_error: float | None = None,
    map_file: Path | None = None,
    names: Sequence[str] | None = None,
) -> Generator[Log]:
    """Find the format of the files. `names`: what to call them, where that is not their path.

    `source`: the name of an adapter, or `auto`: by the first lines. `map_file`: a map file that
    says what the fields mean, instead. `clock_error`: how far two clocks may differ, in seconds,
    when the user says that time stamps may be trusted. Raises UsageError for no files, an unknown
    name, files of different formats; TraceError for a file that cannot be read, or that no adapter
    recognises.
    """
    check_files(files)
    if map_file is not None and source != AUTO:
        raise UsageError("--map and --from both say what the format is", hint="leave one out")
    with tempfile.TemporaryDirectory() as folder:
        sources = tuple([Source(f, Path(folder) / str(n)) for n, f in enumerate(files)])
        for found, name in zip(sources, names or files, strict=True):
            found.name = name
        if map_file is not None:
            adapter = load_map(map_file)
        elif source != AUTO:
            adapter = adapter_named(source)
        else:
            adapter = _common_format(sources)
        tops = [(s.name, next(s.heads(), [b""])[0]) for s in sources]
        yield Log(sources, declared(adapter, tops, clock_error), adapter)


def check_files(files: Sequence[str]) -> None:
    """Raises UsageError for no file, and for one that is named twice, in whatever words."""
    if not files:
        raise UsageError("there is no file to read", hint="name a log, or - for standard input")
    known: dict[Any, str] = {}
    for file in files:
        try:
            status = os.stat(file)
            key: Any = (status.st_dev, status.st_ino)
        except OSError:
            key = file
        if key in known:
            again = "" if known[key] == file else f": {known[key]} and {file} are one"
            raise UsageError(f"a file is named twice{again}")
        known[key] = file


def declared(
    adapter: Adapter, tops: Sequence[tuple[str, bytes]], clock_error: float | None
) -> Declaration:
    """What the log can show: by its adapter, its headers (`tops`: the first lines), and the user.

    Raises UsageError for headers that differ, and for an error of the clocks that is none.
    """
    declare = getattr(adapter, "declare", None)
    declaration: Declaration = declare(tops) if declare else adapter.DECLARATION
    if clock_error is not None:
        declaration = msgspec.structs.replace(declaration, clock_error=clock_error)
    error = declaration.clock_error
    if error is not None and not (math.isfinite(error) and error >= 0):
        raise UsageError(
            f"an error of the clocks of {error} s says nothing",
            hint="it is a number of seconds from 0 on; leave it out to trust no clock",
        )
    return declaration


def _common_format(sources: Sequence[Source]) -> Adapter:
    """The format of all files, by their first lines.

    One whose first lines do not tell is taken for one of the others' format: the first lines of a
    log may all be in its first file. Its lines must still be of that format.
    """
    known = adapters()
    found = {source: _format_of(source, known) for source in sources}
    kinds = {adapter.NAME: adapter for adapter in found.values() if adapter is not None}
    if len(kinds) > 1:
        first = {a.NAME: s.name for s, a in reversed(found.items()) if a is not None}
        told = ", ".join([f"{kind} ({first[kind]})" for kind in sorted(kinds)])
        raise UsageError(
            f"these files are of different formats: {told}",
            hint="validate the files of one format at a time, or force one with --from",
        )
    if not kinds:
        raise unrecognised(sources[0].name, known)
    for source, adapter in found.items():
        source.guessed = adapter is None
    return next(iter(kinds.values()))


def _unless_foreign(facts: Iterator[Fact], source: Source) -> Iterator[Fact]:
    """The facts of a file whose format is that of the others, it seems."""
    read = 0
    try:
        for fact in facts:
            read += 1
            yield fact
    except TraceError as problem:
        if not read:
            problem.hint = "if this file is no log of a node, leave it out"
        raise


def _format_of(source: Source, known: dict[str, Adapter]) -> Adapter | None:
    empty = True
    for first in source.heads():
        empty = False
        if adapter := detect(first, known):
            return adapter
        if is_run(first):
            raise UsageError(
                f"{source.name} is a run of a model: it is read more than once",
                hint="save it to a file first",
            )
        if is_certificate(first):
            raise UsageError(
                f"{source.name} is a certificate, not a log",
                hint=f"count again with: paxcheck recheck {source.name}",
            )
    if empty:
        raise TraceError(f"{source.name} is empty: there is nothing to validate")
    return None


def is_run(first: list[bytes]) -> bool:
    """Whether the first line is the header of a native trace or behavior."""
    try:
        header = msgspec.json.decode(first[0], type=dict[str, Any]) if first else {}
    except (msgspec.DecodeError, RecursionError):
        return False
    return "paxcheck" in header and header.get("kind", "trace") in ("behavior", "trace")


def is_certificate(first: list[bytes]) -> bool:
    """Whether these are the first lines of what `paxcheck check --certificate` writes."""
    return b" ".join(first[:2]).split()[:2] == [b"{", b'"certificate":']
