"""One node's log in several files: the parts must follow each other, or nothing can be judged.

Only the node's own numbers and times are compared, never those of two nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from paxcheck.paxos.facts import Booted, Fact, LinesLost
from paxcheck.protocol.errors import Where
from paxcheck.trace.lines import TraceError, Unjudgeable

STEP = 1.0
"""Seconds by which a clock may be set back, or lines be late, between two parts."""


class WrongOrder(Unjudgeable):
    """The parts of a node's log do not follow each other as the files were given."""


class Start(NamedTuple):
    """Where a file begins, by the first fact that says so."""

    time: float | None
    seq: tuple[int, int] | None


class _Part(NamedTuple):
    """What is known of a node's latest file; `inc`: its last incarnation there."""

    file: str
    first: Start
    last: Start
    inc: int


_NOTHING = Start(None, None)


def start_of(facts: Iterable[Fact]) -> Start | None:
    """The number or time of the first fact that has one."""
    try:
        for fact in facts:
            stamped = fact.time is not None or fact.seq is not None
            if fact.node and stamped and not isinstance(fact, LinesLost):
                return _start(fact)
    except TraceError:
        pass  # it will be told when the file is read
    return None


class Parts:
    """Checks facts of file after file."""

    def __init__(self) -> None:
        self._known: dict[str, _Part] = {}

    def checked(self, facts: Iterable[Fact], file: str) -> Iterator[Fact]:
        """The same facts. Raises WrongOrder where one does not follow that node's earlier file."""
        firsts: dict[str, Start] = {}
        lasts: dict[str, Start] = {}
        silent: dict[str, Fact] = {}
        lives: dict[str, int] = {}
        for fact in facts:
            node = fact.node
            if isinstance(fact, LinesLost):
                yield fact  # it may be told at another node's line
                continue
            if node and node in self._known and 0 < fact.inc < self._known[node].inc:
                raise _wrong(self._known[node].file, fact)
            lives[node] = fact.inc
            if not node:
                pass
            elif fact.time is None and fact.seq is None:
                silent.setdefault(node, fact)
            else:
                lasts[node] = here = _start(fact)
                if node not in firsts:
                    firsts[node] = here
                    if node in self._known:
                        _follow(self._known[node], here, fact)
            yield fact
        for node, fact in silent.items():
            if node in self._known and node not in firsts:
                raise _unknown(self._known[node].file, fact)
        for node in silent | firsts:
            first, last = firsts.get(node, _NOTHING), lasts.get(node, _NOTHING)
            self._known[node] = _Part(file, first, last, lives[node])


def _follow(before: _Part, here: Start, fact: Fact) -> None:
    """Raises WrongOrder unless the fact, a node's first of this file, follows an earlier file."""
    answers: list[bool] = []
    first, last = before.first, before.last
    if here.time is not None and first.time is not None and last.time is not None:
        answers.append(here.time >= max(first.time, last.time - STEP))
    if here.seq is not None and last.seq is not None:
        numbered = here.seq[0] and last.seq[0]  # the lives are
        if numbered:
            answers.append(here.seq > last.seq)
        elif not isinstance(fact, Booted):  # a start may count from anew
            answers.append(here.seq[1] > last.seq[1])
    if not answers:
        raise _unknown(before.file, fact)
    if not all(answers):
        raise _wrong(before.file, fact)


def _start(fact: Fact) -> Start:
    return Start(fact.time, None if fact.seq is None else (fact.inc, fact.seq))


def _wrong(before: str, fact: Fact) -> WrongOrder:
    return WrongOrder(
        f"the log of {fact.node} is in {before} and goes on here, "
        "but this line is not later than that file",
        where=Where(fact.file, fact.line),
        hint="give the files of a node in its own order, the oldest first, and each line once",
    )


def _unknown(before: str, fact: Fact) -> WrongOrder:
    return WrongOrder(
        f"the log of {fact.node} is in {before} and here, and no number or time in it says "
        "which comes first",
        where=Where(fact.file, fact.line),
        hint="put them into one file in their order: cat FIRST SECOND > whole.log",
    )
