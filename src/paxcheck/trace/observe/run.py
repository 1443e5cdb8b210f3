"""Files in, verdict out: what `paxcheck validate` and `paxcheck lint` call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from paxcheck.garbage import seldom_collected
from paxcheck.paxos.facts import Declaration, Fact
from paxcheck.paxos.monitor import Breach
from paxcheck.protocol.errors import PaxcheckError, UsageError
from paxcheck.trace.adapters import factfile
from paxcheck.trace.adapters.base import Disorder
from paxcheck.trace.lines import (
    STDIN,
    TraceError,
    Unjudgeable,
    first_lines,
    is_read_once,
    start_of_stdin,
)
from paxcheck.trace.observe.catalogue import RULES
from paxcheck.trace.observe.engine import Observer, violation
from paxcheck.trace.observe.shrink import shrink
from paxcheck.trace.observe.sources import AUTO, Log, Source, is_run, opened
from paxcheck.trace.observe.texts import with_texts
from paxcheck.trace.observe.verdict import TraceVerdict, Violation

Progress = Callable[[int, int], None]


def validate_files(
    files: Sequence[str],
    *,
    source: str = AUTO,
    only: Sequence[str] = (),
    all_of_them: bool = False,
    clock_error: float | None = None,
    map_file: Path | None = None,
    progress: Progress | None = None,
    tell: Callable[[Violation], None] | None = None,
    shrunk: Callable[[Declaration, tuple[Fact, ...]], object] | None = None,
) -> TraceVerdict:
    """Judge log files at level `observe`; the answer quotes the log's own lines.

    `only`: names of properties (UsageError for an unknown one); `progress(events, line)`: called
    now and then; `tell`: called with each violation of a single file as soon as its line is read;
    `shrunk`: called with the fewest facts that still break the first broken property. A file that
    becomes unreadable is a TraceError, unless something is broken before that line: then the
    verdict says both. A file of which no line tells anything is a TraceError too, unless it is of
    the right format, and others tell something: that is noted.
    """
    check_names(only)
    with opened(files, source, clock_error, map_file) as log:
        # Of several files another one may show that all is in a wrong order.
        early = tell if len(files) == 1 else None
        log, verdict, notes = log.judged(
            lambda log: _judged(log, only, all_of_them, progress, early)
        )
        verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))
        if shrunk is not None and verdict.first is not None:
            facts = _readable(log)
            shrunk(log.declaration, shrink(facts, log.declaration, verdict.first.property))
        return verdict


def _judged(
    log: Log,
    only: Sequence[str],
    all_of_them: bool,
    progress: Progress | None,
    tell: Callable[[Violation], None] | None,
) -> TraceVerdict:
    def found(breach: Breach) -> None:
        if tell is not None:
            tell(violation(breach))

    observer = Observer(log.declaration, only, found)
    stopped: TraceError | None = None
    try:
        with seldom_collected():
            observer.take(log.facts(), progress)
    except Unjudgeable:
        raise
    except TraceError as problem:
        stopped = problem
    observer.finish(whole=stopped is None or isinstance(stopped, Disorder))
    silent = _silent(log, observer)
    if stopped is None:
        stopped = _unread(log, silent)
    if stopped is not None and not observer.breaches:
        raise stopped
    verdict = with_texts(observer.verdict(all_of_them), log.raw)
    lines = sum([source.count for source in log.sources])
    notes = [*verdict.notes, *[f"no line of {source.name} told anything" for source in silent]]
    if stopped is not None:
        notes.append(told(stopped))
    return msgspec.structs.replace(verdict, lines=lines, notes=tuple(notes))


def told(stopped: PaxcheckError) -> str:
    """What is noted where something is broken, and something else is wrong with the log."""
    what, _, hint = str(stopped).partition("\n  ")
    note = f"{what} ({hint})" if hint else what
    if isinstance(stopped, Disorder):
        return f"the lines are not in order: {note}"
    return f"not all was read: {note}"


def _readable(log: Log) -> Iterator[Fact]:
    """The facts up to where the log cannot be read any more."""
    with contextlib.suppress(TraceError):
        yield from log.facts()


def _silent(log: Log, observer: Observer) -> list[Source]:
    """The files of which no line told anything; the members alone are nothing."""
    if observer.facts == observer.configs:
        return list(log.sources)
    # A file of facts names the files that its facts were first read from, not itself.
    own = log.adapter.NAME != factfile.NAME
    return [source for source in log.sources if own and source.name not in observer.files]


def _unread(log: Log, silent: Sequence[Source]) -> TraceError | None:
    """The error for files of which no line told anything, where that is none of a quiet node.

    One of the right format may have nothing to tell: the part of a log in which nothing happened.
    """
    if len(silent) < len(log.sources):
        silent = [s for s in silent if not any(map(log.adapter.recognises, s.heads()))]
    if not silent:
        return None
    right = all(any(map(log.adapter.recognises, s.heads())) for s in silent)
    return TraceError(
        f"{', '.join([source.name for source in silent])}: read as {log.declaration.name}, "
        "no line told anything",
        hint="it is of this format, and has no event that is judged: was anything recorded?"
        if right
        else "is it of this format? name the right one with --from, or write a map file",
    )


def is_native(file: str) -> bool:
    """Whether a file is a native trace or behavior: then a model can replay it, step by step."""
    if file == STDIN:
        return is_run(start_of_stdin().splitlines()[:1])
    return not is_read_once(file) and is_run(first_lines(file, 1))


def check_names(names: Sequence[str]) -> None:
    """Raises UsageError for a property that does not exist."""
    for name in names:
        if name not in RULES:
            raise UsageError(
                f"no property of logs is called {name!r}", hint=f"properties: {', '.join(RULES)}"
            )
