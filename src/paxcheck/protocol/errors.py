"""Errors that a person can act on: what is wrong, where (file:line), and what to do."""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any, Final

from msgspec import Struct

_PACKAGE: Final = Path(__file__).parent.parent
_MODELS: Final = str(_PACKAGE.resolve() / "_models") + os.sep
_SHOWN: Final = 4  # lines of a long traceback that are shown at each end


class Where(Struct, frozen=True):
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


NOT_THE_MODELS: Final = (PaxcheckError, KeyboardInterrupt, MemoryError)
"""What goes through a model's code but is not its own exception; all others are, exits too."""


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
    parts = Path(file).parts
    if "site-packages" in parts or "dist-packages" in parts:
        return False
    return not file.startswith(_foreign_folders())


@functools.cache
def _foreign_folders() -> tuple[str, ...]:
    """The folders of paxcheck, of Python's library and of its scripts.

    Not the whole of `sys.prefix`: that may be /usr, or a project with everything in it.
    """
    python = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "scripts")]
    folders = [Path(folder) for folder in python if folder] + [_PACKAGE]
    return tuple({str(f) + os.sep for folder in folders for f in (folder, folder.resolve())})


def where_of_code(code: CodeType) -> Where:
    """The first line of a function."""
    return Where(code.co_filename, code.co_firstlineno)


def where_of(function: Any) -> Where | None:
    """The first line of a function, a property, or what a decorator made; None if unknown."""
    if isinstance(function, functools.partial):
        return where_of(function.func)  # pyright: ignore[reportUnknownMemberType]
    if isinstance(function, property):
        return where_of(function.fget)
    code = getattr(inspect.unwrap(function), "__code__", None)
    return where_of_code(code) if isinstance(code, CodeType) else None


def where_of_class(cls: type, name: str = "") -> Where | None:
    """The line of a class, or of a name that its body gives a value to."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    try:
        lines, first = inspect.getsourcelines(cls)
    except (OSError, TypeError):
        return Where(file, 1) if file else None
    for offset, line in enumerate(lines):
        if name and line.strip().startswith((f"{name}:", f"{name} ")):
            return Where(file or "?", first + offset)
    return Where(file or "?", first)


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


def lines_in_words(lines: Sequence[tuple[Where, str]]) -> list[str]:
    """The lines of a traceback with their source text; of a long one its two ends."""

    def told(some: Iterable[tuple[Where, str]]) -> list[str]:
        texts = [(w, name, linecache.getline(w.file, w.line).strip()) for w, name in some]
        return [f"{w} in {name}" + (f": {text}" if text else "") for w, name, text in texts]

    if len(lines) <= 2 * _SHOWN:
        return told(lines)
    left_out = f"... {len(lines) - 2 * _SHOWN:,} more ..."
    return [*told(lines[:_SHOWN]), left_out, *told(lines[-_SHOWN:])]


def in_one_line(problem: BaseException) -> str:
    """An exception as `Type: the first line of its text`."""
    try:
        text = str(problem).strip().partition("\n")[0]
    except Exception:  # a text that cannot be made
        text = ""
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def raised(what: str, problem: BaseException, where: Where | None = None) -> ModelError:
    """The error for an exception that the model's own code let escape outside of a handler.

    `what`: whose code; `where`: its place, for the case that no line of the traceback is its own.
    """
    lines = model_lines(problem.__traceback__)
    return ModelError(
        f"{what} raises {in_one_line(problem)}",
        where=lines[-1][0] if lines else where,
        hint="\n  ".join(lines_in_words(lines)),
    )
