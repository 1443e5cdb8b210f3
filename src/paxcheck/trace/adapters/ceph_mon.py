"""The log of a Ceph monitor (text, `debug_paxos=20`; with `debug_ms=1` the messages too).

Ceph runs Paxos on one instance at a time; its number is the new `last_committed`. A ballot is `pn`,
of which `pn % 100` is the proposer's rank. Messages: collect (1a), last (1b; one with a larger pn
refuses), begin (2a), accept (2b), commit, lease. The leader's own promise and vote are silent: they
come with its collect and its begin. Its own promise is not on its disk (accepted_pn is 0 after a
restart), by design: nobody else can use its ballot. So that promise counts for the quorum, and is
not held against it later. A node is `mon.RANK`, as in the messages. The values are not logged.

Lines have no numbers, but what is lost may show: a message is handled that did not arrive, more
answers are counted than arrived, or a connection's own numbers leave one out. Then nobody knows
which other lines are lost. Source: Ceph, src/mon/Paxos.cc.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Decided,
    Declaration,
    Fact,
    LeaseEnded,
    LeaseHeld,
    LinesLost,
    Members,
    Promised,
    PromiseHeld,
    Proposed,
    Unread,
    VoteCast,
    config,
)
from paxcheck.protocol.errors import Where
from paxcheck.trace.lines import TraceError, Unjudgeable

NAME = "ceph-mon"
TEXT = True
_NO_VALUES = "a monitor does not log the values"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["paxos", "lease"]),
    state_taken="none",
    promise="all",
    self_messages=False,
    membership=True,
    order="node",
    cannot={
        **dict.fromkeys(
            [
                "agreement",
                "chosen-once",
                "one-value-per-ballot",
                "adopts-highest-vote",
                "honest-promise",
                "one-promise-per-ballot",
                "decided-was-chosen",
                "validity",
            ],
            _NO_VALUES,
        ),
        "message-integrity": "messages have no identity in this log",
        "message-causality": "messages have no identity in this log",
    },
)

_MOST = 1000  # monitors; a cluster has three or five
_LATE = 50  # so many messages of a connection may overtake one
_EARLY = 10_000  # lines in which a monitor says its name

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+[+-]\d{4}) [0-9a-f]+ +-?\d+ (.*)")
_MONITOR = re.compile(
    r"mon\.([\w.-]+)@(-?\d+)\([\w?]+\)(\.paxos\(paxos [\w-]+ c \d+\.\.\d+\))? (.*)"
)
_SPEAKER = re.compile(r"mon\.[\w.-]+@-?\d+\(")
_MESSAGE = re.compile(r"paxos\((\w+) lc (\d+) fc \d+ pn (\d+) opn \d+\)")
_RECEIVED = re.compile(r"-- \S+ <== mon\.(\d+) \S+ (\d+) ==== ")
_SENT = re.compile(r"-- \S+ (?:-->|send_to--> mon) \S+ -- ")
_HANDLING = re.compile(r"handle_(?:collect|last|begin|accept) (paxos\(.*?\))")
_PEONS = re.compile(r" ?they accepted our pn, we now have (\d+) peons")
_VOTERS = re.compile(r" ?now (\d+(?:,\d+)*) have accepted")
_INIT = re.compile(r"init last_pn: \d+ accepted_pn: (\d+) last_committed: (\d+)")
_COLLECT = re.compile(r"collect with pn (\d+)")
_ACCEPTING = re.compile(r" ?accepting pn (\d+) from (\d+)")
_REFUSING = re.compile(r" ?NOT accepting pn \d+ from \d+, we already accepted (\d+) from")
_BEGIN = re.compile(r"begin for (\d+) \d+ bytes")
_VOTING = re.compile(r" ?accepting value for (\d+) pn (\d+)")
_COMMIT = re.compile(r"commit_start (\d+)")
_LEARNED = re.compile(r"handle_commit on (\d+)")
_EXTEND = re.compile(r"extend_lease now\+\S+ \((\S+)\)")
_LEASE = re.compile(r"handle_lease on \d+ now (\S+)")
_MONMAP = re.compile(r"monmap (?:is )?e\d+: (\d+) mons at")
_MEMBER = re.compile(r"(\d+): \[?v\d:\S+ mon\.\S+$")


def recognises(first: list[bytes]) -> bool:
    """Lines with a time, a thread and a level, that speak of a monitor."""
    found = [_LINE.match(line.decode("utf-8", "replace")) for line in first]
    return any(
        _SPEAKER.match(line[2]) or "ceph-mon" in line[2] or "monmap" in line[2]
        for line in found
        if line
    )


def facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
    """The facts of one monitor's log. Lines that say nothing of Paxos are passed over."""
    read = session()
    yield from read(lines, file)
    yield from read.end()


