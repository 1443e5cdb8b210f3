"""Synod: single-decree Paxos. A promise before every vote makes the majority's answer lasting.

The last rung failed because an answer can grow old. A proposer asked a majority, heard "no vote
yet", and while it was thinking somebody got a value chosen that it had not heard of.

The cure: who answers also promises. "I have seen ballot b, and I will not vote in any ballot
below b any more." Now an answer cannot grow old: what an acceptor has reported about the ballots
below b stays true for ever. So when a majority has answered for b, the proposer knows enough:

- a majority voted for no value below b: then none was chosen below b, and none ever will be;
- somebody reports a vote: then the value of the *latest* vote is the only one that can have been
  chosen, and the proposer must take it over.

Phase 2 first, because it is the aim: Accept(b, v) asks for votes, Accepted(b, v) is a vote, and
v is chosen when a quorum has voted for it in one ballot. Phase 1 (Prepare, Promise) finds out
which v is safe in ballot b.

Try: paxcheck check synod --without keeps_promise
"""

from paxcheck import (
    Broken,
    History,
    Node,
    Property,
    Protocol,
    QuorumSystem,
    Scope,
    StepView,
    WorldView,
    action,
    constant,
    durable,
    ghost,
    invariant,
    param,
    quorum_system,
    reachable,
    rule,
    step_invariant,
    volatile,
)
from paxcheck.paxos import (
    Accept,
    Accepted,
    Ballot,
    Prepare,
    Promise,
    Promised,
    Proposed,
    Vote,
    Voted,
    chosen,
    highest,
    latest,
    properties,
)

VALUES = ("x", "y", "z", "u", "v", "w")


class Proposer(Node):
    """Wants its value to be chosen, but takes over another when it must."""

    value: str = constant()
    rounds: int = constant()
    quorums: QuorumSystem = constant()

    round: int = durable(0)  # on disk: a ballot must never be used twice
    phase: int = volatile(0)  # 0 idle, 1 waiting for promises, 2 waiting for votes
    promises: dict[str, Vote | None] = volatile({})
    proposals: set[Proposed] = ghost()

    @property
    def ballot(self) -> Ballot:
        return Ballot(self.round, self.name)

    @rule
    def waits_for_quorum(self, answered: frozenset[str]) -> bool:
        """A proposer asks for votes only after a quorum has promised its ballot."""
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
            self.broadcast(Prepare(self.ballot))

    def on_promise(self, msg: Promise) -> None:
        if self.phase != 1 or msg.ballot != self.ballot or msg.sender in self.promises:
            return
        self.promises[msg.sender] = msg.vote
        answered = frozenset(self.promises)
        if self.waits_for_quorum(answered):
            vote = latest(self.promises.values())
            value = self.value if vote is None or self.adopts_latest_vote(vote) else vote.value
            self.phase = 2
            self.promises = {}
            self.proposals.add(Proposed(self.name, self.ballot, value, answered))
            self.broadcast(Accept(self.ballot, value))


class Acceptor(Node):
    """The memory of the system. What it promised and voted must survive every crash."""

    learners: tuple[str, ...] = constant()

    promised: Ballot | None = durable(None)
    vote: Vote | None = durable(None)
    promises_made: set[Promised] = ghost()
    votes_cast: set[Voted] = ghost()

    @rule
    def promises_only_newer(self, ballot: Ballot) -> bool:
        """An acceptor promises only a ballot above all that it has promised."""
        return self.promised is None or ballot > self.promised

    @rule
    def keeps_promise(self, ballot: Ballot) -> bool:
        """An acceptor that promised a ballot ignores every older one."""
        return self.promised is None or ballot >= self.promised

    def on_prepare(self, msg: Prepare) -> None:
        if self.promises_only_newer(msg.ballot):
            self.promised = msg.ballot
            self.promises_made.add(Promised(self.name, msg.ballot, self.vote))
            self.send(msg.sender, Promise(msg.ballot, self.vote))

    def on_accept(self, msg: Accept) -> None:
        vote = Vote(msg.ballot, msg.value)
        if self.keeps_promise(msg.ballot) and vote != self.vote:
            self.promised = msg.ballot
            self.vote = vote
            self.votes_cast.add(Voted(self.name, msg.ballot, msg.value))
            self.send(self.learners, Accepted(msg.ballot, msg.value))


