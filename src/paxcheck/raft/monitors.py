"""Monitors of Raft's elections and commits: leaders of a term, and commit indices."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable

from paxcheck.paxos.facts import Booted, CommitAdvanced, Led
from paxcheck.paxos.monitor import Breach, Monitor, Observed
from paxcheck.paxos.traffic import Traffic, lines_missing
from paxcheck.raft import properties
from paxcheck.raft.properties import Leader


class ElectionSafety(Monitor):
    """At most one leader in a term."""

    name = "election-safety"
    needs = "nodes that become leader of a term"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[int, Led] = {}

    def on_Led(self, fact: Led) -> Breach | None:
        first = self.first.setdefault(fact.term, fact)
        self.checks += 1
        if first.node == fact.node:
            return None
        self.first[fact.term] = fact
        broken = properties.election_safety(
            [Leader(first.node, fact.term), Leader(fact.node, fact.term)]
        )
        return broken and self.breach(
            broken.reason,
            first,
            fact,
            before=f"leader of term {fact.term}: {first.node}",
            after=f"leader of term {fact.term}: {fact.node}",
        )


class CommitNeverGoesBack(Monitor):
    """A running server's commit index only grows."""

    name = "commit-never-goes-back"
    needs = "commit indices"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.traffic = world.share(Traffic)
        self.last: dict[str, CommitAdvanced] = {}
        self.open: list[Breach] = []

    def on_Booted(self, fact: Booted) -> None:
        self.last.pop(fact.node, None)  # it is volatile: a restart may begin at 0

    def on_CommitAdvanced(self, fact: CommitAdvanced) -> Breach | None:
        old = self.last.get(fact.node)
        self.last[fact.node] = fact
        if old is None:
            return None
        self.checks += 1
        if fact.index >= old.index:
            return None
        broken = properties.commit_never_goes_back(fact.node, old.index, fact.index)
        found = broken and self.breach(
            broken.reason, old, fact, before=f"commit {old.index}", after=f"commit {fact.index}"
        )
        if found is not None and self.world.declaration.accounted:
            self.open.append(found)
            return None
        return found

    def end(self) -> Iterable[Breach]:
        """The line of a start may be missing, where others of the node are found to be."""
        missing = lines_missing(self.world, self.traffic)
        for found in self.open:
            if found.fact.node in missing:
                self.checks -= 1
                self.doubt(missing[found.fact.node])
            else:
                yield found
        self.open.clear()
