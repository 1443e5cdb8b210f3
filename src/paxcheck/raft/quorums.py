"""Monitors of Raft's quorums: elections and commits.

That a quorum answered *before* a node became leader, or committed, needs the node's own order only.
A quorum that was not seen is judged when the whole log is read: until then the log may show that
the line of an answer is missing.
"""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

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
    LinesLost,
    Members,
    Tally,
    VoteGranted,
    config,
)
from paxcheck.paxos.monitor import Breach, Monitor, Observed
from paxcheck.paxos.traffic import Receivers, Traffic, answer, lines_missing, request
from paxcheck.raft import properties
from paxcheck.raft.properties import Leader

Pair: TypeAlias = tuple[str, str]
_NO_CAMPAIGN = "the log does not show the campaign of a leader"
_UNKNOWN = "the members are not known"


@dataclass(slots=True)
class _Case:
    """A quorum that was not seen: `seen` had said yes, `later` said no, or answered afterwards."""

    breach: Breach
    fact: Fact
    term: int
    seen: frozenset[str]
    config: Config
    later: set[str] = field(default_factory=set[str])
    # Of an election: whether the log has its campaign, and how many votes the node says it counted.
    campaign: bool = True
    counted: int = 0
    # Of a commit: the highest index that each member had acknowledged by then, and what of it had
    # not been seen to arrive; why it cannot be judged after all.
    before: dict[str, tuple[int, set[int]]] = field(default_factory=dict[str, tuple[int, set[int]]])
    unknown: str = ""


class _Quorums(Monitor):
    """What both monitors do with a quorum that was not seen."""

    kind: ClassVar[str] = ""
    what: ClassVar[str] = ""

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.traffic = world.share(Traffic)
        self.receivers = world.share(Receivers)
        self.hears: set[str] = set()
        self.open: list[_Case] = []

    def _came(self, case: _Case, name: str) -> bool:
        """Whether an answer of the node may have come in time, with its line lost."""
        raise NotImplementedError

    def _excuse(self, case: _Case, missing: Mapping[str, str]) -> str:
        """Why the log cannot decide a case, or nothing. `missing`: see lines_missing."""
        leader, seen, config = case.fact.node, case.seen, case.config
        others = config.everyone() - seen
        numbered = self.world.numbered(case.fact)
        lost = {name for name in others if not numbered and self._came(case, name)}
        if lost and config.is_quorum(seen | lost):
            return f"the receipt of {self.what} of {_names(lost)} is not in the log"
        if leader not in self.hears and leader not in self.receivers.names:
            return f"the log never shows that {leader} receives {self.what}"
        if numbered:
            return ""
        if leader in missing:
            return missing[leader]
        # Of these, the lines of an answer may be missing at both ends.
        unknown = {name: self._silence(case, name, missing) for name in sorted(others)}
        unknown = {name: why for name, why in unknown.items() if why}
        if not self.world.declaration.duplicates:
            unknown = {name: why for name, why in unknown.items() if name not in case.later}
        if unknown and config.is_quorum(seen | lost | unknown.keys()):
            return next(iter(unknown.values()))
        return ""

    def _silence(self, case: _Case, name: str, missing: Mapping[str, str]) -> str:
        """Why a node may have answered without any line, or nothing."""
        if name in missing:
            return missing[name]
        if name not in self.world.nodes:
            return f"the log has no lines of {name}"
        if self.traffic.missing(case.fact.node, name, request(self.kind, case.term)):
            return f"what became of a request to {name} is not in the log"
        return ""

    def end(self) -> Iterable[Breach]:
        """An answer that was sent, and never seen to arrive, may have arrived."""
        missing = lines_missing(self.world, self.traffic)
        for case in self.open:
            why = self._excuse(case, missing)
            if why:
                self.checks -= 1
                self.doubt(why)
            else:
                yield case.breach
        self.open.clear()


class ElectionNeedsQuorum(_Quorums):
    """A leader has heard the votes of a quorum before it leads."""

    name = "election-needs-quorum"
    needs = "campaigns, the votes that a candidate receives, and the members"
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
        self.cases: dict[tuple[str, int], _Case] = {}

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
            self.doubt(_UNKNOWN)
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
            before=f"candidate of term {term}, votes of {_names(votes)}",
            after=f"leader of term {term}",
        )
        case = self.cases[node, term] = _Case(found, fact, term, frozenset(votes), members)
        case.later |= {name for asked, name in self.refused.get(node, ()) if asked == term}
        case.campaign = campaign is not None
        tally = self.tally.get(node)
        case.counted = tally.granted if tally is not None and tally.term == term else 0
        self.open.append(case)

    def _came(self, case: _Case, name: str) -> bool:
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

    def _excuse(self, case: _Case, missing: Mapping[str, str]) -> str:
        leader = case.fact.node
        if (leader, case.term) in self.wrong:
            return ""  # it counts refusals as votes
        if not case.campaign:
            # Its line may be lost; unless its vote for itself comes later.
            late = leader in case.later or self.world.numbered(case.fact)
            if not late or not self.campaigns:
                return _NO_CAMPAIGN
        why = super()._excuse(case, missing)
        if not why and case.counted > len(case.seen):
            return f"{leader} counts {case.counted} votes, and the log has fewer"
        return why