class Learner(Node):
    """Finds out which value was chosen. Chosen and learned are two things."""

    quorums: QuorumSystem = constant()

    learned: str | None = durable(None)
    votes: dict[Ballot, frozenset[str]] = volatile({})

    @rule
    def waits_for_votes(self, voters: frozenset[str]) -> bool:
        """A learner learns a value only when a quorum has voted for it in one ballot."""
        return self.quorums.phase2(voters)

    def on_accepted(self, msg: Accepted) -> None:
        if self.learned is not None:
            return
        voters = self.votes.get(msg.ballot, frozenset()) | {msg.sender}
        self.votes[msg.ballot] = voters
        if self.waits_for_votes(voters):
            self.learned = msg.value
            self.votes = {}


class Synod(Protocol):
    acceptors: int = param(3, "number of acceptors", least=1)
    proposers: int = param(
        2, "number of proposers, each with its own value", least=1, most=len(VALUES)
    )
    learners: int = param(0, "number of learners", least=0)
    rounds: int = param(1, "ballots that each proposer may start", least=0)
    quorums: str = param("majority", "majority, all, any:K, flexible:P1,P2 or grid:RxC")

    scopes = {
        "default": Scope("two proposers, one ballot each"),
        "learner": Scope("a learner listens to one proposer", learners=1, proposers=1),
        "learners": Scope("a learner listens to two proposers", learners=1),
        "crash": Scope("one crash of anybody: the disk remembers", faults={"crash": 1}),
        "bag": Scope("each message arrives at most once", network="bag"),
        "lossy": Scope("one message is lost", network="bag", faults={"loss": 1}),
        "fifo": Scope("ordered channels", network="fifo"),
        "flexible": Scope("ask all three, choose with one", quorums="flexible:3,1"),
        "grid": Scope("a row asks, a column chooses", acceptors=4, quorums="grid:2x2"),
        "no-promise": Scope("acceptors forget what they promised", without=["keeps_promise"]),
        "promise-back": Scope(
            "promises may go back", acceptors=2, network="bag", without=["promises_only_newer"]
        ),
        "own-value": Scope("nobody takes over a vote", without=["adopts_latest_vote"]),
        "one-answer": Scope("one promise is enough", without=["waits_for_quorum"]),
        "one-vote": Scope(
            "a learner believes the first vote",
            learners=1,
            proposers=1,
            without=["waits_for_votes"],
        ),
        "split": Scope("quorums of one among two do not overlap", acceptors=2, quorums="any:1"),
    }

    def nodes(self) -> list[Node]:
        acceptors = [f"a{i}" for i in range(1, self.acceptors + 1)]
        learners = tuple(f"l{i}" for i in range(1, self.learners + 1))
        self.system = quorum_system(self.quorums, acceptors)
        return [
            *(
                Proposer(f"p{i}", value=VALUES[i - 1], rounds=self.rounds, quorums=self.system)
                for i in range(1, self.proposers + 1)
            ),
            *(self.acceptor(name, learners) for name in acceptors),
            *(Learner(name, quorums=self.system) for name in learners),
        ]

    def acceptor(self, name: str, learners: tuple[str, ...]) -> Node:
        return Acceptor(name, learners=learners)

    def symmetry(self) -> list[list[str]]:
        same = self.quorums.partition(":")[0] != "grid"
        return [[f"a{i}" for i in range(1, self.acceptors + 1)]] if same else []

    # What the properties look at -------------------------------------------------------------

    def votes(self, world: WorldView) -> History[Voted]:
        return world.remembered(Acceptor, "votes_cast")

    def proposals(self, world: WorldView) -> History[Proposed]:
        return world.remembered(Proposer, "proposals")

    def properties(self) -> tuple[Property, ...]:
        """All properties below, without those that say nothing in this configuration."""
        silent = set[str]()
        if self.learners == 0:
            silent |= {"learned_was_chosen", "every_learner_learns"}
        if self.proposers * self.rounds < 2:
            silent |= {"two_ballots_compete"}
        if self.proposers == 1 or "adopts_latest_vote" in self.without:
            silent |= {"a_vote_is_adopted"}
        return tuple([p for p in super().properties() if p.name not in silent])

    # Safety ----------------------------------------------------------------------------------

    @invariant
    def agreement(self, world: WorldView) -> Broken | None:
        """No two different values are chosen."""
        return properties.agreement(self.votes(world), self.system)

    @invariant
    def validity(self, world: WorldView) -> Broken | None:
        """Only a proposed value is voted for."""
        return properties.validity(self.votes(world), VALUES[: self.proposers])

    @invariant
    def stability(self, world: WorldView) -> Broken | None:
        """A chosen value stays chosen: a quorum still holds it."""
        current = [(a.name, a.vote) for a in world.nodes(Acceptor)]
        return properties.stability(self.votes(world), current, self.system)

    @invariant
    def learned_was_chosen(self, world: WorldView) -> Broken | None:
        """Learners learn only what was chosen."""
        learned = [(x.name, x.learned) for x in world.nodes(Learner)]
        return properties.learned_was_chosen(learned, self.votes(world), self.system)

    @invariant
    def one_value_per_ballot(self, world: WorldView) -> Broken | None:
        """All votes of a ballot are for one value."""
        return properties.one_value_per_ballot(self.votes(world))

    @invariant
    def b1(self, world: WorldView) -> Broken | None:
        """B1: every ballot has one proposer and one value."""
        return properties.b1(self.proposals(world))

    @invariant
    def b2(self, world: WorldView) -> Broken | None:
        """B2: any two quorums overlap (one that asks, one that chooses)."""
        return properties.b2(self.system)

    @invariant
    def b3(self, world: WorldView) -> Broken | None:
        """B3: a ballot's value is that of the latest earlier vote in its quorum."""
        return properties.b3(self.proposals(world), self.votes(world))

    @invariant
    def p2c(self, world: WorldView) -> Broken | None:
        """P2c: some quorum's latest earlier vote, if any, has the proposed value."""
        return properties.p2c(self.proposals(world), self.votes(world), self.system)

    @invariant
    def one_promise_per_ballot(self, world: WorldView) -> Broken | None:
        """No acceptor promises a ballot twice with different votes."""
        return properties.one_promise_per_ballot(world.remembered(Acceptor, "promises_made"))

    @step_invariant
    def promise_never_goes_back(self, step: StepView) -> Broken | None:
        """A promise never goes back, not over a restart either."""
        if not issubclass(step.before.kind, Acceptor):
            return None
        return properties.promise_never_goes_back(
            step.node, step.before.promised, step.after.promised
        )

    @step_invariant
    def no_vote_below_promise(self, step: StepView) -> Broken | None:
        """An acceptor never votes below a ballot that it promised or voted in, restarts or not."""
        if not issubclass(step.before.kind, Acceptor) or step.fault:
            return None
        # The history tells, not the field `promised`: an acceptor that forgot still promised.
        new = [v for v in [step.after.vote] if v and v != step.before.vote]
        past = highest(step.before.remembered("promises_made", "votes_cast")) if new else None
        return properties.no_vote_below_promise(step.node, past, new)

    # Not vacuous -----------------------------------------------------------------------------

    @reachable
    def a_value_is_chosen(self, world: WorldView) -> bool:
        """Some value can be chosen."""
        return bool(chosen(self.votes(world), self.system))

    @reachable
    def two_ballots_compete(self, world: WorldView) -> bool:
        """Two ballots can ask for votes."""
        return len(self.proposals(world)) >= 2

    @reachable
    def a_vote_is_adopted(self, world: WorldView) -> bool:
        """A proposer can take over another's value."""
        own = {p.name: p.value for p in world.nodes(Proposer)}
        return any(p.value != own[p.proposer] for p in self.proposals(world))

    @reachable
    def every_learner_learns(self, world: WorldView) -> bool:
        """All learners can learn."""
        return all(x.learned is not None for x in world.nodes(Learner))
