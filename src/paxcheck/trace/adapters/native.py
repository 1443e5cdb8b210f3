"""The native log, as `paxcheck.record` writes it: its header says what it can show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from paxcheck.paxos.facts import (
    Acked,
    AnswerHeard,
    Applied,
    Booted,
    Campaigned,
    Clock,
    ClockRead,
    CommitAdvanced,
    Crashed,
    Decided,
    Declaration,
    EntryWritten,
    Fact,
    Followed,
    LeaseEnded,
    LeaseHeld,
    Led,
    LinesLost,
    LogTruncated,
    Members,
    Promised,
    PromiseHeld,
    Proposed,
    Received,
    Sent,
    SnapshotInstalled,
    TermHeld,
    Valid,
    VoteCast,
    VoteGranted,
    VoteHeld,
    VoteReported,
    config,
)
from paxcheck.protocol.errors import UsageError, Where
from paxcheck.trace import log
from paxcheck.trace.adapters.base import peek, refuse_doubles
from paxcheck.trace.events import VERSION
from paxcheck.trace.log import LogEvent, LogHeader, Message, ReceiveEvent, SendEvent, State, Vote
from paxcheck.trace.read import TraceError

NAME = "native"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["paxos", "raft", "lease"]),
    notes=("the header of each native log says what it can show",),
)

_HEADER = msgspec.json.Decoder(LogHeader)
_EVENT: msgspec.json.Decoder[LogEvent] = msgspec.json.Decoder(log.AnyLogEvent)  # pyright: ignore


def recognises(first: list[bytes]) -> bool:
    """A header of kind "log"."""
    lines = peek(first[:1])
    return bool(lines) and "paxcheck" in lines[0] and lines[0].get("kind") == log.KIND


def header_of(line: str | bytes, file: str, number: int = 1) -> LogHeader:
    """The header of a log. Raises TraceError for anything else, and for another version."""
    try:
        header = _HEADER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise TraceError(
            f"this line is not the header of a native log: {problem}",
            where=Where(file, number),
            hint='it must be like {"paxcheck": 1, "kind": "log", "family": ["paxos"]}',
        ) from None
    if header.paxcheck != VERSION:
        raise TraceError(
            f"this is version {header.paxcheck} of the format; this paxcheck reads {VERSION}",
            where=Where(file, number),
        )
    return header


def declare(files: Sequence[tuple[str, bytes]]) -> Declaration:
    """What logs can show, by their headers: (name, first line) of each file.

    The headers must agree in all but the note: they are of one system. Raises TraceError, and
    UsageError where they differ.
    """
    headers = [
        (name, msgspec.structs.replace(header_of(line, name), note=None)) for name, line in files
    ]
    name, first = headers[0]
    for other, header in headers[1:]:
        if header != first:
            raise UsageError(
                f"the headers of {name} and {other} differ",
                hint="files that are judged together are of one system: same family and members",
            )
    return Declaration(
        name=NAME,
        family=frozenset(first.family),
        promise=first.promise,
        reports_all=first.reports_all,
        durable=first.durable,
        self_messages=first.self_messages is not False,
        duplicates=True,
        membership=True,
        starts_late=not first.complete,
        dense_seq=True,
        clock_error=first.clock_error,
        cannot=first.cannot,
    )


def facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
    """The facts of one log. Raises TraceError, with the line, for what is not the format."""
    reader: _Reader | None = None
    for number, text in lines:
        if reader is None:
            header = header_of(text, file, number)
            reader = _Reader(header, file)
            yield from reader.start(number)
            continue
        try:
            event = _EVENT.decode(text)
        except (msgspec.DecodeError, RecursionError) as problem:
            cut = "truncated" in str(problem) and not text.endswith("}")
            raise TraceError(
                "this line is cut off"
                if cut
                else f"this line is not an event of a native log: {problem}",
                where=Where(file, number),
                hint="its node stopped while it wrote it: leave the last line out" if cut else "",
            ) from None
        refuse_doubles(text, event, file, number, words=event.note is None)
        yield from reader.read(number, event)


class _Node:
    """What one node's events have told so far."""

    __slots__ = ("asked", "commit", "held", "inc", "led", "outdated", "role", "seq", "term", "vote")

    def __init__(self) -> None:
        self.seq: int | None = None
        self.inc = 0
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


