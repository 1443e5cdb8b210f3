"""Files in, verdict out: what `paxcheck validate` and `paxcheck lint` call."""

from __future__ import annotations

import gc
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from paxcheck.paxos.facts import Declaration, Fact, Members
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.adapters import Adapter, adapter_named, adapters, detect
from paxcheck.trace.adapters.mapped import load_map
from paxcheck.trace.lines import STDIN, first_lines, lines_of, start_of_stdin
from paxcheck.trace.observe.catalogue import RULES
from paxcheck.trace.observe.engine import Observer
from paxcheck.trace.observe.factfile import is_fact_file, read_facts
from paxcheck.trace.observe.shrink import shrink
from paxcheck.trace.observe.texts import lines_of as raw_lines
from paxcheck.trace.observe.texts import with_texts
from paxcheck.trace.observe.verdict import TraceVerdict
from paxcheck.trace.read import TraceError

AUTO = "auto"
FACTS = "facts"


@dataclass(frozen=True, slots=True)
class Log:
    """Files of one format, ready to be read: `names` as the user wrote them, `paths` to open."""

    names: tuple[str, ...]
    paths: tuple[str, ...]
    declaration: Declaration
    adapter: Adapter | None

    def facts(self) -> Iterator[Fact]:
        """All facts, file after file."""
        for name, path in zip(self.names, self.paths, strict=True):
            lines = lines_of(path)
            if self.adapter is None:
                yield from read_facts(lines, name)[1]
            else:
                yield from self.adapter.facts(lines, name)

    def raw(self, name: str) -> Iterator[bytes]:
        """The lines of one file again, to quote from."""
        path = dict(zip(self.names, self.paths, strict=True)).get(name, name)
        texts = getattr(self.adapter, "texts", None)  # of formats whose "lines" are no lines
        yield from texts(lines_of(path), name) if texts else raw_lines(path)


@contextmanager
def opened(
    files: Sequence[str],
    source: str = AUTO,
    clock_error: float | None = None,
    map_file: Path | None = None,
) -> Generator[Log]:
    """Find the format of the files. Standard input (`-`) is kept in a temporary file.

    `source`: the name of an adapter, or `auto`: by the first lines. `map_file`: a map file that
    says what the fields mean, instead. `clock_error`: how far two clocks may differ, in seconds,
    when the user says that time stamps may be trusted. Raises UsageError for no files, an unknown
    name, files of different formats; TraceError for a file that cannot be read, or that no adapter
    recognises.
    """
    if not files:
        raise UsageError("there is no file to read", hint="name a log, or - for standard input")
    if len(set(files)) < len(files):
        raise UsageError("a file is named twice")
    if map_file is not None and source != AUTO:
        raise UsageError("--map and --from both say what the format is", hint="leave one out")
    with tempfile.TemporaryDirectory() as folder:
        paths = tuple([_spooled(folder) if file == STDIN else file for file in files])
        if map_file is not None:
            chosen: list[Adapter | None] = [load_map(map_file)]
        else:
            chosen = [_format(name, path, source) for name, path in zip(files, paths, strict=True)]
        kinds = sorted({_name(adapter) for adapter in chosen})
        if len(kinds) > 1:
            raise UsageError(
                f"these files are of different formats: {', '.join(kinds)}",
                hint="validate the files of one format at a time, or force one with --from",
            )
        adapter = chosen[0]
        if adapter is None:
            declaration, _ = read_facts(lines_of(paths[0]), files[0])
        elif (declare := getattr(adapter, "declare", None)) is not None:
            tops = [first_lines(path, 1) for path in paths]
            declaration = declare(
                [(n, t[0] if t else b"") for n, t in zip(files, tops, strict=True)]
            )
        else:
            declaration = adapter.DECLARATION
        if clock_error is not None:
            declaration = msgspec.structs.replace(declaration, clock_error=clock_error)
        yield Log(tuple(files), paths, declaration, adapter)


def validate_files(
    files: Sequence[str],
    *,
    source: str = AUTO,
    only: Sequence[str] = (),
    all_of_them: bool = False,
    clock_error: float | None = None,
    map_file: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TraceVerdict:
    """Judge log files at level `observe`; the answer quotes the log's own lines.

    `only`: names of properties (UsageError for an unknown one); `progress(events, line)`: called
    now and then. A file that ends in the middle of a line or becomes unreadable is a TraceError,
    unless something is broken before that line: then the verdict says both. A file of which no
    line tells anything is a TraceError too.
    """
    check_names(only)
    with opened(files, source, clock_error, map_file) as log:
        observer = Observer(log.declaration, only)
        stopped: TraceError | None = None
        try:
            with _rare_collections():
                observer.take(log.facts(), progress)
        except TraceError as problem:
            stopped = problem
        observer.finish(whole=stopped is None)
        if stopped is None:
            stopped = _unread(log, observer)
        if stopped is not None and not observer.breaches:
            raise stopped
        verdict = with_texts(observer.verdict(all_of_them), log.raw)
        if stopped is not None:
            note = f"not all was read: {stopped}"
            verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, note))
        return verdict


def _unread(log: Log, observer: Observer) -> TraceError | None:
    """The error for a file of which no line told anything; the members alone are nothing."""
    # A file of facts names the files that its facts were first read from, not itself.
    own = log.adapter is not None
    silent = [name for name in log.names if own and name not in observer.files]
    if observer.seen <= {Members}:
        silent = list(log.names)
    if not silent:
        return None
    return TraceError(
        f"{', '.join(silent)}: read as {log.declaration.name}, no line told anything",
        hint="is it of this format? name the right one with --from, or write a map file",
    )


def shrink_files(
    files: Sequence[str],
    name: str,
    *,
    source: str = AUTO,
    clock_error: float | None = None,
    map_file: Path | None = None,
) -> tuple[Declaration, tuple[Fact, ...]]:
    """The fewest facts of the files that still break the property `name`; empty: it holds."""
    check_names([name])
    with opened(files, source, clock_error, map_file) as log:
        return log.declaration, shrink(log.facts(), log.declaration, name)


def is_native(file: str) -> bool:
    """Whether a file is a native trace or behavior: then a model can replay it, step by step."""
    first = start_of_stdin().splitlines()[:1] if file == STDIN else first_lines(file, 1)
    try:
        header = msgspec.json.decode(first[0], type=dict[str, Any]) if first else {}
    except (msgspec.DecodeError, RecursionError):
        return False
    return "paxcheck" in header and header.get("kind", "trace") in ("behavior", "trace")


def check_names(names: Sequence[str]) -> None:
    """Raises UsageError for a property that does not exist."""
    for name in names:
        if name not in RULES:
            raise UsageError(
                f"no property of logs is called {name!r}", hint=f"properties: {', '.join(RULES)}"
            )


@contextmanager
def _rare_collections() -> Generator[None]:
    """Facts and what monitors keep of them form no cycles: looking for some often costs time."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _format(name: str, path: str, source: str) -> Adapter | None:
    if source == FACTS:
        return None
    if source != AUTO:
        return adapter_named(source)
    first = first_lines(path)
    if not first:
        raise TraceError(f"{name} is empty: there is nothing to validate")
    if is_fact_file(first):
        return None
    adapter = detect(first)
    if adapter is None:
        raise TraceError(
            f"{name}: its format is not recognised by its first lines",
            hint=f"name it with --from: {', '.join([FACTS, *adapters()])}",
        )
    return adapter


def _name(adapter: Adapter | None) -> str:
    return FACTS if adapter is None else adapter.NAME


def _spooled(folder: str) -> str:
    path = Path(folder) / "stdin"
    with path.open("wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out)
    return str(path)
