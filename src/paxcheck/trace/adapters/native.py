"""The native log, as `paxcheck.record` writes it: its header says what it can show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from paxcheck.clock import Clock
from paxcheck.misfit import misfit
from paxcheck.paxos.facts import (
    Acked,
    AnswerHeard,
    Campaigned,
    ClockRead,
    Decided,
    Declaration,
    Fact,
    LinesLost,
    Members,
    Promised,
    Proposed,
    Sent,
    VoteCast,
    VoteGranted,
    config,
)
from paxcheck.protocol.errors import UsageError, Where
from paxcheck.trace import log
from paxcheck.trace.adapters.base import Facts, peek
from paxcheck.trace.adapters.native_events import (
    NEEDED,
    TELLERS,
    At,
    Node,
    Teller,
    content_of,
    state_facts,
    votes_of,
)
from paxcheck.trace.adapters.shapes import BALLOTS, Ballots
from paxcheck.trace.doubles import refuse_doubles
from paxcheck.trace.events import VERSION
from paxcheck.trace.log import LogEvent, LogHeader, ReceiveEvent, SendEvent
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
            f"this line is not the header of a native log: {misfit(problem, LogHeader)}",
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
    headers = [(name, _without_note(header_of(line, name))) for name, line in files]
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
    return _Reader().facts(lines, file)


def session() -> Facts:
    """Reads several logs of one system: the log of a node may go on in a second file."""
    return _Reader().facts


class _Reader:
    def __init__(self) -> None:
        self.header = LogHeader(VERSION, "log", [])
        self.file = ""
        self.nodes: dict[str, Node] = {}
        self.members: frozenset[str] = frozenset()
        self.ballots = Ballots()
        self.table: dict[type[LogEvent], Teller] = {
            **TELLERS,
            log.LostEvent: self._lost,
            log.MembersEvent: self._members,
            log.SendEvent: self._send,
            log.ProposeEvent: self._propose,
            log.DecideEvent: self._decide,
        }

    def facts(self, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        """The facts of one more log of the same system."""
        self.file = file
        stream = iter(lines)
        for number, text in stream:
            yield from self._start(header_of(text, file, number), number)
            break
        decode, read, check, with_ballots = _EVENT.decode, self.read, self.ballots.check, BALLOTS
        for number, text in stream:
            try:
                event = decode(text)
            except (msgspec.DecodeError, RecursionError) as problem:
                self._refuse(text, number, problem)
                continue
            refuse_doubles(text, event, file, number, words=event.note is None)
            for fact in read(number, event):
                names = with_ballots.get(type(fact))
                if names is not None:
                    check(fact, names, file, number)
                yield fact

    def _start(self, header: LogHeader, number: int) -> Iterator[Fact]:
        self.header = header
        self.members = frozenset(header.members)
        if header.members:
            members = config(header.members, size=header.quorum)
            yield Members(node="", members=members, file=self.file, line=number)

    def _refuse(self, text: str, number: int, problem: Exception) -> None:
        """Raises TraceError for a line that is no event, unless it is the same header again.

        So it is where logs were put one behind the other.
        """
        cut = "truncated" in str(problem) and not text.endswith("}")
        where = Where(self.file, number)
        if cut:
            raise TraceError(
                "this line is cut off",
                where=where,
                hint="its node stopped while it wrote it: leave the last line out",
            )
        if recognises([text.encode()]):
            again = header_of(text, self.file, number)
            if _without_note(again) == _without_note(self.header):
                return
            raise TraceError(
                "here begins a log with another header",
                where=where,
                hint="logs that are judged together are of one system",
            )
        told = misfit(problem, log.AnyLogEvent)
        raise TraceError(f"this line is not an event of a native log: {told}", where=where)

    def read(self, number: int, event: LogEvent) -> list[Fact]:
        found: list[Fact] = []
        kind = type(event)
        boots = kind is log.BootEvent
        node = self.nodes.get(event.node)
        if node is None:
            node = self.nodes[event.node] = Node(event.node, self.members)
            lost = event.node and self.header.complete and not self._is_first(event, boots)
        else:
            lost = False
        name = node.name  # one text for all facts that are kept
        inc, seq = event.inc, event.seq
        at: At = (name, number, self.file, inc, seq, event.time)
        if lost:  # what came before is missing, though the header says that all is there
            found.append(LinesLost(*at))
        if inc > node.inc:
            if node.inc and not boots:  # its start is lost: it may count from anew
                node.boot()
                node.seq = None
            node.inc = inc
        if seq is not None:
            last = node.seq
            if last is not None and seq != last + 1 and not boots:
                # Of parts in two files the files may be put in order: that is not judged here.
                if seq <= last and node.file == self.file:
                    raise TraceError(
                        f"{name}'s event {seq} comes after its event {last}",
                        where=Where(self.file, number),
                        hint="the events of one node must be in its own order, and each one once",
                    )
                found.append(LinesLost(*at))
            node.seq, node.file = seq, self.file
        if isinstance(event, (SendEvent, ReceiveEvent)):
            message = event.message
            field = NEEDED.get(message.type)
            if field is not None and getattr(message, field) is None:
                raise TraceError(
                    f"this {message.type} has no {field}", where=Where(self.file, number)
                )
        if event.clock is not None:
            found.append(_clock(event, event.clock, at))
        tell = self.table.get(kind)
        if tell is not None:
            found += tell(event, at, node)
        if event.state is not None:
            for state in log.states_of(event):
                found += state_facts(state, at, node)
        return found

    def _is_first(self, event: LogEvent, boots: bool) -> bool:
        """Whether an event can be the first of a node's life: of a member, it is a start."""
        return (event.seq is None or event.seq <= 1) and (boots or event.node not in self.members)

    # --- events that need the header ---------------------------------------------------------

    def _lost(self, event: LogEvent, at: At, node: Node) -> Iterator[Fact]:
        names = [event.node] if event.node else sorted(self.members | self.nodes.keys())
        for name in names:
            if name:
                yield LinesLost(name, *at[1:])

    def _members(self, event: log.MembersEvent, at: At, node: Node) -> Iterator[Fact]:
        now = config(event.members, event.outgoing, size=event.quorum)
        if not event.node:
            self.members = now.everyone()
        for one in [node] if event.node else self.nodes.values():
            one.members = now.everyone()
        yield Members(*at, members=now)

    def _decide(self, event: log.DecideEvent, at: At, node: Node) -> Iterable[Fact]:
        voters = None if event.voters is None else frozenset(event.voters)
        value, slot, ballot = event.value, event.slot, event.ballot
        return (Decided(*at, value=value, slot=slot, ballot=ballot, voters=voters),)

    def _silent(self, name: str) -> bool:
        """Whether the node may answer itself without a line in the log."""
        return self.header.self_messages is not True and name in self.nodes[name].members

    def _propose(self, event: log.ProposeEvent, at: At, node: Node) -> Iterator[Fact]:
        return self._proposed(event.ballot, event.slot, event.value, at)

    def _proposed(self, ballot: Any, slot: log.Slot, value: str | None, at: At) -> Iterator[Fact]:
        yield Proposed(*at, ballot=ballot, slot=slot, value=value)
        if self._silent(at[0]):
            if self.header.self_messages is False:
                yield VoteCast(*at, ballot=ballot, slot=slot, value=value)
            # Nobody said whether it voted for its own proposal: then it is only not missed.
            yield AnswerHeard(
                *at,
                kind="accepted",
                sender=at[0],
                ballot=ballot,
                granted=True,
                slot=slot,
            )

    def _send(self, event: SendEvent, at: At, node: Node) -> Iterable[Fact]:
        found: list[Fact] = []
        message, name = event.message, event.node
        first = event.to if isinstance(event.to, str) else next(iter(event.to), "")
        if event.mid is not None:
            found.append(Sent(*at, to=first, mid=event.mid, content=content_of(message)))
        kind, ballot, slot, value = message.type, message.ballot, message.slot, message.value
        if kind == "prepare":
            if node.asked.get(slot, UNSET) != ballot:
                node.asked[slot] = ballot
                silent = self._silent(name)
                found.append(Campaigned(*at, term=ballot, slot=slot, self_vote=silent))
                if silent and self.header.self_messages is False:
                    found.append(Promised(*at, ballot=ballot, slot=slot, to=name))
        elif kind == "promise" and message.granted:
            votes = votes_of(message.votes, slot)
            found.append(Promised(*at, ballot=ballot, slot=slot, to=first, votes=votes))
        elif kind == "accept":
            found += self._proposed(ballot, slot, value, at)
        elif kind == "accepted" and message.granted:
            found.append(VoteCast(*at, ballot=ballot, slot=slot, value=value, source="message"))
        elif kind == "request_vote" and message.term is not None:
            if node.asked.get("term") != message.term:
                node.asked["term"] = message.term
                found.append(Campaigned(*at, term=message.term))
        elif kind == "vote" and message.granted and message.term is not None:
            found.append(VoteGranted(*at, term=message.term, candidate=first))
        elif kind == "appended" and message.granted and message.index is not None:
            found.append(Acked(*at, to=first, index=message.index, term=message.term))
        return found


def _without_note(header: LogHeader) -> LogHeader:
    return msgspec.structs.replace(header, note=None)


def _clock(event: LogEvent, clock: Clock, at: At) -> Fact:
    if isinstance(event, SendEvent):
        return ClockRead(*at, clock=clock, of="send", mid=event.mid)
    if isinstance(event, ReceiveEvent):
        return ClockRead(*at, clock=clock, of="receive", mid=event.mid)
    return ClockRead(*at, clock=clock)
