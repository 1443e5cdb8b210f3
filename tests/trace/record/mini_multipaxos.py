"""A small Multi-Paxos with leases, written as an implementer would, and a seeded network for it.

It knows nothing of paxcheck: `recorded_cluster.py` wraps it.
"""

from __future__ import annotations

import random
from typing import Any

LEASE = 8.0

Ballot = tuple[int, str]
Msg = dict[str, Any]


class Replica:
    """Proposer, acceptor and learner of all slots; it also sends messages to itself."""

    def __init__(self, name: str, peers: list[str], net: Network) -> None:
        self.name, self.peers, self.net = name, peers, net
        # on disk
        self.promised: Ballot = (0, "")
        self.votes: dict[int, tuple[Ballot, str]] = {}
        self.restart()

    def restart(self) -> None:
        self.ballot: Ballot = (0, "")
        self.leading = False
        self.promises: dict[str, dict[int, tuple[Ballot, str]]] = {}
        self.proposed: dict[int, str] = {}
        self.accepted: dict[int, set[str]] = {}
        self.decided: dict[int, str] = {}
        self.lease_until = 0.0
        self.granted: tuple[str, float] = ("", self.net.now + LEASE)  # it may have granted one

    def send(self, to: str, message: Msg) -> None:
        self.net.send(self.name, to, message)

    def broadcast(self, message: Msg) -> None:
        for peer in self.peers:
            self.send(peer, message)

    def start_election(self) -> None:
        self.ballot = (max(self.promised[0], self.ballot[0]) + 1, self.name)
        self.leading, self.promises = False, {}
        self.broadcast({"kind": "prepare", "ballot": self.ballot})

    def propose(self, value: str) -> None:
        if self.leading:
            slot = max([*self.proposed, *self.decided, 0]) + 1
            self.ask(slot, value)

    def ask(self, slot: int, value: str) -> None:
        self.proposed[slot] = value
        self.accepted[slot] = set()
        message = {"kind": "accept", "ballot": self.ballot, "slot": slot, "value": value}
        self.broadcast({**message, "sent": self.net.now})

    def on_message(self, sender: str, message: Msg) -> None:
        getattr(self, "on_" + message["kind"])(sender, message)

    def on_prepare(self, sender: str, m: Msg) -> None:
        holder, until = self.granted
        held = holder != sender and self.net.now < until
        if m["ballot"] > self.promised and not held:
            self.promised = m["ballot"]
            self.send(sender, {"kind": "promise", "ballot": m["ballot"], "votes": self.report()})

    def report(self) -> dict[int, tuple[Ballot, str]]:
        return dict(self.votes)

    def on_promise(self, sender: str, m: Msg) -> None:
        if m["ballot"] != self.ballot or self.leading:
            return
        self.promises[sender] = m["votes"]
        if self.quorum(self.promises):
            self.become_leader()

    def become_leader(self) -> None:
        self.leading = True
        self.proposed = {}
        latest: dict[int, tuple[Ballot, str]] = {}
        for votes in self.promises.values():
            for slot, vote in votes.items():
                latest[slot] = max(vote, latest.get(slot, vote))
        for slot in range(1, max(latest, default=0) + 1):
            self.ask(slot, latest[slot][1] if slot in latest else f"noop-{slot}")

    def on_accept(self, sender: str, m: Msg) -> None:
        if m["ballot"] >= self.promised:
            self.promised = m["ballot"]
            self.votes[m["slot"]] = (m["ballot"], m["value"])
            self.granted = (sender, self.net.now + LEASE)
            self.send(sender, {**m, "kind": "accepted"})

    def on_accepted(self, sender: str, m: Msg) -> None:
        slot = m["slot"]
        if m["ballot"] != self.ballot or not self.leading:
            return
        self.accepted[slot].add(sender)
        if self.quorum(self.accepted[slot]):
            self.hold_lease(m["sent"] + LEASE)
            if slot not in self.decided:
                self.choose(slot, m["value"])
                self.broadcast({"kind": "decided", "slot": slot, "value": m["value"]})

    def hold_lease(self, until: float) -> None:
        self.lease_until = max(self.lease_until, until)

    def on_decided(self, sender: str, m: Msg) -> None:
        if m["slot"] not in self.decided:
            self.decide(m["slot"], m["value"])

    def choose(self, slot: int, value: str) -> None:
        self.decide(slot, value)

    def decide(self, slot: int, value: str) -> None:
        self.decided[slot] = value

    def quorum(self, names: Any) -> bool:
        return len(names) > len(self.peers) // 2


class Network:
    """Loses, doubles, delays and reorders; time is a number."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.mid = 0
        self.pending: list[tuple[int, str, str, Msg]] = []
        self.in_hand = 0

    def send(self, sender: str, to: str, message: Msg) -> None:
        """`mid` is that of the last message; a lossy network may drop it."""
        for _ in range(self.chance.choice([0, 1, 1, 1, 1, 1, 1, 2])):
            self.pending.append((self.mid, sender, to, message))


def run(replicas: dict[str, Any], net: Network, steps: int = 600) -> None:
    """Elections, client values, deliveries, crashes: as they are drawn."""
    names = sorted(replicas)
    values = 0
    for _ in range(steps):
        net.now += 0.25
        drawn = net.chance.random()
        node = replicas[net.chance.choice(names)]
        if drawn < 0.02:
            node.start_election()
        elif drawn < 0.10:
            values += 1
            node.propose(f"v{values}")
        elif drawn < 0.11:
            node.restart()
        elif net.pending:
            at = net.chance.randrange(len(net.pending))
            net.in_hand, sender, to, message = net.pending.pop(at)
            replicas[to].on_message(sender, message)
