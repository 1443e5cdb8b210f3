"""The log of a Ceph monitor (text, `debug_paxos=20`; with `debug_ms=1` the messages too).

Ceph runs Paxos on one instance at a time; its number is the new `last_committed`. A ballot is `pn`,
of which `pn % 100` is the proposer's rank. Messages: collect (1a), last (1b; one with a larger pn
refuses), begin (2a), accept (2b), commit, lease. The leader's own promise and vote are silent: they
come with "collect with pn" and "begin for". Its own promise is not on its disk (accepted_pn is 0
after a restart), by design: nobody else can use its ballot. So that promise counts for the quorum,
and is not held against it later. A node is `mon.RANK`, as in the messages. The values are not
logged. Source: Ceph, src/mon/Paxos.cc.
"""

from __future__ import annotations

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
    VoteCast,
    config,
)
from paxcheck.protocol.errors import Where
from paxcheck.trace.read import TraceError

NAME = "ceph-mon"
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

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+[+-]\d{4}) [0-9a-f]+ +-?\d+ (.*)")
_MONITOR = re.compile(
    r"mon\.([\w.-]+)@(-?\d+)\([\w?]+\)(\.paxos\(paxos [\w-]+ c \d+\.\.\d+\))? (.*)"
)
_MESSAGE = re.compile(r"paxos\((\w+) lc (\d+) fc \d+ pn (\d+) opn \d+\)")
_RECEIVED = re.compile(r"-- \S+ <== mon\.(\d+) \S+ \d+ ==== (paxos\(.*)")
_SENT = re.compile(r"-- \S+ --> \S+ -- (paxos\(.*)")
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
    text = [line.decode("utf-8", "replace") for line in first]
    lines = [line for line in text if _LINE.match(line)]
    return any(
        _MONITOR.match(found[2]) or "ceph-mon" in found[2] or "monmap" in found[2]
        for line in lines
        if (found := _LINE.match(line))
    )


def facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
    """The facts of one monitor's log. Lines that say nothing of Paxos are passed over."""
    reader = _Reader()
    for number, text in lines:
        try:
            yield from reader.line({"file": file, "line": number}, text)
        except (ValueError, OverflowError) as problem:
            raise TraceError(
                f"this is not a line of the format {NAME}: {problem}", where=Where(file, number)
            ) from None


