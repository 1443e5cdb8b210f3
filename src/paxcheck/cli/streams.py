"""The standard streams as they may be: closed, full, of an old encoding; a model's own prints."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import AbstractContextManager, redirect_stdout, suppress
from io import TextIOWrapper
from typing import Final, TextIO

_LOOKS_LIKE: Final = str.maketrans({
    "○": "o", "●": "*", "│": "|", "─": "-", "▶": ">", "◀": "<", "→": "->", "≤": "<=", "×": "x",
    "·": "-", "…": "...", "↺": "@", "■": "#", "✎": "w", "✗": "x",
})  # fmt: skip


def prepare() -> None:
    """Make the streams such that to write to them does not fail for their sake."""
    codecs.register_error("paxcheck", _readable)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before we began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="paxcheck")
    # A state may hold any int, and it is printed.
    sys.set_int_max_str_digits(0)


def aside() -> AbstractContextManager[TextIO]:
    """While a model's code runs: what it prints goes to stderr. Stdout is for results."""
    return redirect_stdout(sys.stderr)


def give_up_stdout() -> None:
    """Nothing more can be written: what waits for it is dropped, also when Python ends."""
    with suppress(OSError, ValueError):  # it may be no file at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _readable(problem: UnicodeError) -> tuple[str, int]:
    """What an encoding does not have, in ASCII: in a text readable, and in JSON still JSON."""
    assert isinstance(problem, UnicodeEncodeError)
    text = problem.object[problem.start : problem.end].translate(_LOOKS_LIKE)
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2)]
    return "".join(chr(c) if c < 128 else f"\\u{c:04x}" for c in codes), problem.end
