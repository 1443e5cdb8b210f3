"""What happened so far, as the properties of Paxos see it: promises, proposals and votes.

A model fills it from ghost fields, a validator from a log: both are judged by the same
functions (`paxcheck.paxos.properties`).
"""

from __future__ import annotations

from collections.abc import Iterable

from paxcheck.paxos.vocabulary import Ballot, Vote
from paxcheck.protocol import QuorumSystem, Record
from paxcheck.protocol.growing import fold


class Promised(Record):
    """An acceptor promised a ballot and reported its latest vote."""

    acceptor: str
    ballot: Ballot
    vote: Vote | None


class Proposed(Record):
    """A proposer asked for votes for a value, after the acceptors in `quorum` had answered."""

    proposer: str
    ballot: Ballot
    value: str
    quorum: frozenset[str]


class Voted(Record):
    """An acceptor voted for a value in a ballot."""

    acceptor: str
    ballot: Ballot
    value: str

    def __str__(self) -> str:
        return f"{self.acceptor} voted {self.value}@{self.ballot}"


class Chosen(Record):
    """A value was chosen: all of `quorum` voted for it in one ballot."""

    value: str
    ballot: Ballot
    quorum: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.value} is chosen in {self.ballot} by {', '.join(self.quorum)}"


class Choices:
    """A fold of votes: what quorums voted for; `values` has each chosen value once."""

    def __init__(self, quorums: QuorumSystem) -> None:
        self._quorums = quorums
        self._voters: dict[tuple[Ballot, str], list[str]] = {}
        self.values: dict[str, None] = {}

    def add(self, vote: Voted) -> None:
        """One vote more."""
        voters = self._voters.setdefault((vote.ballot, vote.value), [])
        if vote.acceptor not in voters:
            voters.append(vote.acceptor)
            if vote.value not in self.values and self._quorums.phase2(voters):
                self.values[vote.value] = None

    def all(self) -> list[Chosen]:
        """Every (ballot, value) that a quorum voted for, in the order of ballots."""
        return [
            Chosen(value, ballot, tuple(sorted(who)))
            for (ballot, value), who in sorted(self._voters.items(), key=lambda item: item[0])
            if self._quorums.phase2(who)
        ]


def chosen(votes: Iterable[Voted], quorums: QuorumSystem) -> list[Chosen]:
    """Every (ballot, value) that a quorum of phase 2 voted for, in the order of ballots.

    *Paxos Made Simple*, section 2.1: a value is chosen when a large enough set of acceptors has
    accepted it. Whether anyone knows is another matter: see learned.
    """
    return fold(votes, Choices, quorums).all()
