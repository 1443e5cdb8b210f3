"""Majority: ask a majority first, and take over the latest vote. It still breaks.

Rounds broke because a new round knew nothing of the value that an old one had chosen. The idea of
this rung: look before you write. A proposer first asks the acceptors for their latest vote. When
a majority has answered, it takes over the value of the latest vote that it heard of; if it heard
of none, it is free to propose its own. Any two majorities share an acceptor, so whoever comes
later must meet somebody who knows. It sounds right.

What is still wrong: an answer is only a photograph. "I have not voted" was true when the acceptor
sent it. While the answer is on its way, the acceptor votes for somebody else.

Read the counterexample and ask at which step you would say no. The next rung, synod, does so:
an acceptor that answers a ballot promises not to vote below it. The messages here are those of
synod, so a run of this model can be tried there:

    paxcheck check majority --save run.jsonl
    paxcheck validate run.jsonl --model synod
"""

from paxcheck import (
    Broken,
    History,
    Node,
    Protocol,
    QuorumSystem,
    Scope,
    WorldView,
    action,
    constant,
    durable,
    ghost,
    invariant,
    majority,
    param,
    reachable,
    rule,
    volatile,
)
from paxcheck.paxos import (
    Accept,
    Ballot,
    Prepare,
    Promise,
    Proposed,
    Vote,
    Voted,
    chosen,
    latest,
    properties,
)

VALUES = ("x", "y", "z", "u", "v", "w")


class Proposer(Node):
    """Asks a majority, then proposes. It stays the same in the next rung."""

    value: str = constant()
    rounds: int = constant()
    quorums: QuorumSystem = constant()

    round: int = durable(0)
    phase: int = volatile(0)  # 0 idle, 1 waiting for answers, 2 waiting for votes
    promises: dict[str, Vote | None] = volatile({})
    proposals: set[Proposed] = ghost()

    @rule
    def asks_a_majority(self, answered: frozenset[str]) -> bool:
        """A proposer asks for votes only after a majority has answered."""
        return self.quorums.phase1(answered)

    @rule
    def adopts_latest_vote(self, vote: Vote | None) -> bool:
        """A proposer that hears of votes must propose the value of the latest one."""
        return vote is None

    @action
    def start(self) -> None:
        if self.round < self.rounds:
            self.round += 1
            self.phase = 1
            self.promises = {}
            self.broadcast(Prepare(Ballot(self.round, self.name)))

    def on_promise(self, msg: Promise) -> None:
        ballot = Ballot(self.round, self.name)
        if self.phase == 1 and msg.ballot == ballot and msg.sender not in self.promises:
            self.promises[msg.sender] = msg.vote
            if self.asks_a_majority(frozenset(self.promises)):
                self.propose(ballot)

    def propose(self, ballot: Ballot) -> None:
        answered = frozenset(self.promises)
        vote = latest(self.promises.values())
        value = self.value if vote is None or self.adopts_latest_vote(vote) else vote.value
        self.phase = 2
        self.promises = {}
        self.proposals.add(Proposed(self.name, ballot, value, answered))
        self.broadcast(Accept(ballot, value))


class Acceptor(Node):
    """Answers every question and votes for every newer ballot. It promises nothing."""

    vote: Vote | None = durable(None)
    votes_cast: set[Voted] = ghost()

    @rule
    def later_ballots_win(self, ballot: Ballot) -> bool:
        """An acceptor does not go back to a ballot older than its vote."""
        return self.vote is None or ballot >= self.vote.ballot

    def on_prepare(self, msg: Prepare) -> None:
        # The answer bears the name of the next rung's message. Here it promises nothing.
        self.send(msg.sender, Promise(msg.ballot, self.vote))

    def on_accept(self, msg: Accept) -> None:
        vote = Vote(msg.ballot, msg.value)
        if self.later_ballots_win(msg.ballot) and vote != self.vote:
            self.vote = vote
            self.votes_cast.add(Voted(self.name, msg.ballot, msg.value))


class Majority(Protocol):
    network = "bag"  # each question arrives at most once, so it is answered at most once

    acceptors: int = param(3, "number of acceptors", least=1)
    proposers: int = param(
        2, "number of proposers, each with its own value", least=1, most=len(VALUES)
    )
    rounds: int = param(1, "ballots that each proposer may start", least=0)

    scopes = {
        "default": Scope("two proposers, one ballot each: broken"),
        "alone": Scope("one proposer: nothing can go wrong", proposers=1),
        "own-value": Scope("nobody takes over a vote", without=["adopts_latest_vote"]),
        "no-question": Scope("propose after one answer", without=["asks_a_majority"]),
    }

    def nodes(self) -> list[Node]:
        names = [f"a{i}" for i in range(1, self.acceptors + 1)]
        self.quorums = majority(names)
        return [
            *(
                Proposer(f"p{i}", value=VALUES[i - 1], rounds=self.rounds, quorums=self.quorums)
                for i in range(1, self.proposers + 1)
            ),
            *(Acceptor(name) for name in names),
        ]

    def symmetry(self) -> list[list[str]]:
        return [[f"a{i}" for i in range(1, self.acceptors + 1)]]

    def votes(self, world: WorldView) -> History[Voted]:
        return world.remembered(Acceptor, "votes_cast")

    def proposals(self, world: WorldView) -> History[Proposed]:
        return world.remembered(Proposer, "proposals")

    @invariant
    def agreement(self, world: WorldView) -> Broken | None:
        """No two different values are chosen."""
        return properties.agreement(self.votes(world), self.quorums)

    @invariant
    def stability(self, world: WorldView) -> Broken | None:
        """A chosen value stays chosen: a majority still holds it."""
        current = [(a.name, a.vote) for a in world.nodes(Acceptor)]
        return properties.stability(self.votes(world), current, self.quorums)

    @invariant
    def b3(self, world: WorldView) -> Broken | None:
        """B3: a ballot's value is that of the latest earlier vote in its quorum."""
        return properties.b3(self.proposals(world), self.votes(world))

    @reachable
    def a_value_is_chosen(self, world: WorldView) -> bool:
        """Some value can be chosen."""
        return bool(chosen(self.votes(world), self.quorums))
