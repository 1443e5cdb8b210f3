"""The properties of single-decree Paxos, each with its source.

Papers: *PTP* is Lamport, *The Part-Time Parliament* (1998); *PMS* is Lamport, *Paxos Made Simple*
(2001). Each function returns None when the property holds, else a `Broken` that says why, with
the facts that contradict each other. They know no network and no engine: give them the history
of a model's world or of a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from paxcheck.paxos.folds import Adopted, Asked, FirstVotes, OnePromise, OneProposal, OneValue
from paxcheck.paxos.history import Choices, Promised, Proposed, Voted
from paxcheck.paxos.vocabulary import Ballot, Vote
from paxcheck.protocol import Broken, QuorumSystem
from paxcheck.protocol.growing import History, fold


def agreement(votes: Iterable[Voted], quorums: QuorumSystem) -> Broken | None:
    """No two different values are chosen (PMS, section 2.1: only a single value is chosen)."""
    choices = fold(votes, Choices, quorums)
    if len(choices.values) < 2:
        return None
    first, *rest = choices.all()
    later = next(c for c in rest if c.value != first.value)
    return Broken(f"{first}, and {later}", (first, later))


def validity(votes: Iterable[Voted], proposed: Iterable[str]) -> Broken | None:
    """Only a proposed value is voted for (PMS, section 2: only a proposed value may be chosen)."""
    values = set(proposed)
    for value, vote in fold(votes, FirstVotes).by_value.items():
        if value not in values:
            return Broken(f"{vote}, and nobody proposed {value}", (vote,))
    return None


def stability(
    votes: Iterable[Voted], current: Iterable[tuple[str, Vote | None]], quorums: QuorumSystem
) -> Broken | None:
    """A chosen value stays chosen: a quorum holds it as its present vote.

    `current`: each acceptor with its present vote. PTP, section 2.1: once a decree is chosen,
    no later ballot can choose another (Theorem 1).
    """
    now, choices = dict(current), fold(votes, Choices, quorums)
    lost: dict[str, list[str]] = {}
    for value in choices.values:
        holders = [name for name, vote in now.items() if vote and vote.value == value]
        if not quorums.phase2(holders):
            lost[value] = holders
    if not lost:
        return None
    old = next(c for c in choices.all() if c.value in lost)
    who = ", ".join(lost[old.value]) or "nobody"
    return Broken(f"{old}, but now only {who} holds {old.value}", (old,))


def b1(proposals: Iterable[Proposed]) -> Broken | None:
    """B1: each ballot is unique: it has one proposer and one value (PTP, section 2.1)."""
    against = fold(proposals, OneProposal).against
    if against is None:
        return None
    first, other = against
    return Broken(
        f"ballot {other.ballot} has {first.value} by {first.proposer} "
        f"and {other.value} by {other.proposer}",
        against,
    )


def b2(quorums: QuorumSystem) -> Broken | None:
    """B2: any two quorums share an acceptor (PTP, section 2.1).

    Only a quorum of phase 1 and one of phase 2 need to overlap (Howard, Malkhi and Spiegelman,
    *Flexible Paxos*, 2016, section 3).
    """
    apart = quorums.disjoint()
    if apart is None:
        return None
    one, two = (", ".join(sorted(side)) for side in apart)
    return Broken(f"the quorums {{{one}}} and {{{two}}} share no acceptor", apart)


def b3(proposals: Iterable[Proposed], votes: Iterable[Voted]) -> Broken | None:
    """B3: a ballot's value is that of the latest earlier vote in its quorum (PTP, section 2.1)."""
    if _adopted(proposals, votes, None):
        return None
    if isinstance(proposals, History) and isinstance(votes, History) and votes.grows:
        proposals, votes = proposals.everything(), votes.everything()
    cast = _listed(votes)
    for proposal in proposals:
        ballot, quorum = proposal.ballot, proposal.quorum
        last: Voted | None = None
        for vote in cast:
            later = last is None or last.ballot < vote.ballot
            if later and vote.acceptor in quorum and vote.ballot < ballot:
                last = vote
        if last is not None and last.value != proposal.value:
            return Broken(
                f"ballot {proposal.ballot} proposes {proposal.value}, "
                f"but {last}, and {last.acceptor} is in its quorum",
                (proposal, last),
            )
    return None


