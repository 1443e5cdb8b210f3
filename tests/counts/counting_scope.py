"""Single-decree Paxos with proposers as processes in a set network: the counting scope.

A acceptors, P proposers, R rounds each. Not a lesson: it exists to reproduce published counts.
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
)


class Ballot(Record, order=True):
    round: int
    proposer: str


class Vote(Record):
    ballot: Ballot
    value: str


class Prepare(Message):
    ballot: Ballot


class Promise(Message):
    ballot: Ballot
    vote: Vote | None


class Accept(Message):
    ballot: Ballot
    value: str


class Accepted(Message):
    ballot: Ballot
    value: str


class Proposer(Node):
    rounds: int = constant()
    quorums: QuorumSystem = constant()
    round: int = durable(0)
    phase: int = durable(0)
    promises: dict[str, Vote | None] = durable({})

    @action
    def start(self) -> None:
        if self.round < self.rounds:
            self.round += 1
            self.phase = 1
            self.promises = {}
            self.broadcast(Prepare(Ballot(self.round, self.name)))

    def on_promise(self, msg: Promise) -> None:
        ballot = Ballot(self.round, self.name)
        if self.phase != 1 or msg.ballot != ballot or msg.sender in self.promises:
            return
        self.promises[msg.sender] = msg.vote
        if self.quorums.phase1(self.promises):
            votes = [vote for vote in self.promises.values() if vote is not None]
            latest = max(votes, key=lambda vote: vote.ballot, default=None)
            self.phase = 2
            self.promises = {}
            self.broadcast(Accept(ballot, latest.value if latest else self.name))


class Acceptor(Node):
    promised: Ballot | None = durable(None)
    vote: Vote | None = durable(None)

    def on_prepare(self, msg: Prepare) -> None:
        if self.promised is None or msg.ballot > self.promised:
            self.promised = msg.ballot
            self.send(msg.sender, Promise(msg.ballot, self.vote))

    def on_accept(self, msg: Accept) -> None:
        vote = Vote(msg.ballot, msg.value)
        if (self.promised is None or msg.ballot >= self.promised) and self.vote != vote:
            self.promised = msg.ballot
            self.vote = vote
            self.publish(Accepted(msg.ballot, msg.value))


class CountingScope(Protocol):
    acceptors: int = param(3, "number of acceptors", least=1)
    proposers: int = param(2, "number of proposers", least=1)
    rounds: int = param(1, "rounds of each proposer", least=0)

    def nodes(self) -> list[Node]:
        names = [f"a{i + 1}" for i in range(self.acceptors)]
        self.quorums = majority(names)
        proposers = [
            Proposer(f"p{i + 1}", rounds=self.rounds, quorums=self.quorums)
            for i in range(self.proposers)
        ]
        return [*proposers, *(Acceptor(name) for name in names)]

    def symmetry(self) -> list[list[str]]:
        return [[f"a{i + 1}" for i in range(self.acceptors)]]

    @invariant
    def agreement(self, world: WorldView) -> bool:
        """No two values are chosen."""
        voters: dict[tuple[Ballot, str], set[str]] = {}
        for msg in world.sent(Accepted):
            voters.setdefault((msg.ballot, msg.value), set()).add(msg.sender)
        chosen = {value for (_, value), who in voters.items() if self.quorums.phase2(who)}
        return len(chosen) <= 1
