"""Monitors of Raft's logs: matching, append-only, completeness, and what is applied."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable

from paxcheck.paxos.facts import (
    Applied,
    Booted,
    Campaigned,
    CommitAdvanced,
    Crashed,
    EntryWritten,
    Fact,
    Followed,
    Led,
    LinesLost,
    LogTruncated,
    SnapshotInstalled,
    TermHeld,
)
from paxcheck.paxos.monitor import Breach, Index, Monitor, Observed
from paxcheck.paxos.traffic import Traffic, lines_missing
from paxcheck.raft import properties
from paxcheck.raft.properties import AppliedEntry, Entry, Leader

UNKNOWN = -1


class LogView:
    """The terms of a node's entries, as far as they are known: from `base` on, without holes."""

    __slots__ = ("base", "terms")

    def __init__(self) -> None:
        self.base = 1
        self.terms: list[int] = []

    def term(self, index: int) -> int:
        """The term of the entry at an index, or UNKNOWN."""
        at = index - self.base
        return self.terms[at] if 0 <= at < len(self.terms) else UNKNOWN

    @property
    def last(self) -> int:
        """The last known index; base - 1 where nothing is known."""
        return self.base + len(self.terms) - 1

    def write(self, index: int, term: int) -> None:
        """Put an entry, and drop those after it; after a hole, forget what was before it."""
        at = index - self.base
        if 0 <= at <= len(self.terms):
            del self.terms[at:]
            self.terms.append(term)
        else:
            self.base, self.terms = index, [term]

    def truncate(self, index: int) -> None:
        """Drop the entries from this index on."""
        del self.terms[max(0, index - self.base) :]

    def install(self, index: int, term: int | None) -> None:
        """A snapshot up to this index, whose term may be known.

        A log that has this entry keeps what follows it (Raft, Figure 13, step 6); any other begins
        after it.
        """
        if term is None:
            self.base, self.terms = index + 1, []
        elif self.term(index) != term:
            self.base, self.terms = index, [term]


class Logs(Index):
    """The logs of all nodes. Of the entry that was written last: what was before it and there."""

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.of: dict[str, LogView] = {}
        self.before = UNKNOWN
        self.replaced = UNKNOWN
        self.dropped = False  # whether the last LogTruncated dropped anything

    def get(self, node: str) -> LogView:
        """The node's log, made when first asked for."""
        view = self.of.get(node)
        if view is None:
            view = self.of[node] = LogView()
        return view

    def on_EntryWritten(self, fact: EntryWritten) -> None:
        log = self.get(fact.node)
        index = fact.index
        self.before = 0 if index == 1 else log.term(index - 1)
        self.replaced = log.term(index)
        log.write(index, fact.term)

    def on_LogTruncated(self, fact: LogTruncated) -> None:
        log = self.get(fact.node)
        self.dropped = fact.index <= log.last and bool(log.terms)
        log.truncate(fact.index)

    def on_SnapshotInstalled(self, fact: SnapshotInstalled) -> None:
        self.get(fact.node).install(fact.index, fact.term)

    def on_LinesLost(self, fact: LinesLost) -> None:
        self.of.pop(fact.node, None)


