"""Monitors of decisions: what is chosen, what is learned, and that both are one value."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paxcheck.paxos import properties
from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Config,
    Decided,
    Fact,
    Promised,
    Proposed,
    Received,
    Valid,
    VoteCast,
)
from paxcheck.paxos.groups import NOBODY, Group
from paxcheck.paxos.monitor import Breach, Monitor, Observed, ballot_text, where
from paxcheck.paxos.numbers import number, vote

Slot = int | str | None


class Agreement(Monitor):
    """No two nodes (and no node twice) decide different values in one slot."""

    name = "agreement"
    needs = "decisions with their values"
    lacks = "no slot is decided a second time"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[Slot, Decided] = {}

    def on_Decided(self, fact: Decided) -> Breach | None:
        if fact.value is None:
            return None
        first = self.first.setdefault(fact.slot, fact)
        if first is fact:
            self.alone += 1
            return None
        self.checks += 1
        if first.value == fact.value:
            return None
        broken = properties.learners_agree([(first.node, first.value), (fact.node, fact.value)])
        return broken and self.breach(
            f"{first.node} decided {first.value}{where(fact.slot)}, "
            f"and {fact.node} decides {fact.value}",
            first,
            fact,
            before=f"decided{where(fact.slot)}: {first.value}",
            after=f"decided{where(fact.slot)}: {fact.value}",
        )


class ChosenOnce(Monitor):
    """No two values have the votes of a quorum in one slot, in whatever ballots."""

    name = "chosen-once"
    needs = "votes with their values"
    takes = "votes with their values, and the members"
    lacks = "no value has the votes of a quorum"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.votes: dict[tuple[Slot, Any], dict[str, VoteCast]] = {}
        self.chosen: dict[Slot, tuple[VoteCast, str]] = {}

    def on_VoteCast(self, fact: VoteCast) -> Breach | None:
        if fact.value is None or fact.ballot is None:
            return None
        first = self.chosen.get(fact.slot)
        if first is not None and first[0].value == fact.value:
            return None  # one more vote for the value that is chosen anyway
        members = self.world.members(fact.node)
        if members is None:
            self.doubt("the members are not known")
            return None
        votes = self.votes.setdefault((fact.slot, fact.ballot), {})
        votes[fact.node] = fact
        who = {name for name, cast in votes.items() if cast.value == fact.value}
        if not members.is_quorum(who):
            self.alone += 1
            return None
        self.checks += 1
        self.quorums += 1
        told = f"{ballot_text(fact.ballot)} by {', '.join(sorted(who))}"
        del self.votes[fact.slot, fact.ballot]
        self.chosen[fact.slot] = (fact, told)
        if first is None:
            return None
        return self.breach(
            f"{first[0].value} was chosen{where(fact.slot)} in ballot {first[1]}, "
            f"and now {fact.value} is chosen in ballot {told}",
            first[0],
            *[cast for name, cast in votes.items() if name in who and cast is not fact],
            fact,
            before=f"chosen{where(fact.slot)}: {first[0].value}",
            after=f"chosen{where(fact.slot)}: {fact.value}",
        )


class _Tally:
    """A proposer's own proposal, and whose votes for it it has heard.

    `short`: it was taken as decided too early. Votes that come later are still noted: they are no
    lost lines.
    """

    __slots__ = ("heard", "proposal", "short")

    def __init__(self, proposal: Proposed) -> None:
        self.proposal = proposal
        self.heard: dict[str, Fact] = {}
        self.short = False


class DecisionNeedsQuorum(Monitor):
    """A proposer takes its value as decided only after a quorum voted for it."""

    name = "decision-needs-quorum"
    needs = "decisions"
    takes = "a proposer's proposals, the votes that it receives, its decisions, and the members"
    lacks = "no decision names a ballot in which its node asked for votes"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.tallies: dict[tuple[str, Slot], _Tally] = {}
        self.cast: dict[tuple[Slot, Any], Group] = {}
        self.open: list[tuple[Breach, _Tally, set[str], Config]] = []
        self.hears: set[str] = set()

    def on_Booted(self, fact: Booted) -> None:
        for key in [key for key in self.tallies if key[0] == fact.node]:
            del self.tallies[key]

    def on_Proposed(self, fact: Proposed) -> None:
        tally = self.tallies.get((fact.node, fact.slot))
        if tally is None or tally.proposal.ballot != fact.ballot:
            self.tallies[fact.node, fact.slot] = _Tally(fact)

    def on_VoteCast(self, fact: VoteCast) -> None:
        key = fact.slot, fact.ballot
        self.cast[key] = self.world.groups.add(self.cast.get(key, NOBODY), fact.node)
        tally = self.tallies.get((fact.node, fact.slot))
        if tally is not None and tally.proposal.ballot == fact.ballot:
            tally.heard.setdefault(fact.node, fact)

    def on_AnswerHeard(self, fact: AnswerHeard) -> None:
        if fact.kind != "accepted":
            return
        if fact.sender != fact.node:
            self.hears.add(fact.node)
        tally = self.tallies.get((fact.node, fact.slot))
        if tally is not None and fact.granted and fact.ballot in (None, tally.proposal.ballot):
            tally.heard.setdefault(fact.sender, fact)

    def on_Decided(self, fact: Decided) -> None:
        tally = self.tallies.get((fact.node, fact.slot))
        if tally is None or tally.short:
            self.alone += 1
            return
        del self.tallies[fact.node, fact.slot]
        if fact.ballot is None or tally.proposal.ballot != fact.ballot:
            self.alone += 1
            return
        members = self.world.members(fact.node)
        why = "the members are not known" if members is None else self.world.lost_lines(fact.node)
        if members is None or why:
            self.doubt(why)
            return
        self.checks += 1
        who = set(tally.heard) | set(fact.voters or ())
        broken = properties.decision_needs_quorum(number(fact.ballot), who, members.is_quorum)
        if broken is None:
            self.quorums += 1
            return
        found = self.breach(
            f"{fact.node}: {broken.reason} of {members}{where(fact.slot)}",
            tally.proposal,
            *tally.heard.values(),
            fact,
            before="votes of " + (", ".join(sorted(who)) or "nobody"),
            after=f"decided {vote(fact.ballot, fact.value)}",
        )
        self.open.append((found, tally, who, members))
        tally.short = True
        self.tallies[fact.node, fact.slot] = tally

    def end(self) -> Iterable[Breach]:
        """A vote that was sent, and whose receipt is nowhere in the log, may have arrived."""
        for found, tally, who, members in self.open:
            proposal = tally.proposal
            cast = self.cast.get((proposal.slot, proposal.ballot), NOBODY)
            numbered = self.world.numbered(found.fact)
            lost = NOBODY if numbered else cast - tally.heard.keys()
            unheard = proposal.node not in self.hears or self.world.excused(found.fact)
            if unheard or (lost and members.is_quorum(who | lost)):
                self.checks -= 1
                self.doubt("the receipt of a vote is not in the log")
            else:
                yield found
        self.open.clear()


class DecidedWasChosen(Monitor):
    """A node learns only a value that a quorum voted for in one ballot.

    Judged when all is read, so that no order between nodes is needed, and only where the logs of
    all members are whole.
    """

    name = "decided-was-chosen"
    needs = "decisions with their values"
    takes = "whole logs of all members from their first start: votes, decisions, and the members"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.votes: dict[tuple[Slot, Any, str], Group] = {}
        self.unsaid: dict[tuple[Slot, Any], Group] = {}  # votes of which the log has no value
        self.shows_votes = False  # whether the log shows who votes
        self.heard: dict[tuple[Slot, Any], Group] = {}
        self.decided: dict[tuple[Slot, str], Decided] = {}

    def on_VoteCast(self, fact: VoteCast) -> None:
        self.shows_votes = True
        if fact.value is not None:
            key = fact.slot, fact.ballot, fact.value
            self.votes[key] = self.world.groups.add(self.votes.get(key, NOBODY), fact.node)
        elif fact.ballot is not None:
            at = fact.slot, fact.ballot
            self.unsaid[at] = self.world.groups.add(self.unsaid.get(at, NOBODY), fact.node)

    def on_AnswerHeard(self, fact: AnswerHeard) -> None:
        # A vote that was received was cast, even where a crash took the voter's own line away.
        if fact.kind == "accepted" and fact.granted and fact.ballot is not None:
            key = fact.slot, fact.ballot
            self.heard[key] = self.world.groups.add(self.heard.get(key, NOBODY), fact.sender)

    def on_Decided(self, fact: Decided) -> None:
        if fact.value is not None:
            self.decided.setdefault((fact.slot, fact.value), fact)

    def end(self) -> Iterable[Breach]:
        chosen = self._chosen()
        possible = self._possible(chosen)
        for (slot, value), fact in self.decided.items():
            members = self.world.members(fact.node)
            if members is None:
                self.doubt("the members are not known")
                continue
            partial = [n for n in sorted(members.everyone()) if not self.world.node(n).whole]
            if partial:
                self.doubt(f"the log of {partial[0]} is not known from its first start")
                continue
            if (slot, value) in chosen:
                self.checks += 1
                self.quorums += 1
                continue
            if (slot, value) in possible:
                self.doubt("the log does not show whose votes these were, or for what value")
                continue
            self.checks += 1
            yield self.breach(
                f"{fact.node} decided {value}{where(slot)}, and no ballot has the votes of a "
                f"quorum of {members} for it",
                fact,
            )

    def _chosen(self) -> set[tuple[Slot, str]]:
        """The decisions that some ballot has the votes of a quorum for, as their nodes count."""
        found: set[tuple[Slot, str]] = set()
        for (slot, ballot, value), who in self.votes.items():
            key = slot, value
            fact = self.decided.get(key)
            if fact is None or key in found:
                continue
            members = self.world.members(fact.node)
            heard = self.heard.get((slot, ballot), NOBODY)
            if members is not None and members.is_quorum(who | heard):
                found.add(key)
        return found

    def _possible(self, chosen: set[tuple[Slot, str]]) -> set[tuple[Slot, str]]:
        """Other decisions for which there may be such votes, by what the log leaves out.

        A vote may be without its value; one that was received tells no value; and a log that shows
        no vote at all leaves them all out.
        """
        others = {key: fact for key, fact in self.decided.items() if key not in chosen}
        if not others:
            return set()
        told: dict[Slot, dict[Any, dict[str, Group]]] = {}
        for slot, ballot in (*self.unsaid, *self.heard):
            told.setdefault(slot, {})[ballot] = {}
        for (slot, ballot, value), who in self.votes.items():
            told.setdefault(slot, {}).setdefault(ballot, {})[value] = who
        return {
            key
            for key, fact in others.items()
            if self._may_be(fact, told.get(fact.slot) or {None: {}})
        }

    def _may_be(self, fact: Decided, told: dict[Any, dict[str, Group]]) -> bool:
        members = self.world.members(fact.node)
        if members is None:
            return False
        silent = NOBODY if self.shows_votes else members.everyone()
        for ballot, values in told.items():
            at = fact.slot, ballot
            unsaid = self.unsaid.get(at, NOBODY) | self.heard.get(at, NOBODY)
            others = NOBODY.union(*[who for value, who in values.items() if value != fact.value])
            right = values.get(fact.value or "", NOBODY)
            if members.is_quorum(silent | right | (unsaid - others)):
                return True
        return False


class Validity(Monitor):
    """Only a value that a client gave is decided."""

    name = "validity"
    needs = "the values that clients give"
    lacks = "nothing is decided"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.valid: set[str] = set()
        self.decided: dict[str, Decided] = {}
        self.named: set[str] = set()  # who sends something, by the lines of others

    def on_Valid(self, fact: Valid) -> None:
        self.valid.add(fact.value)

    def on_Decided(self, fact: Decided) -> None:
        if fact.value is not None:
            self.decided.setdefault(fact.value, fact)

    def on_Received(self, fact: Received) -> None:
        self.named.add(fact.sender)

    def on_Promised(self, fact: Promised) -> None:
        if fact.to is not None:
            self.named.add(fact.to)

    def end(self) -> Iterable[Breach]:
        if not self.valid:
            return
        if self.world.declaration.starts_late or self.world.lost:
            self.doubt("the log may begin after clients gave values")
            return
        if not self.decided:
            self.alone += 1
        absent = self._absent()
        for value, fact in self.decided.items():
            if value not in self.valid and absent:
                self.doubt(f"the log has no lines of {min(absent)}")
                continue
            self.checks += 1
            if value not in self.valid:
                yield self.breach(f"{fact.node} decided {value}, and no client gave it", fact)

    def _absent(self) -> set[str]:
        """Nodes whose log is not here: a client may have given them a value."""
        members = self.world.config.everyone() if self.world.config else frozenset[str]()
        return (self.named | members) - {n for n, view in self.world.nodes.items() if view.inc}


DECISIONS: tuple[type[Monitor], ...] = (
    Agreement,
    ChosenOnce,
    DecisionNeedsQuorum,
    DecidedWasChosen,
    Validity,
)
