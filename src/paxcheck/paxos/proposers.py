"""Monitors of proposers: ballots, values, and the quorums that they must have heard.

That a quorum answered *before* a proposer went on needs that node's own order only. A quorum that
was not seen is a violation only where the log cannot have missed it.
"""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paxcheck.paxos import properties
from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Config,
    Decided,
    Fact,
    Promised,
    Proposed,
    VoteCast,
    VoteReported,
)
from paxcheck.paxos.groups import NOBODY, Group
from paxcheck.paxos.history import Promised as PromisedRecord
from paxcheck.paxos.history import Proposed as ProposedRecord
from paxcheck.paxos.history import Voted
from paxcheck.paxos.monitor import Breach, Monitor, Observed, ballot_text, where
from paxcheck.paxos.numbers import number, vote
from paxcheck.paxos.traffic import Receivers
from paxcheck.paxos.vocabulary import Vote

Slot = int | str | None


class OneValuePerBallot(Monitor):
    """All proposals and votes of one ballot (in one slot) are for the same value."""

    name = "one-value-per-ballot"
    needs = "proposals or votes with their values"
    lacks = "no ballot has a second proposal or vote"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[tuple[Slot, Any], Proposed | VoteCast | Decided] = {}

    def _see(self, fact: Proposed | VoteCast | Decided) -> Breach | None:
        value = fact.value
        if value is None or fact.ballot is None:
            return None
        first = self.first.setdefault((fact.slot, fact.ballot), fact)
        if first is fact:
            self.alone += 1
            return None
        self.checks += 1
        if first.value == value or first.value is None:
            return None
        ballot = number(fact.ballot)
        broken = properties.one_value_per_ballot(
            [Voted(first.node, ballot, first.value), Voted(fact.node, ballot, value)]
        )
        self.first[fact.slot, fact.ballot] = fact
        return broken and self.breach(
            f"ballot {ballot_text(fact.ballot)} has two values{where(fact.slot)}: "
            f"{first.node} {_verb(first)} {first.value}, and {fact.node} {_verb(fact)} {value}",
            first,
            fact,
            before=f"{ballot_text(fact.ballot)}: {first.value}",
            after=f"{ballot_text(fact.ballot)}: {value}",
        )

    def on_Proposed(self, fact: Proposed) -> Breach | None:
        return self._see(fact)

    def on_VoteCast(self, fact: VoteCast) -> Breach | None:
        return self._see(fact)

    def on_Decided(self, fact: Decided) -> Breach | None:
        return self._see(fact)


class OneProposerPerBallot(Monitor):
    """B1: a ballot belongs to one proposer."""

    name = "one-proposer-per-ballot"
    needs = "proposals with their ballots"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[tuple[Slot, Any], Proposed] = {}

    def on_Proposed(self, fact: Proposed) -> Breach | None:
        self.checks += 1
        if fact.owner is not None and fact.owner != fact.node:
            ballot = ballot_text(fact.ballot)
            return self.breach(
                f"{fact.node} asks for votes in ballot {ballot}{where(fact.slot)}, "
                f"and that is a ballot of {fact.owner}",
                fact,
                before=f"{ballot}: of {fact.owner}",
                after=f"{ballot}: used by {fact.node}",
            )
        first = self.first.setdefault((fact.slot, fact.ballot), fact)
        if first.node == fact.node:
            return None
        self.first[fact.slot, fact.ballot] = fact
        ballot = number(fact.ballot)
        nobody: frozenset[str] = frozenset()
        broken = properties.b1(
            [
                ProposedRecord(first.node, ballot, first.value or "?", nobody),
                ProposedRecord(fact.node, ballot, fact.value or "?", nobody),
            ]
        )
        return broken and self.breach(broken.reason + where(fact.slot), first, fact)


class _Phase1:
    """One proposer's attempt: its ballot, and who promised it."""

    __slots__ = ("_reports", "ballot", "fact", "heard", "judged")

    def __init__(self, fact: Campaigned) -> None:
        self.fact = fact
        self.ballot = fact.term
        self.heard: dict[str, Fact] = {fact.node: fact} if fact.self_vote else {}
        self.judged: set[Slot] = set()
        self._reports: dict[str, dict[Slot, VoteReported]] = {}

    def reported(self, answer: AnswerHeard, slot: Slot) -> Vote | None:
        """The latest vote that one of `heard` reports for a slot: it is asked for thousands."""
        if not answer.votes:
            return None
        found = self._reports.get(answer.sender)
        if found is None:
            found = self._reports[answer.sender] = _by_slot(answer.votes)
        return _latest(found, slot)