class LogMatching(Monitor):
    """Entries of one index and term are the same on all nodes, and so is what is before them."""

    name = "log-matching"
    needs = "entries with index and term"
    takes = "entries with index, term and content, of two nodes"
    lacks = "no entry is written a second time, with its content or the entry before it"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[tuple[int, int], EntryWritten] = {}
        self.previous: dict[tuple[int, int], tuple[int, str]] = {}
        self.logs = world.share(Logs)
        self.traffic = world.share(Traffic)
        self.open: list[tuple[Breach, set[str]]] = []

    def on_EntryWritten(self, fact: EntryWritten) -> Breach | None:
        index, term = fact.index, fact.term
        before = self.logs.before
        key = (index, term)
        first = self.first.get(key)
        if first is None:
            self.first[key] = fact
            if before != UNKNOWN:
                self.previous[key] = (before, fact.node)
            self.alone += 1
            return None
        old, owner = self.previous.get(key, (UNKNOWN, ""))
        if old == UNKNOWN and before != UNKNOWN:
            self.previous[key] = (before, fact.node)
        known = first.digest is not None and fact.digest is not None
        if first.digest is None and fact.digest is not None:
            self.first[key] = fact
        comparable = old != UNKNOWN and before != UNKNOWN
        if not known and not comparable:
            return None
        self.checks += 1
        same = not known or first.digest == fact.digest
        if same and (not comparable or old == before):
            return None
        broken = properties.entries_match(
            index,
            (first.node, Entry(term, (first.digest or "?") if known else "?"), max(old, 0)),
            (fact.node, Entry(term, (fact.digest or "?") if known else "?"), max(before, 0)),
        )
        found = broken and self.breach(
            broken.reason,
            first,
            fact,
            before=f"index {index}, term {term}: {first.digest}",
            after=f"index {index}, term {term}: {fact.digest}",
        )
        if found is not None and same and self.world.declaration.accounted:
            self.open.append((found, {owner, fact.node}))
            return None
        return found

    def end(self) -> Iterable[Breach]:
        """Lines in which the entry before was replaced may be missing, where others are."""
        missing = lines_missing(self.world, self.traffic)
        for found, nodes in self.open:
            gone = sorted(nodes & missing.keys())
            if gone:
                self.checks -= 1
                self.doubt(missing[gone[0]])
            else:
                yield found
        self.open.clear()


class LeaderAppendOnly(Monitor):
    """A leader never overwrites or deletes entries of its own log."""

    name = "leader-append-only"
    needs = "entries that a leader writes"
    takes = "leaders, and the entries that they write"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.leads: dict[str, Led] = {}
        self.logs = world.share(Logs)
        self.written: dict[str, EntryWritten] = {}

    def on_Led(self, fact: Led) -> None:
        self.leads[fact.node] = fact

    def _stop(self, fact: Fact) -> None:
        self.leads.pop(fact.node, None)

    def on_Booted(self, fact: Booted) -> None:
        self._stop(fact)

    def on_Crashed(self, fact: Crashed) -> None:
        self._stop(fact)

    def on_Followed(self, fact: Followed) -> None:
        self._stop(fact)

    def on_Campaigned(self, fact: Campaigned) -> None:
        self._stop(fact)

    def on_LinesLost(self, fact: LinesLost) -> None:
        self._stop(fact)  # it may have followed another leader in them

    def on_TermHeld(self, fact: TermHeld) -> None:
        led = self.leads.get(fact.node)
        if led is not None and led.term != fact.term:
            self._stop(fact)

    def on_EntryWritten(self, fact: EntryWritten) -> Breach | None:
        led = self.leads.get(fact.node)
        old = self.logs.replaced
        last = self.written.get(fact.node)
        self.written[fact.node] = fact
        # An entry of another term was written by another leader: this node follows by then.
        if led is None or fact.loaded or fact.term != led.term:
            return None
        if self.world.declaration.entries == "disk":
            self.doubt("the log shows entries as they reach the disk, not as the leader has them")
            return None
        self.checks += 1
        if old in (UNKNOWN, fact.term):
            return None
        broken = properties.leader_append_only(
            Leader(fact.node, fact.term), [Entry(old, "")], [Entry(fact.term, "")]
        )
        if broken is None:
            return None
        return self.breach(
            f"{fact.node} is leader of term {led.term}, and replaces its own entry at index "
            f"{fact.index} (term {old})",
            led,
            *([last] if last else []),
            fact,
            before=f"index {fact.index}: an entry of term {old}",
            after=f"index {fact.index}: an entry of term {fact.term}",
        )

    def on_LogTruncated(self, fact: LogTruncated) -> Breach | None:
        led = self.leads.get(fact.node)
        if led is None:
            return None
        self.checks += 1
        if not self.logs.dropped:
            return None
        return self.breach(
            f"{fact.node} is leader of term {led.term}, and drops its own entries from index "
            f"{fact.index} on",
            led,
            fact,
        )


