"""Monitors of acceptors: promises and votes. They need each node's own order only."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paxcheck.paxos import properties
from paxcheck.paxos.facts import Fact, Promised, PromiseHeld, VoteCast, VoteReported
from paxcheck.paxos.history import Promised as PromisedRecord
from paxcheck.paxos.monitor import Breach, Monitor, Observed, ballot_text, where
from paxcheck.paxos.numbers import number, vote

Slot = int | str | None


class _Floor(Monitor):
    """What each acceptor has promised so far: by a promise, or by a vote in a ballot.

    A vote in a ballot is a promise too: *Paxos Made Simple* lets an acceptor vote in any ballot
    not below its promise, and its later answers must take that vote into account.
    """

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.floor: dict[tuple[str, Slot], tuple[Any, Fact]] = {}
        self.all_slots = world.declaration.promise == "all"

    def key(self, node: str, slot: Slot) -> tuple[str, Slot]:
        """The promise that a slot belongs to: its own, or the node's only one."""
        return (node, None) if self.all_slots else (node, slot)


class PromiseNeverGoesBack(_Floor):
    """An acceptor never promises a ballot below one that it promised or voted in."""

    name = "promise-never-goes-back"
    memory = True
    needs = "promises that acceptors send"
    lacks = "no acceptor promises after another promise or vote"

    def on_Promised(self, fact: Promised) -> Breach | None:
        key = self.key(fact.node, fact.slot)
        old = self.floor.get(key)
        # Also when it went back: one step back is one violation, not one for each later promise.
        self.floor[key] = (fact.ballot, fact)
        if old is None:
            self.alone += 1
            return None
        self.checks += 1
        if fact.ballot >= old[0]:
            return None
        broken = properties.promise_never_goes_back(fact.node, number(old[0]), number(fact.ballot))
        said = "voted in" if isinstance(old[1], VoteCast) else "promised"
        return broken and self.breach(
            f"{fact.node} had {said} {ballot_text(old[0])}{where(fact.slot)}, "
            f"and now promises {ballot_text(fact.ballot)}",
            old[1],
            fact,
            before=f"{said} {ballot_text(old[0])}",
            after=f"promised {ballot_text(fact.ballot)}",
        )

    def on_VoteCast(self, fact: VoteCast) -> None:
        if fact.source == "state":
            return
        key = self.key(fact.node, fact.slot)
        old = self.floor.get(key)
        if old is None or fact.ballot >= old[0]:
            self.floor[key] = (fact.ballot, fact)


class NoVoteBelowPromise(_Floor):
    """An acceptor never votes in a ballot below one that it promised or voted in."""

    name = "no-vote-below-promise"
    memory = True
    needs = "votes that acceptors send"
    takes = "promises and votes that acceptors send"
    lacks = "no acceptor votes after a promise or another vote"

    def on_Promised(self, fact: Promised) -> None:
        key = self.key(fact.node, fact.slot)
        old = self.floor.get(key)
        # A promise that went back does not free the acceptor from the higher one.
        if old is None or fact.ballot >= old[0]:
            self.floor[key] = (fact.ballot, fact)

    def on_VoteCast(self, fact: VoteCast) -> Breach | None:
        if fact.source == "state":
            return None
        key = self.key(fact.node, fact.slot)
        old = self.floor.get(key)
        self.floor[key] = (fact.ballot, fact)
        if old is None:
            self.alone += 1
            return None
        self.checks += 1
        if fact.ballot >= old[0]:
            return None
        cast = vote(fact.ballot, fact.value)
        broken = properties.no_vote_below_promise(fact.node, number(old[0]), [cast])
        said = "voted in" if isinstance(old[1], VoteCast) else "promised"
        return broken and self.breach(
            f"{fact.node} had {said} {ballot_text(old[0])}{where(fact.slot)}, and votes {cast}",
            old[1],
            fact,
            before=f"{said} {ballot_text(old[0])}",
            after=f"voted {cast}",
        )


class _Reports(Monitor):
    """Promises that report votes: of one slot, or of all slots."""

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        declaration = world.declaration
        self.per_slot = declaration.promise == "slot"
        self.judged = self.per_slot or (declaration.promise == "all" and declaration.reports_all)

    def told(self, fact: Promised) -> bool:
        """Whether a promise tells the acceptor's vote in whatever slot it speaks of."""
        if fact.votes is not None and not self.judged:
            self.doubt("it is not said that a promise reports the votes of all slots")
        return fact.votes is not None and self.judged

    def slots(self, fact: Promised, known: Iterable[Slot]) -> Iterable[Slot]:
        """The slots that a promise speaks of; `known`: those that matter."""
        if self.per_slot:
            return (fact.slot,)  # whatever slot the reported votes name
        return sorted({*known, *[v.slot for v in fact.votes or ()]}, key=str)


class _Report:
    """The votes that a promise reports, by slot: it may be asked about thousands."""

    __slots__ = ("_votes", "fact")

    def __init__(self, fact: Promised) -> None:
        self.fact = fact
        self._votes: dict[Slot, list[VoteReported]] = {}
        for reported in fact.votes or ():
            self._votes.setdefault(reported.slot, []).append(reported)

    def latest(self, slot: Slot, below: bool = False) -> tuple[Any, str | None] | None:
        """The highest vote for a slot; `below`: before the promise's own ballot."""
        best: VoteReported | None = None
        for key in dict.fromkeys((None, self.fact.slot, slot)):
            for told in self._votes.get(key, ()):
                if below and told.ballot >= self.fact.ballot:
                    continue
                if best is None or told.ballot > best.ballot:
                    best = told
        return best and (best.ballot, best.value)

    def since(self, slot: Slot) -> bool:
        """Whether a vote in the promise's own ballot is told: then it is a repeated answer."""
        told = self.latest(slot)
        return told is not None and told[0] >= self.fact.ballot


