"""Monitors of Raft's logs: matching, append-only, completeness, and what is applied."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

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
    LogTruncated,
    SnapshotInstalled,
    TermHeld,
)
from paxcheck.paxos.monitor import Breach, Monitor, Observed
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

    def restart(self, index: int, term: int | None) -> None:
        """A snapshot: the log begins after this index, whose term may be known."""
        self.base, self.terms = (index + 1, []) if term is None else (index, [term])


class Logs:
    """The logs of all nodes; the monitors of one trace share it, and the first of them writes."""

    def __init__(self) -> None:
        self.of: dict[str, LogView] = {}

    def get(self, node: str) -> LogView:
        """The node's log, made when first asked for."""
        view = self.of.get(node)
        if view is None:
            view = self.of[node] = LogView()
        return view


class LogMatching(Monitor):
    """Entries of one index and term are the same on all nodes, and so is what is before them."""

    name = "log-matching"
    needs = "entries with index, term and content, of two nodes"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[tuple[int, int], EntryWritten] = {}
        self.previous: dict[tuple[int, int], tuple[int, str]] = {}
        self.logs = Logs()

    def on_EntryWritten(self, fact: EntryWritten) -> Breach | None:
        log = self.logs.get(fact.node)
        index, term = fact.index, fact.term
        before = 0 if index == 1 else log.term(index - 1)
        log.write(index, term)
        key = (index, term)
        first = self.first.get(key)
        if first is None:
            self.first[key] = fact
            if before != UNKNOWN:
                self.previous[key] = (before, fact.node)
            return None
        old, _ = self.previous.get(key, (UNKNOWN, ""))
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
        return broken and self.breach(
            broken.reason,
            first,
            fact,
            before=f"index {index}, term {term}: {first.digest}",
            after=f"index {index}, term {term}: {fact.digest}",
        )

    def on_LogTruncated(self, fact: LogTruncated) -> None:
        self.logs.get(fact.node).truncate(fact.index)

    def on_SnapshotInstalled(self, fact: SnapshotInstalled) -> None:
        self.logs.get(fact.node).restart(fact.index, fact.term)


class LeaderAppendOnly(Monitor):
    """A leader never overwrites or deletes entries of its own log."""

    name = "leader-append-only"
    needs = "leaders, and the entries that they write"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.leads: dict[str, Led] = {}
        self.logs = Logs()
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

    def on_TermHeld(self, fact: TermHeld) -> None:
        led = self.leads.get(fact.node)
        if led is not None and led.term != fact.term:
            self._stop(fact)

    def on_EntryWritten(self, fact: EntryWritten) -> Breach | None:
        log = self.logs.get(fact.node)
        led = self.leads.get(fact.node)
        old = log.term(fact.index)
        log.write(fact.index, fact.term)
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
        log = self.logs.get(fact.node)
        led = self.leads.get(fact.node)
        had = fact.index <= log.last and bool(log.terms)
        log.truncate(fact.index)
        if led is None:
            return None
        self.checks += 1
        if not had:
            return None
        return self.breach(
            f"{fact.node} is leader of term {led.term}, and drops its own entries from index "
            f"{fact.index} on",
            led,
            fact,
        )

    def on_SnapshotInstalled(self, fact: SnapshotInstalled) -> None:
        self.logs.get(fact.node).restart(fact.index, fact.term)


class LeaderCompleteness(Monitor):
    """What was committed in a term is in the log of every leader of a later term.

    Checked when a leader is elected, against the highest entry committed in an earlier term: by
    log matching, what comes before it is then the same too.
    """

    name = "leader-completeness"
    needs = "leaders' commits, and the terms of the entries in leaders' logs"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.leads: dict[str, Led] = {}
        self.logs = Logs()
        self.best: list[tuple[int, int, int, CommitAdvanced]] = []  # index, entry term, term, fact

    def on_EntryWritten(self, fact: EntryWritten) -> None:
        self.logs.get(fact.node).write(fact.index, fact.term)

    def on_LogTruncated(self, fact: LogTruncated) -> None:
        self.logs.get(fact.node).truncate(fact.index)

    def on_SnapshotInstalled(self, fact: SnapshotInstalled) -> None:
        self.logs.get(fact.node).restart(fact.index, fact.term)

    def on_Booted(self, fact: Booted) -> None:
        self.leads.pop(fact.node, None)

    def on_Followed(self, fact: Followed) -> None:
        self.leads.pop(fact.node, None)

    def on_Campaigned(self, fact: Campaigned) -> None:
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
    needs = "entries that are applied, with their content or their term"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[int, Applied] = {}

    def on_Applied(self, fact: Applied) -> Breach | None:
        first = self.first.setdefault(fact.index, fact)
        if first is fact:
            return None
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


LOGS: tuple[type[Monitor], ...] = (
    LogMatching,
    LeaderAppendOnly,
    LeaderCompleteness,
    StateMachineSafety,
)
