"""A small Paxos of its own, in one thread: an independent source of right and wrong executions.

It shares no code with the package. Every node is proposer, acceptor and learner of several slots;
messages are lost, doubled and reordered; nodes crash and come back with what an acceptor must not
forget. `bug` breaks one rule, the way a real implementation would.
"""

import random
from dataclasses import dataclass, field
from typing import Any

Ballot = tuple[int, str]
Row = dict[str, Any]

BUGS = (
    "forgets_promise",
    "forgets_vote",
    "ignores_promise",
    "promises_lower",
    "hides_vote",
    "takes_own_value",
    "takes_lowest_vote",
    "asks_without_quorum",
    "decides_without_quorum",
    "two_values",
    "reuses_ballot",
    "decides_other",
)


@dataclass
class Acceptor:
    promised: Ballot | None = None
    vote: tuple[Ballot, str] | None = None


@dataclass
class Proposer:
    ballot: Ballot | None = None
    value: str = ""
    promises: dict[str, tuple[Ballot, str] | None] = field(default_factory=dict)
    asked: bool = False
    late: int = 0  # how many promises more than a quorum it waits for


@dataclass
class Node:
    name: str
    inc: int = 1
    up: bool = True
    round: int = 0  # durable, so that a ballot is never used twice
    acceptors: dict[int, Acceptor] = field(default_factory=dict)
    proposers: dict[int, Proposer] = field(default_factory=dict)
    votes: dict[tuple[int, Ballot], set[str]] = field(default_factory=dict)
    decided: dict[int, str] = field(default_factory=dict)
    seq: int = 0


