"""Errors that a person can act on: what is wrong, where (file:line), and what to do."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, TracebackType

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_MODELS = str(Path(_PACKAGE) / "_models")
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file: `file:line`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{short_path(self.file)}:{self.line}"


class PaxcheckError(Exception):
    """Bad usage or bad input: the command line prints it and leaves with exit code 2."""

    def __init__(self, message: str, *, where: Where | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  {self.hint}" if self.hint else text


class ModelError(PaxcheckError):
    """The model's code breaks a rule of the language."""


class UsageError(PaxcheckError):
    """An option or a parameter makes no sense."""


def plain(line: str) -> str:
    """A line without control characters: they are written as \\x1b and the like.

    For foreign text on a terminal: nothing in a log may move the cursor or turn words around.
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


def short_path(file: str) -> str:
    """The path as the reader would type it: relative to the current folder when inside it."""
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def is_model_file(file: str) -> bool:
    """Whether a frame of this file is the model's own (not ours, not a library's)."""
    if file.startswith("<"):
        return False
    if file.startswith(_MODELS):
        return True
    return not file.startswith((_PACKAGE, sys.base_prefix, sys.prefix))


def where_of_code(code: CodeType) -> Where:
    """The first line of a function."""
    return Where(code.co_filename, code.co_firstlineno)


def where_in_model() -> Where | None:
    """The innermost line of the running stack that belongs to a model."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if is_model_file(frame.f_code.co_filename):
            return Where(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


def model_lines(trace: TracebackType | None) -> tuple[tuple[Where, str], ...]:
    """The model's own lines of a traceback, outermost first: (place, function name)."""
    lines: list[tuple[Where, str]] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if is_model_file(code.co_filename):
            lines.append((Where(code.co_filename, trace.tb_lineno), code.co_name))
        trace = trace.tb_next
    return tuple(lines)
