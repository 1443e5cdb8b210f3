"""What the properties of Paxos keep of a history that grows: each item is looked at once.

Each class takes votes, proposals or promises with `add`, in any order. It answers whether all is
right; when something is not, `paxcheck.paxos.properties` goes through everything and says it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import TypeVar

from paxcheck.paxos.history import Promised, Proposed, Voted
from paxcheck.paxos.vocabulary import Ballot, Vote
from paxcheck.protocol import QuorumSystem
from paxcheck.protocol.growing import fold

R = TypeVar("R", Proposed, Voted)


class FirstVotes:
    """The first vote for each value."""

    def __init__(self) -> None:
        self.by_value: dict[str, Voted] = {}

    def add(self, vote: Voted) -> None:
        """One vote more."""
        self.by_value.setdefault(vote.value, vote)


class OneValue:
    """Each ballot's first vote, and the first one that is for another value."""

    def __init__(self) -> None:
        self._first: dict[Ballot, Voted] = {}
        self.against: tuple[Voted, Voted] | None = None

    def add(self, vote: Voted) -> None:
        """One vote more."""
        first = self._first.setdefault(vote.ballot, vote)
        if first.value != vote.value and self.against is None:
            self.against = first, vote


class OneProposal:
    """Each ballot's first proposal, and the first one that is another."""

    def __init__(self) -> None:
        self._first: dict[Ballot, Proposed] = {}
        self.against: tuple[Proposed, Proposed] | None = None

    def add(self, proposal: Proposed) -> None:
        """One proposal more."""
        first = self._first.setdefault(proposal.ballot, proposal)
        same = (first.proposer, first.value) == (proposal.proposer, proposal.value)
        if not same and self.against is None:
            self.against = first, proposal


class OnePromise:
    """What each acceptor first reported for each ballot, and the first other report."""

    def __init__(self) -> None:
        self._first: dict[str, dict[Ballot, Vote | None]] = {}
        self.against: tuple[Promised, Promised] | None = None

    def add(self, promise: Promised) -> None:
        """One promise more."""
        known = self._first.setdefault(promise.acceptor, {})
        first = known.setdefault(promise.ballot, promise.vote)
        if first != promise.vote and self.against is None:
            self.against = Promised(promise.acceptor, promise.ballot, first), promise


class Asked:
    """Whether each proposal was made after a quorum of phase 1 had answered."""

    def __init__(self, quorums: QuorumSystem) -> None:
        self._quorums = quorums
        self.holds = True

    def add(self, proposal: Proposed) -> None:
        """One proposal more."""
        self.holds = self.holds and self._quorums.phase1(proposal.quorum)


class Adopted:
    """Whether each proposal has the value of the latest earlier vote of its own quorum (B3).

    If that quorum is always one of phase 1 too (see `Asked`), P2c holds. A vote that comes late, in
    a ballot below proposals that were made already, is compared with those whose quorum it is in.
    In a run of Paxos there are none: it had promised their ballots.
    """

    def __init__(self) -> None:
        self._votes: dict[str, list[Voted]] = {}
        self._made: dict[str, list[Proposed]] = {}
        self._wrong: set[Proposed] = set()

    @property
    def holds(self) -> bool:
        """Whether all proposals have."""
        return not self._wrong

    def add(self, item: Proposed | Voted) -> None:
        """One proposal or vote more."""
        if isinstance(item, Proposed):
            for acceptor in item.quorum:
                _put(self._made.setdefault(acceptor, []), item)
            self._judge(item)
            return
        _put(self._votes.setdefault(item.acceptor, []), item)
        made = self._made.get(item.acceptor)
        if made is not None and item.ballot < made[-1].ballot:
            for proposal in made[_after(made, item.ballot) :]:
                self._judge(proposal)

    def _judge(self, proposal: Proposed) -> None:
        right = self._allows(proposal, proposal.quorum)
        (self._wrong.discard if right else self._wrong.add)(proposal)

    def _allows(self, proposal: Proposed, quorum: frozenset[str]) -> bool:
        """Whether all latest earlier votes of a quorum have the value (it may be several votes)."""
        last: list[Voted] = []
        for acceptor in quorum:
            votes = self._votes.get(acceptor, [])
            for at in range(_after(votes, proposal.ballot, equal=True) - 1, -1, -1):
                if last and votes[at].ballot < last[0].ballot:
                    break
                if last and last[0].ballot < votes[at].ballot:
                    last = []
                last.append(votes[at])
        return all(vote.value == proposal.value for vote in last)


class Highest:
    """The highest ballot."""

    def __init__(self) -> None:
        self.ballot: Ballot | None = None

    def add(self, item: Promised | Voted) -> None:
        """One item more."""
        if self.ballot is None or self.ballot < item.ballot:
            self.ballot = item.ballot


def highest(history: Iterable[Promised | Voted]) -> Ballot | None:
    """The highest ballot in a history; None where it is empty."""
    return fold(history, Highest).ballot


def _ballot(row: Proposed | Voted) -> Ballot:
    return row.ballot


def _put(rows: list[R], row: R) -> None:
    """Put a row in its place by its ballot. It is nearly always the last one."""
    if not rows or rows[-1].ballot < row.ballot:
        rows.append(row)
    else:
        insort(rows, row, key=_ballot)


def _after(rows: Sequence[R], ballot: Ballot, equal: bool = False) -> int:
    """How many rows are of lower ballots (and, without `equal`, of this one)."""
    if not rows:
        return 0
    last = rows[-1].ballot
    if last < ballot or (last == ballot and not equal):
        return len(rows)
    at = bisect_left(rows, ballot, key=_ballot)
    while not equal and at < len(rows) and rows[at].ballot == ballot:
        at += 1
    return at