class LeaderCompleteness(Monitor):
    """What was committed in a term is in the log of every leader of a later term.

    Checked when a leader is elected, against the highest entry committed in an earlier term: by
    log matching, what comes before it is then the same too.
    """

    name = "leader-completeness"
    needs = "nodes that become leader of a term"
    takes = "leaders' commits, and the terms of the entries in leaders' logs"
    lacks = "no leader comes after one that committed an entry of known term"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.leads: dict[str, Led] = {}
        self.logs = world.share(Logs)
        self.best: list[tuple[int, int, int, CommitAdvanced]] = []  # index, entry term, term, fact

    def on_Booted(self, fact: Booted) -> None:
        self.leads.pop(fact.node, None)

    def on_Followed(self, fact: Followed) -> None:
        self.leads.pop(fact.node, None)

    def on_Campaigned(self, fact: Campaigned) -> None:
        self.leads.pop(fact.node, None)

    def on_LinesLost(self, fact: LinesLost) -> None:
        self.leads.pop(fact.node, None)

    def on_CommitAdvanced(self, fact: CommitAdvanced) -> None:
        led = self.leads.get(fact.node)
        if led is None or not fact.leader:
            return
        term = self.logs.get(fact.node).term(fact.index)
        if term == UNKNOWN:
            return
        # Only a higher index of the same or an earlier term replaces what is kept: so few stay.
        self.best = [b for b in self.best if b[0] > fact.index or b[2] < led.term]
        self.best.append((fact.index, term, led.term, fact))

    def on_Led(self, fact: Led) -> Breach | None:
        self.leads[fact.node] = fact
        earlier = [best for best in self.best if best[2] < fact.term]
        if not earlier:
            self.alone += 1
            return None
        if self.world.declaration.entries == "disk":
            self.doubt("the log shows entries as they reach the disk, not as the leader has them")
            return None
        index, term, when, commit = max(earlier, key=lambda best: best[0])
        has = self.logs.get(fact.node).term(index)
        if has == UNKNOWN and (fact.last_index is None or fact.last_index >= index):
            self.doubt("the log does not show the entry that a leader has at a committed index")
            return None
        self.checks += 1
        broken = properties.leader_completeness(
            Leader(fact.node, fact.term),
            {} if has == UNKNOWN else {index: has},
            [(index, term, when)],
        )
        return broken and self.breach(
            broken.reason,
            commit,
            fact,
            before=f"committed: index {index} of term {term}",
            after=f"{fact.node} leads term {fact.term} without it",
        )


class StateMachineSafety(Monitor):
    """No two servers apply different entries at one index."""

    name = "state-machine-safety"
    needs = "entries that are applied"
    takes = "entries that are applied, with their content or their term"
    lacks = "no entry is applied a second time"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[int, Applied] = {}
        self.logs = world.share(Logs)
        self.written: dict[tuple[int, int], EntryWritten] = {}

    def on_EntryWritten(self, fact: EntryWritten) -> None:
        if fact.digest is not None:
            self.written.setdefault((fact.index, fact.term), fact)

    def on_Applied(self, fact: Applied) -> Breach | None:
        first = self.first.get(fact.index)
        if first is None:
            broken = self._not_in_its_log(fact)
            if broken is None:
                self.first[fact.index] = fact
                self.alone += 1
            return broken
        self.checks += 1
        if first.digest == fact.digest and first.term == fact.term:
            return None
        broken = properties.state_machine_safety(
            [
                AppliedEntry(first.node, first.index, first.term, first.digest),
                AppliedEntry(fact.node, fact.index, fact.term, fact.digest),
            ]
        )
        return broken and self.breach(broken.reason, first, fact)

    def _not_in_its_log(self, fact: Applied) -> Breach | None:
        """The first server to apply an entry: is it the one that its term has in the logs?"""
        term = fact.term if fact.term is not None else self.logs.get(fact.node).term(fact.index)
        entry = self.written.get((fact.index, term))
        if entry is None or fact.digest is None:
            return None
        self.checks += 1
        if entry.digest == fact.digest:
            return None
        return self.breach(
            f"index {fact.index} of term {term} is {entry.digest} in the log of {entry.node}, "
            f"and {fact.node} applies {fact.digest}",
            entry,
            fact,
        )


LOGS: tuple[type[Monitor], ...] = (
    LogMatching,
    LeaderAppendOnly,
    LeaderCompleteness,
    StateMachineSafety,
)