class CommitNeedsQuorum(_Quorums):
    """A leader commits what a quorum has acknowledged."""

    name = "commit-needs-quorum"
    needs = "a leader's commits, the acknowledgements that it receives, and the members"
    kind = "append"
    what = "an acknowledgement"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.campaigned: dict[str, int] = {}
        self.leads: dict[str, Led] = {}
        self.match: dict[str, dict[str, tuple[int, Fact]]] = {}
        self.committed: dict[str, int] = {}
        # (leader, sender) -> index -> how many answers were sent and not (yet) seen to arrive.
        self.unheard: dict[Pair, dict[int, int]] = {}
        # (leader, sender) -> the highest index sent so far; and what reading order shows of them.
        self.sent: dict[Pair, int] = {}
        self.in_order: set[Pair] = set()
        self.out_of_order: set[Pair] = set()
        # node -> its configuration, the last that was known; and what it commits until the next is
        self.config: dict[str, Config] = {}
        self.changing: dict[str, list[_Case]] = {}

    def _stop(self, fact: Fact) -> None:
        self.leads.pop(fact.node, None)
        self.match.pop(fact.node, None)
        self.changing.pop(fact.node, None)

    def on_LinesLost(self, fact: LinesLost) -> None:
        self.changing.pop(fact.node, None)

    def on_Members(self, fact: Members) -> None:
        """What was committed while the members were not known had at least those from before and
        after that time, if they are the same leader's."""
        if fact.members is None:
            return
        for case in self.changing.pop(fact.node, ()):
            both = case.config.everyone() & fact.members.everyone()
            case.config = config(both, partial=True)
            case.unknown = _UNKNOWN if case.config.is_quorum(case.seen) else ""
        self.config[fact.node] = fact.members

    def on_Booted(self, fact: Booted) -> None:
        self._stop(fact)
        self.committed.pop(fact.node, None)

    def on_Crashed(self, fact: Crashed) -> None:
        self._stop(fact)

    def on_Followed(self, fact: Followed) -> None:
        self._stop(fact)

    def on_Campaigned(self, fact: Campaigned) -> None:
        self._stop(fact)
        self.campaigned[fact.node] = fact.term

    def on_Led(self, fact: Led) -> None:
        self.leads[fact.node] = fact
        self.match[fact.node] = {}

    def on_Acked(self, fact: Acked) -> None:
        pair = (fact.to, fact.node)
        if fact.index > self.sent.get(pair, -1):
            self.sent[pair] = fact.index
        self._count(pair, fact.index, 1)

    def _count(self, pair: Pair, index: int, by: int) -> None:
        answers = self.unheard.setdefault(pair, {})
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
        self._count(pair, fact.index, -1)
        led = self.leads.get(fact.node)
        if led is None:
            return
        if fact.ballot is not None and fact.ballot != led.term:
            return
        match = self.match[fact.node]
        if fact.index > match.get(fact.sender, (-1, None))[0]:
            match[fact.sender] = (fact.index, fact)

    def on_CommitAdvanced(self, fact: CommitAdvanced) -> None:
        node = fact.node
        known = self.committed.get(node)
        if known is None and self.world.node(node).whole:
            known = 0  # its first start is in the log: nothing was committed before
        self.committed[node] = fact.index
        if not fact.leader or (known is not None and fact.index <= known):
            return
        if known is None:
            self.doubt("what a leader had committed before is not in the log")
            return
        led = self.leads.get(node)
        if led is None or (fact.term is not None and fact.term != led.term):
            self.doubt("the log does not show the election of a leader that commits")
            return
        # A leader that is only seen to act as one leads since its campaign, at the earliest.
        if led.inferred and self.campaigned.get(node) != led.term:
            self.doubt("the moment at which the leader was elected is only inferred")
            return
        now = self.world.members(node, fact.members)
        members = now or self.config.get(node)
        if members is None:
            self.doubt(_UNKNOWN)
            return
        why = self.world.lost_lines(node)
        if why:
            self.doubt(why)
            return
        match = self.match[node]
        holders = {name for name, (index, _) in match.items() if index >= fact.index}
        if fact.own_index is None or fact.own_index >= fact.index:
            holders.add(node)  # the leader's own log counts, whether or not it says so
        self.checks += 1
        self.quorums += 1
        broken = properties.commit_needs_quorum(
            Leader(node, led.term), fact.index, holders, members.is_quorum
        )
        if broken is None:
            return
        self.quorums -= 1
        found = self.breach(
            f"{broken.reason} of {members}",
            led,
            *[match[name][1] for name in sorted(match)],
            fact,
            before="matched: " + (_matched(match) or "nothing"),
            after=f"commit index {fact.index}",
        )
        case = _Case(found, fact, led.term, frozenset(holders), members)
        for name in members.everyone():
            pair = (node, name)
            case.before[name] = (self.sent.get(pair, -1), set(self.unheard.get(pair, ())))
        self.open.append(case)
        if now is None:
            case.unknown = _UNKNOWN
            self.changing.setdefault(node, []).append(case)

    def _excuse(self, case: _Case, missing: Mapping[str, str]) -> str:
        return case.unknown or super()._excuse(case, missing)

    def _came(self, case: _Case, name: str) -> bool:
        """Nobody can have acknowledged by then what the leader's own log did not have yet.

        And where this log shows answers before their receipts, as one order of all lines does, only
        what it shows as sent before the commit can have come.
        """
        commit = case.breach.fact
        assert isinstance(commit, CommitAdvanced)
        leader, index, last = commit.node, commit.index, commit.own_index
        pair = (leader, name)
        ordered = pair in self.in_order and pair not in self.out_of_order
        highest, unheard = case.before[name]
        if self.world.declaration.accounted:
            # Any copy of an answer may be the one that came.
            sent = highest if ordered else self.sent.get(pair, -1)
            came = answer(self.kind, case.term)
            return sent >= index and self.traffic.missing(name, leader, came)
        answers = self.unheard.get(pair, {})
        likely = {i for i, n in answers.items() if n > 0 and index <= i <= (last or i)}
        return bool(likely & unheard if ordered else likely)


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"


def _matched(match: dict[str, tuple[int, Fact]]) -> str:
    return ", ".join(f"{name} up to {index}" for name, (index, _) in sorted(match.items()))
