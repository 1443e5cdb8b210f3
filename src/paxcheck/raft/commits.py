"""Monitors of Raft's commits: they need a quorum, and do not go back."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

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
    config,
)
from paxcheck.paxos.monitor import Breach, Monitor, Observed
from paxcheck.paxos.traffic import Traffic, answer, lines_missing
from paxcheck.raft import properties
from paxcheck.raft.properties import Leader
from paxcheck.raft.quorums import UNKNOWN, Case, Quorums

Pair: TypeAlias = tuple[str, str]


class CommitNeverGoesBack(Monitor):
    """A running server's commit index only grows."""

    name = "commit-never-goes-back"
    needs = "commit indices"
    lacks = "no node shows its commit index a second time in one life"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.traffic = world.share(Traffic)
        self.last: dict[str, CommitAdvanced] = {}
        self.open: list[Breach] = []

    def on_Booted(self, fact: Booted) -> None:
        self.last.pop(fact.node, None)  # it is volatile: a restart may begin at 0

    def on_CommitAdvanced(self, fact: CommitAdvanced) -> Breach | None:
        old = self.last.get(fact.node)
        self.last[fact.node] = fact
        if old is None:
            self.alone += 1
            return None
        self.checks += 1
        if fact.index >= old.index:
            return None
        broken = properties.commit_never_goes_back(fact.node, old.index, fact.index)
        found = broken and self.breach(
            broken.reason, old, fact, before=f"commit {old.index}", after=f"commit {fact.index}"
        )
        if found is not None and self.world.declaration.accounted:
            self.open.append(found)
            return None
        return found

    def end(self) -> Iterable[Breach]:
        """The line of a start may be missing, where others of the node are found to be."""
        missing = lines_missing(self.world, self.traffic)
        for found in self.open:
            if found.fact.node in missing:
                self.checks -= 1
                self.doubt(missing[found.fact.node])
            else:
                yield found
        self.open.clear()


class CommitNeedsQuorum(Quorums):
    """A leader commits what a quorum has acknowledged."""

    name = "commit-needs-quorum"
    needs = "a leader that commits more than before"
    takes = "a leader's commits, the acknowledgements that it receives, and the members"
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
        self.changing: dict[str, list[Case]] = {}

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
            case.unknown = UNKNOWN if case.config.is_quorum(case.seen) else ""
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
            self.doubt(UNKNOWN)
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
        case = Case(found, fact, led.term, frozenset(holders), members)
        for name in members.everyone():
            pair = (node, name)
            case.before[name] = (self.sent.get(pair, -1), set(self.unheard.get(pair, ())))
        self.open.append(case)
        if now is None:
            case.unknown = UNKNOWN
            self.changing.setdefault(node, []).append(case)

    def excuse(self, case: Case, missing: Mapping[str, str]) -> str:
        return case.unknown or super().excuse(case, missing)

    def came(self, case: Case, name: str) -> bool:
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


def _matched(match: dict[str, tuple[int, Fact]]) -> str:
    return ", ".join(f"{name} up to {index}" for name, (index, _) in sorted(match.items()))