class _Reader:
    def __init__(self) -> None:
        self._rank: int | None = None
        self._lives = 0
        self._loaded: tuple[dict[str, Any], int, int] | None = None
        self._ballot: int | None = None  # of this node's own last collect
        self._asked: int | None = None  # the pn of the collect that it answers
        self._leader: int | None = None
        self.messages = False  # whether the messages are in the log (debug_ms=1)
        self._gone = False

    def line(self, at: dict[str, Any], text: str) -> Iterator[Fact]:
        """The facts of any line. Raises ValueError for a number or time that is none."""
        if not self.messages and (" <== " in text or " --> " in text):
            self.messages = True
        if "monmap" in text:
            # Without an old line of the cluster's log, stored once more.
            if " logging " not in text and (found := _MONMAP.search(text)):
                yield from self.members(at, int(found[1]))
        elif "paxos" in text:
            if found := _LINE.match(text):
                yield from self.read(at, found[1], found[2])
        elif " mon." in text and (found := _MEMBER.match(text)):
            yield from self.members(at, int(found[1]) + 1)  # a listing, from 0 on

    def read(self, at: dict[str, Any], stamp: str, text: str) -> Iterator[Fact]:
        if text.startswith("-- "):
            if self._rank is not None and not self._gone:
                yield from self._message(self._with(at, stamp), text)
            return
        found = _MONITOR.match(text)
        if not found:
            return
        rank, rest = int(found[2]), found[4]
        if init := _INIT.match(rest):
            self._loaded = (dict(at), int(init[1]), int(init[2]))
            self._ballot = self._asked = None
        if rank < 0 or self._gone:
            return
        if self._rank is not None and rank != self._rank:
            # The ranks were given anew: the numbers mean other monitors from here on.
            self._gone = True
            yield LinesLost(node=_name(self._rank), **at)
            return
        self._rank = rank
        if self._loaded is not None:
            yield from self._booted(*self._loaded)
            self._loaded = None
        at = self._with(at, stamp)
        if found[3]:
            yield from self._paxos(at, rest)

    def members(self, at: dict[str, Any], count: int) -> Iterator[Fact]:
        """The log tells of how many monitors the cluster is made."""
        if count > _MOST:
            raise ValueError(f"{count} monitors")
        yield Members(node="", members=config([_name(n) for n in range(count)]), **at)

    def _with(self, at: dict[str, Any], stamp: str) -> dict[str, Any]:
        return {**at, "inc": max(self._lives, 1), "time": _seconds(stamp)}

    def _booted(self, at: dict[str, Any], accepted: int, committed: int) -> Iterator[Fact]:
        self._lives += 1
        node = _name(self._rank or 0)
        at = {**at, "node": node, "inc": self._lives}
        first = True if self._lives == 1 and accepted == 0 and committed == 0 else None
        yield Booted(first=first, **at)
        yield PromiseHeld(ballot=accepted or None, **at)

    def _paxos(self, at: dict[str, Any], text: str) -> Iterator[Fact]:
        """A line of the Paxos code itself."""
        node = _name(self._rank or 0)
        me: dict[str, Any] = {**at, "node": node}
        if found := _COLLECT.match(text):
            self._ballot = int(found[1])
            if self.messages:  # else the answers are not in the log either
                yield Campaigned(term=self._ballot, self_vote=False, **me)
                yield AnswerHeard(
                    kind="promise", sender=node, ballot=self._ballot, granted=True, **me
                )
        elif found := _ACCEPTING.match(text):
            yield Promised(ballot=int(found[1]), to=_name(int(found[2])), **me)
        elif found := _REFUSING.match(text):
            yield PromiseHeld(ballot=int(found[1]), **me)
        elif found := _BEGIN.match(text):
            yield from self._began(me, int(found[1]))
        elif found := _VOTING.match(text):
            yield VoteCast(ballot=int(found[2]), slot=int(found[1]), value=None, **me)
        elif found := _COMMIT.match(text):
            ballot = self._ballot if self.messages else None
            yield Decided(value=None, slot=int(found[1]), ballot=ballot, **me)
        elif found := _LEARNED.match(text):
            yield Decided(value=None, slot=int(found[1]), **me)
        elif found := _EXTEND.match(text):
            yield LeaseHeld(holder=node, until=_seconds(found[1]), **me)
        elif found := _LEASE.match(text):
            if self._leader is not None:
                yield LeaseHeld(holder=_name(self._leader), until=_seconds(found[1]), **me)
        elif text.startswith("restart -- canceling timeouts"):
            yield LeaseEnded(**me)

    def _began(self, me: dict[str, Any], slot: int) -> Iterator[Fact]:
        if self._ballot is None:
            return
        yield Proposed(ballot=self._ballot, value=None, slot=slot, **me)
        yield VoteCast(ballot=self._ballot, slot=slot, value=None, **me)
        yield AnswerHeard(
            kind="accepted",
            sender=me["node"],
            ballot=self._ballot,
            granted=True,
            slot=slot,
            **me,
        )

    def _message(self, at: dict[str, Any], text: str) -> Iterator[Fact]:
        """A line of the messenger: one message received or sent."""
        me: dict[str, Any] = {**at, "node": _name(self._rank or 0)}
        if received := _RECEIVED.match(text):
            message = _MESSAGE.match(received[2])
            if message:
                yield from self._received(me, int(received[1]), message)
        elif sent := _SENT.match(text):
            message = _MESSAGE.match(sent[1])
            if message:
                yield from self._sent(me, message)

    def _received(self, me: dict[str, Any], sender: int, message: re.Match[str]) -> Iterator[Fact]:
        kind, committed, ballot = message[1], int(message[2]), int(message[3])
        if kind == "collect":
            self._asked = ballot
        elif kind == "lease":
            self._leader = sender
        elif kind == "last":
            # A refusal carries the ballot that was promised: another proposer's.
            granted = ballot % 100 == self._rank
            yield AnswerHeard(
                kind="promise", sender=_name(sender), ballot=ballot, granted=granted, **me
            )
        elif kind == "accept":
            yield AnswerHeard(
                kind="accepted",
                sender=_name(sender),
                ballot=ballot,
                granted=True,
                slot=committed + 1,
                **me,
            )

    def _sent(self, me: dict[str, Any], message: re.Match[str]) -> Iterator[Fact]:
        kind, committed, ballot = message[1], int(message[2]), int(message[3])
        if kind == "last" and ballot == self._asked:
            yield Promised(ballot=ballot, **me)
        elif kind == "begin":
            yield Proposed(ballot=ballot, value=None, slot=committed + 1, **me)
        elif kind == "accept":
            slot = committed + 1
            yield VoteCast(ballot=ballot, slot=slot, value=None, source="message", **me)


def _name(rank: int) -> str:
    return f"mon.{rank}"


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
