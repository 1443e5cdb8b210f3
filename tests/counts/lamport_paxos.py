"""Lamport's message-set specification of Paxos (TLA+ examples, specifications/Paxos/Paxos.tla).

There are no proposers: the leader of each ballot is a process without a state, whose Phase2a asks
which messages were sent.
"""

from paxcheck import (
    Message,
    Node,
    Protocol,
    QuorumSystem,
    Record,
    WorldView,
    action,
    constant,
    durable,
    invariant,
    majority,
    param,
    reachable,
)


class Vote(Record):
    ballot: int
    value: str


class Phase1a(Message):
    ballot: int


class Phase1b(Message):
    ballot: int
    vote: Vote | None


class Phase2a(Message):
    ballot: int
    value: str


class Phase2b(Message):
    ballot: int
    value: str


class Leader(Node):
    ballot: int = constant()
    values: tuple[str, ...] = constant()
    quorums: QuorumSystem = constant()

    @action
    def phase1a(self) -> None:
        self.broadcast(Phase1a(self.ballot))

    @action
    def phase2a(self) -> None:
        if self.sent(Phase2a, ballot=self.ballot):
            return
        answers = {m.sender: m.vote for m in self.sent(Phase1b, ballot=self.ballot)}
        value = self.choose([v for v in self.values if self.safe(v, answers)])
        self.broadcast(Phase2a(self.ballot, value))

    def safe(self, value: str, answers: dict[str, Vote | None]) -> bool:
        """Whether some quorum of answers allows the value (its latest vote, if any, is for it)."""
        for quorum in self.quorums.minimal1:
            if not quorum <= answers.keys():
                continue
            votes = [vote for a in quorum if (vote := answers[a]) is not None]
            last = max((vote.ballot for vote in votes), default=-1)
            if all(vote.value == value for vote in votes if vote.ballot == last):
                return True
        return False


class Acceptor(Node):
    promised: int = durable(-1)
    vote: Vote | None = durable(None)

    def on_phase1a(self, msg: Phase1a) -> None:
        if msg.ballot > self.promised:
            self.promised = msg.ballot
            self.publish(Phase1b(msg.ballot, self.vote))

    def on_phase2a(self, msg: Phase2a) -> None:
        if msg.ballot >= self.promised:
            self.promised = msg.ballot
            self.vote = Vote(msg.ballot, msg.value)
            self.publish(Phase2b(msg.ballot, msg.value))


class LamportPaxos(Protocol):
    acceptors: int = param(3, "number of acceptors", least=1)
    ballots: int = param(2, "number of ballots", least=1)
    values: int = param(2, "number of values", least=1)

    def nodes(self) -> list[Node]:
        names = [f"a{i}" for i in range(1, self.acceptors + 1)]
        values = tuple(f"v{i}" for i in range(1, self.values + 1))
        self.quorums = majority(names)
        return [
            *(
                Leader(f"b{b}", ballot=b, values=values, quorums=self.quorums)
                for b in range(self.ballots)
            ),
            *(Acceptor(name) for name in names),
        ]

    def symmetry(self) -> list[list[str]]:
        return [[f"a{i}" for i in range(1, self.acceptors + 1)]]

    def chosen(self, world: WorldView) -> set[str]:
        voters: dict[tuple[int, str], set[str]] = {}
        for m in world.sent(Phase2b):
            voters.setdefault((m.ballot, m.value), set()).add(m.sender)
        return {value for (_, value), who in voters.items() if self.quorums.phase2(who)}

    @invariant
    def agreement(self, world: WorldView) -> bool:
        """No two values are chosen."""
        return len(self.chosen(world)) <= 1

    @reachable
    def a_value_is_chosen(self, world: WorldView) -> bool:
        """Some value can be chosen."""
        return bool(self.chosen(world))