def session() -> _Logs:
    """Reads several logs: that of a monitor may go on in a second file, after a rotation."""
    return _Logs()


class _Logs:
    def __init__(self) -> None:
        self._readers: dict[str, _Reader] = {}

    def __call__(self, lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
        stream = iter(lines)
        early: list[tuple[int, str]] = []
        name = ""
        for line in itertools.islice(stream, _EARLY):
            early.append(line)
            if name := _who(line[1]):
                break
        reader = self._readers.setdefault(name, _Reader(name))
        for number, text in itertools.chain(early, stream):
            reader.at = {"file": file, "line": number}
            try:
                yield from reader.line(reader.at, text)
            except (ValueError, OverflowError) as problem:
                raise TraceError(
                    f"this is not a line of the format {NAME}: {problem}", where=Where(file, number)
                ) from None

    def end(self) -> Iterator[Fact]:
        """What is missing at the end of the last file: until then it might have been late."""
        for reader in self._readers.values():
            yield from reader.end(reader.at)


class _Connection:
    """The numbers of the messages that come over one connection, from 1, and none left out.

    Urgent messages overtake others, so a number may come late; a new session counts from anew.
    """

    def __init__(self) -> None:
        self._top: int | None = None
        self.missing: set[int] = set()

    def lost_before(self, number: int) -> bool:
        """Whether an earlier message is missing for good."""
        lost = False
        if self._top is None or number == 1:
            lost = bool(self.missing)  # of the session before
            self.missing.clear()
            self._top = number
        elif number <= self._top:
            self.missing.discard(number)
        else:
            self.missing.update(range(max(self._top + 1, number - _LATE - 1), number))
            self._top = number
        if self.missing and min(self.missing) < self._top - _LATE:
            lost = True
            self.missing.clear()
        return lost


class _Reader:
    """Reads the log of one monitor."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.at: dict[str, Any] = {}  # its latest line
        self._rank: int | None = None
        self._lives = 0
        self._loaded: tuple[dict[str, Any], int, int] | None = None
        self.messages = False  # whether the messages are in the log (debug_ms=1)
        self._gone = False
        self._start()

    def _start(self) -> None:
        """Forget what was only true in the last life."""
        self._connections: dict[tuple[str, str], _Connection] = {}
        self._arrived = ""  # the message that was received, and is not handled yet
        self._accepting: list[Fact] = []  # a promise that is not on the disk yet
        self._asked: int | None = None  # the pn of the collect that it answers
        self._leader: int | None = None
        self._ballot: int | None = None  # of its own last collect
        self._peons: set[int] = set()  # whose promises for it arrived
        self._begun: tuple[int, int] | None = None  # its own last begin: the slot and the pn
        self._voters: set[int] = set()  # whose answers to it arrived

    def line(self, at: dict[str, Any], text: str) -> Iterator[Fact]:
        """The facts of any line. Raises ValueError for a number or time that is none."""
        received = " <== " in text
        if not self.messages and (received or " --> " in text):
            self.messages = True
        # Not in an old line of the cluster's log, stored once more (" logging ").
        if "monmap" in text and " logging " not in text and (found := _MONMAP.search(text)):
            yield from self.members(at, int(found[1]))
        if received or "paxos" in text:
            if found := _LINE.match(text):
                yield from self.read(at, found[1], found[2])
        elif " mon." in text and (found := _MEMBER.match(text)):
            yield from self.members(at, int(found[1]) + 1)  # a listing, from 0 on

    def read(self, at: dict[str, Any], stamp: str, text: str) -> Iterator[Fact]:
        if text.startswith("-- "):
            if self._rank is not None and not self._gone:
                yield from self._message(at, stamp, text)
            return
        found = _MONITOR.match(text)
        if not found:
            return
        rank, rest = int(found[2]), found[4]
        self.name = self.name or found[1]
        if found[1] != self.name:
            # Messages do not say whose they are.
            raise Unjudgeable(
                f"this is a line of mon.{found[1]} in the log of mon.{self.name}",
                where=Where(at["file"], at["line"]),
                hint="give the log of each monitor as a file of its own",
            )
        if init := _INIT.match(rest):
            yield from self.end(at)
            self._loaded = ({**at, "time": _seconds(stamp)}, int(init[1]), int(init[2]))
            self._start()
        if rank < 0 or self._gone:
            return
        if self._rank is not None and rank != self._rank:
            # The ranks were given anew: the numbers mean other monitors from here on.
            self._gone = True
            yield LinesLost(node=_name(self._rank), **at)
            why = "the ranks of the monitors were given anew: what follows here was not judged"
            yield Unread(node="", why=why, **at)
            return
        self._rank = rank
        if self._loaded is not None:
            yield from self._booted(*self._loaded)
            self._loaded = None
        if found[3]:
            yield from self._paxos(self._with(at, stamp), rest)

    def members(self, at: dict[str, Any], count: int) -> Iterator[Fact]:
        """The log tells of how many monitors the cluster is made."""
        if count > _MOST:
            raise ValueError(f"{count} monitors")
        yield Members(node="", members=config([_name(n) for n in range(count)]), **at)

    def end(self, at: dict[str, Any]) -> Iterator[Fact]:
        """What is missing when a life ends."""
        if self._rank is not None and any(c.missing for c in self._connections.values()):
            life = max(self._lives, 1)
            yield LinesLost(somewhere=True, node=_name(self._rank), inc=life, **at)

    def _with(self, at: dict[str, Any], stamp: str) -> dict[str, Any]:
        node = _name(self._rank or 0)
        return {**at, "node": node, "inc": max(self._lives, 1), "time": _seconds(stamp)}

    def _booted(self, at: dict[str, Any], accepted: int, committed: int) -> Iterator[Fact]:
        self._lives += 1
        node = _name(self._rank or 0)
        at = {**at, "node": node, "inc": self._lives}
        first = True if self._lives == 1 and accepted == 0 and committed == 0 else None
        yield Booted(first=first, **at)
        yield PromiseHeld(ballot=accepted or None, **at)

    def _paxos(self, me: dict[str, Any], text: str) -> Iterator[Fact]:
        """A line of the Paxos code itself."""
        yield from self._accepted()
        if found := _COLLECT.match(text):
            yield from self._collected(me, int(found[1]))
        elif found := _ACCEPTING.match(text):
            ballot, self._ballot = int(found[1]), None
            self._accepting = [
                *self._held(me, ballot),
                Promised(ballot=ballot, to=_name(int(found[2])), **me),
            ]
        elif found := _REFUSING.match(text):
            yield from self._held(me, int(found[1]))
        elif found := _BEGIN.match(text):
            # Where messages are logged, the one that is sent says in which ballot.
            if not self.messages and self._ballot is not None:
                yield from self._began(me, int(found[1]), self._ballot)
        elif found := _VOTING.match(text):
            self._ballot = None
            yield VoteCast(ballot=int(found[2]), slot=int(found[1]), value=None, **me)
        elif found := _COMMIT.match(text):
            slot, begun = int(found[1]), self._begun if self.messages else None
            ballot = begun[1] if begun and begun[0] == slot else None
            yield Decided(value=None, slot=slot, ballot=ballot, **me)
        elif found := _LEARNED.match(text):
            yield Decided(value=None, slot=int(found[1]), **me)
        elif found := _EXTEND.match(text):
            yield LeaseHeld(holder=me["node"], until=_seconds(found[1]), **me)
        elif found := _LEASE.match(text):
            if self._leader is not None:
                yield LeaseHeld(holder=_name(self._leader), until=_seconds(found[1]), **me)
        elif text.startswith("restart -- canceling timeouts"):
            self._ballot = None
            yield LeaseEnded(**me)
        elif self.messages:
            yield from self._counted(me, text)

    def _counted(self, me: dict[str, Any], text: str) -> Iterator[Fact]:
        """A line that tells of messages: one that did not arrive shows that lines are lost."""
        lost = False
        if found := _HANDLING.match(text):
            lost = found[1] != self._arrived
            self._arrived = ""
        elif found := _PEONS.match(text):
            lost = int(found[1]) > len(self._peons)
        elif found := _VOTERS.match(text):
            lost = not self._voters.issuperset(map(int, found[1].split(",")))
        if lost:
            yield LinesLost(somewhere=True, **me)

    def _collected(self, me: dict[str, Any], ballot: int) -> Iterator[Fact]:
        """It begins phase 1, and promises itself."""
        if ballot == self._ballot or self._rank is None:
            return
        self._ballot, self._peons = ballot, {self._rank}
        if self.messages:  # else the answers are not in the log either
            yield Campaigned(term=ballot, self_vote=False, **me)
            yield AnswerHeard(kind="promise", sender=me["node"], ballot=ballot, granted=True, **me)

    def _began(self, me: dict[str, Any], slot: int, ballot: int) -> Iterator[Fact]:
        """It asks for votes, after it has voted itself."""
        owner = _name(ballot % 100)
        yield Proposed(ballot=ballot, value=None, slot=slot, owner=owner, **me)
        if owner == me["node"] and self._begun != (slot, ballot):
            self._begun, self._voters = (slot, ballot), {ballot % 100}
            yield VoteCast(ballot=ballot, slot=slot, value=None, **me)
            yield self._voted(me, ballot % 100, slot, ballot)

    def _voted(self, me: dict[str, Any], rank: int, slot: int, ballot: int) -> Fact:
        return AnswerHeard(
            kind="accepted", sender=_name(rank), ballot=ballot, granted=True, slot=slot, **me
        )

    def _held(self, me: dict[str, Any], ballot: int) -> Iterator[Fact]:
        """Its promise, where that is on its disk: of another's ballot."""
        if ballot % 100 != self._rank:
            yield PromiseHeld(ballot=ballot, **me)

    def _accepted(self) -> Iterator[Fact]:
        """The promise that it spoke of is on its disk: it goes on."""
        if self._accepting:
            yield from self._accepting
            self._accepting = []

    def _message(self, at: dict[str, Any], stamp: str, text: str) -> Iterator[Fact]:
        """A line of the messenger: one message received or sent; most are not of Paxos."""
        if received := _RECEIVED.match(text):
            sender, number = received[1], int(received[2])
            # Those to itself have no number.
            if number and self._connection(sender, text).lost_before(number):
                yield LinesLost(somewhere=True, **self._with(at, stamp))
            if message := _MESSAGE.match(text, received.end()):
                self._arrived = message[0]
                yield from self._received(self._with(at, stamp), int(sender), message)
        elif (sent := _SENT.match(text)) and (message := _MESSAGE.match(text, sent.end())):
            yield from self._sent(self._with(at, stamp), message)

    def _connection(self, sender: str, text: str) -> _Connection:
        _, named, name = text.rpartition(" con ")
        key = sender, name if named else ""
        found = self._connections.get(key)
        if found is None:
            found = self._connections[key] = _Connection()
        return found

    def _received(self, me: dict[str, Any], sender: int, message: re.Match[str]) -> Iterator[Fact]:
        kind, committed, ballot = message[1], int(message[2]), int(message[3])
        if kind == "collect":
            self._asked = ballot
        elif kind == "lease":
            self._leader = sender
        elif kind == "last":
            # A refusal carries the ballot that was promised: another proposer's.
            granted = ballot % 100 == self._rank
            if ballot == self._ballot:
                self._peons.add(sender)
            yield AnswerHeard(
                kind="promise", sender=_name(sender), ballot=ballot, granted=granted, **me
            )
        elif kind == "accept":
            self._voters.add(sender)
            yield self._voted(me, sender, committed + 1, ballot)

    def _sent(self, me: dict[str, Any], message: re.Match[str]) -> Iterator[Fact]:
        kind, committed, ballot = message[1], int(message[2]), int(message[3])
        if kind == "collect":
            yield from self._collected(me, ballot)
        elif kind == "last":
            yield from self._accepted()
            yield from self._held(me, ballot)
            if ballot == self._asked:
                yield Promised(ballot=ballot, **me)
        elif kind == "begin":
            yield from self._began(me, committed + 1, ballot)
        elif kind == "accept":
            slot = committed + 1
            yield VoteCast(ballot=ballot, slot=slot, value=None, source="message", **me)


def _who(text: str) -> str:
    """The name of the monitor that wrote a line, where the line says it."""
    found = _LINE.match(text)
    monitor = found and _MONITOR.match(found[2])
    return monitor[1] if monitor else ""


def _name(rank: int) -> str:
    return f"mon.{rank}"


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
