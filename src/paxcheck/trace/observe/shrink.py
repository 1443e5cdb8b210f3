"""The fewest events of a log that still break a property in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from paxcheck.paxos.facts import Booted, Declaration, Fact, Members
from paxcheck.paxos.monitor import Breach
from paxcheck.trace.observe.engine import Observer


def shrink(facts: Iterable[Fact], declaration: Declaration, name: str) -> tuple[Fact, ...]:
    """The facts of a shortest log that breaks the property `name` with the same first sentence.

    Reads all facts, so it needs memory for them. A sentence that counts answers ("with the votes
    of a") must stay the same, so the answers that were there are kept. Empty: nothing is broken.
    """
    whole = list(facts)
    found = _first(whole, declaration, name)
    if found is None:
        return ()
    kept = _start(whole, found)
    if not _same(_first(kept, declaration, name), found):
        kept = whole
    step = max(1, len(kept) // 2)
    # Delta debugging: drop ever smaller blocks as long as the violation stays what it is.
    while True:
        at = 0
        while at < len(kept):
            shorter = kept[:at] + kept[at + step :]
            if _same(_first(shorter, declaration, name), found):
                kept = shorter
            else:
                at += step
        if step == 1:
            return tuple(kept)
        step //= 2


def _start(whole: Sequence[Fact], found: Breach) -> list[Fact]:
    lines = {(f.file, f.line) for f in found.evidence}
    nodes = {f.node for f in found.evidence}
    return [
        fact
        for fact in whole
        if (fact.file, fact.line) in lines
        or isinstance(fact, Members)
        or (isinstance(fact, Booted) and fact.node in nodes)
    ]


def _first(facts: Iterable[Fact], declaration: Declaration, name: str) -> Breach | None:
    # Copies: an observer numbers the lives of nodes in the facts that it is given.
    observer = Observer(msgspec.structs.replace(declaration, cannot={}), [name])
    observer.take(facts)
    observer.finish()
    return next(iter(observer.breaches.get(name, [])), None)


def _same(one: Breach | None, two: Breach) -> bool:
    return one is not None and one.reason == two.reason and one.fact.line == two.fact.line
