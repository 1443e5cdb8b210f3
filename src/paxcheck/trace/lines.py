"""Reads the lines of logs: plain or gzipped, several files, or standard input; one at a time.

Every bad input has a defined answer: a TraceError with file and line.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO

from paxcheck.protocol.errors import PaxcheckError, Where

STDIN = "-"
LONGEST = 64 * 2**20
"""Bytes of the longest line that is read. A longer one is an error, not a full memory."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class TraceError(PaxcheckError):
    """A file is not a trace that we can read; `where` is the line."""


def lines_of(file: str) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers from 1, without line ends; empty ones are left out.

    Raises TraceError for a file that cannot be read, an encoding that is not UTF-8, a line of more
    than 64 MiB, and a gzip stream that ends too early.
    """
    number = 0
    try:
        with _opened(file) as stream:
            while line := stream.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise TraceError(
                        f"this line is longer than {LONGEST // 2**20} MiB",
                        where=Where(file, number),
                        hint="a log has one event a line",
                    )
                if number == 1:
                    line = _without_mark(file, line)
                try:
                    text = line.decode("utf-8").strip()
                except UnicodeDecodeError as problem:
                    raise TraceError(
                        f"this line is not UTF-8: byte {problem.start + 1} is "
                        f"0x{line[problem.start]:02x}",
                        where=Where(file, number),
                    ) from None
                if text:
                    yield number, text
    except (OSError, EOFError, zlib.error) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise TraceError(
            f"{file} cannot be read{f' after line {number}' if number else ''}: {reason}"
        ) from None


def first_lines(file: str, count: int = 20) -> list[bytes]:
    """The first lines of a file, to recognise its format by. Not for standard input."""
    found: list[bytes] = []
    for _, text in lines_of(file):
        found.append(text.encode())
        if len(found) == count:
            break
    return found


def start_of_stdin() -> bytes:
    """What standard input begins with, plain; it can still be read from there."""
    start = _peeked()
    try:
        return zlib.decompressobj(wbits=31).decompress(start) if start[:2] == _GZIP else start
    except zlib.error:
        return b""


def _peeked() -> bytes:
    stream = sys.stdin.buffer
    return stream.peek() if isinstance(stream, BufferedReader) else b""


def _opened(file: str) -> IO[bytes]:
    if file == STDIN:
        stdin = sys.stdin.buffer
        return gzip.open(stdin) if _peeked()[:2] == _GZIP else stdin  # type: ignore[return-value]
    path = Path(file)
    with path.open("rb") as start:
        zipped = start.read(2) == _GZIP
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def _without_mark(file: str, line: bytes) -> bytes:
    if line.startswith(_UTF16):
        raise TraceError(
            "this file is UTF-16", where=Where(file, 1), hint="convert it: iconv -t UTF-8"
        )
    return line.removeprefix(_BOM)
