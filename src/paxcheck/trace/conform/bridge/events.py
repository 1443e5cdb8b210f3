"""The facts of one slot as events of the model: what was said is a step, what is held is compared.

An acceptor that promised took a prepare; one that voted took an accept. So its steps are known by
what it sent, whether or not its log has what it received. A proposer takes the answers that it
heard, and its proposal must be what the model sent. What the log does not show is left open.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import Any

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Decided,
    Promised,
    PromiseHeld,
    Proposed,
    VoteCast,
    VoteReported,
)
from paxcheck.protocol.errors import Where
from paxcheck.trace.conform.bridge.roles import Roles
from paxcheck.trace.conform.bridge.slots import Log, Paxos
from paxcheck.trace.events import Event, Sent
from paxcheck.trace.lines import TraceError


@dataclass
class Acceptor:
    """What one acceptor's facts have told so far: its highest ballot, its vote, its answers."""

    highest: Any = None
    vote: tuple[Any, str | None] | None = None
    promises: dict[Any, Any] = field(default_factory=dict[Any, Any])
    votes: set[Any] = field(default_factory=set[Any])

    def shows(self, promised: Any, vote: tuple[Any, str | None] | None) -> bool:
        """Whether it is in this state."""
        return (promised, vote) == (self.highest, self.vote)


