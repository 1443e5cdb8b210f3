"""What a replay of a trace in a model says, in every format."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
import msgspec

from paxcheck import __version__
from paxcheck.cli.saved import protocol_of
from paxcheck.cli.streams import aside
from paxcheck.loading import load_model
from paxcheck.plain import printable_lines
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import System
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.conform.bridge import conform_log
from paxcheck.trace.conform.clocks import RULES
from paxcheck.trace.conform.outputs import CONFORMANCE, as_json, as_verdict, quoted
from paxcheck.trace.conform.text import as_text
from paxcheck.trace.lines import STDIN, TraceError, is_read_once
from paxcheck.trace.observe.outputs import as_github, as_junit, as_sarif
from paxcheck.trace.observe.run import is_native
from paxcheck.trace.observe.sources import AUTO, Log, check_files, opened
from paxcheck.trace.observe.texts import lines_of as raw_lines
from paxcheck.trace.read import open_trace

Progress = Callable[[int], None]

_EXIT = {"holds": 0, "violated": 1, "undetermined": 3}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `paxcheck validate`, as far as they matter for a replay."""

    model: str | None = None
    output: str = "text"
    source: str = AUTO
    map_file: Path | None = None
    only: tuple[str, ...] = ()
    all_of_them: bool = False
    clock_error: float | None = None


def replayed(files: Sequence[str], options: Options) -> int:
    """Replay traces in a model (that of the header when none is named); prints, and returns the
    exit code. Several files are of one system: one for each node, say."""
    started = time.perf_counter()
    result, model = _result(files, options)
    click.echo(_rendered(result, model, options, time.perf_counter() - started))
    return _EXIT[result.verdict]


def explained(files: Sequence[str], options: Options) -> int:
    """The same in words, with how to read it; prints."""
    started = time.perf_counter()
    result, name = _result(files, options)
    lines = [as_text(result, name), "", "How to read it:"]
    refusal = result.refusal
    if refusal is not None:
        where = f"{refusal.file}:{refusal.line}"
        lines.append(f"  {where} is the first event that {name} cannot do; it did those before it.")
        if refusal.rules:
            lines.append(f"  A rule that said no is a guard of the model: paxcheck rules {name}")
        if refusal.explanations:
            lines.append(
                "  An explanation is a fault that nobody switched on and that would do it."
            )
    lines += [f"  {prop.name}: {prop.rule}" for prop in result.broken]
    if result.broken and not is_read_once(files[0]):
        model = options.model or ""
        named = f" --model {model}" if model.endswith(".py") else ""
        lines.append(f"  The run step by step: paxcheck show {files[0]}{named}")
    if len(lines) == 3:
        lines.append(f"  Every event is a step of {name}, in an order that the messages allow.")
    text = printable_lines("\n".join(lines))
    if options.output == "json":
        seconds = time.perf_counter() - started
        text = json.dumps(as_json(result, name, seconds) | {"explanation": text})
    click.echo(text)
    return _EXIT[result.verdict]


def _result(files: Sequence[str], options: Options) -> tuple[Conformance, str]:
    """The result, with the texts of the lines that it names, and the name of the model."""
    check_files(files)
    if options.clock_error is not None:
        raise UsageError(
            "--clock-error is for the leases of a log; a replay trusts no clock of seconds",
            hint="leave it out",
        )
    with aside(), _kept(files) as paths, _shown() as progress:
        if any(map(is_native, paths)):
            result, model = _trace(files, paths, options, progress)
        else:
            result, model = _log(files, paths, options)
        return quoted(result, model, _opener(files, paths)), model


def _log(files: Sequence[str], paths: Sequence[str], options: Options) -> tuple[Conformance, str]:
    """A log of an implementation, replayed slot by slot."""
    if options.model is None:
        raise UsageError("a log does not say which model it belongs to", hint="give --model NAME")
    if any(name != CONFORMANCE for name in options.only):
        raise UsageError(
            "--property is for the properties of a log or of a trace; the replay of a log judges "
            f"only {CONFORMANCE}: whether every step is one of the model",
            hint="leave out --property, or --model",
        )
    model = load_model(options.model).protocol
    with opened(paths, options.source, None, options.map_file, names=files) as log:
        log, result, notes = log.judged(
            lambda log: conform_log(log.facts(), log.declaration, model)
        )
        return _with_lines(replace(result, notes=(*result.notes, *notes)), log), model.name()


