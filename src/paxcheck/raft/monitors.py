"""Monitors of Raft's elections and commits: terms, votes, leaders, quorums.

Votes, terms and leaders of a term need no order between nodes. That a quorum answered *before* a
node became leader, or committed, needs the node's own order only.
"""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from paxcheck.paxos.facts import (
    Acked,
    AnswerHeard,
    Booted,
    Campaigned,
    CommitAdvanced,
    Config,
    Crashed,
    Fact,
    Followed,
    Led,
    TermHeld,
    VoteGranted,
    VoteHeld,
)
from paxcheck.paxos.monitor import Breach, Monitor, Observed
from paxcheck.raft import properties
from paxcheck.raft.properties import Leader, TermVote

Pair: TypeAlias = tuple[str, str]

Votes: TypeAlias = dict[tuple[str, int], tuple[str, Fact]]
"""(server, term) -> the candidate, and the fact that tells."""


class OneVotePerTerm(Monitor):
    """No server votes for two candidates in one term."""

    name = "one-vote-per-term"
    memory = True
    needs = "votes granted, or the vote in a node's state"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        # What a node said (granted) and what its state shows are followed apart: a log that shows
        # only one of them is judged by it, and a change shows in each of them once.
        self.said: Votes = {}
        self.held: Votes = {}

    def _vote(
        self, fact: Fact, term: int, candidate: str, kind: Votes, other: Votes
    ) -> Breach | None:
        key = (fact.node, term)
        first = kind.get(key) or other.get(key)
        kind[key] = (candidate, fact)
        self.checks += 1
        if first is None or first[0] == candidate:
            return None
        was, old = first
        broken = properties.one_vote_per_term(
            [TermVote(fact.node, term, was), TermVote(fact.node, term, candidate)]
        )
        return broken and self.breach(
            broken.reason,
            old,
            fact,
            before=f"term {term}, vote {was}",
            after=f"term {term}, vote {candidate}",
        )

    def on_VoteGranted(self, fact: VoteGranted) -> Breach | None:
        return self._vote(fact, fact.term, fact.candidate, self.said, self.held)

    def on_VoteHeld(self, fact: VoteHeld) -> Breach | None:
        if fact.candidate is None:
            return None
        return self._vote(fact, fact.term, fact.candidate, self.held, self.said)

    def on_Campaigned(self, fact: Campaigned) -> Breach | None:
        if not fact.self_vote:
            return None
        return self._vote(fact, fact.term, fact.node, self.said, self.held)


class DurableVote(Monitor):
    """A vote of the present term is not forgotten."""

    name = "durable-vote"
    memory = True
    needs = "the vote in a node's state"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.held: dict[str, VoteHeld] = {}

    def on_VoteHeld(self, fact: VoteHeld) -> Breach | None:
        old = self.held.get(fact.node)
        self.held[fact.node] = fact
        if old is None or old.term != fact.term or old.candidate is None:
            return None
        self.checks += 1
        if fact.candidate is not None:
            return None
        return self.breach(
            f"{fact.node} had voted for {old.candidate} in term {fact.term}, "
            "and its state no longer shows it",
            old,
            fact,
            before=f"term {old.term}, vote {old.candidate}",
            after=f"term {fact.term}, no vote",
        )


class TermNeverGoesBack(Monitor):
    """A server's term only grows."""

    name = "term-never-goes-back"
    memory = True
    needs = "the term in a node's state"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.last: dict[str, TermHeld] = {}

    def on_TermHeld(self, fact: TermHeld) -> Breach | None:
        old = self.last.get(fact.node)
        self.last[fact.node] = fact
        if old is None:
            return None
        self.checks += 1
        if fact.term >= old.term:
            return None
        broken = properties.term_never_goes_back(fact.node, old.term, fact.term)
        return broken and self.breach(
            broken.reason, old, fact, before=f"term {old.term}", after=f"term {fact.term}"
        )