class Translator:
    """Makes the events of one slot; `again`: answers that only repeat what was said before."""

    def __init__(self, log: Log, roles: Roles, facts: list[Paxos]) -> None:
        self.log = log
        self.roles = roles
        self.facts = facts
        self.again = 0
        self.events: list[tuple[Paxos, Event]] = []
        self.acceptors: dict[str, Acceptor] = {}
        self.asked: dict[str, Any] = {}  # the latest ballot of each proposer
        self.started: set[Any] = set()
        self.proposed: set[Any] = set()
        self.held: list[tuple[Paxos, Event]] = []
        self.answers: dict[Any, list[tuple[AnswerHeard, VoteReported | None]]] = {}
        votes = [f for f in facts if isinstance(f, VoteCast) and f.ballot is not None]
        self.values = {(v.node, v.ballot): v.value for v in votes}
        self.hears = {f.node for f in facts if isinstance(f, AnswerHeard) and f.kind == "accepted"}

    def run(self) -> list[tuple[Paxos, Event]]:
        """All events, each with the fact that it comes from."""
        for at, fact in enumerate(self.facts):
            match fact:
                case Campaigned():
                    self._campaigned(fact)
                case Promised():
                    self._promised(fact)
                case VoteCast(source="state"):
                    self._state(at, fact)
                case VoteCast():
                    self._voted(fact)
                case AnswerHeard(kind="promise"):
                    self._promise_heard(fact)
                case AnswerHeard(kind="accepted"):
                    self._vote_heard(fact)
                case Proposed():
                    self._proposed(fact)
                case PromiseHeld():
                    self._promise_held(at, fact)
                case Decided():
                    self._decided(fact)
                case Booted():
                    if fact.node in self.roles.acceptors:
                        self._add(fact, Event(event="crash", node=fact.node))
                case _:
                    pass
        for ballot in list(self.answers):
            self._take_answers(ballot)
        return self.events

    def _add(self, fact: Paxos, event: Event) -> None:
        self.events.append((fact, event))

    def _of(self, node: str) -> Acceptor:
        return self.acceptors.setdefault(node, Acceptor())

    # --- proposers ----------------------------------------------------------------------------

    def _campaigned(self, fact: Campaigned) -> None:
        self.asked[fact.node] = fact.term
        self._start(fact, fact.term)

    def _start(self, fact: Paxos, ballot: Any) -> None:
        if ballot not in self.started:
            self.started.add(ballot)
            node = self.roles.proposer(ballot)
            self._add(fact, Event(event="act", node=node, action="start"))

    def _promise_heard(self, fact: AnswerHeard) -> None:
        ballot = self.asked.get(fact.node) if fact.ballot is None else fact.ballot
        late = any(vote.ballot == ballot for vote in fact.votes or ()) or ballot in self.proposed
        if not fact.granted or ballot is None or self.roles.owners.get(ballot) != fact.node or late:
            return  # only a proposer that still prepares its ballot listens to promises
        vote = None if fact.votes is None else self._reported(fact.votes, fact.slot)
        self.answers.setdefault(ballot, []).append((fact, vote))

    def _take_answers(self, ballot: Any, value: str | None = None) -> None:
        """The proposer takes the promises that it heard.

        The model's proposes as soon as a quorum has answered. A real one may have waited for more:
        so those come first in which `value`, that it proposed, is that of the latest vote.
        """
        answers = self.answers.pop(ballot, [])
        adopted = max([v.ballot for _, v in answers if v and v.value == value], default=None)

        def place(answer: tuple[AnswerHeard, VoteReported | None]) -> int:
            _, vote = answer
            if vote is None or adopted is None:
                return 1 if vote is None else 2
            return 0 if vote.ballot == adopted else 1 if vote.ballot < adopted else 2

        node = self.roles.proposer(ballot)
        for fact, vote in sorted(answers, key=place) if value is not None else answers:
            message: dict[str, Any] = {"type": "Promise", "sender": fact.sender}
            message["ballot"] = self.roles.ballot(ballot)
            if fact.votes is not None:
                message["vote"] = self._vote(vote)
            self._add(fact, Event(event="deliver", node=node, message=message))

    def _proposed(self, fact: Proposed) -> None:
        if fact.ballot is None:
            return
        self.proposed.add(fact.ballot)
        self._take_answers(fact.ballot, fact.value)
        node = self.roles.proposer(fact.ballot)
        message = {"type": "Accept", "sender": node, "ballot": self.roles.ballot(fact.ballot)}
        if fact.value is None:
            self._add(fact, Event(event="state", node=node, state={"phase": 2}))
            return
        sent = Sent([self.roles.acceptors[0]], message | {"value": fact.value})
        self._add(fact, Event(event="state", node=node, sent=[sent]))

    # --- acceptors ----------------------------------------------------------------------------

    def _promised(self, fact: Promised) -> None:
        known = self._of(fact.node)
        if fact.ballot is None:
            return
        reported = None if fact.votes is None else self._reported(fact.votes, fact.slot)
        late = any(ballot == fact.ballot for ballot, _ in known.votes)
        late = late or (reported is not None and reported.ballot == fact.ballot)
        if late or known.promises.get(fact.ballot, known) == fact.votes:
            self.again += 1  # an answer to a second copy of a prepare: nobody waits for it
            return
        known.promises[fact.ballot] = fact.votes
        self._prepared(fact, fact.ballot, fact.votes is not None, reported)
        self._settle(fact.node)

    def _prepared(
        self, fact: Paxos, ballot: Any, told: bool, reported: VoteReported | None
    ) -> None:
        """An acceptor took a prepare."""
        known, proposer = self._of(fact.node), self.roles.proposer(ballot)
        known.highest = ballot if known.highest is None else max(known.highest, ballot)
        number = self.roles.ballot(ballot)
        promise = {"type": "Promise", "sender": fact.node, "ballot": number}
        promise |= {"vote": self._vote(reported)}
        self._add(
            fact,
            Event(
                event="deliver",
                node=fact.node,
                message={"type": "Prepare", "sender": proposer, "ballot": number},
                sent=[Sent([proposer], promise)] if told else None,
                state={"promised": number},
            ),
        )

    def _voted(self, fact: VoteCast) -> None:
        known = self._of(fact.node)
        if fact.ballot is None:
            return
        vote = (fact.ballot, fact.value)
        if vote in known.votes:
            self.again += 1
            return
        known.votes.add(vote)
        self._accepted(fact, fact.ballot, fact.value)
        self._settle(fact.node)

    def _accepted(self, fact: Paxos, ballot: Any, value: str | None) -> None:
        """An acceptor took an accept."""
        known, number = self._of(fact.node), self.roles.ballot(ballot)
        known.highest = ballot if known.highest is None else max(known.highest, ballot)
        known.vote = (ballot, value)
        message: dict[str, Any] = {"type": "Accept", "sender": self.roles.proposer(ballot)}
        message["ballot"] = number
        state: dict[str, Any] = {"promised": number}
        if value is not None:
            message["value"] = value
            state["vote"] = {"ballot": number, "value": value}
        self._add(fact, Event(event="deliver", node=fact.node, message=message, state=state))

    def _promise_held(self, at: int, fact: PromiseHeld) -> None:
        """The promise in a state; it is compared together with the vote of the same line."""
        following = self.facts[at + 1] if at + 1 < len(self.facts) else None
        if isinstance(following, VoteCast) and _same_line(following, fact):
            return
        if "promise sent" not in self.log.shows[fact.node] and fact.ballot is not None:
            known = self._of(fact.node)
            if known.highest is None or known.highest < fact.ballot:
                self._prepared(fact, fact.ballot, False, None)

    def _state(self, at: int, fact: VoteCast) -> None:
        """A state: a vote, and the promise of the same line, which a vote may be above."""
        before = self.facts[at - 1] if at else None
        promise = before if isinstance(before, PromiseHeld) and _same_line(before, fact) else None
        known = self._of(fact.node)
        vote = None if fact.ballot is None else (fact.ballot, fact.value)
        if "vote sent" not in self.log.shows[fact.node] and vote not in (None, known.vote):
            self._accepted(fact, fact.ballot, fact.value)  # its states are all that shows its votes
        state: dict[str, Any] = {}
        if vote is None or vote[1] is not None:
            held = None if vote is None else VoteReported(vote[0], vote[1])
            state["vote"] = self._vote(held)
        promised = known.highest
        if promise is not None:
            both = [b for b in (promise.ballot, fact.ballot) if b is not None]
            promised = max(both, default=None)
            state["promised"] = None if promised is None else self.roles.ballot(promised)
        event = Event(event="state", node=fact.node, state=state)
        if known.shows(promised, vote) or not self._comes(at, fact, promised, vote):
            self._add(fact, event)
        else:
            self.held.append((fact, event))  # it is written before the answer is sent

    def _comes(self, at: int, fact: VoteCast, promised: Any, vote: Any) -> bool:
        """Whether the next answer of an acceptor leads to a state."""
        for later in self.facts[at + 1 :]:
            if later.node != fact.node:
                continue
            if isinstance(later, Promised):
                return later.ballot == promised
            if isinstance(later, VoteCast) and later.source != "state":
                return (later.ballot, later.value) == vote
        return False

    def _settle(self, node: str) -> None:
        """States that were written before the answer are compared after it."""
        self.events += [item for item in self.held if item[0].node == node]
        self.held = [item for item in self.held if item[0].node != node]

    # --- learners -----------------------------------------------------------------------------

    def _vote_heard(self, fact: AnswerHeard) -> None:
        ballot = self.asked.get(fact.node) if fact.ballot is None else fact.ballot
        if not fact.granted or ballot is None or ballot not in self.roles.rounds:
            return
        message: dict[str, Any] = {"type": "Accepted", "sender": fact.sender}
        message["ballot"] = self.roles.ballot(ballot)
        value = self.values.get((fact.sender, ballot))
        if value is not None:
            message["value"] = value
        node = self.roles.learner(fact.node)
        self._add(fact, Event(event="deliver", node=node, message=message))

    def _decided(self, fact: Decided) -> None:
        # Who heard no votes was told the decision by somebody, and synod has no such message.
        if fact.value is not None and fact.node in self.hears:
            node = self.roles.learner(fact.node)
            self._add(fact, Event(event="state", node=node, state={"learned": fact.value}))

    # --- parts of messages ----------------------------------------------------------------------

    def _reported(self, votes: tuple[VoteReported, ...], slot: Any) -> VoteReported | None:
        """The latest vote of a slot in a promise."""
        mine = [v for v in votes if v.slot == slot]
        return max(mine, key=lambda v: v.ballot, default=None)

    def _vote(self, vote: VoteReported | None) -> dict[str, Any] | None:
        if vote is None:
            return None
        return {"ballot": self.roles.ballot(vote.ballot), "value": vote.value}


