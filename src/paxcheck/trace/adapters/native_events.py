"""What the events of a native log tell: each kind of event, and states that change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

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

Teller = Callable[[Any, dict[str, Any], "Node"], Iterable[Fact]]
"""Gives the facts of an event; `at` holds node, file, line and so on, ready for a fact."""


class Node:
    """What one node's events have told so far."""

    __slots__ = (
        *("asked", "commit", "file", "held", "inc", "led", "members"),
        *("outdated", "role", "seq", "term", "vote"),
    )

    def __init__(self, members: frozenset[str]) -> None:
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


def _boot(event: log.BootEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    node.boot()
    yield Booted(first=event.first, **at)


def _receive(event: log.ReceiveEvent, at: dict[str, Any], node: Node) -> Iterable[Fact]:
    found: list[Fact] = []
    message = event.message
    led = node.led
    if message.term is not None and isinstance(led, int) and message.term > led:
        node.outdated = True
    if event.mid is not None:
        found.append(
            Received(sender=event.sender, mid=event.mid, content=content_of(message), **at)
        )
    kind = _ANSWERS.get(message.type)
    if kind is not None:
        raft = kind in ("vote", "append")
        answer = AnswerHeard(
            kind=kind,
            sender=event.sender,
            ballot=message.term if raft else message.ballot,
            granted=message.granted,
            slot=message.slot,
            index=message.index,
            votes=votes_of(message.votes, message.slot) if kind == "promise" else None,
            **at,
        )
        found.append(answer)
    return found


def _promise(event: log.PromiseEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    votes = votes_of(event.votes, event.slot)
    yield Promised(ballot=event.ballot, slot=event.slot, to=event.node, votes=votes, **at)
    # What it promises itself it has also heard.
    yield AnswerHeard(
        kind="promise",
        sender=event.node,
        ballot=event.ballot,
        granted=True,
        slot=event.slot,
        votes=votes,
        **at,
    )


def _vote(event: log.VoteEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    yield VoteCast(ballot=event.ballot, slot=event.slot, value=event.value, **at)


def _campaign(event: log.CampaignEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    if node.asked.get("term") != event.term:
        node.asked["term"] = event.term
        yield Campaigned(term=event.term, **at)


def _grant(event: log.GrantEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    yield VoteGranted(term=event.term, candidate=event.candidate, **at)


def _lead(event: log.LeadEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    known = node.led == event.term  # the state may have shown it first
    node.led, node.role, node.outdated = event.term, "leader", False
    if not known:
        yield Led(term=event.term, last_index=event.last_index, **at)


def _follow(event: log.FollowEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    node.role = "follower"
    yield Followed(**at)


def _write(event: log.WriteEvent, at: dict[str, Any], node: Node) -> Iterable[Fact]:
    return (
        EntryWritten(
            index=event.index, term=event.term, digest=event.digest, loaded=event.loaded, **at
        ),
    )


def _truncate(event: log.TruncateEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    if node.outdated and node.role == "leader":
        # It follows the newer leader by now; its state is written only after the handler.
        node.role = ""
        yield Followed(**at)
    yield LogTruncated(index=event.index, **at)


def _snapshot(event: log.SnapshotEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    yield SnapshotInstalled(index=event.index, term=event.term, **at)


def _commit(event: log.CommitEvent, at: dict[str, Any], node: Node) -> Iterable[Fact]:
    node.commit = event.index
    return (CommitAdvanced(index=event.index, leader=event.leader, **at),)


def _apply(event: log.ApplyEvent, at: dict[str, Any], node: Node) -> Iterable[Fact]:
    return (Applied(index=event.index, digest=event.digest, term=event.term, **at),)


def _lease(event: log.LeaseEvent, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    yield LeaseHeld(holder=event.holder, until=event.until, **at)


def state_facts(state: State, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    """What changed in the state since it was last shown, in this life."""
    slot = state.slot
    if state.promised is not UNSET and node.held.get(("promised", slot), UNSET) != state.promised:
        node.held["promised", slot] = state.promised
        yield PromiseHeld(ballot=state.promised, slot=slot, **at)
    vote = state.vote
    if vote is not UNSET and node.held.get(("vote", slot), UNSET) != vote:
        node.held["vote", slot] = vote
        ballot, value = (None, None) if vote is None else (vote.ballot, vote.value)  # pyright: ignore
        yield VoteCast(ballot=ballot, value=value, slot=slot, source="state", **at)
    if state.term is not None and state.term != node.term:
        node.term = state.term
        node.vote = UNSET
        yield TermHeld(term=state.term, **at)
    if state.voted_for is not UNSET and node.term is not None and state.voted_for != node.vote:
        node.vote = state.voted_for
        yield VoteHeld(term=node.term, candidate=state.voted_for, **at)  # pyright: ignore
    if state.role is not None:
        yield from _role(state, at, node)
    if state.commit is not None and state.commit != node.commit:
        node.commit = state.commit
        leads = (state.role or node.role) == "leader"
        yield CommitAdvanced(index=state.commit, leader=leads, own_index=state.last_index, **at)


def _role(state: State, at: dict[str, Any], node: Node) -> Iterator[Fact]:
    role, term = state.role, node.term
    if role == "leader" and term is not None and node.led != term:  # nobody leads a term twice
        node.led, node.outdated = term, False
        yield Led(term=term, last_index=state.last_index, **at)
    elif role == "candidate" and term is not None and node.asked.get("term") != term:
        node.asked["term"] = term
        yield Campaigned(term=term, **at)
    elif role == "follower" and node.role != role:
        yield Followed(**at)
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
    return message.content or msgspec.json.encode(message).decode()


TELLERS: dict[type[LogEvent], Teller] = {
    log.BootEvent: _boot,
    log.CrashEvent: lambda event, at, node: iter((Crashed(**at),)),
    log.ReceiveEvent: _receive,
    log.RequestEvent: lambda event, at, node: iter((Valid(value=event.value, **at),)),
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
    log.LeaseEndEvent: lambda event, at, node: iter((LeaseEnded(**at),)),
}
"""The events that mean the same whatever the header says."""
