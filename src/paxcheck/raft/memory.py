"""Monitors of what a Raft server must remember: its term and its vote, over restarts too.

They need no order between nodes. Where a log shows a term or a vote before it is on disk, a server
that dies in between may come back without it; it may forget only what nothing proves to be stored.
"""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from paxcheck.paxos.facts import (
    AnswerHeard,
    Campaigned,
    Fact,
    Stored,
    TermHeld,
    VoteGranted,
    VoteHeld,
)
from paxcheck.paxos.monitor import Breach, Monitor, Observed
from paxcheck.paxos.traffic import Traffic, lines_missing
from paxcheck.raft import properties
from paxcheck.raft.proofs import Cast, Key, Proofs
from paxcheck.raft.properties import TermVote

Votes: TypeAlias = dict[Key, tuple[str, Fact]]
"""The candidate that a server votes for in a term, and the fact that tells."""


class _Memory(Monitor):
    """What the three monitors do with what a server may have forgotten by right."""

    memory = True

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.proofs = world.share(Proofs)
        self.traffic = world.share(Traffic)

    def _alive(self) -> set[str]:
        """Of a log that is read: the nodes that did not start where it does not show a start."""
        if not self.world.declaration.accounted:
            return set()
        return self.world.nodes.keys() - lines_missing(self.world, self.traffic).keys()


class _Lower(NamedTuple):
    """A term below an earlier one, which is not known to have been stored."""

    fact: TermHeld
    old: TermHeld
    one_life: bool
    votes: list[Cast]  # in higher terms, before


class TermNeverGoesBack(_Memory):
    """A server's term only grows."""

    name = "term-never-goes-back"
    needs = "the term in a node's state"
    lacks = "no node's state shows its term a second time"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.last: dict[str, tuple[TermHeld, int]] = {}  # with the life of the node
        self.open: list[_Lower] = []

    def on_TermHeld(self, fact: TermHeld) -> Breach | None:
        node = fact.node
        life = self.proofs.lives.get(node, 0)
        old, then = self.last.get(node, (None, 0))
        self.last[node] = (fact, life)
        if old is None:
            self.alone += 1
            return None
        self.checks += 1
        if self.world.declaration.stored_first:
            return self._back(fact, old.term, old) if fact.term < old.term else None
        term, proof = self.proofs.term.get(node, (-1, fact))
        if fact.term < term:
            return self._back(fact, term, proof)
        if fact.term < old.term:
            votes = [vote for vote in self.proofs.cast.get(node, ()) if vote.term > fact.term]
            self.open.append(_Lower(fact, old, life == then, votes))
        return None

    def on_Stored(self, fact: Stored) -> Breach | None:
        term, proof = self.proofs.term.get(fact.node, (-1, fact))
        self.checks += 1
        return self._back(fact, term, proof) if fact.term < term else None

    def _back(self, fact: TermHeld | Stored, term: int, proof: Fact) -> Breach | None:
        broken = properties.term_never_goes_back(fact.node, term, fact.term)
        return broken and self.breach(
            broken.reason, proof, fact, before=f"term {term}", after=f"term {fact.term}"
        )

    def end(self) -> Iterable[Breach]:
        """What was heard of a vote may prove that its term was stored, wherever its line is."""
        alive = self._alive()
        for fact, old, one_life, votes in self.open:
            found: Breach | None = None
            heard = [vote for vote in votes if self.proofs.heard(vote)]
            if heard:
                last = max(heard, key=lambda vote: vote.term)
                found = self._back(fact, last.term, last.fact)
            elif one_life and fact.node in alive:
                found = self._back(fact, old.term, old)
            if found is not None:
                yield found
            else:
                self.checks -= 1
                self.doubt("a term that a node came back without is not known to have been stored")
        self.open.clear()


class _Change(NamedTuple):
    """A vote that differs from an earlier one of its term, until the whole log is read."""

    breach: Breach
    key: Key
    was: str
    now: str
    own: bool  # both are told by the server itself, in this order
    one_life: bool  # and with no start in between that the log shows