class OnePromisePerBallot(_Reports):
    """No acceptor promises a ballot twice with different earlier votes."""

    name = "one-promise-per-ballot"
    memory = True
    needs = "promises with the votes that they report"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.last: dict[tuple[str, Slot], Promised] = {}

    def on_Promised(self, fact: Promised) -> Breach | None:
        if not self.told(fact):
            return None
        key = (fact.node, fact.slot)
        old = self.last.get(key)
        self.last[key] = fact
        self.checks += 1
        if old is None or old.ballot != fact.ballot:
            return None
        first, second = _Report(old), _Report(fact)
        for slot in self.slots(fact, [v.slot for v in old.votes or ()]):
            # A repeated answer may report a vote in this very ballot: it came after the promise,
            # and what it replaced is no longer known.
            if first.since(slot) or second.since(slot):
                continue
            before, after = first.latest(slot, below=True), second.latest(slot, below=True)
            broken = properties.one_promise_per_ballot(
                [
                    PromisedRecord(fact.node, number(fact.ballot), before and vote(*before)),
                    PromisedRecord(fact.node, number(fact.ballot), after and vote(*after)),
                ]
            )
            if broken:
                return self.breach(broken.reason + where(slot), old, fact)
        return None


class HonestPromise(_Reports):
    """A promise reports the acceptor's latest vote."""

    name = "honest-promise"
    memory = True
    needs = "promises with the votes that they report"
    takes = "votes, and promises with the votes that they report"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.voted: dict[str, dict[Slot, VoteCast]] = {}

    def on_VoteCast(self, fact: VoteCast) -> None:
        if self.judged and fact.source != "state":
            self.voted.setdefault(fact.node, {})[fact.slot] = fact

    def on_Promised(self, fact: Promised) -> Breach | None:
        if not self.told(fact):
            return None
        self.checks += 1
        report = _Report(fact)
        voted = self.voted.get(fact.node, {})
        for slot in self.slots(fact, voted):
            found = self._judge(report, slot, voted.get(slot))
            if found:
                return found
        return None

    def _judge(self, report: _Report, slot: Slot, cast: VoteCast | None) -> Breach | None:
        if cast is None or cast.value is None:
            return None
        fact, told = report.fact, report.latest(slot)
        if told is not None and told[1] is None:
            return None
        if cast.ballot >= fact.ballot and not report.since(slot):
            return None  # an answer from before that vote, sent once more
        broken = properties.honest_promise(
            fact.node, vote(cast.ballot, cast.value), told and vote(*told)
        )
        return broken and self.breach(
            broken.reason + where(slot),
            cast,
            fact,
            before=f"voted {vote(cast.ballot, cast.value)}",
            after=f"reported {vote(*told) if told else 'no vote'}",
        )


class DurableAcceptor(_Floor):
    """What an acceptor's state shows as promised and voted never goes back or disappears."""

    name = "durable-acceptor"
    memory = True
    needs = "the promise or the vote in an acceptor's state"
    lacks = "no acceptor's state shows its promise or its vote a second time"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.vote: dict[tuple[str, Slot], VoteCast] = {}

    def on_PromiseHeld(self, fact: PromiseHeld) -> Breach | None:
        key = self.key(fact.node, fact.slot)
        old = self.floor.get(key)
        self.floor[key] = (fact.ballot, fact)
        if old is None or old[0] is None:
            self.alone += 1
            return None
        self.checks += 1
        if fact.ballot is not None and fact.ballot >= old[0]:
            return None
        now = None if fact.ballot is None else number(fact.ballot)
        broken = properties.promise_never_goes_back(fact.node, number(old[0]), now)
        return broken and self.breach(
            broken.reason + where(fact.slot),
            old[1],
            fact,
            before=f"promised {ballot_text(old[0])}",
            after=f"promised {ballot_text(fact.ballot) if fact.ballot is not None else 'nothing'}",
        )

    def on_VoteCast(self, fact: VoteCast) -> Breach | None:
        if fact.source != "state":
            return None
        key = (fact.node, fact.slot)
        old = self.vote.get(key)
        self.vote[key] = fact
        if old is None or old.ballot is None:
            self.alone += 1
            return None
        self.checks += 1
        if fact.ballot is not None and fact.ballot >= old.ballot:
            return None
        was = vote(old.ballot, old.value)
        now = "nothing" if fact.ballot is None else str(vote(fact.ballot, fact.value))
        return self.breach(
            f"{fact.node} held its vote {was}{where(fact.slot)}, and now {now}",
            old,
            fact,
            before=f"voted {was}",
            after=f"voted {now}",
        )


ACCEPTORS: tuple[type[Monitor], ...] = (
    PromiseNeverGoesBack,
    NoVoteBelowPromise,
    OnePromisePerBallot,
    HonestPromise,
    DurableAcceptor,
)
