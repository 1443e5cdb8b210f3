"""What the monitors of Raft's quorums share.

That a quorum answered *before* a node became leader, or committed, needs the node's own order only.
A quorum that was not seen is judged when the whole log is read: until then the log may show that
the line of an answer is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from paxcheck.paxos.facts import (
    Config,
    Fact,
)
from paxcheck.paxos.monitor import Breach, Monitor, Observed
from paxcheck.paxos.traffic import Receivers, Traffic, lines_missing, request

UNKNOWN = "the members are not known"


@dataclass(slots=True)
class Case:
    """A quorum that was not seen: `seen` had said yes, `later` said no, or answered afterwards."""

    breach: Breach
    fact: Fact
    term: int
    seen: frozenset[str]
    config: Config
    later: set[str] = field(default_factory=set[str])
    # Of an election: whether the log has its campaign, and how many votes the node says it counted.
    campaign: bool = True
    counted: int = 0
    # Of a commit: the highest index that each member had acknowledged by then, and what of it had
    # not been seen to arrive; why it cannot be judged after all.
    before: dict[str, tuple[int, set[int]]] = field(default_factory=dict[str, tuple[int, set[int]]])
    unknown: str = ""


class Quorums(Monitor):
    """What both monitors do with a quorum that was not seen."""

    kind: ClassVar[str] = ""
    what: ClassVar[str] = ""

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.traffic = world.share(Traffic)
        self.receivers = world.share(Receivers)
        self.hears: set[str] = set()
        self.open: list[Case] = []

    def came(self, case: Case, name: str) -> bool:
        """Whether an answer of the node may have come in time, with its line lost."""
        raise NotImplementedError

    def excuse(self, case: Case, missing: Mapping[str, str]) -> str:
        """Why the log cannot decide a case, or nothing. `missing`: see lines_missing."""
        leader, seen, config = case.fact.node, case.seen, case.config
        others = config.everyone() - seen
        numbered = self.world.numbered(case.fact)
        lost = {name for name in others if not numbered and self.came(case, name)}
        if lost and config.is_quorum(seen | lost):
            return f"the receipt of {self.what} of {names(lost)} is not in the log"
        if leader not in self.hears and leader not in self.receivers.names:
            return f"the log never shows that {leader} receives {self.what}"
        if numbered:
            return ""
        if leader in missing:
            return missing[leader]
        # Of these, the lines of an answer may be missing at both ends.
        unknown = {name: self._silence(case, name, missing) for name in sorted(others)}
        unknown = {name: why for name, why in unknown.items() if why}
        if not self.world.declaration.duplicates:
            unknown = {name: why for name, why in unknown.items() if name not in case.later}
        if unknown and config.is_quorum(seen | lost | unknown.keys()):
            return next(iter(unknown.values()))
        return ""

    def _silence(self, case: Case, name: str, missing: Mapping[str, str]) -> str:
        """Why a node may have answered without any line, or nothing."""
        if name in missing:
            return missing[name]
        if name not in self.world.nodes:
            return f"the log has no lines of {name}"
        if self.traffic.missing(case.fact.node, name, request(self.kind, case.term)):
            return f"what became of a request to {name} is not in the log"
        return ""

    def end(self) -> Iterable[Breach]:
        """An answer that was sent, and never seen to arrive, may have arrived."""
        missing = lines_missing(self.world, self.traffic)
        for case in self.open:
            why = self.excuse(case, missing)
            if why:
                self.checks -= 1
                self.doubt(why)
            else:
                yield case.breach
        self.open.clear()


def names(who: Iterable[str]) -> str:
    """These nodes, for a reader."""
    return ", ".join(sorted(who)) or "nobody"