def p2c(
    proposals: Iterable[Proposed], votes: Iterable[Voted], quorums: QuorumSystem
) -> Broken | None:
    """P2c: for each proposal there is a quorum in which no acceptor ever voted in an earlier
    ballot, or the latest such vote has the proposal's value (PMS, section 2.2).
    """
    if _adopted(proposals, votes, quorums):
        return None
    cast = _listed(votes)
    for proposal in proposals:
        earlier = [v for v in cast if v.ballot < proposal.ballot]
        against = [v for v in earlier if v.value != proposal.value]
        if not against and quorums.phase1(quorums.members):
            continue  # the latest vote of all acceptors, if any, has the value
        bounds = [None, *[v.ballot for v in earlier if v.value == proposal.value]]
        if not any(_allows(quorums, earlier, against, bound) for bound in bounds):
            told = "; ".join(map(str, against))
            return Broken(
                f"ballot {proposal.ballot} proposes {proposal.value}, "
                f"and every quorum has a latest earlier vote for another value: {told}",
                (proposal, *against),
            )
    return None


def _listed(votes: Iterable[Voted]) -> list[Voted]:
    return votes.items() if isinstance(votes, History) else list(votes)


def _adopted(
    proposals: Iterable[Proposed], votes: Iterable[Voted], quorums: QuorumSystem | None
) -> bool:
    """Whether a history that grows shows at once that all proposals are right.

    The short histories of a search are gone through: that is faster than to build a fold.
    """
    if not isinstance(proposals, History) or not isinstance(votes, History) or not votes.grows:
        return False
    asked = quorums is None or fold(proposals, Asked, quorums).holds
    return asked and fold(votes + proposals, Adopted).holds


def _allows(
    quorums: QuorumSystem, earlier: list[Voted], against: list[Voted], bound: Ballot | None
) -> bool:
    """Whether some quorum's latest vote is in the ballot `bound` (None: it has no vote).

    `earlier`: all votes; `against`: those for another value. Every superset of a quorum is one, so
    it is enough to look at all acceptors that may be in it together.
    """
    if bound is None:
        out = {v.acceptor for v in earlier}
    else:
        out = {v.acceptor for v in earlier if v.ballot > bound}
        out |= {v.acceptor for v in against if v.ballot == bound}
        if all(v.acceptor in out for v in earlier if v.ballot == bound):
            return False
    return quorums.phase1([name for name in quorums.members if name not in out])


def one_value_per_ballot(votes: Iterable[Voted]) -> Broken | None:
    """All votes of a ballot are for the same value (PTP, section 2.1: a ballot has one decree)."""
    against = fold(votes, OneValue).against
    return Broken(f"{against[0]}, and {against[1]}", against) if against else None


def promise_never_goes_back(
    acceptor: str, before: Ballot | None, after: Ballot | None
) -> Broken | None:
    """An acceptor's promise never goes back, not over a restart either (PMS, section 2.2, P1a)."""
    if before is not None and (after is None or after < before):
        return Broken(
            f"{acceptor} had promised {before}, and now {after or 'nothing'}", (before, after)
        )
    return None


def no_vote_below_promise(
    acceptor: str, promised: Ballot | None, cast: Iterable[Vote]
) -> Broken | None:
    """An acceptor votes only in ballots that are not below its promise (PMS, section 2.2, P1a).

    `promised`: its promise before it casts the votes `cast`.
    """
    for vote in cast:
        if promised is not None and vote.ballot < promised:
            return Broken(f"{acceptor} had promised {promised}, and votes {vote}", (promised, vote))
    return None


