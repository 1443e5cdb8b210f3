"""Monitors of Raft's elections: one leader in a term, elected by a quorum."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Mapping

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Fact,
    Led,
    Tally,
    VoteGranted,
)
from paxcheck.paxos.monitor import Breach, Monitor, Observed
from paxcheck.paxos.traffic import answer
from paxcheck.raft import properties
from paxcheck.raft.properties import Leader
from paxcheck.raft.quorums import UNKNOWN, Case, Quorums, names

_NO_CAMPAIGN = "the log does not show the campaign of a leader"


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


class ElectionNeedsQuorum(Quorums):
    """A leader has heard the votes of a quorum before it leads."""

    name = "election-needs-quorum"
    needs = "nodes that become leader of a term"
    takes = "campaigns, the votes that a candidate receives, and the members"
    kind = "vote"
    what = "a vote"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.campaign: dict[str, Campaigned] = {}
        self.campaigns = False
        self.booted: set[str] = set()
        # Of this life and campaign: node -> term -> sender -> its vote; and who refused.
        self.votes: dict[str, dict[int, dict[str, Fact]]] = {}
        self.refused: dict[str, set[tuple[int, str]]] = {}
        self.tally: dict[str, Tally] = {}
        self.wrong: set[tuple[str, int]] = set()  # (node, term): its tally leaves refusals out
        # (candidate, term) -> who granted it a vote, and whose vote it ever heard.
        self.granted: dict[tuple[str, int], set[str]] = {}
        self.heard: dict[tuple[str, int], set[str]] = {}
        self.cases: dict[tuple[str, int], Case] = {}

    def on_Booted(self, fact: Booted) -> None:
        self.booted.add(fact.node)
        self._forget(fact.node)

    def _forget(self, node: str) -> None:
        for kept in (self.campaign, self.votes, self.refused, self.tally):
            kept.pop(node, None)

    def on_Campaigned(self, fact: Campaigned) -> None:
        self._forget(fact.node)
        self.campaign[fact.node] = fact
        self.campaigns = True

    def on_VoteGranted(self, fact: VoteGranted) -> None:
        self.granted.setdefault((fact.candidate, fact.term), set()).add(fact.node)

    def on_AnswerHeard(self, fact: AnswerHeard) -> None:
        if fact.kind != "vote":
            return
        node, sender, term = fact.node, fact.sender, fact.ballot
        if sender != node:
            self.hears.add(node)
        if term is None:
            if node not in self.campaign:
                return
            term = self.campaign[node].term
        if fact.granted:
            self.votes.setdefault(node, {}).setdefault(term, {}).setdefault(sender, fact)
            self.heard.setdefault((node, term), set()).add(sender)
        else:
            self.refused.setdefault(node, set()).add((term, sender))
        case = self.cases.get((node, term))
        if case is not None:
            case.later.add(sender)

    def on_Tally(self, fact: Tally) -> None:
        self.tally[fact.node] = fact
        members = self.world.members(fact.node)
        who = {name for term, name in self.refused.get(fact.node, ()) if term == fact.term}
        if members is not None and len(who & members.everyone()) > fact.refused:
            self.wrong.add((fact.node, fact.term))

    def on_Led(self, fact: Led) -> None:
        node, term = fact.node, fact.term
        campaign = self.campaign.get(node)
        if campaign is not None and campaign.term != term:
            campaign = None
        # A life whose start is in the log has its campaigns there too, if any campaign is.
        if campaign is None and (fact.inferred or node not in self.booted):
            self.doubt(_NO_CAMPAIGN)
            return
        members = self.world.members(node, fact.members)
        if members is None:
            self.doubt(UNKNOWN)
            return
        why = self.world.lost_lines(node)
        if why:
            self.doubt(why)
            return
        votes: dict[str, Fact] = {node: campaign} if campaign and campaign.self_vote else {}
        votes |= self.votes.get(node, {}).get(term, {})
        self.checks += 1
        self.quorums += 1
        broken = properties.election_needs_quorum(
            Leader(node, term), frozenset(votes), members.is_quorum
        )
        if broken is None:
            return
        self.quorums -= 1
        found = self.breach(
            f"{broken.reason} of {members}",
            *([campaign] if campaign else []),
            *[vote for vote in votes.values() if vote is not campaign],
            fact,
            before=f"candidate of term {term}, votes of {names(votes)}",
            after=f"leader of term {term}",
        )
        case = self.cases[node, term] = Case(found, fact, term, frozenset(votes), members)
        case.later |= {name for asked, name in self.refused.get(node, ()) if asked == term}
        case.campaign = campaign is not None
        tally = self.tally.get(node)
        case.counted = tally.granted if tally is not None and tally.term == term else 0
        self.open.append(case)

    def came(self, case: Case, name: str) -> bool:
        leader, term = case.fact.node, case.term
        if name == leader:  # it votes for itself, with a line or without one
            return name not in case.later
        if "vote" in self.world.declaration.unsent:
            return name not in case.later
        if name not in self.granted.get((leader, term), ()):
            return False
        if self.world.declaration.accounted:
            return self.traffic.missing(name, leader, answer(self.kind, term))
        return name not in self.heard.get((leader, term), ())

    def excuse(self, case: Case, missing: Mapping[str, str]) -> str:
        leader = case.fact.node
        if (leader, case.term) in self.wrong:
            return ""  # it counts refusals as votes
        if not case.campaign:
            # Its line may be lost; unless its vote for itself comes later.
            late = leader in case.later or self.world.numbered(case.fact)
            if not late or not self.campaigns:
                return _NO_CAMPAIGN
        why = super().excuse(case, missing)
        if not why and case.counted > len(case.seen):
            return f"{leader} counts {case.counted} votes, and the log has fewer"
        return why