class _Attempts(Monitor):
    """Keeps the present attempt of each proposer, per slot or for all slots."""

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.attempts: dict[tuple[str, Slot], _Phase1] = {}

    def on_Booted(self, fact: Booted) -> None:
        for key in [key for key in self.attempts if key[0] == fact.node]:
            del self.attempts[key]

    def on_Campaigned(self, fact: Campaigned) -> None:
        self.attempts[fact.node, fact.slot] = _Phase1(fact)

    def on_AnswerHeard(self, fact: AnswerHeard) -> None:
        if fact.kind != "promise" or not fact.granted:
            return
        attempt = self.attempts.get((fact.node, fact.slot)) or self.attempts.get((fact.node, None))
        if attempt is None or fact.ballot not in (None, attempt.ballot):
            return
        # What its own promise reports is worth more than that it stands for itself.
        if not isinstance(attempt.heard.get(fact.sender), AnswerHeard):
            attempt.heard[fact.sender] = fact

    def on_Decided(self, fact: Decided) -> None:
        # One that has not proposed yet may still do so, and wrongly.
        attempt = self.attempts.get((fact.node, fact.slot))
        if fact.slot is not None and attempt is not None and attempt.judged:
            del self.attempts[fact.node, fact.slot]

    def first_proposal(self, fact: Proposed) -> tuple[_Phase1, Config] | None:
        """The attempt that a proposal ends, when it can be judged and was not yet."""
        attempt = self.attempts.get((fact.node, fact.slot)) or self.attempts.get((fact.node, None))
        if attempt is None or attempt.ballot != fact.ballot:
            self.doubt("the log does not show phase 1 of a proposal")
            return None
        if fact.slot in attempt.judged:
            return None
        attempt.judged.add(fact.slot)
        members = self.world.members(fact.node)
        if members is None:
            self.doubt("the members are not known")
            return None
        why = self.world.lost_lines(fact.node)
        if why:
            self.doubt(why)
            return None
        return attempt, members


class ProposalNeedsQuorum(_Attempts):
    """A proposer asks for votes only after a quorum promised its ballot."""

    name = "proposal-needs-quorum"
    needs = "proposals"
    takes = "prepares, the promises that a proposer receives, and the members"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.promised: dict[tuple[Slot, Any], Group] = {}
        self.receivers = world.share(Receivers)
        self.hears = False  # whether the log shows any answer that is received
        self.open: list[tuple[Breach, _Phase1, Config, Proposed]] = []

    def on_AnswerHeard(self, fact: AnswerHeard) -> None:
        if fact.sender != fact.node:
            self.hears = True
        super().on_AnswerHeard(fact)

    def on_Promised(self, fact: Promised) -> None:
        key = fact.slot, fact.ballot
        self.promised[key] = self.world.groups.add(self.promised.get(key, NOBODY), fact.node)

    def on_Proposed(self, fact: Proposed) -> None:
        case = self.first_proposal(fact)
        if case is None:
            return
        attempt, members = case
        self.checks += 1
        broken = properties.proposal_needs_quorum(
            number(fact.ballot), attempt.heard, members.is_quorum
        )
        if broken is None:
            self.quorums += 1
            return
        found = self.breach(
            f"{fact.node}: {broken.reason} of {members}{where(fact.slot)}",
            attempt.fact,
            *[f for f in attempt.heard.values() if f is not attempt.fact],
            fact,
            before="promises of " + (", ".join(sorted(attempt.heard)) or "nobody"),
            after=f"proposed {vote(fact.ballot, fact.value)}",
        )
        self.open.append((found, attempt, members, fact))

    def end(self) -> Iterable[Breach]:
        """A promise that was sent, and whose receipt is nowhere in the log, may have arrived."""
        for found, attempt, members, fact in self.open:
            said = self.promised.get((fact.slot, fact.ballot), NOBODY)
            said = said | self.promised.get((None, fact.ballot), NOBODY)
            lost = NOBODY if self.world.numbered(fact) else said - attempt.heard.keys()
            seen = {str(f.sender) for f in found.evidence if isinstance(f, AnswerHeard)}
            if attempt.fact.self_vote:
                seen.add(fact.node)
            if self.world.excused(fact) or (lost and members.is_quorum(seen | lost)):
                self.checks -= 1
                self.doubt("the receipt of a promise is not in the log")
            elif not self.hears and not self.receivers.names:
                self.checks -= 1
                self.doubt("the log never shows that an answer is received")
            else:
                yield found
        self.open.clear()


