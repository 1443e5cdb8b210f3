"""Reads the lines of logs: plain or gzipped, several files, or standard input; one at a time.

Every bad input has a defined answer: a TraceError with file and line.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from paxcheck.protocol.errors import Where
from paxcheck.trace.read import TraceError

STDIN = "-"
LONGEST = 64 * 2**20
"""Bytes of the longest line that is read. A longer one is an error, not a full memory."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"


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


def _opened(file: str) -> IO[bytes]:
    if file == STDIN:
        return sys.stdin.buffer
    path = Path(file)
    with path.open("rb") as start:
        zipped = start.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def _without_mark(file: str, line: bytes) -> bytes:
    if line.startswith(_UTF16):
        raise TraceError(
            "this file is UTF-16", where=Where(file, 1), hint="convert it: iconv -t UTF-8"
        )
    return line.removeprefix(_BOM)
