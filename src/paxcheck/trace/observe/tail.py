"""Reads one file that still grows, line by line, for as long as it is watched."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from paxcheck.protocol.errors import UsageError
from paxcheck.trace.lines import LONGEST, TraceError, text_of, too_long, without_mark

POLL = 0.2
"""Seconds between two looks at a file that has not grown."""


class Tail:
    """The lines of a file as they are written, until `halt` is set.

    A file that is not there yet is waited for, and so is the end of a line. When the file was
    renamed and a new one lies in its place, the rest of the old one is read, then the new one:
    `turned` says that line numbers have begun at 1 again. Where lines may be gone (the file was cut
    to a shorter one) `lost` is called with the number of the last line that was read.
    """

    def __init__(self, name: str, halt: threading.Event) -> None:
        self.name = name
        self.halt = halt
        self.turned = False
        self.lost: Callable[[int], None] = lambda number: None

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines with their numbers. Raises TraceError, and UsageError for a zipped file."""
        while not self.halt.is_set():
            try:
                stream = Path(self.name).open("rb")  # noqa: SIM115
            except FileNotFoundError:
                self.halt.wait(POLL)
                continue
            except OSError as problem:
                raise TraceError(f"{self.name} cannot be read: {problem.strerror}") from None
            with stream:
                yield from self._lines(stream)

    def _lines(self, stream: IO[bytes]) -> Iterator[tuple[int, str]]:
        """The lines of one file, until the watch ends or another file lies in its place."""
        number, part, last_look = 0, b"", False
        while True:
            part += stream.readline(LONGEST + 1)
            if len(part) > LONGEST:
                raise too_long(self.name, number + 1)
            if number == 0 and part.startswith(b"\x1f\x8b"):
                raise UsageError(
                    f"{self.name} is zipped: it does not grow line by line",
                    hint="leave out --follow",
                )
            if part.endswith(b"\n"):
                number += 1
                text = self._text(part, number)
                part = b""
                if text:
                    yield number, text
            elif last_look or self.halt.is_set():
                if last_look and part:
                    self.lost(number)  # the end of its last line will not come any more
                return
            elif self._replaced(stream):
                self.turned = last_look = True
            elif os.fstat(stream.fileno()).st_size < stream.tell():
                self.turned = True
                self.lost(number)
                stream.seek(0)
                number, part = 0, b""
            else:
                self.halt.wait(POLL)

    def _text(self, line: bytes, number: int) -> str:
        if number == 1:
            line = without_mark(line, self.name)
        return text_of(line, self.name, number)

    def _replaced(self, stream: IO[bytes]) -> bool:
        """Whether another file lies in its place, and is written to: then this one is complete."""
        try:
            there = os.stat(self.name)
        except OSError:
            return False  # renamed, and the new one is not there yet
        return not os.path.samestat(there, os.fstat(stream.fileno())) and there.st_size > 0