class PaxosWorld:
    """Runs at once; `rows` is what happened, in the true order."""

    def __init__(
        self,
        seed: int,
        nodes: int = 3,
        slots: int = 3,
        steps: int = 160,
        bug: str = "",
        crashes: float = 0.03,
    ) -> None:
        self.chance = random.Random(seed)
        self.bug = bug
        self.slots = slots
        self.crashes = crashes
        self.names = [f"A{n}" for n in range(1, nodes + 1)]
        self.nodes = {name: Node(name) for name in self.names}
        self.quorum = nodes // 2 + 1
        self.network: list[Row] = []
        self.rows: list[Row] = []
        self.mids = 0
        for name in self.names:
            self.log(self.nodes[name], "boot", first=True)
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        dice = self.chance.random()
        if dice < 0.08 or not self.network:
            node = self.nodes[self.chance.choice(self.names)]
            if node.up:
                self.prepare(node, self.chance.randrange(self.slots))
        elif dice < 0.08 + self.crashes:
            self.crash_or_restart(self.nodes[self.chance.choice(self.names)])
        else:
            at = self.chance.randrange(len(self.network))
            fate = self.chance.random()
            message = self.network[at] if fate < 0.1 else self.network.pop(at)
            node = self.nodes[message["to"]]
            if fate < 0.93 and node.up:
                self.receive(node, message)

    # --- the log ------------------------------------------------------------------------------

    def log(self, node: Node, kind: str, slot: int | None = None, **more: Any) -> None:
        held = None
        if slot is not None:
            acceptor = node.acceptors.get(slot, Acceptor())
            held = {"promised": acceptor.promised, "vote": acceptor.vote}
        self.rows.append(
            {
                "kind": kind,
                "node": node.name,
                "inc": node.inc,
                "seq": node.seq,
                "slot": slot,
                "held": held,
                **more,
            }
        )
        node.seq += 1

    def send(self, node: Node, slot: int, to: str, what: str, **more: Any) -> None:
        self.mids += 1
        message = {"what": what, "sender": node.name, "to": to, "slot": slot, "mid": self.mids}
        message |= more
        self.network.append(message)
        self.log(node, "send", slot, message=message)

    # --- steps of a node ----------------------------------------------------------------------

    def crash_or_restart(self, node: Node) -> None:
        if node.up:
            node.up = False
            self.log(node, "crash")
            return
        node.up = True
        node.inc += 1
        node.seq = 0
        node.proposers, node.votes = {}, {}
        for acceptor in node.acceptors.values():
            if self.bug in ("forgets_promise", "forgets_vote"):
                acceptor.promised = None
            if self.bug == "forgets_vote":
                acceptor.vote = None
        self.log(node, "boot", first=None)

    def prepare(self, node: Node, slot: int) -> None:
        before = node.proposers.get(slot)
        if self.bug == "reuses_ballot" and before and before.ballot:
            node.round = before.ballot[0]
        else:
            node.round += 1
        own = f"{node.name}-{node.inc}-{len(self.rows)}-{slot}"
        proposer = node.proposers[slot] = Proposer((node.round, node.name), own)
        proposer.late = self.chance.choice((0, 0, 1))
        self.log(node, "request", slot, value=own)
        for to in self.names:
            self.send(node, slot, to, "prepare", ballot=proposer.ballot)

    def receive(self, node: Node, message: Row) -> None:
        slot, ballot = message["slot"], message["ballot"]
        self.log(node, "recv", slot, message=message)
        node.round = max(node.round, ballot[0])
        getattr(self, "on_" + message["what"])(node, slot, ballot, message)

    def on_prepare(self, node: Node, slot: int, ballot: Ballot, message: Row) -> None:
        acceptor = node.acceptors.setdefault(slot, Acceptor())
        low = acceptor.promised is not None and ballot < acceptor.promised
        if low and self.bug != "promises_lower":
            self.send(node, slot, message["sender"], "nack", ballot=ballot)
            return
        acceptor.promised = ballot
        vote = None if self.bug == "hides_vote" else acceptor.vote
        self.send(node, slot, message["sender"], "promise", ballot=ballot, vote=vote)

    def on_promise(self, node: Node, slot: int, ballot: Ballot, message: Row) -> None:
        proposer = node.proposers.get(slot)
        if proposer is None or proposer.ballot != ballot or proposer.asked:
            return
        proposer.promises[message["sender"]] = message["vote"]
        enough = 1 if self.bug == "asks_without_quorum" else self.quorum + proposer.late
        if len(proposer.promises) < min(enough, len(self.names)):
            return
        proposer.asked = True
        votes = [vote for vote in proposer.promises.values() if vote is not None]
        if votes and self.bug != "takes_own_value":
            choose = min if self.bug == "takes_lowest_vote" else max
            proposer.value = choose(votes)[1]
        for to in self.names:
            twice = self.bug == "two_values" and to == self.names[-1]
            value = proposer.value + ("x" if twice else "")
            self.send(node, slot, to, "accept", ballot=ballot, value=value)

    def on_accept(self, node: Node, slot: int, ballot: Ballot, message: Row) -> None:
        acceptor = node.acceptors.setdefault(slot, Acceptor())
        low = acceptor.promised is not None and ballot < acceptor.promised
        if low and self.bug != "ignores_promise":
            self.send(node, slot, message["sender"], "nack", ballot=ballot)
            return
        acceptor.promised = ballot
        acceptor.vote = (ballot, message["value"])
        for to in self.names:
            self.send(node, slot, to, "accepted", ballot=ballot, value=message["value"])

    def on_accepted(self, node: Node, slot: int, ballot: Ballot, message: Row) -> None:
        voters = node.votes.setdefault((slot, ballot), set())
        voters.add(message["sender"])
        enough = 1 if self.bug == "decides_without_quorum" else self.quorum
        if len(voters) == enough and slot not in node.decided:
            value = message["value"] + ("y" if self.bug == "decides_other" else "")
            node.decided[slot] = value
            self.log(node, "decide", slot, ballot=ballot, value=value)

    def on_nack(self, node: Node, slot: int, ballot: Ballot, message: Row) -> None:
        proposer = node.proposers.get(slot)
        if proposer is not None and proposer.ballot == ballot and self.chance.random() < 0.3:
            del node.proposers[slot]
