"""What the second process says of each event, and the file through which it does.

The file is read while it is written: each block has its length before it. It has no name, so that
nothing is left of it, however the processes end; the one who reads leaves its position alone.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from paxcheck.protocol.messages import Message
from paxcheck.trace.conform.causality import Totals

BATCH: Final = 256
"""So many rows are written at once."""

_WAIT: Final = 0.005  # seconds between two looks at a file that does not grow
_LENGTH: Final = 8


class Row(NamedTuple):
    """One event: its line, the place of its node, and what its step took, changed and sent.

    `took`: the name of an action, or a message. `changes`: (place in the local state, new value);
    of a ghost what was added to it. `sent`: (receiver, message). `owed`: the message was not seen
    being sent: it must have been in transit at the boundary.
    """

    line: int
    node: int
    took: str | Message
    changes: tuple[tuple[int, Any], ...]
    sent: tuple[tuple[str, Message], ...]
    owed: bool


class Stopped(NamedTuple):
    """An event was not an ordinary one, or could not be read: nothing follows."""

    line: int


class Out:
    """Writes rows."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._rows: list[Row] = []

    def put(self, row: Row) -> None:
        """Write a row, now or soon."""
        self._rows.append(row)
        if len(self._rows) == BATCH:
            self.flush()

    def end(self, last: Totals | Stopped) -> None:
        """Write the rest, and how it ends."""
        self.flush()
        self._write(last)

    def flush(self) -> None:
        """Write all rows."""
        rows, self._rows = self._rows, []
        self._write([tuple(row) for row in rows])

    def _write(self, what: Any) -> None:
        block = pickle.dumps(what, 5)
        left = memoryview(len(block).to_bytes(_LENGTH, "big") + block)
        while left:
            left = left[os.write(self._file, left) :]


def read(file: int, alive: Callable[[], bool]) -> Iterator[list[Any] | Totals | Stopped]:
    """The blocks of rows (as plain tuples), and how they end: with None, as `Stopped`, where the
    writer is not `alive` any more and wrote no end."""
    at = 0
    while True:
        lives = alive()  # asked first: what it wrote before its end is there
        head = os.pread(file, _LENGTH, at)
        size = int.from_bytes(head, "big")
        block = os.pread(file, size, at + _LENGTH) if len(head) == _LENGTH else b""
        if len(head) == _LENGTH and len(block) == size:
            at += _LENGTH + size
            found = pickle.loads(block)  # what our own second process wrote
            yield found
            if not isinstance(found, list):
                return
        elif lives:
            time.sleep(_WAIT)
        else:
            yield Stopped(0)
            return
