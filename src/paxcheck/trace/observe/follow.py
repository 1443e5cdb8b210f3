"""Watches logs that still grow: each violation is told as soon as its line is there."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from paxcheck.paxos.facts import Declaration, Fact, LinesLost, Unread
from paxcheck.protocol.errors import PaxcheckError, UsageError
from paxcheck.trace.adapters import Adapter, adapter_named, adapters, detect, unrecognised
from paxcheck.trace.adapters.base import Disorder
from paxcheck.trace.adapters.mapped import load_map
from paxcheck.trace.lines import TraceError, Unjudgeable, is_read_once
from paxcheck.trace.observe.engine import Observer, violation
from paxcheck.trace.observe.run import check_names, told
from paxcheck.trace.observe.sources import AUTO, HEAD, check_files, declared
from paxcheck.trace.observe.tail import POLL, Tail
from paxcheck.trace.observe.texts import lines_of, with_texts
from paxcheck.trace.observe.verdict import TraceVerdict, Violation

MOST = 10_000
"""Facts that are judged before the clock is looked at again."""


def follow_files(
    files: Sequence[str],
    *,
    source: str = AUTO,
    only: Sequence[str] = (),
    all_of_them: bool = False,
    clock_error: float | None = None,
    map_file: Path | None = None,
    tell: Callable[[Violation], None],
    stop: threading.Event | None = None,
) -> TraceVerdict:
    """Judge growing files until `stop` is set or Ctrl-C; `tell` is called once per violation.

    Each file is read by a thread of its own, so a quiet node does not hold up the others. A file
    that is empty or not there yet is waited for. A quorum that was not seen is judged only at the
    end: until then its lines may still come. Raises what `validate_files` raises; a file that
    becomes unreadable after something was broken is a note.
    """
    check_names(only)
    check_files(files)
    for file in files:
        if is_read_once(file):
            raise UsageError(
                f"{'standard input' if file == '-' else file} cannot be followed",
                hint="leave out --follow: it is read to its end, and judged while it comes",
            )
    halt = stop or threading.Event()
    about = _Format(source, clock_error, map_file)
    arrived: queue.SimpleQueue[Fact | PaxcheckError] = queue.SimpleQueue()
    readers = [_Reader(Tail(file, halt), about, arrived) for file in files]
    for reader in readers:
        reader.start()
    watch = _Watch(about, arrived, only, tell)
    try:
        while not halt.is_set() and watch.problem is None:
            watch.take(wait=True)
    except KeyboardInterrupt:
        pass
    halt.set()
    for reader in readers:
        reader.join()
    while watch.take(wait=False):
        pass
    observer = watch.finished()
    turned = {reader.tail.name for reader in readers if reader.tail.turned}
    verdict = observer.verdict(all_of_them)
    # Line numbers of a file that was replaced are not those of the file that is there now.
    verdict = with_texts(verdict, lambda name: () if name in turned else lines_of(name))
    if watch.problem is not None:
        verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, told(watch.problem)))
    return verdict


class _Format:
    """What all files have in common: the format, as the first of them shows it."""

    def __init__(self, source: str, clock_error: float | None, map_file: Path | None) -> None:
        self.lock = threading.Lock()
        self.clock_error = clock_error
        self.known = adapters()
        self.forced: Adapter | None = None
        if map_file is not None:
            self.forced = load_map(map_file)
        elif source != AUTO:
            self.forced = adapter_named(source)
        self.name = ""
        self.tops: list[tuple[str, bytes]] = []
        self.declaration: Declaration | None = None
        self.owners: dict[str, str] = {}

    def join(self, name: str, first: list[bytes]) -> Adapter | None:
        """The adapter for a file that begins so; None: more lines are needed to know it."""
        with self.lock:
            found = self.forced or detect(first, self.known)
            if found is None:
                if len(first) == HEAD:
                    raise unrecognised(name, self.known)
                return None
            if self.name not in ("", found.NAME):
                raise UsageError(
                    f"these files are of different formats: {self.name}, {found.NAME}",
                    hint="follow the files of one format at a time",
                )
            self.tops.append((name, first[0]))
            self.declaration = declared(found, self.tops, self.clock_error)
            self.name = found.NAME
            return found

    def own(self, node: str, file: str) -> None:
        """A node writes to one of the files. Raises TraceError when it does to two."""
        owner = self.owners.setdefault(node, file)
        if owner != file:
            raise Unjudgeable(
                f"{node} is in {owner} and in {file}, and nobody knows in which order",
                hint="follow only the file that grows",
            )


class _Reader(threading.Thread):
    """Reads one file, and puts its facts into the common queue."""

    def __init__(
        self, tail: Tail, about: _Format, arrived: queue.SimpleQueue[Fact | PaxcheckError]
    ) -> None:
        super().__init__(daemon=True)
        self.tail = tail
        self.about = about
        self.arrived = arrived
        self.nodes: set[str] = set()
        tail.lost = self._lost

    def run(self) -> None:
        try:
            for fact in self._facts():
                # That lines are lost may be said of a node that writes elsewhere.
                own = fact.node and not isinstance(fact, LinesLost)
                if own and fact.node not in self.nodes:
                    self.about.own(fact.node, self.tail.name)
                    self.nodes.add(fact.node)
                self.arrived.put(fact)
        except PaxcheckError as problem:
            self.arrived.put(problem)
        except OSError as problem:
            self.arrived.put(TraceError(f"{self.tail.name} cannot be read: {problem}"))

    def _facts(self) -> Iterable[Fact]:
        lines = self.tail.lines()
        head: list[tuple[int, str]] = []
        for line in lines:
            head.append(line)
            adapter = self.about.join(self.tail.name, [text.encode() for _, text in head])
            if adapter is not None:
                return adapter.facts(_chained(head, lines), self.tail.name)
        return ()

    def _lost(self, number: int) -> None:
        name = self.tail.name
        why = "after this line the file was cut, and lines may be gone"
        self.arrived.put(Unread(node="", file=name, line=number, why=why))
        for node in self.nodes:
            self.arrived.put(LinesLost(node=node, file=name, line=number))


def _chained(
    head: list[tuple[int, str]], rest: Iterator[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    yield from head
    yield from rest


class _Watch:
    """Judges what arrives."""

    def __init__(
        self,
        about: _Format,
        arrived: queue.SimpleQueue[Fact | PaxcheckError],
        only: Sequence[str],
        tell: Callable[[Violation], None],
    ) -> None:
        self.about = about
        self.arrived = arrived
        self.only = only
        self.tell = tell
        self.problem: PaxcheckError | None = None
        self.observer: Observer | None = None
        self.batch: Iterator[Fact] = iter(())

    def take(self, wait: bool) -> bool:
        """Judge what is there, after waiting a little for it. False: there was nothing."""
        facts: list[Fact] = []
        try:
            while len(facts) < MOST and self.problem is None:
                item = self.arrived.get(timeout=POLL) if wait else self.arrived.get_nowait()
                wait = False
                if isinstance(item, PaxcheckError):
                    self.problem = item
                else:
                    facts.append(item)
        except queue.Empty:
            pass
        if not facts:
            return False
        self._judge(facts)
        return True

    def finished(self) -> Observer:
        """The judge, when nothing more comes. Raises what went wrong, if nothing was broken."""
        observer = self.observer
        if observer is not None:
            observer.take(self.batch)  # Ctrl-C came in the middle of them
            observer.finish(whole=self.problem is None or isinstance(self.problem, Disorder))
        problem = self.problem
        broken = observer is not None and observer.breaches
        if problem is not None and (isinstance(problem, Unjudgeable) or not broken):
            raise problem
        if observer is None:
            raise TraceError("no line came that could be read")
        return observer

    def _judge(self, facts: list[Fact]) -> None:
        if self.observer is None:
            declaration = self.about.declaration
            assert declaration is not None  # facts come only after it is known
            self.observer = Observer(
                declaration, self.only, lambda breach: self.tell(violation(breach))
            )
        self.observer.take(self.batch)
        self.batch = iter(facts)
        try:
            self.observer.take(self.batch)
        except TraceError as problem:
            self.problem = self.problem or problem