class _Reader:
    def __init__(self, header: LogHeader, file: str) -> None:
        self.header = header
        self.file = file
        self.nodes: dict[str, _Node] = {}
        self.members = frozenset(header.members)
        self.table: dict[type[LogEvent], Callable[[Any, dict[str, Any], _Node], Iterable[Fact]]] = {
            log.BootEvent: _boot,
            log.CrashEvent: lambda event, at, node: iter((Crashed(**at),)),
            log.LostEvent: self._lost,
            log.MembersEvent: self._members,
            log.SendEvent: self._send,
            log.ReceiveEvent: _receive,
            log.RequestEvent: lambda event, at, node: iter((Valid(value=event.value, **at),)),
            log.PromiseEvent: _promise,
            log.ProposeEvent: self._propose,
            log.VoteEvent: _vote,
            log.DecideEvent: self._decide,
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

    def start(self, number: int) -> Iterator[Fact]:
        if self.header.members:
            members = config(self.header.members, size=self.header.quorum)
            yield Members(node="", members=members, file=self.file, line=number)

    def read(self, number: int, event: LogEvent) -> list[Fact]:
        found: list[Fact] = []
        name = event.node
        node = self.nodes.get(name)
        if node is None:
            node = self.nodes[name] = _Node()
        at: dict[str, Any] = {
            "node": name,
            "line": number,
            "file": self.file,
            "inc": event.inc,
            "seq": event.seq,
            "time": event.time,
        }
        boots = type(event) is log.BootEvent
        if event.inc > node.inc:
            if node.inc and not boots:  # its start is lost: it may count from anew
                node.boot()
                node.seq = None
            node.inc = event.inc
        if event.seq is not None:
            if node.seq is not None and event.seq != node.seq + 1 and not boots:
                if event.seq <= node.seq:
                    raise TraceError(
                        f"{name}'s event {event.seq} comes after its event {node.seq}",
                        where=Where(self.file, number),
                        hint="the events of one node must be in its own order, and each one once",
                    )
                found.append(LinesLost(**at))
            node.seq = event.seq
        if isinstance(event, (SendEvent, ReceiveEvent)):  # a union would be made anew each time
            field = _NEEDED.get(event.message.type)
            if field is not None and getattr(event.message, field) is None:
                raise TraceError(
                    f"this {event.message.type} has no {field}", where=Where(self.file, number)
                )
        if event.clock is not None:
            found.append(_clock(event, event.clock, at))
        tell = self.table.get(type(event))
        if tell is not None:
            found += tell(event, at, node)
        if event.state is not None:
            for state in log.states_of(event):
                found += _state(state, at, node)
        return found

    # --- events that need the header ---------------------------------------------------------

    def _lost(self, event: LogEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
        names = [event.node] if event.node else sorted(self.members | self.nodes.keys())
        for name in names:
            if name:
                here: dict[str, Any] = {**at, "node": name}
                yield LinesLost(**here)

    def _members(self, event: log.MembersEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
        now = config(event.members, event.outgoing, size=event.quorum)
        self.members = now.everyone()
        yield Members(members=now, **at)

    def _decide(self, event: log.DecideEvent, at: dict[str, Any], node: _Node) -> Iterable[Fact]:
        voters = None if event.voters is None else frozenset(event.voters)
        value, slot, ballot = event.value, event.slot, event.ballot
        return (Decided(value=value, slot=slot, ballot=ballot, voters=voters, **at),)

    def _silent(self, name: str) -> bool:
        """Whether the node may answer itself without a line in the log."""
        return self.header.self_messages is not True and name in self.members

    def _propose(self, event: log.ProposeEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
        return self._proposed(event.ballot, event.slot, event.value, at)

    def _proposed(
        self, ballot: Any, slot: log.Slot, value: str | None, at: dict[str, Any]
    ) -> Iterator[Fact]:
        yield Proposed(ballot=ballot, slot=slot, value=value, **at)
        if self._silent(at["node"]):
            if self.header.self_messages is False:
                yield VoteCast(ballot=ballot, slot=slot, value=value, **at)
            # Nobody said whether it voted for its own proposal: then it is only not missed.
            yield AnswerHeard(
                kind="accepted", sender=at["node"], ballot=ballot, granted=True, slot=slot, **at
            )

    def _send(self, event: SendEvent, at: dict[str, Any], node: _Node) -> Iterable[Fact]:
        found: list[Fact] = []
        message, name = event.message, event.node
        first = event.to if isinstance(event.to, str) else next(iter(event.to), "")
        if event.mid is not None:
            found.append(Sent(to=first, mid=event.mid, content=_content(message), **at))
        kind, ballot, slot, value = message.type, message.ballot, message.slot, message.value
        if kind == "prepare":
            if node.asked.get(slot, UNSET) != ballot:
                node.asked[slot] = ballot
                silent = self._silent(name)
                found.append(Campaigned(term=ballot, slot=slot, self_vote=silent, **at))
                if silent and self.header.self_messages is False:
                    found.append(Promised(ballot=ballot, slot=slot, to=name, **at))
        elif kind == "promise" and message.granted:
            votes = _votes(message.votes, slot)
            found.append(Promised(ballot=ballot, slot=slot, to=first, votes=votes, **at))
        elif kind == "accept":
            found += self._proposed(ballot, slot, value, at)
        elif kind == "accepted" and message.granted:
            found.append(VoteCast(ballot=ballot, slot=slot, value=value, source="message", **at))
        elif kind == "request_vote" and message.term is not None:
            if node.asked.get("term") != message.term:
                node.asked["term"] = message.term
                found.append(Campaigned(term=message.term, **at))
        elif kind == "vote" and message.granted and message.term is not None:
            found.append(VoteGranted(term=message.term, candidate=first, **at))
        elif kind == "appended" and message.granted and message.index is not None:
            found.append(Acked(to=first, index=message.index, term=message.term, **at))
        return found


_NEEDED = {
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


def _clock(event: LogEvent, clock: Clock, at: dict[str, Any]) -> Fact:
    if isinstance(event, SendEvent):
        return ClockRead(clock=clock, of="send", mid=event.mid, **at)
    if isinstance(event, ReceiveEvent):
        return ClockRead(clock=clock, of="receive", mid=event.mid, **at)
    return ClockRead(clock=clock, **at)


def _boot(event: log.BootEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    node.boot()
    yield Booted(first=event.first, **at)


def _receive(event: log.ReceiveEvent, at: dict[str, Any], node: _Node) -> Iterable[Fact]:
    found: list[Fact] = []
    message = event.message
    led = node.led
    if message.term is not None and isinstance(led, int) and message.term > led:
        node.outdated = True
    if event.mid is not None:
        found.append(Received(sender=event.sender, mid=event.mid, content=_content(message), **at))
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
            votes=_votes(message.votes, message.slot) if kind == "promise" else None,
            **at,
        )
        found.append(answer)
    return found


def _promise(event: log.PromiseEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    votes = _votes(event.votes, event.slot)
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


def _vote(event: log.VoteEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    yield VoteCast(ballot=event.ballot, slot=event.slot, value=event.value, **at)


def _campaign(event: log.CampaignEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    if node.asked.get("term") != event.term:
        node.asked["term"] = event.term
        yield Campaigned(term=event.term, **at)


def _grant(event: log.GrantEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    yield VoteGranted(term=event.term, candidate=event.candidate, **at)


def _lead(event: log.LeadEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    known = node.led == event.term  # the state may have shown it first
    node.led, node.role, node.outdated = event.term, "leader", False
    if not known:
        yield Led(term=event.term, last_index=event.last_index, **at)


def _follow(event: log.FollowEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    node.role = "follower"
    yield Followed(**at)


def _write(event: log.WriteEvent, at: dict[str, Any], node: _Node) -> Iterable[Fact]:
    return (
        EntryWritten(
            index=event.index, term=event.term, digest=event.digest, loaded=event.loaded, **at
        ),
    )


def _truncate(event: log.TruncateEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    if node.outdated and node.role == "leader":
        # It follows the newer leader by now; its state is written only after the handler.
        node.role = ""
        yield Followed(**at)
    yield LogTruncated(index=event.index, **at)


def _snapshot(event: log.SnapshotEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    yield SnapshotInstalled(index=event.index, term=event.term, **at)


def _commit(event: log.CommitEvent, at: dict[str, Any], node: _Node) -> Iterable[Fact]:
    node.commit = event.index
    return (CommitAdvanced(index=event.index, leader=event.leader, **at),)


def _apply(event: log.ApplyEvent, at: dict[str, Any], node: _Node) -> Iterable[Fact]:
    return (Applied(index=event.index, digest=event.digest, term=event.term, **at),)


def _lease(event: log.LeaseEvent, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
    yield LeaseHeld(holder=event.holder, until=event.until, **at)


def _state(state: State, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
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


def _role(state: State, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
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


def _votes(votes: list[Vote] | None, slot: log.Slot) -> tuple[VoteReported, ...] | None:
    if votes is None:
        return None
    return tuple(
        [VoteReported(v.ballot, v.value, slot if v.slot is None else v.slot) for v in votes]
    )


def _content(message: Message) -> str:
    return message.content or msgspec.json.encode(message).decode()
