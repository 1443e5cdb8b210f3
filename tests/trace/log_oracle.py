"""A second judge of facts: the definitions written down as they stand, with no index and no order
but each node's own. Slow and small, so that it can be believed. It knows only the properties that
need no quorum: for those, a log that it finds nothing in is a possible log.

Where a log may show a term or a vote before it is stored (`memory_oracle`), only what was stored
counts. Where both ends of all messages have lines, a node of which a message comes that no line
sends may have lost any line.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from memory_oracle import memory

from paxcheck.paxos import facts as f

KNOWN = frozenset(
    {
        "agreement",
        "one-value-per-ballot",
        "one-proposer-per-ballot",
        "promise-never-goes-back",
        "no-vote-below-promise",
        "durable-acceptor",
        "one-vote-per-term",
        "durable-vote",
        "term-never-goes-back",
        "election-safety",
        "commit-never-goes-back",
        "state-machine-safety",
        "message-integrity",
    }
)


def contradictions(facts: Iterable[f.Fact], declaration: f.Declaration) -> set[str]:
    """The properties of KNOWN that the facts contradict."""
    told = list(facts)
    found = _sets(told)
    nodes: dict[str, list[f.Fact]] = defaultdict(list)
    for fact in told:
        nodes[fact.node].append(fact)
    holes = _holes(told, declaration)
    for name, own in nodes.items():
        server = _server(own)
        if declaration.accounted and name in holes:
            server.discard("commit-never-goes-back")
        found |= _acceptor(own, declaration.promise == "all") | server
    if not declaration.stored_first:
        found -= {"one-vote-per-term", "durable-vote", "term-never-goes-back"}
        found |= memory(told, nodes, declaration, holes)
    families = declaration.family
    paxos = {n for n in found if n in _PAXOS and "paxos" not in families}
    raft = {n for n in found if n in _RAFT and "raft" not in families}
    return found - set(declaration.cannot) - paxos - raft


def _holes(told: list[f.Fact], declaration: f.Declaration) -> set[str]:
    """The nodes of which lines are missing."""
    balance: Counter[Any] = Counter()
    for x in told:
        if isinstance(x, f.Sent):
            balance.update([(x.node, x.to, x.content), (x.node, x.to, x.mid)])
        elif isinstance(x, f.Received):
            balance.subtract([(x.sender, x.node, x.content), (x.sender, x.node, x.mid)])
        elif isinstance(x, f.Doubled):
            balance[x.sender, x.to, x.content] += 1
        elif isinstance(x, f.Dropped):
            balance[x.sender, x.to, x.content] -= 1
    untold = {sender for (sender, _, _), count in balance.items() if count < 0}
    lost = {x.node for x in told if isinstance(x, f.LinesLost)}
    return lost | untold if declaration.accounted else lost


_PAXOS = {
    "agreement",
    "one-value-per-ballot",
    "one-proposer-per-ballot",
    "promise-never-goes-back",
    "no-vote-below-promise",
    "durable-acceptor",
}
_RAFT = KNOWN - _PAXOS - {"message-integrity"}


def _sets(told: list[f.Fact]) -> set[str]:
    """Where there must be only one of a kind."""
    ones: dict[str, dict[Any, set[Any]]] = defaultdict(lambda: defaultdict(set))
    log: dict[tuple[str, int], int] = {}
    written: dict[tuple[int, int | None], str] = {}
    applied: set[int] = set()
    for x in told:
        if isinstance(x, f.Decided) and x.value is not None:
            ones["agreement"][x.slot].add(x.value)
        if isinstance(x, f.Proposed):
            ones["one-proposer-per-ballot"][x.slot, x.ballot].update({x.node, x.owner})
        if isinstance(x, f.Proposed | f.VoteCast | f.Decided) and x.value and x.ballot is not None:
            ones["one-value-per-ballot"][x.slot, x.ballot].add(x.value)
        if isinstance(x, f.Led):
            ones["election-safety"][x.term].add(x.node)
        if isinstance(x, f.Campaigned) and x.self_vote:
            ones["one-vote-per-term"][x.node, x.term].add(x.node)
        if isinstance(x, f.VoteGranted | f.VoteHeld) and x.candidate is not None:
            ones["one-vote-per-term"][x.node, x.term].add(x.candidate)
        if isinstance(x, f.AnswerHeard) and x.kind == "vote" and x.granted:
            ones["one-vote-per-term"][x.sender, x.ballot].add(x.node)
        if isinstance(x, f.Applied):
            ones["state-machine-safety"]["digest", x.index].add(x.digest)
            ones["state-machine-safety"]["term", x.index].add(x.term)
            # The first to apply an entry has it from a log; the others are compared with it.
            term = x.term if x.term is not None else log.get((x.node, x.index))
            if x.index not in applied and (x.index, term) in written:
                ones["state-machine-safety"]["log", x.index] |= {x.digest, written[x.index, term]}
            else:
                applied.add(x.index)
        if isinstance(x, f.EntryWritten):
            log[x.node, x.index] = x.term
            if x.digest is not None:
                written.setdefault((x.index, x.term), x.digest)
        if isinstance(x, f.Sent | f.Received) and x.mid is not None:
            ones["message-integrity"][x.mid].add(x.content)
    return {
        name
        for name, groups in ones.items()
        if any(len(values - {None}) > 1 for values in groups.values())
    }


def _acceptor(own: list[f.Fact], for_all: bool) -> set[str]:
    found: set[str] = set()
    said: dict[Any, list[tuple[Any, bool]]] = defaultdict(list)
    held: dict[Any, list[Any]] = defaultdict(list)
    votes: dict[Any, list[Any]] = defaultdict(list)
    for x in own:
        slot = None if for_all else getattr(x, "slot", None)
        if isinstance(x, f.Promised):
            said[slot].append((x.ballot, False))
        elif isinstance(x, f.VoteCast) and x.source != "state":
            said[slot].append((x.ballot, True))
        elif isinstance(x, f.VoteCast):
            votes[x.slot].append(x.ballot)
        elif isinstance(x, f.PromiseHeld):
            held[slot].append(x.ballot)
    for ballots in said.values():
        for at, (ballot, voted) in enumerate(ballots):
            if any(before > ballot for before, _ in ballots[:at]):
                found.add("no-vote-below-promise" if voted else "promise-never-goes-back")
    for ballots in [*held.values(), *votes.values()]:
        for one, two in pairwise(ballots):
            if one is not None and (two is None or two < one):
                found.add("durable-acceptor")
    return found


def _server(own: list[f.Fact]) -> set[str]:
    found: set[str] = set()
    terms = [x.term for x in own if isinstance(x, f.TermHeld)]
    if terms != sorted(terms):
        found.add("term-never-goes-back")
    held = [x for x in own if isinstance(x, f.VoteHeld | f.VoteGranted)]
    for one, two in pairwise(held):
        if one.term == two.term and one.candidate is not None and two.candidate is None:
            found.add("durable-vote")
    life: list[int] = []
    inc = 0
    for x in own:
        if isinstance(x, f.Booted) or (inc and x.inc and x.inc != inc):
            life = []
        inc = x.inc or inc
        if isinstance(x, f.CommitAdvanced):
            if life and x.index < life[-1]:
                found.add("commit-never-goes-back")
            life.append(x.index)
    return found
