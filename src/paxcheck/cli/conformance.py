"""What a replay of a trace in a model says, in every format."""

from __future__ import annotations

import gc
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from paxcheck import __version__
from paxcheck.cli.saved import protocol_of
from paxcheck.loading import load_model
from paxcheck.paxos.facts import Fact
from paxcheck.plain import printable_lines
from paxcheck.protocol.errors import UsageError, Where
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import System
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.conform.bridge import conform_log
from paxcheck.trace.conform.clocks import RULES
from paxcheck.trace.conform.outputs import CONFORMANCE, as_json, as_verdict, quoted
from paxcheck.trace.conform.text import as_text
from paxcheck.trace.lines import STDIN, TraceError
from paxcheck.trace.observe.outputs import as_github, as_junit, as_sarif
from paxcheck.trace.observe.run import AUTO, is_native, opened
from paxcheck.trace.observe.texts import lines_of
from paxcheck.trace.read import open_trace

Progress = Callable[[int], None]


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
    follow: bool = False
    shrink: Path | None = None


def replayed(files: Sequence[str], options: Options) -> int:
    """Replay traces in a model (that of the header when none is named); prints, and returns the
    exit code. Several files are of one system: one for each node, say."""
    _refuse(options)
    terminal = sys.stderr.isatty()
    started = time.perf_counter()
    collecting = gc.isenabled()
    gc.disable()  # events make no cycles of references: looking for them is lost time
    try:
        with _spooled(files) as paths:
            if any(map(is_native, paths)):
                result, model = _trace(files, paths, options, _show if terminal else None)
            else:
                result, model = _log(files, paths, options)
            result = quoted(result, model, _opener(files, paths))
    finally:
        if collecting:
            gc.enable()
    if terminal:
        click.echo("\r\033[K", nl=False, err=True)
    click.echo(_rendered(result, model, options, time.perf_counter() - started))
    return {"holds": 0, "violated": 1, "undetermined": 3}[result.verdict]


def _refuse(options: Options) -> None:
    """Options that mean nothing here are refused, so that nobody believes in them."""
    if options.follow:
        raise UsageError(
            "--follow watches logs; a replay reads a trace to its end", hint="leave it out"
        )
    if options.shrink is not None:
        raise UsageError(
            "--shrink makes logs smaller; a replay ends at the first event that is refused",
            hint="leave it out, or judge a log without --model",
        )
    if options.clock_error is not None:
        raise UsageError(
            "--clock-error is for the leases of a log; a replay trusts no clock of seconds",
            hint="leave it out",
        )


def _log(files: Sequence[str], paths: Sequence[str], options: Options) -> tuple[Conformance, str]:
    """A log of an implementation, replayed slot by slot."""
    if any(name != CONFORMANCE for name in options.only):
        raise UsageError(
            "--property is for the properties of a log or of a trace; the replay of a log judges "
            f"only {CONFORMANCE}: whether every step is one of the model",
            hint="leave out --property, or --model",
        )
    assert options.model is not None
    model = load_model(options.model).protocol
    names = dict(zip(paths, files, strict=True))

    def named(fact: Fact) -> Fact:
        msgspec.structs.force_setattr(fact, "file", names.get(fact.file, fact.file))
        return fact

    try:
        with opened(paths, options.source, None, options.map_file) as log:
            return conform_log(map(named, log.facts()), log.declaration, model), model.name()
    except TraceError as problem:
        if problem.where is not None:
            problem.where = Where(names.get(problem.where.file, "-"), problem.where.line)
        raise


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
    properties = protocol.properties()
    names = _wanted(protocol, options.only)
    judged = [p for p in properties if not names or p.name in names]
    result = conform(traces, System(protocol), judged, progress=progress)
    return result, protocol.name()


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
def _spooled(files: Sequence[str]) -> Generator[list[str]]:
    """The paths to open. Standard input is kept in a file, so that its lines can be quoted."""
    if STDIN not in files:
        yield list(files)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as out:
            shutil.copyfileobj(sys.stdin.buffer, out)
        yield [str(path) if file == STDIN else file for file in files]


def _opener(files: Sequence[str], paths: Sequence[str]) -> Callable[[str], Iterable[bytes]]:
    where = dict(zip(files, paths, strict=True))
    return lambda name: lines_of(where.get(name, name))


def _show(events: int) -> None:
    click.echo(f"\r\033[K{events:,} events", nl=False, err=True)