class ElectionSafety(Monitor):
    """At most one leader in a term."""

    name = "election-safety"
    needs = "nodes that become leader of a term"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.first: dict[int, Led] = {}

    def on_Led(self, fact: Led) -> Breach | None:
        first = self.first.setdefault(fact.term, fact)
        self.checks += 1
        if first.node == fact.node:
            return None
        self.first[fact.term] = fact
        broken = properties.election_safety(
            [Leader(first.node, fact.term), Leader(fact.node, fact.term)]
        )
        return broken and self.breach(
            broken.reason,
            first,
            fact,
            before=f"leader of term {fact.term}: {first.node}",
            after=f"leader of term {fact.term}: {fact.node}",
        )


class _Open:
    """A quorum that was not seen, until the rest of the log has been read."""

    __slots__ = ("breach", "config", "fact", "seen", "term")

    def __init__(
        self, breach: Breach, fact: Fact, term: int, seen: frozenset[str], config: Config
    ) -> None:
        self.breach = breach
        self.fact = fact
        self.term = term
        self.seen = seen
        self.config = config


class ElectionNeedsQuorum(Monitor):
    """A leader has heard the votes of a quorum before it leads."""

    name = "election-needs-quorum"
    needs = "campaigns, the votes that a candidate receives, and the members"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.campaign: dict[str, Campaigned] = {}
        self.votes: dict[str, dict[str, Fact]] = {}
        self.granted: dict[tuple[str, int], set[str]] = {}
        self.heard: dict[tuple[str, Any], set[str]] = {}
        self.open: list[_Open] = []
        self.hears: set[str] = set()

    def on_Booted(self, fact: Booted) -> None:
        self.campaign.pop(fact.node, None)

    def on_Campaigned(self, fact: Campaigned) -> None:
        self.campaign[fact.node] = fact
        self.votes[fact.node] = {fact.node: fact} if fact.self_vote else {}

    def on_VoteGranted(self, fact: VoteGranted) -> None:
        self.granted.setdefault((fact.candidate, fact.term), set()).add(fact.node)

    def on_AnswerHeard(self, fact: AnswerHeard) -> None:
        if fact.kind != "vote":
            return
        if fact.sender != fact.node:
            self.hears.add(fact.node)
        campaign = self.campaign.get(fact.node)
        term: Any = fact.ballot
        if term is None and campaign is not None:
            term = campaign.term
        if fact.granted:
            self.heard.setdefault((fact.node, term), set()).add(fact.sender)
            if campaign is not None and campaign.term == term:
                self.votes[fact.node].setdefault(fact.sender, fact)

    def on_Led(self, fact: Led) -> None:
        campaign = self.campaign.get(fact.node)
        if campaign is None or campaign.term != fact.term:
            self.doubt("the log does not show the campaign of a leader")
            return
        members = self.world.members(fact.node, fact.members)
        if members is None:
            self.doubt("the members are not known")
            return
        why = self.world.lost_lines(fact.node)
        if why:
            self.doubt(why)
            return
        votes = self.votes[fact.node]
        self.checks += 1
        self.quorums += 1
        broken = properties.election_needs_quorum(
            Leader(fact.node, fact.term), frozenset(votes), members.is_quorum
        )
        if broken:
            self.quorums -= 1
            found = self.breach(
                f"{broken.reason} of {members}",
                campaign,
                *[v for v in votes.values() if v is not campaign],
                fact,
                before=f"candidate of term {fact.term}, votes of {_names(votes)}",
                after=f"leader of term {fact.term}",
            )
            self.open.append(_Open(found, fact, fact.term, frozenset(votes), members))

    def end(self) -> Iterable[Breach]:
        """A vote that was granted, and whose receipt is nowhere in the log, may have arrived."""
        for case in self.open:
            key = (case.fact.node, case.term)
            lost = self.granted.get(key, set()) - self.heard.get(key, set())
            if self.world.numbered(case.fact):
                lost.clear()
            if lost and case.config.is_quorum(case.seen | lost):
                self.checks -= 1
                self.doubt(f"the receipt of a vote of {_names(lost)} is not in the log")
            elif case.fact.node not in self.hears and len(case.config.everyone()) > 1:
                self.checks -= 1
                self.doubt(f"the log never shows that {case.fact.node} receives a vote")
            else:
                yield case.breach
        self.open.clear()