class OneVotePerTerm(_Memory):
    """No server votes for two candidates in one term."""

    name = "one-vote-per-term"
    needs = "votes granted, or the vote in a node's state"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        # What a node said (granted), what its state shows and what its candidate heard of it are
        # followed apart: a log that shows only one of them is judged by it, and a change shows in
        # each of them once.
        self.held: Votes = {}
        self.said: Votes = {}
        self.heard: Votes = {}
        # Of a log that may show votes before they are stored: the server's own, in its order, with
        # its life; and the changes that cannot be judged yet.
        self.own: dict[Key, list[tuple[str, int]]] = {}
        self.open: list[_Change] = []

    def _vote(
        self, fact: Fact, voter: str, term: int, candidate: str, kind: Votes
    ) -> Breach | None:
        key = (voter, term)
        first = kind.get(key) or self.held.get(key) or self.said.get(key) or self.heard.get(key)
        kind[key] = (candidate, fact)
        self.checks += 1
        provisional = not self.world.declaration.stored_first
        own = provisional and kind is not self.heard
        before = tuple(self.own.get(key, ()))
        if own:
            life = self.proofs.lives.get(voter, 0)
            self.own.setdefault(key, []).append((candidate, life))
        if first is None or first[0] == candidate:
            return None
        was, old = first
        broken = properties.one_vote_per_term(
            [TermVote(voter, term, was), TermVote(voter, term, candidate)]
        )
        found = broken and self.breach(
            broken.reason,
            old,
            fact,
            before=f"term {term}, vote {was}",
            after=f"term {term}, vote {candidate}",
        )
        if found is None or not provisional:
            return found
        if own:
            # Its own log may prove by now that it did not forget by right.
            newer = self.proofs.term.get(voter, (-1, fact))[0] > term
            one_line = (old.file, old.line) == (fact.file, fact.line)
            if newer or one_line or self.proofs.has(key, was):
                return found
        one_life = own and (was, self.proofs.lives.get(voter, 0)) in before
        own = own and old.node == voter
        self.open.append(_Change(found, key, was, candidate, own, one_life))
        return None

    def end(self) -> Iterable[Breach]:
        """What was heard of a vote may prove that it was stored, wherever its line is."""
        alive = self._alive()
        for change in self.open:
            if self._certain(change, alive):
                yield change.breach
            else:
                self.checks -= 1
                self.doubt("a vote that a node came back without is not known to have been stored")
        self.open.clear()

    def _certain(self, change: _Change, alive: set[str]) -> bool:
        key, was, now = change.key, change.was, change.now
        sent = self.proofs.sent.get(key, set())
        stored = sent | self.proofs.votes.get(key, set())
        if {was, now} <= stored or (change.one_life and key[0] in alive):
            return True
        for one, other in ((was, now), (now, was)):
            if other in stored and self.proofs.final(key, one):
                return True
        # A vote that was heard and granted only before `now` was stored before it.
        granted = [v.candidate for v in self.proofs.cast.get(key[0], ()) if v.term == key[1]]
        return change.own and was in sent and was in granted and granted[-1] != was

    def on_VoteGranted(self, fact: VoteGranted) -> Breach | None:
        return self._vote(fact, fact.node, fact.term, fact.candidate, self.said)

    def on_VoteHeld(self, fact: VoteHeld) -> Breach | None:
        if fact.candidate is None:
            return None
        return self._vote(fact, fact.node, fact.term, fact.candidate, self.held)

    def on_Stored(self, fact: Stored) -> Breach | None:
        if fact.candidate is None:
            return None
        return self._vote(fact, fact.node, fact.term, fact.candidate, self.held)

    def on_Campaigned(self, fact: Campaigned) -> Breach | None:
        if not fact.self_vote:
            return None
        return self._vote(fact, fact.node, fact.term, fact.node, self.said)

    def on_AnswerHeard(self, fact: AnswerHeard) -> Breach | None:
        if fact.kind != "vote" or not fact.granted or fact.ballot is None:
            return None
        return self._vote(fact, fact.sender, fact.ballot, fact.node, self.heard)


class DurableVote(_Memory):
    """A vote of the present term is not forgotten."""

    name = "durable-vote"
    needs = "the vote in a node's state"
    lacks = "no node's state shows its vote after it voted in that term"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        # node -> its vote, the fact that tells, the node's life
        self.vote: dict[str, tuple[int, str | None, Fact, int]] = {}
        self.open: list[Breach] = []

    def _keep(self, fact: Fact, term: int, candidate: str | None) -> None:
        life = self.proofs.lives.get(fact.node, 0)
        self.vote[fact.node] = (term, candidate, fact, life)

    def on_VoteGranted(self, fact: VoteGranted) -> None:
        self._keep(fact, fact.term, fact.candidate)

    def on_VoteHeld(self, fact: VoteHeld) -> Breach | None:
        term, candidate, old, life = self.vote.get(fact.node, (fact.term, None, fact, 0))
        self._keep(fact, fact.term, fact.candidate)
        if term != fact.term or candidate is None:
            self.alone += 1
            return None
        self.checks += 1
        if fact.candidate is not None:
            return None
        found = self.breach(
            f"{fact.node} had voted for {candidate} in term {term}, "
            "and its state no longer shows it",
            old,
            fact,
            before=f"term {term}, vote {candidate}",
            after=f"term {term}, no vote",
        )
        if self.world.declaration.stored_first or self.proofs.has((fact.node, term), candidate):
            return found
        self.checks -= 1
        if self.proofs.lives.get(fact.node, 0) == life:
            self.open.append(found)
        return None

    def end(self) -> Iterable[Breach]:
        """A vote that was not stored may be forgotten, but only by a node that starts anew."""
        alive = self._alive()
        for found in self.open:
            if found.fact.node in alive:
                self.checks += 1
                yield found
        self.open.clear()
