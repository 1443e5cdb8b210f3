"""What a log proves to be on a Raft server's disk, where it shows a term or a vote before that."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Fact,
    Led,
    LinesLost,
    Stored,
    TermHeld,
    VoteGranted,
    VoteHeld,
)
from paxcheck.paxos.monitor import Handler, Index, Observed

Key: TypeAlias = tuple[str, int]
"""A server and a term."""


class Cast(NamedTuple):
    """A vote that a server grants, and the life of the server in which it does."""

    term: int
    candidate: str
    fact: Fact
    life: int


class Proofs(Index):
    """What is known to be on disk, of a log that may show a term or a vote before that.

    A server sends its request for votes, and its vote, when it has stored them: the answers that it
    hears prove its own candidacy, and so does leading with the votes of others. What it has loaded
    at a start was on its disk.
    """

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.term: dict[str, tuple[int, Fact]] = {}  # the highest
        self.votes: dict[Key, set[str]] = {}  # by the server's own log, so far
        self.sent: dict[Key, set[str]] = {}  # votes that their candidates heard, at any time
        # Votes after which the server's own log shows a newer term stored, in the same life.
        self.settled: set[tuple[Key, str]] = set()
        self.lives: dict[str, int] = {}
        self.cast: dict[str, list[Cast]] = {}  # a server's votes, in its own order
        self._open: dict[str, set[tuple[int, str]]] = {}
        self._campaign: dict[str, int] = {}
        self._starting: dict[str, int] = {}  # node -> the line with what it has loaded; 0: not yet

    def handlers(self) -> dict[str, Handler]:
        """Nothing is to be proven where what is shown is stored."""
        return {} if self.world.declaration.stored_first else super().handlers()

    def has(self, key: Key, candidate: str) -> bool:
        """Whether the server had stored this vote, by what its own log shows so far."""
        return candidate in self.votes.get(key, ())

    def heard(self, vote: Cast) -> bool:
        """Of a log that is read: whether the candidate heard this vote, so that it was stored.

        Where no request comes twice, a server that is in its right mind grants one vote in a term.
        """
        node, once = vote.fact.node, not self.world.declaration.duplicates
        return once and vote.candidate in self.sent.get((node, vote.term), ())

    def final(self, key: Key, candidate: str) -> bool:
        """Of a log that is read: whether the server went on from this vote to a newer term that it
        stored, and did not start anew in between."""
        node, term = key
        votes = self.cast.get(node, ())
        lives = {vote.life for vote in votes if (vote.term, vote.candidate) == (term, candidate)}
        return (key, candidate) in self.settled or any(
            vote.term > term and vote.life in lives and self.heard(vote) for vote in votes
        )

    def _stored(self, fact: Fact, term: int, candidate: str | None = None) -> None:
        node = fact.node
        if candidate is not None:
            self.votes.setdefault((node, term), set()).add(candidate)
        if term > self.term.get(node, (-1, fact))[0]:
            self.term[node] = (term, fact)
        waiting = self._open.get(node, set())
        for vote in [vote for vote in waiting if vote[0] < term]:
            waiting.discard(vote)
            self.settled.add(((node, vote[0]), vote[1]))

    def on_Booted(self, fact: Booted) -> None:
        self._starting[fact.node] = 0
        self._campaign.pop(fact.node, None)
        self.lives[fact.node] = self.lives.get(fact.node, 0) + 1

    def on_LinesLost(self, fact: LinesLost) -> None:
        self._starting.pop(fact.node, None)
        self._open.pop(fact.node, None)
        self.lives[fact.node] = self.lives.get(fact.node, 0) + 1

    def _loads(self, fact: TermHeld | VoteHeld) -> bool:
        """Whether this is in the line that shows what the node has loaded at its start."""
        line = self._starting.get(fact.node)
        if line == 0:
            self._starting[fact.node] = line = fact.line
        if line is not None and line != fact.line:
            del self._starting[fact.node]
        return line == fact.line

    def on_TermHeld(self, fact: TermHeld) -> None:
        if self._loads(fact):
            self._stored(fact, fact.term)
            self._open.pop(fact.node, None)

    def on_VoteHeld(self, fact: VoteHeld) -> None:
        if self._loads(fact):
            self._stored(fact, fact.term, fact.candidate)
        elif fact.candidate is not None:
            self._open.setdefault(fact.node, set()).add((fact.term, fact.candidate))

    def on_VoteGranted(self, fact: VoteGranted) -> None:
        self._open.setdefault(fact.node, set()).add((fact.term, fact.candidate))
        life = self.lives.get(fact.node, 0)
        vote = Cast(fact.term, fact.candidate, fact, life)
        self.cast.setdefault(fact.node, []).append(vote)

    def on_Campaigned(self, fact: Campaigned) -> None:
        self._campaign[fact.node] = fact.term
        self._open.setdefault(fact.node, set()).add((fact.term, fact.node))

    def on_Stored(self, fact: Stored) -> None:
        self._stored(fact, fact.term, fact.candidate)

    def on_Led(self, fact: Led) -> None:
        members = self.world.members(fact.node, fact.members)
        # Alone, it leads before it has written anything.
        if members is not None and len(members.everyone()) > 1:
            self._stored(fact, fact.term, fact.node)

    def on_AnswerHeard(self, fact: AnswerHeard) -> None:
        term = fact.ballot
        if fact.kind != "vote" or fact.sender == fact.node or term is None:
            return
        if term == self._campaign.get(fact.node):
            self._stored(fact, term, fact.node)
        if fact.granted:
            self.sent.setdefault((fact.sender, term), set()).add(fact.node)
