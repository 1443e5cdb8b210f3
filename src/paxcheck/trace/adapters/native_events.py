"""What the events of a native log tell: each kind of event, and states that change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from paxcheck.paxos.facts import (
    AnswerHeard,
    Applied,
    Booted,
    Campaigned,
    CommitAdvanced,
    Crashed,
    EntryWritten,
    Fact,
    Followed,
    LeaseEnded,
    LeaseHeld,
    Led,
    LogTruncated,
    Promised,
    PromiseHeld,
    Received,
    SnapshotInstalled,
    TermHeld,
    Valid,
    VoteCast,
    VoteGranted,
    VoteHeld,
    VoteReported,
)
from paxcheck.trace import log
from paxcheck.trace.log import LogEvent, Message, State, Vote

At: TypeAlias = "tuple[str, int, str, int, int | None, float | None]"
"""What all facts of an event begin with: node, line, file, inc, seq, time.

It is given by position: by name it takes three times as long, for a million events.
"""

Teller = Callable[[Any, At, "Node"], Iterable[Fact]]
"""Gives the facts of an event."""


class Node:
    """What one node's events have told so far."""

    __slots__ = (
        *("asked", "commit", "file", "held", "inc", "led", "members"),
        *("name", "outdated", "role", "seq", "term", "vote"),
    )

    def __init__(self, name: str, members: frozenset[str]) -> None:
        self.name = name
        self.seq: int | None = None
        self.file = ""
        self.inc = 0
        self.members = members  # as the node itself knows them
        self.boot()

    def boot(self) -> None:
        """Forget what was only true in the last life."""
        self.asked: dict[Any, Any] = {}
        self.held: dict[tuple[str, Any], Any] = {}
        self.term: int | None = None
        self.vote: Any = UNSET
        self.role = ""
        self.led: Any = None
        self.outdated = False  # it has heard of a newer term than the one that it leads
        self.commit: int | None = None


_encode = msgspec.json.Encoder().encode

NEEDED = {
    "prepare": "ballot",
    "promise": "ballot",
    "accept": "ballot",
    "accepted": "ballot",
    "request_vote": "term",
}
"""The field without which a message of a type says nothing."""

_ANSWERS: dict[str, Any] = {
    "promise": "promise",
    "accepted": "accepted",
    "vote": "vote",
    "appended": "append",
}


def _boot(event: log.BootEvent, at: At, node: Node) -> Iterator[Fact]:
    node.boot()
    yield Booted(*at, first=event.first)


def _receive(event: log.ReceiveEvent, at: At, node: Node) -> Iterable[Fact]:
    found: list[Fact] = []
    message = event.message
    led = node.led
    if message.term is not None and isinstance(led, int) and message.term > led:
        node.outdated = True
    if event.mid is not None:
        found.append(Received(*at, sender=event.sender, mid=event.mid, content=content_of(message)))
    kind = _ANSWERS.get(message.type)
    if kind is not None:
        raft = kind in ("vote", "append")
        answer = AnswerHeard(
            *at,
            kind=kind,
            sender=event.sender,
            ballot=message.term if raft else message.ballot,
            granted=message.granted,
            slot=message.slot,
            index=message.index,
            votes=votes_of(message.votes, message.slot) if kind == "promise" else None,
        )
        found.append(answer)
    return found


def _promise(event: log.PromiseEvent, at: At, node: Node) -> Iterator[Fact]:
    votes = votes_of(event.votes, event.slot)
    yield Promised(*at, ballot=event.ballot, slot=event.slot, to=event.node, votes=votes)
    # What it promises itself it has also heard.
    yield AnswerHeard(
        *at,
        kind="promise",
        sender=event.node,
        ballot=event.ballot,
        granted=True,
        slot=event.slot,
        votes=votes,
    )


def _vote(event: log.VoteEvent, at: At, node: Node) -> Iterator[Fact]:
    yield VoteCast(*at, ballot=event.ballot, slot=event.slot, value=event.value)


def _campaign(event: log.CampaignEvent, at: At, node: Node) -> Iterator[Fact]:
    if node.asked.get("term") != event.term:
        node.asked["term"] = event.term
        yield Campaigned(*at, term=event.term)


def _grant(event: log.GrantEvent, at: At, node: Node) -> Iterator[Fact]:
    yield VoteGranted(*at, term=event.term, candidate=event.candidate)


def _lead(event: log.LeadEvent, at: At, node: Node) -> Iterator[Fact]:
    known = node.led == event.term  # the state may have shown it first
    node.led, node.role, node.outdated = event.term, "leader", False
    if not known:
        yield Led(*at, term=event.term, last_index=event.last_index)


