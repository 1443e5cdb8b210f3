"""Opens a log to append to it, whatever happened to its last line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from paxcheck.protocol.errors import UsageError


def open_log(path: Path, header: bytes) -> tuple[int, bool]:
    """The file, ready for appending, and whether a line that was cut off was removed."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as problem:
        raise UsageError(f"{path} cannot be written: {problem.strerror}") from None
    with open(path, "rb") as old:
        first = old.readline()
        if first.endswith(b"\n") and first.rstrip() != header:
            os.close(file)
            raise UsageError(f"{path} is there already, and is not this log", hint="remove it")
        if not first.endswith(b"\n"):  # new, or not even its header was written
            os.ftruncate(file, 0)
            os.write(file, header + b"\n")
            return file, False
        end = old.seek(0, os.SEEK_END)
        whole = _end_of_last_line(old, end)
    if whole < end:
        os.ftruncate(file, whole)
    return file, whole < end


def _end_of_last_line(file: Any, end: int) -> int:
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
