"""Rounds: later rounds win. An old value comes back to life, and a chosen one is lost.

Broadcast broke because everybody took what it heard first. Give every attempt a number, a ballot,
and let the servers compare. A value is *chosen* when a majority of the servers has taken it in
one ballot: two majorities cannot be apart, so we ask for a majority and not for all, and one dead
server stops nobody.

Now a server that already holds a value hears of another. What should it do? There are three
answers, and none is right:

- *never change one's mind* (`stubborn`): safe, but three proposers can take one server each, and
  then nothing will ever be chosen: it is stuck;
- *always change it* (`--without later_rounds_win`): a late message of an old ballot brings an old
  value back to life, and a chosen value is chosen no more;
- *later rounds win* (the default): the old message is ignored, but a new round comes along, knows
  nothing of the chosen value, and overwrites it.

The last answer is the best of the three. What is missing is that a new round *looks* before it
writes. That is the next rung, majority.
"""

from paxcheck import (
    Broken,
    History,
    Node,
    Protocol,
    Scope,
    WorldView,
    action,
    at_end,
    constant,
    durable,
    ghost,
    invariant,
    majority,
    param,
    reachable,
    rule,
)
from paxcheck.paxos import Accept, Ballot, Vote, Voted, chosen, properties

VALUES = ("x", "y", "z", "u", "v", "w")


class Proposer(Node):
    """Writes its value in a ballot of its own. It does not look first."""

    value: str = constant()

    round: int = durable(0)

    @action
    def start(self) -> None:
        if self.round == 0:
            self.round = 1
            self.broadcast(Accept(Ballot(1, self.name), self.value))


class Acceptor(Node):
    """Holds the value of one vote."""

    stubborn: bool = constant()

    vote: Vote | None = durable(None)
    votes_cast: set[Voted] = ghost()

    @rule
    def later_rounds_win(self, ballot: Ballot) -> bool:
        """An acceptor does not go back to a ballot older than its vote."""
        return self.vote is None or ballot > self.vote.ballot

    def on_accept(self, msg: Accept) -> None:
        if self.stubborn and self.vote is not None:
            return
        if self.later_rounds_win(msg.ballot):
            self.vote = Vote(msg.ballot, msg.value)
            self.votes_cast.add(Voted(self.name, msg.ballot, msg.value))


class Rounds(Protocol):
    acceptors: int = param(3, "number of acceptors", least=1)
    proposers: int = param(
        2, "number of proposers, each with its own value", least=1, most=len(VALUES)
    )
    stubborn: bool = param(False, "whether an acceptor never changes its mind")

    scopes = {
        "default": Scope("later rounds win: a chosen value is overwritten"),
        "stubborn": Scope("two proposers, nobody changes its mind: safe", stubborn=True),
        "stuck": Scope("three proposers, nobody changes its mind", stubborn=True, proposers=3),
        "always": Scope("everybody always changes its mind", without=["later_rounds_win"]),
    }

    def nodes(self) -> list[Node]:
        names = [f"a{i}" for i in range(1, self.acceptors + 1)]
        self.quorums = majority(names)
        return [
            *(Proposer(f"p{i}", value=VALUES[i - 1]) for i in range(1, self.proposers + 1)),
            *(Acceptor(name, stubborn=self.stubborn) for name in names),
        ]

    def symmetry(self) -> list[list[str]]:
        return [[f"a{i}" for i in range(1, self.acceptors + 1)]]

    def votes(self, world: WorldView) -> History[Voted]:
        return world.remembered(Acceptor, "votes_cast")

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
    def old_values_stay_dead(self, world: WorldView) -> Broken | None:
        """No acceptor goes back from a later ballot to an older one."""
        for acceptor in world.nodes(Acceptor):
            for vote in acceptor.votes_cast:
                if acceptor.vote.ballot < vote.ballot:
                    return Broken(f"{vote}, and now it holds the older {acceptor.vote}")
        return None

    @at_end
    def not_stuck(self, world: WorldView) -> bool:
        """When nothing more can happen, some value has been chosen."""
        return bool(chosen(self.votes(world), self.quorums))

    @reachable
    def a_value_is_chosen(self, world: WorldView) -> bool:
        """Some value can be chosen."""
        return bool(chosen(self.votes(world), self.quorums))