def _follow(event: log.FollowEvent, at: At, node: Node) -> Iterator[Fact]:
    node.role = "follower"
    yield Followed(*at)


def _write(event: log.WriteEvent, at: At, node: Node) -> Iterable[Fact]:
    return (
        EntryWritten(
            *at,
            index=event.index,
            term=event.term,
            digest=event.digest,
            loaded=event.loaded,
        ),
    )


def _truncate(event: log.TruncateEvent, at: At, node: Node) -> Iterator[Fact]:
    if node.outdated and node.role == "leader":
        # It follows the newer leader by now; its state is written only after the handler.
        node.role = ""
        yield Followed(*at)
    yield LogTruncated(*at, index=event.index)


def _snapshot(event: log.SnapshotEvent, at: At, node: Node) -> Iterator[Fact]:
    yield SnapshotInstalled(*at, index=event.index, term=event.term)


def _commit(event: log.CommitEvent, at: At, node: Node) -> Iterable[Fact]:
    node.commit = event.index
    return (CommitAdvanced(*at, index=event.index, leader=event.leader),)


def _apply(event: log.ApplyEvent, at: At, node: Node) -> Iterable[Fact]:
    return (Applied(*at, index=event.index, digest=event.digest, term=event.term),)


def _lease(event: log.LeaseEvent, at: At, node: Node) -> Iterator[Fact]:
    yield LeaseHeld(*at, holder=event.holder, until=event.until)


def state_facts(state: State, at: At, node: Node) -> Iterator[Fact]:
    """What changed in the state since it was last shown, in this life."""
    slot = state.slot
    if state.promised is not UNSET and node.held.get(("promised", slot), UNSET) != state.promised:
        node.held["promised", slot] = state.promised
        yield PromiseHeld(*at, ballot=state.promised, slot=slot)
    vote = state.vote
    if vote is not UNSET and node.held.get(("vote", slot), UNSET) != vote:
        node.held["vote", slot] = vote
        ballot, value = (None, None) if vote is None else (vote.ballot, vote.value)  # pyright: ignore
        yield VoteCast(*at, ballot=ballot, value=value, slot=slot, source="state")
    if state.term is not None and state.term != node.term:
        node.term = state.term
        node.vote = UNSET
        yield TermHeld(*at, term=state.term)
    if state.voted_for is not UNSET and node.term is not None and state.voted_for != node.vote:
        node.vote = state.voted_for
        yield VoteHeld(*at, term=node.term, candidate=state.voted_for)  # pyright: ignore
    if state.role is not None:
        yield from _role(state, at, node)
    if state.commit is not None and state.commit != node.commit:
        node.commit = state.commit
        leads = (state.role or node.role) == "leader"
        yield CommitAdvanced(*at, index=state.commit, leader=leads, own_index=state.last_index)


def _role(state: State, at: At, node: Node) -> Iterator[Fact]:
    role, term = state.role, node.term
    if role == "leader" and term is not None and node.led != term:  # nobody leads a term twice
        node.led, node.outdated = term, False
        yield Led(*at, term=term, last_index=state.last_index)
    elif role == "candidate" and term is not None and node.asked.get("term") != term:
        node.asked["term"] = term
        yield Campaigned(*at, term=term)
    elif role == "follower" and node.role != role:
        yield Followed(*at)
    node.role = role or ""


def votes_of(votes: list[Vote] | None, slot: log.Slot) -> tuple[VoteReported, ...] | None:
    """The votes that a promise reports."""
    if votes is None:
        return None
    return tuple(
        [VoteReported(v.ballot, v.value, slot if v.slot is None else v.slot) for v in votes]
    )


def content_of(message: Message) -> str:
    """What is compared at both ends of a message."""
    return message.content or _encode(message).decode()


TELLERS: dict[type[LogEvent], Teller] = {
    log.BootEvent: _boot,
    log.CrashEvent: lambda event, at, node: iter((Crashed(*at),)),
    log.ReceiveEvent: _receive,
    log.RequestEvent: lambda event, at, node: iter((Valid(*at, value=event.value),)),
    log.PromiseEvent: _promise,
    log.VoteEvent: _vote,
    log.CampaignEvent: _campaign,
    log.GrantEvent: _grant,
    log.LeadEvent: _lead,
    log.FollowEvent: _follow,
    log.WriteEvent: _write,
    log.TruncateEvent: _truncate,
    log.SnapshotEvent: _snapshot,
    log.CommitEvent: _commit,
    log.ApplyEvent: _apply,
    log.LeaseEvent: _lease,
    log.LeaseEndEvent: lambda event, at, node: iter((LeaseEnded(*at),)),
}
"""The events that mean the same whatever the header says."""
