"""Watches logs that still grow: each violation is told as soon as its line is there."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from paxcheck.paxos.facts import Fact
from paxcheck.protocol.errors import PaxcheckError, Where
from paxcheck.trace.adapters import Adapter
from paxcheck.trace.lines import LONGEST
from paxcheck.trace.observe.engine import Observer, violation
from paxcheck.trace.observe.factfile import read_facts
from paxcheck.trace.observe.run import AUTO, check_names, opened
from paxcheck.trace.observe.texts import with_texts
from paxcheck.trace.observe.verdict import TraceVerdict, Violation
from paxcheck.trace.read import TraceError

POLL = 0.2
"""Seconds between two looks at a file that has not grown."""


def follow_files(
    files: Sequence[str],
    *,
    source: str = AUTO,
    only: Sequence[str] = (),
    clock_error: float | None = None,
    map_file: Path | None = None,
    tell: Callable[[Violation], None],
    stop: threading.Event | None = None,
) -> TraceVerdict:
    """Judge growing files until `stop` is set or Ctrl-C; `tell` is called once per violation.

    Each file is read by a thread of its own, so a quiet node does not hold up the others. A last
    line without its end is waited for. A quorum that was not seen is judged only at the end: until
    then its lines may still come. Raises what `validate_files` raises.
    """
    check_names(only)
    halt = stop or threading.Event()
    arrived: queue.SimpleQueue[Fact | PaxcheckError] = queue.SimpleQueue()
    with opened(files, source, clock_error, map_file) as log:
        for name, path in zip(log.names, log.paths, strict=True):
            reader = _Reader(name, path, log.adapter, halt, arrived)
            threading.Thread(target=reader.run, daemon=True).start()
        observer = Observer(log.declaration, only)
        told: dict[str, int] = {}
        try:
            while not halt.is_set():
                _take(observer, arrived)
                _tell(observer, told, tell)
        except KeyboardInterrupt:
            halt.set()
        observer.finish()
        _tell(observer, told, tell)
        return with_texts(observer.verdict(), log.raw)


def _take(
    observer: Observer, arrived: queue.SimpleQueue[Fact | PaxcheckError], most: int = 10_000
) -> None:
    facts: list[Fact] = []
    problem: PaxcheckError | None = None
    try:
        item = arrived.get(timeout=POLL)
        while True:
            if isinstance(item, PaxcheckError):
                problem = item
                break
            facts.append(item)
            if len(facts) == most:
                break
            item = arrived.get_nowait()
    except queue.Empty:
        pass
    observer.take(facts)
    if problem is not None:
        raise problem


def _tell(observer: Observer, told: dict[str, int], tell: Callable[[Violation], None]) -> None:
    for name, breaches in observer.breaches.items():
        for breach in breaches[told.get(name, 0) :]:
            tell(violation(breach))
        told[name] = len(breaches)


class _Reader:
    """Reads one file in a thread, and puts its facts into the common queue."""

    def __init__(
        self,
        name: str,
        path: str,
        adapter: Adapter | None,
        halt: threading.Event,
        arrived: queue.SimpleQueue[Fact | PaxcheckError],
    ) -> None:
        self.name = name
        self.path = path
        self.adapter = adapter
        self.halt = halt
        self.arrived = arrived

    def run(self) -> None:
        try:
            lines = self._lines()
            if self.adapter is None:
                facts = read_facts(lines, self.name)[1]
            else:
                facts = self.adapter.facts(lines, self.name)
            for fact in facts:
                self.arrived.put(fact)
        except PaxcheckError as problem:
            self.arrived.put(problem)
        except OSError as problem:
            self.arrived.put(TraceError(f"{self.name} cannot be read: {problem}"))

    def _lines(self) -> Iterator[tuple[int, str]]:
        number = 0
        part = b""
        with Path(self.path).open("rb") as stream:
            while not self.halt.is_set():
                part += stream.readline(LONGEST + 1)
                if len(part) > LONGEST:
                    raise TraceError("this line is too long", where=Where(self.name, number + 1))
                if not part.endswith(b"\n"):
                    if self._shrank(stream.tell()):
                        raise TraceError(f"{self.name} became shorter: it was rotated or cut")
                    time.sleep(POLL)
                    continue
                number += 1
                text = part.decode("utf-8", "replace").lstrip("\ufeff").strip()
                part = b""
                if text:
                    yield number, text

    def _shrank(self, position: int) -> bool:
        return Path(self.path).stat().st_size < position
