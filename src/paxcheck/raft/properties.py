"""The properties of Raft, each with its source.

Paper: *Raft* is Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*
(extended version, 2014); its Figure 3 lists the five properties. Each function returns None when
the property holds, else a `Broken` that says why. They know no network and no engine: give them
the history of a model's world or of a log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from paxcheck.protocol import Broken, Record

IsQuorum = Callable[[frozenset[str]], bool]


class TermVote(Record):
    """A server's vote in a term."""

    server: str
    term: int
    candidate: str


class Leader(Record):
    """A server that became leader of a term."""

    server: str
    term: int


class Entry(Record):
    """An entry of a log: its term and what it carries."""

    term: int
    command: str


class AppliedEntry(Record):
    """A server applied this entry at this index. Term or command are None where unknown."""

    server: str
    index: int
    term: int | None
    command: str | None


def one_vote_per_term(votes: Iterable[TermVote]) -> Broken | None:
    """A server votes for at most one candidate in a term (Raft, section 5.2)."""
    seen: dict[tuple[str, int], TermVote] = {}
    for vote in votes:
        first = seen.setdefault((vote.server, vote.term), vote)
        if first.candidate != vote.candidate:
            return Broken(
                f"{vote.server} voted for {first.candidate} in term {vote.term}, "
                f"and votes for {vote.candidate} in the same term",
                (first, vote),
            )
    return None


def term_never_goes_back(server: str, before: int, after: int) -> Broken | None:
    """A server's term only grows, over restarts too (Raft, section 5.1)."""
    if after < before:
        return Broken(f"{server} was in term {before}, and is now in term {after}", (before, after))
    return None


def election_safety(leaders: Iterable[Leader]) -> Broken | None:
    """At most one leader is elected in a term (Raft, Figure 3: Election Safety)."""
    seen: dict[int, Leader] = {}
    for leader in leaders:
        first = seen.setdefault(leader.term, leader)
        if first.server != leader.server:
            return Broken(
                f"{first.server} is leader of term {leader.term}, and so is {leader.server}",
                (first, leader),
            )
    return None


def election_needs_quorum(
    leader: Leader, voters: Collection[str], is_quorum: IsQuorum
) -> Broken | None:
    """A candidate becomes leader only with the votes of a majority (Raft, section 5.2)."""
    if is_quorum(frozenset(voters)):
        return None
    return Broken(
        f"{leader.server} became leader of term {leader.term} with the votes of "
        f"{_names(voters)}, which is no quorum",
        (leader,),
    )


def commit_needs_quorum(
    leader: Leader, index: int, holders: Collection[str], is_quorum: IsQuorum
) -> Broken | None:
    """A leader commits an entry only when a majority holds it (Raft, sections 5.3 and 5.4.2)."""
    if is_quorum(frozenset(holders)):
        return None
    who = f"only {_names(holders)}" if holders else "nobody"
    return Broken(
        f"{leader.server}, leader of term {leader.term}, committed index {index} when {who} "
        "had acknowledged it, which is no quorum",
        (leader,),
    )


def leader_append_only(
    leader: Leader, before: Sequence[Entry], after: Sequence[Entry]
) -> Broken | None:
    """A leader never overwrites or deletes entries of its log (Raft, Figure 3)."""
    for index, entry in enumerate(before):
        now = after[index] if index < len(after) else None
        if now != entry:
            return Broken(
                f"{leader.server} is leader of term {leader.term}, and changes its own entry at "
                f"index {index + 1}",
                (entry, now),
            )
    return None


def log_matching(logs: Mapping[str, Sequence[Entry]]) -> Broken | None:
    """Logs that agree in the index and term of an entry are identical up to it (Raft, Figure 3)."""
    seen: dict[tuple[int, int], tuple[str, Entry, int]] = {}
    for server, log in logs.items():
        previous = 0
        for index, entry in enumerate(log, 1):
            first = seen.setdefault((index, entry.term), (server, entry, previous))
            broken = entries_match(index, first, (server, entry, previous))
            if broken:
                return broken
            previous = entry.term
    return None


def entries_match(
    index: int, first: tuple[str, Entry, int], second: tuple[str, Entry, int]
) -> Broken | None:
    """One step of log matching: two entries of one index and term are equal, and so are the terms
    of the entries before them (Raft, section 5.3; the rest follows by induction).

    Each entry comes with its server and the term of the entry before it.
    """
    (one, a, before_a), (two, b, before_b) = first, second
    if a.term == b.term and a.command != b.command:
        return Broken(
            f"index {index} of term {a.term} is {a.command} on {one} and {b.command} on {two}",
            (a, b),
        )
    if a.term == b.term and before_a != before_b:
        return Broken(
            f"index {index} of term {a.term} is the same on {one} and {two}, but the entry before "
            f"it is of term {before_a} on {one} and of term {before_b} on {two}",
            (a, b),
        )
    return None


def leader_completeness(
    leader: Leader, log: Mapping[int, int], committed: Iterable[tuple[int, int, int]]
) -> Broken | None:
    """What was committed in a term is in the logs of the leaders of all later terms (Figure 3).

    `log`: index -> term of the leader's entries, as it becomes leader. `committed`: (index, term
    of the entry, term in which it was committed).
    """
    for index, term, when in committed:
        if when < leader.term and log.get(index) != term:
            has = log.get(index)
            told = "nothing" if has is None else f"an entry of term {has}"
            return Broken(
                f"index {index} (term {term}) was committed in term {when}, and {leader.server}, "
                f"leader of term {leader.term}, has {told} there",
                (leader, index),
            )
    return None


def state_machine_safety(applied: Iterable[AppliedEntry]) -> Broken | None:
    """No two servers apply different entries at one index (Raft, Figure 3)."""
    seen: dict[int, AppliedEntry] = {}
    for entry in applied:
        first = seen.setdefault(entry.index, entry)
        if _differ(first.term, entry.term) or _differ(first.command, entry.command):
            return Broken(
                f"{first.server} applied {_entry(first)} at index {entry.index}, "
                f"and {entry.server} applies {_entry(entry)}",
                (first, entry),
            )
    return None


def commit_never_goes_back(server: str, before: int, after: int) -> Broken | None:
    """A running server's commit index only grows (Raft, Figure 2: commitIndex)."""
    if after < before:
        return Broken(
            f"{server} had committed up to index {before}, and now only up to {after}",
            (before, after),
        )
    return None


def _differ(one: object, two: object) -> bool:
    return one is not None and two is not None and one != two


def _entry(entry: AppliedEntry) -> str:
    parts = [] if entry.command is None else [entry.command]
    if entry.term is not None:
        parts.append(f"(term {entry.term})")
    return " ".join(parts) or "an entry"


def _names(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"