def _with_lines(result: Conformance, log: Log) -> Conformance:
    """The result, which also says how many lines were read, and which files told nothing."""
    silent = [s.name for s in log.sources if s.name not in result.files]
    notes = [f"no line of {name} told anything" for name in silent]
    lines = sum([source.count for source in log.sources])
    return replace(result, lines=lines, notes=(*result.notes, *notes))


def _trace(
    files: Sequence[str], paths: Sequence[str], options: Options, progress: Progress | None
) -> tuple[Conformance, str]:
    """The result, and the name of the model."""
    if options.map_file is not None or options.source not in (AUTO, "native"):
        what = "--map" if options.map_file is not None else f"--from {options.source}"
        raise UsageError(f"{what} is for logs; {files[0]} is a native trace", hint="leave it out")
    traces = [open_trace(path, name) for name, path in zip(files, paths, strict=True)]
    headers = [msgspec.structs.replace(trace.header, note=None, steps=None) for trace in traces]
    for trace, header in zip(traces, headers, strict=True):
        if header != headers[0]:
            raise UsageError(
                f"the headers of {traces[0].path} and {trace.path} differ",
                hint="files that are replayed together are of one system in one configuration",
            )
    protocol = protocol_of(traces[0], options.model)
    names = _wanted(protocol, options.only)
    judged = [p for p in protocol.properties() if not names or p.name in names]
    return conform(traces, System(protocol), judged, progress=progress), protocol.name()


def _wanted(protocol: Protocol, only: Sequence[str]) -> set[str]:
    """The properties to judge (empty: all). That every event is a step is judged in any case."""
    known = [p.name for p in protocol.properties() if p.kind in ("invariant", "step_invariant")]
    for name in only:
        if name not in (CONFORMANCE, *RULES, *known):
            raise UsageError(
                f"{protocol.name()} has no property {name!r} that a replay judges",
                hint=f"properties: {', '.join([CONFORMANCE, *RULES, *known])}",
            )
    return set(only)


def _rendered(result: Conformance, model: str, options: Options, seconds: float) -> str:
    if options.output == "json":
        return json.dumps(as_json(result, model, seconds), ensure_ascii=False)
    if options.output == "text":
        return printable_lines(as_text(result, model, options.all_of_them))
    verdict = as_verdict(result, model, seconds)
    if options.output == "junit":
        return as_junit(verdict)
    if options.output == "sarif":
        return as_sarif(verdict, __version__)
    return printable_lines(as_github(verdict))


@contextmanager
def _kept(files: Sequence[str]) -> Generator[list[str]]:
    """The paths to open. What can be read only once is kept in a file: its lines are quoted."""
    with tempfile.TemporaryDirectory() as folder:
        paths: list[str] = []
        for number, file in enumerate(files):
            if is_read_once(file):
                path = Path(folder) / str(number)
                _copy(file, path)
                file = str(path)
            paths.append(file)
        yield paths


def _copy(file: str, to: Path) -> None:
    try:
        with to.open("wb") as out:
            if file == STDIN:
                shutil.copyfileobj(sys.stdin.buffer, out)
            else:
                with Path(file).open("rb") as pipe:
                    shutil.copyfileobj(pipe, out)
    except OSError as problem:
        raise TraceError(f"{file} cannot be read: {problem.strerror}") from None


def _opener(files: Sequence[str], paths: Sequence[str]) -> Callable[[str], Iterable[bytes]]:
    where = dict(zip(files, paths, strict=True))
    return lambda name: raw_lines(where[name]) if name in where else ()


@contextmanager
def _shown() -> Generator[Progress | None]:
    """What to call with the number of events; None for no terminal."""
    if not sys.stderr.isatty():
        yield None
        return

    def show(events: int) -> None:
        click.echo(f"\r\033[K{events:,} events", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("\r\033[K", nl=False, err=True)
