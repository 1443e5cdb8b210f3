"""The words of Paxos: ballots, votes, and the four messages.

Glossary: ballot = proposal number = term = view. Prepare, Promise, Accept, Accepted =
1a, 1b, 2a, 2b = NextBallot, LastVote, BeginBallot, Voted (*The Part-Time Parliament*).
"""

from __future__ import annotations

from collections.abc import Iterable

from paxcheck.protocol import Message, Record


class Ballot(Record, order=True):
    """The number of an attempt: rounds first, then the proposer's name to break ties.

    No two proposers share a ballot, because the name is part of it.
    """

    round: int
    proposer: str

    def __str__(self) -> str:
        return f"{self.round}.{self.proposer}"


class Vote(Record):
    """An acceptor's vote for a value in a ballot."""

    ballot: Ballot
    value: str

    def __str__(self) -> str:
        return f"{self.value}@{self.ballot}"


class Prepare(Message):
    """Phase 1a: a proposer asks whether it may use a ballot."""

    ballot: Ballot


class Promise(Message):
    """Phase 1b: an acceptor promises the ballot and reports its latest vote."""

    ballot: Ballot
    vote: Vote | None


class Accept(Message):
    """Phase 2a: a proposer asks for votes for a value in its ballot."""

    ballot: Ballot
    value: str


class Accepted(Message):
    """Phase 2b: an acceptor has voted."""

    ballot: Ballot
    value: str


def latest(votes: Iterable[Vote | None]) -> Vote | None:
    """The vote of the highest ballot among votes, some of which may be None."""
    cast = [vote for vote in votes if vote is not None]
    return max(cast, key=lambda vote: vote.ballot, default=None)