def one_promise_per_ballot(promises: Iterable[Promised]) -> Broken | None:
    """No acceptor promises a ballot twice with different votes (PTP, section 2.2: LastVote)."""
    against = fold(promises, OnePromise).against
    if against is None:
        return None
    first, again = against
    return Broken(
        f"{again.acceptor} promised {again.ballot} with its vote "
        f"{first.vote or 'nothing'}, and again with {again.vote or 'nothing'}",
        against,
    )


def learned_was_chosen(
    learned: Iterable[tuple[str, str | None]], votes: Iterable[Voted], quorums: QuorumSystem
) -> Broken | None:
    """A learner learns a value only if it was chosen (PMS, section 2: safety, third item).

    `learned`: each learner with the value that it learned, or None.
    """
    values = fold(votes, Choices, quorums).values
    for learner, value in learned:
        if value is not None and value not in values:
            return Broken(f"{learner} learned {value}, which was not chosen", (learner, value))
    return None


def learners_agree(learned: Iterable[tuple[str, str | None]]) -> Broken | None:
    """No two learners learn different values (PMS, section 2: only a single value is chosen).

    `learned`: each learner with the value that it learned, or None.
    """
    first: tuple[str, str] | None = None
    for learner, value in learned:
        if value is None:
            continue
        first = first or (learner, value)
        if value != first[1]:
            return Broken(
                f"{first[0]} learned {first[1]}, and {learner} learned {value}",
                (first, (learner, value)),
            )
    return None


def honest_promise(acceptor: str, voted: Vote | None, reported: Vote | None) -> Broken | None:
    """A promise reports the acceptor's latest vote (PMS, section 2.2, phase 1b).

    `voted`: its latest vote as it answers; `reported`: the vote that the promise carries.
    """
    if voted is None or voted == reported:
        return None
    if reported is not None and reported.ballot > voted.ballot:
        return None
    return Broken(
        f"{acceptor} had voted {voted}, and its promise reports {reported or 'no vote'}",
        (voted, reported),
    )


def safe_value(
    ballot: Ballot,
    value: str,
    promises: Iterable[Promised],
    is_quorum: Callable[[frozenset[str]], bool],
) -> Broken | None:
    """A proposed value is that of the latest vote which a quorum of promises reports, or free.

    PMS, section 2.2, phase 2a (it is how a proposer keeps P2c). `promises`: all that the proposer
    had received; any quorum among them may be the one that it used.
    """
    answers = sorted(promises, key=lambda p: (p.vote is not None, p.vote and p.vote.ballot))
    if not is_quorum(frozenset([p.acceptor for p in answers])):
        return None  # then no quorum answered: another property says so
    for latest in [None, *[p.vote for p in answers if p.vote and p.vote.value == value]]:
        used = [
            p.acceptor
            for p in answers
            if p.vote is None or (latest and p.vote.ballot <= latest.ballot)
        ]
        if is_quorum(frozenset(used)):
            return None
    told = "; ".join(f"{p.acceptor} reported {p.vote}" for p in answers if p.vote)
    return Broken(f"ballot {ballot} proposes {value}, but {told}", tuple(answers))


def proposal_needs_quorum(
    ballot: Ballot, promised: Iterable[str], is_quorum: Callable[[frozenset[str]], bool]
) -> Broken | None:
    """A proposer asks for votes only after a quorum promised its ballot (PMS, section 2.2, 2a)."""
    who = frozenset(promised)
    if is_quorum(who):
        return None
    told = ", ".join(sorted(who)) or "nobody"
    return Broken(f"ballot {ballot} asks for votes with the promises of {told}, which is no quorum")


def decision_needs_quorum(
    ballot: Ballot, voted: Iterable[str], is_quorum: Callable[[frozenset[str]], bool]
) -> Broken | None:
    """A proposer takes its value as chosen only after a quorum voted for it (PMS, section 2.3)."""
    who = frozenset(voted)
    if is_quorum(who):
        return None
    told = ", ".join(sorted(who)) or "nobody"
    return Broken(f"ballot {ballot} is taken as decided with the votes of {told}, no quorum")
