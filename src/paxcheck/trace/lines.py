"""Reads the lines of logs: plain or gzipped, files, pipes or standard input; one at a time.

Every bad input has a defined answer: a TraceError with file and line.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

from paxcheck.protocol.errors import PaxcheckError, Where

STDIN = "-"
LONGEST = 64 * 2**20
"""Bytes of the longest line that is read. A longer one is an error, not a full memory."""

_GZIP = b"\x1f\x8b"
EMPTY = 1_000_000
"""So many empty lines one after the other are no log."""

_MARKS = (  # those of UTF-32 first: they begin like those of UTF-16
    ("UTF-32", b"\xff\xfe\x00\x00"),
    ("UTF-32", b"\x00\x00\xfe\xff"),
    ("UTF-16", b"\xff\xfe"),
    ("UTF-16", b"\xfe\xff"),
)
_BOM = b"\xef\xbb\xbf"


class TraceError(PaxcheckError):
    """A file is not a trace that we can read; `where` is the line."""


class Unjudgeable(TraceError):
    """The log is put together wrongly: what it seemed to break before this line proves nothing."""


def lines_of(
    file: str,
    copy: Callable[[bytes], object] | None = None,
    half: Callable[[int], object] | None = None,
    name: str = "",
) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers from 1, without line ends; empty ones are left out.

    `copy` is given each line as it stands. `half` is told the number of a last line that has no
    line end, before the line is given: it may be half a line. `name`: what errors call the file,
    where that is not its path. Raises TraceError for a file that cannot be read, an encoding that
    is not UTF-8, a line of more than 64 MiB, and a gzip stream that ends too early.
    """
    name = name or file
    for number, line in byte_lines(file, copy, name):
        if half is not None and not line.endswith(b"\n"):
            half(number)
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            text = text_of(line, name, number)  # which says what is wrong
        if text:
            yield number, text


def byte_lines(
    file: str, copy: Callable[[bytes], object] | None = None, name: str = ""
) -> Iterator[tuple[int, bytes]]:
    """The lines of a file as they are, with their line ends, without a byte order mark."""
    name = name or file
    number = empty = 0
    try:
        with _opened(file) as stream:
            while line := stream.readline(LONGEST + 1):
                number += 1
                if copy is not None:
                    copy(line)
                if len(line) > LONGEST:
                    raise too_long(name, number)
                if number == 1:
                    line = without_mark(line, name)
                if len(line) > 2:
                    empty = 0
                elif (empty := empty + 1) == EMPTY:
                    raise TraceError(
                        f"{EMPTY:,} empty lines one after the other: this is no log",
                        where=Where(name, number),
                    )
                yield number, line
    except (OSError, EOFError, zlib.error) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise TraceError(
            f"{name} cannot be read{f' after line {number}' if number else ''}: {reason}"
        ) from None


def text_of(line: bytes, file: str, number: int) -> str:
    """A line as text, without blanks around it. Raises TraceError for another encoding."""
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError as problem:
        raise TraceError(
            f"this line is not UTF-8: byte {problem.start + 1} is 0x{line[problem.start]:02x}",
            where=Where(file, number),
        ) from None


def first_lines(file: str, count: int = 20) -> list[bytes]:
    """The first lines of a file, to recognise its format by. Not for what is read only once."""
    found: list[bytes] = []
    for _, text in lines_of(file):
        found.append(text.encode())
        if len(found) == count:
            break
    return found


def start_of_stdin() -> bytes:
    """What standard input begins with, plain; it can still be read from there."""
    stream = sys.stdin.buffer
    start = stream.peek() if isinstance(stream, BufferedReader) else b""
    try:
        return zlib.decompressobj(wbits=31).decompress(start) if start[:2] == _GZIP else start
    except zlib.error:
        return b""


def is_read_once(file: str) -> bool:
    """Whether a file is none that can be opened again: standard input, a pipe, a device."""
    path = Path(file)
    return file == STDIN or (path.exists() and not path.is_file() and not path.is_dir())


@contextmanager
def _opened(file: str) -> Generator[IO[bytes]]:
    # Opened once: a pipe gives what it has to the first who opens it.
    with nullcontext(sys.stdin.buffer) if file == STDIN else Path(file).open("rb") as found:
        # The standard input of a test has no peek.
        plain: Any = found if hasattr(found, "peek") else BufferedReader(cast(Any, found))
        if plain.peek(2)[:2] == _GZIP:
            with gzip.open(plain) as unzipped:
                yield cast(IO[bytes], unzipped)
        else:
            yield plain


def without_mark(line: bytes, file: str) -> bytes:
    """The first line without its byte order mark. Raises TraceError for another encoding's."""
    for name, mark in _MARKS:
        if line.startswith(mark):
            raise TraceError(
                f"this file is {name}", where=Where(file, 1), hint="convert it: iconv -t UTF-8"
            )
    return line.removeprefix(_BOM)


def too_long(file: str, number: int) -> TraceError:
    """The error for a line that would fill the memory."""
    return TraceError(
        f"this line is longer than {LONGEST // 2**20} MiB",
        where=Where(file, number),
        hint="a log has one event a line",
    )
