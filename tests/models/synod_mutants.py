"""Synod with one method changed: what each property is there to catch."""

from paxcheck.loading import load_model
from paxcheck.paxos import Accept, Ballot, Voted

load_model("synod")

import synod  # noqa: E402  (the loader has put the models on the path)


class Inventor(synod.Acceptor):
    def on_accept(self, msg: Accept) -> None:
        if self.vote is None:
            self.promised = msg.ballot
            self.vote = synod.Vote(msg.ballot, "nobody's")
            self.votes_cast.add(Voted(self.name, msg.ballot, "nobody's"))


class InventsAValue(synod.Synod):
    """An acceptor votes for a value that nobody proposed."""

    def acceptor(self, name: str, learners: tuple[str, ...]) -> synod.Node:
        return Inventor(name, learners=learners)


class TwoFaced(synod.Proposer):
    def on_promise(self, msg: synod.Promise) -> None:
        if self.phase == 2 and msg.ballot == self.ballot and msg.sender not in self.promises:
            self.broadcast(Accept(self.ballot, "y"))
        super().on_promise(msg)


class ProposesTwice(synod.Synod):
    """A proposer asks for votes for another value when a late promise arrives."""

    def nodes(self) -> list[synod.Node]:
        return [
            TwoFaced(n.name, value=n.value, rounds=n.rounds, quorums=n.quorums)
            if isinstance(n, synod.Proposer)
            else n
            for n in super().nodes()
        ]


class Sharing(synod.Proposer):
    @property
    def ballot(self) -> Ballot:
        return Ballot(self.round, "p")


class SharesBallots(synod.Synod):
    """Two proposers use the same ballots: the name is not part of the number."""

    def nodes(self) -> list[synod.Node]:
        return [
            Sharing(n.name, value=n.value, rounds=n.rounds, quorums=n.quorums)
            if isinstance(n, synod.Proposer)
            else n
            for n in super().nodes()
        ]


class Asserting(synod.Acceptor):
    def on_accept(self, msg: Accept) -> None:
        assert self.promised == msg.ballot, "an accept for another ballot than the promised one"
        super().on_accept(msg)


class Asserts(synod.Synod):
    """A handler's assertion fails: an old ballot is not an error."""

    def acceptor(self, name: str, learners: tuple[str, ...]) -> synod.Node:
        return Asserting(name, learners=learners)


MUTANTS = {c.__name__: c for c in (InventsAValue, ProposesTwice, SharesBallots, Asserts)}
