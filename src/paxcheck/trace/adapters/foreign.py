"""Adapters of third parties: what goes wrong in one is an error with its name, never a crash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import EntryPoint
from typing import Any

from paxcheck.paxos.facts import Declaration, Fact
from paxcheck.protocol.errors import PaxcheckError, UsageError, Where
from paxcheck.trace.adapters.base import Facts
from paxcheck.trace.adapters.shapes import well_formed
from paxcheck.trace.lines import TraceError

_ANYTHING = (Exception, SystemExit)
"""Its code is not ours: it may raise whatever it likes."""

_PARTS = ("DECLARATION", "recognises", "facts")


class Foreign:
    """The adapter behind an entry point. `problem`: why it cannot be used, if so."""

    DECLARATION: Declaration

    def __init__(self, entry: EntryPoint) -> None:
        self.NAME = entry.name
        self.problem = ""
        self._module: Any = None
        try:
            self._module = entry.load()
            missing = [part for part in _PARTS if not hasattr(self._module, part)]
            if missing:
                self.problem = f"{entry.value} has no {missing[0]}"
            elif not isinstance(self._module.DECLARATION, Declaration):
                self.problem = f"the DECLARATION of {entry.value} is no Declaration"
        except _ANYTHING as problem:
            self.problem = _told(problem)
        for name in ("DECLARATION", "TEXT"):
            if not self.problem and hasattr(self._module, name):
                setattr(self, name, getattr(self._module, name))

    def recognises(self, first: list[bytes]) -> bool:
        """As the adapter says; no, when it fails."""
        try:
            return not self.problem and bool(self._module.recognises(first))
        except _ANYTHING as problem:
            self.problem = _told(problem)
            return False

    def declare(self, files: Sequence[tuple[str, bytes]]) -> Declaration:
        """What these files can show. Raises UsageError when the adapter fails."""
        make = getattr(self._module, "declare", None)
        if make is None:
            return self.DECLARATION
        try:
            found = make(files)
            if not isinstance(found, Declaration):
                raise TypeError(f"{found!r} is no Declaration")
        except PaxcheckError:
            raise
        except _ANYTHING as problem:
            self.problem = _told(problem)
        else:
            return found
        raise self._unusable()

    def facts(self, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        """The facts of a log. Raises TraceError, with the line, for whatever goes wrong."""
        return self._guarded(self._module.facts, lines, file)

    def session(self) -> Facts:
        """Reads several files: with one memory, if the adapter offers that."""
        make = getattr(self._module, "session", None)
        read: Facts = make() if make else self._module.facts
        return lambda lines, file: self._guarded(read, lines, file)

    def usable(self) -> Foreign:
        """The adapter itself. Raises UsageError when it cannot be used."""
        if self.problem:
            raise self._unusable()
        return self

    def _unusable(self) -> UsageError:
        return UsageError(
            f"the adapter {self.NAME} of another package fails: {self.problem}",
            hint="mend or remove that package, or name another format with --from",
        )

    def _guarded(self, read: Facts, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        last = 1

        def counted() -> Iterator[tuple[int, str]]:
            nonlocal last
            for line in lines:
                last = line[0]
                yield line

        try:
            for fact in read(counted(), file):
                if not isinstance(fact, Fact):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise TypeError(f"{fact!r} is no fact")
                yield well_formed(fact)
        except PaxcheckError:
            raise
        except _ANYTHING as problem:
            raise TraceError(
                f"the adapter {self.NAME} of another package fails here: {_told(problem)}",
                where=Where(file, last),
            ) from problem


def _told(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"