class AdoptsHighestVote(_Attempts):
    """A proposer takes the value of the latest vote that its quorum reported."""

    name = "adopts-highest-vote"
    needs = "proposals"
    takes = "the votes that promises report, and the values that are proposed"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.promised: dict[tuple[Slot, Any], dict[str, Promised]] = {}
        self.open: list[tuple[Breach, Proposed, list[AnswerHeard], Config]] = []

    def on_Promised(self, fact: Promised) -> None:
        self.promised.setdefault((fact.slot, fact.ballot), {})[fact.node] = fact

    def on_Proposed(self, fact: Proposed) -> None:
        case = self.first_proposal(fact)
        if case is None:
            return
        attempt, members = case
        answers = [f for f in attempt.heard.values() if isinstance(f, AnswerHeard)]
        if fact.value is None or any(f.votes is None for f in answers):
            self.doubt("the values that promises report are not in the log")
            return
        if len(answers) < len(attempt.heard):
            self.doubt("what the proposer knows of its own vote is not in the log")
            return
        self.checks += 1
        ballot = number(fact.ballot)
        told = [(f, attempt.reported(f, fact.slot)) for f in answers]
        if not any(latest for _, latest in told):
            return  # then every value is right
        promises = [PromisedRecord(f.sender, ballot, latest) for f, latest in told]
        broken = properties.safe_value(ballot, fact.value, promises, members.is_quorum)
        if broken is None:
            return
        found = self.breach(
            f"{fact.node}: {broken.reason}{where(fact.slot)}",
            *[f for f, latest in told if latest],
            fact,
        )
        self.open.append((found, fact, answers, members))

    def end(self) -> Iterable[Breach]:
        """A promise that was sent, and whose receipt is nowhere in the log, may have arrived."""
        for found, fact, answers, members in self.open:
            ballot = number(fact.ballot)
            told = {f.sender: f.votes or () for f in answers}
            unknown = False
            for slot in {fact.slot, None}:
                for name, promise in self.promised.get((slot, fact.ballot), {}).items():
                    if name not in told:
                        unknown = unknown or promise.votes is None
                        told[name] = promise.votes or ()
            promises = [
                PromisedRecord(name, ballot, _report(votes, fact.slot))
                for name, votes in told.items()
            ]
            value = fact.value or ""
            lost = len(told) > len(answers)
            if self.world.excused(fact) or (
                lost
                and (
                    unknown
                    or properties.safe_value(ballot, value, promises, members.is_quorum) is None
                )
            ):
                self.checks -= 1
                self.doubt("the receipt of a promise is not in the log")
            else:
                yield found
        self.open.clear()


def _report(votes: tuple[VoteReported, ...], slot: Slot) -> Vote | None:
    return _latest(_by_slot(votes), slot)


def _by_slot(votes: tuple[VoteReported, ...]) -> dict[Slot, VoteReported]:
    """The latest vote of each slot."""
    found: dict[Slot, VoteReported] = {}
    for reported in votes:
        best = found.setdefault(reported.slot, reported)
        if reported.ballot > best.ballot:
            found[reported.slot] = reported
    return found


def _latest(votes: dict[Slot, VoteReported], slot: Slot) -> Vote | None:
    """The latest vote for a slot; one that names no slot may be for any."""
    best: VoteReported | None = None
    for told in (votes.get(slot), votes.get(None)):
        if told is not None and (best is None or told.ballot > best.ballot):
            best = told
    return best and vote(best.ballot, best.value)


def _verb(fact: Proposed | VoteCast | Decided) -> str:
    if isinstance(fact, Proposed):
        return "proposed"
    return "voted for" if isinstance(fact, VoteCast) else "decided"


PROPOSERS: tuple[type[Monitor], ...] = (
    OneValuePerBallot,
    OneProposerPerBallot,
    ProposalNeedsQuorum,
    AdoptsHighestVote,
)