def _same_line(one: Paxos, other: Paxos) -> bool:
    return (one.file, one.line, one.node) == (other.file, other.line, other.node)


def ballots_of(facts: list[Paxos]) -> list[Any]:
    """All ballots that the facts of a slot name, in their order. Raises TraceError where two of
    them have none."""
    found: set[Any] = set()
    ordered: list[Any] = []
    for fact in facts:
        for ballot in _named(fact) - found - {None}:
            try:
                insort(ordered, ballot)
            except TypeError as problem:
                raise TraceError(
                    f"this does not compare with what came before: {problem}",
                    where=Where(fact.file, fact.line),
                    hint="all ballots of one log must be of one kind: numbers, or lists alike",
                ) from None
            found.add(ballot)
    return ordered


def _named(fact: Paxos) -> set[Any]:
    if isinstance(fact, Booted):
        return set()
    found = {fact.term if isinstance(fact, Campaigned) else fact.ballot}
    if isinstance(fact, Promised | AnswerHeard):
        found.update([v.ballot for v in fact.votes or () if v.slot == fact.slot])
    return found


def values_of(facts: list[Paxos]) -> dict[Any, str]:
    """The value of each ballot: as it was proposed, or else as anybody first speaks of it."""
    proposed: dict[Any, str] = {}
    told: dict[Any, str] = {}
    for fact in facts:
        if isinstance(fact, Proposed) and fact.value is not None:
            proposed.setdefault(fact.ballot, fact.value)
        elif isinstance(fact, VoteCast | Decided) and fact.value is not None:
            told.setdefault(fact.ballot, fact.value)
        elif isinstance(fact, Promised | AnswerHeard):
            for vote in fact.votes or ():
                if vote.slot == fact.slot and vote.value is not None:
                    told.setdefault(vote.ballot, vote.value)
    return told | proposed