class CommitNeedsQuorum(Monitor):
    """A leader commits what a quorum has acknowledged."""

    name = "commit-needs-quorum"
    needs = "a leader's commits, the acknowledgements that it receives, and the members"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.leads: dict[str, Led] = {}
        self.match: dict[str, dict[str, tuple[int, Fact]]] = {}
        # (leader, sender) -> index -> how many answers were sent and not (yet) seen to arrive.
        self.unheard: dict[Pair, dict[int, int]] = {}
        self.committed: dict[str, int] = {}
        self.hears: set[str] = set()
        # (leader, sender) -> the highest index sent so far; and what reading order shows of them.
        self.sent: dict[Pair, int] = {}
        self.in_order: set[Pair] = set()
        self.out_of_order: set[Pair] = set()
        self.open: list[tuple[_Open, int, int | None, dict[Pair, set[int]]]] = []

    def _stop(self, fact: Fact) -> None:
        self.leads.pop(fact.node, None)
        self.match.pop(fact.node, None)

    def on_Booted(self, fact: Booted) -> None:
        self._stop(fact)
        self.committed.pop(fact.node, None)

    def on_Crashed(self, fact: Crashed) -> None:
        self._stop(fact)

    def on_Followed(self, fact: Followed) -> None:
        self._stop(fact)

    def on_Campaigned(self, fact: Campaigned) -> None:
        self._stop(fact)

    def on_Led(self, fact: Led) -> None:
        self.leads[fact.node] = fact
        self.match[fact.node] = {}

    def on_Acked(self, fact: Acked) -> None:
        pair = (fact.to, fact.node)
        self.sent[pair] = max(self.sent.get(pair, 0), fact.index)
        self._count(fact.to, fact.node, fact.index, 1)

    def _may_have_come(
        self,
        leader: str,
        sender: str,
        index: int,
        last: int | None,
        answers: dict[int, int],
        before: dict[Pair, set[int]],
    ) -> bool:
        """Whether an answer that was sent may have arrived, with its line lost, before a commit.

        Nobody can have acknowledged by then what the leader's own log (up to `last`) did not have
        yet. And where this log shows answers before their receipts, as one order of all lines does,
        only what it shows as sent before the commit (`before`) can have come.
        """
        pair = (leader, sender)
        likely = {i for i, n in answers.items() if n > 0 and index <= i and i <= (last or i)}
        if pair in self.in_order and pair not in self.out_of_order:
            likely &= before.get(pair, set())
        return bool(likely)

    def _count(self, leader: str, sender: str, index: int, by: int) -> None:
        answers = self.unheard.setdefault((leader, sender), {})
        answers[index] = answers.get(index, 0) + by
        if not answers[index]:
            del answers[index]

    def on_AnswerHeard(self, fact: AnswerHeard) -> None:
        if fact.kind != "append":
            return
        if fact.sender != fact.node:
            self.hears.add(fact.node)
        if not fact.granted or fact.index is None:
            return
        pair = (fact.node, fact.sender)
        come = fact.index > self.sent.get(pair, 0)
        (self.out_of_order if come else self.in_order).add(pair)
        self._count(fact.node, fact.sender, fact.index, -1)
        led = self.leads.get(fact.node)
        if led is None:
            return
        if fact.ballot is not None and fact.ballot != led.term:
            return
        match = self.match[fact.node]
        if fact.index > match.get(fact.sender, (-1, None))[0]:
            match[fact.sender] = (fact.index, fact)

    def on_CommitAdvanced(self, fact: CommitAdvanced) -> None:
        known = self.committed.get(fact.node)
        if known is None and self.world.node(fact.node).whole:
            known = 0  # its first start is in the log: nothing was committed before
        self.committed[fact.node] = fact.index
        if not fact.leader or (known is not None and fact.index <= known):
            return
        if known is None:
            self.doubt("what a leader had committed before is not in the log")
            return
        led = self.leads.get(fact.node)
        if led is None or (fact.term is not None and fact.term != led.term):
            self.doubt("the log does not show the election of a leader that commits")
            return
        if led.inferred:
            self.doubt("the moment at which the leader was elected is only inferred")
            return
        members = self.world.members(fact.node, fact.members)
        if members is None:
            self.doubt("the members are not known")
            return
        why = self.world.lost_lines(fact.node)
        if why:
            self.doubt(why)
            return
        match = self.match[fact.node]
        holders = {name for name, (index, _) in match.items() if index >= fact.index}
        if fact.own_index is None or fact.own_index >= fact.index:
            holders.add(fact.node)  # the leader's own log counts, whether or not it says so
        self.checks += 1
        self.quorums += 1
        broken = properties.commit_needs_quorum(
            Leader(fact.node, led.term), fact.index, holders, members.is_quorum
        )
        if broken:
            self.quorums -= 1
            answers = [match[name][1] for name in sorted(match)]
            found = self.breach(
                f"{broken.reason} of {members}",
                led,
                *answers,
                fact,
                before="matched: " + (_matched(match) or "nothing"),
                after=f"commit index {fact.index}",
            )
            case = _Open(found, fact, led.term, frozenset(holders), members)
            before = {pair: set(answers) for pair, answers in self.unheard.items()}
            self.open.append((case, fact.index, fact.own_index, before))

    def end(self) -> Iterable[Breach]:
        """An acknowledgement that was sent, and never seen to arrive, may have arrived."""
        for case, index, last, before in self.open:
            leader = case.fact.node
            lost = {
                sender
                for (to, sender), answers in self.unheard.items()
                if to == leader
                and self._may_have_come(leader, sender, index, last, answers, before)
            }
            if lost and case.config.is_quorum(case.seen | lost):
                self.checks -= 1
                self.doubt(f"the receipt of an answer of {_names(lost)} is not in the log")
            elif leader not in self.hears:
                self.checks -= 1
                self.doubt(f"the log never shows that {leader} receives an acknowledgement")
            else:
                yield case.breach
        self.open.clear()


class CommitNeverGoesBack(Monitor):
    """A running server's commit index only grows."""

    name = "commit-never-goes-back"
    needs = "commit indices"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.last: dict[str, CommitAdvanced] = {}

    def on_Booted(self, fact: Booted) -> None:
        self.last.pop(fact.node, None)  # it is volatile: a restart may begin at 0

    def on_CommitAdvanced(self, fact: CommitAdvanced) -> Breach | None:
        old = self.last.get(fact.node)
        self.last[fact.node] = fact
        if old is None:
            return None
        self.checks += 1
        if fact.index >= old.index:
            return None
        broken = properties.commit_never_goes_back(fact.node, old.index, fact.index)
        return broken and self.breach(
            broken.reason, old, fact, before=f"commit {old.index}", after=f"commit {fact.index}"
        )


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"


def _matched(match: dict[str, tuple[int, Fact]]) -> str:
    return ", ".join(f"{name} up to {index}" for name, (index, _) in sorted(match.items()))


ELECTIONS: tuple[type[Monitor], ...] = (
    ElectionSafety,
    ElectionNeedsQuorum,
    OneVotePerTerm,
    TermNeverGoesBack,
    DurableVote,
    CommitNeedsQuorum,
    CommitNeverGoesBack,
)
