"""Recordings of paxi's Multi-Paxos: one ballot per node for all slots.

P1b and P2b carry the acceptor's *current* ballot: only equality with the request is a yes. The
leader's vote for its own proposal is silent: it is taken from its first P2a.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paxcheck.paxos.facts import (
    AnswerHeard,
    Campaigned,
    Decided,
    Declaration,
    Fact,
    LinesLost,
    Members,
    Promised,
    Proposed,
    VoteCast,
    VoteReported,
    config,
)
from paxcheck.trace.adapters.base import Line, Numbers, json_facts, message_ends, peek

NAME = "paxi"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["paxos"]),
    state_taken="after",
    promise="all",
    self_messages=False,
    order="file",
)

Ballot = tuple[int, ...]


def recognises(first: list[bytes]) -> bool:
    """A meta line with nodes inside, then lines whose state has ballot, execute and slot."""
    lines = peek(first)
    return (
        len(lines) > 1
        and "nodes" in (lines[0].get("meta") or ())
        and isinstance(lines[1].get("state"), dict)
        and {"ballot", "execute", "slot"} <= lines[1]["state"].keys()
    )


def _ballot(text: str) -> Ballot:
    return tuple(map(int, text.split(".")))


class _Reader:
    def __init__(self) -> None:
        self._asked: dict[str, Ballot] = {}
        self._proposed: dict[tuple[str, int], Ballot] = {}
        self.numbers = [Numbers()]
        self._nodes: list[str] = []

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        if self.numbers[0].lost_before(at, line):
            for node in self._nodes or [line["node"]]:  # of a log that begins late
                yield LinesLost(node=node, **at)
        if "meta" in line:
            self._nodes = list(line["meta"]["nodes"])
            yield Members(node="", members=config(line["meta"]["nodes"]), **at)
            return
        at = {"node": line["node"], **at}
        msg: Line = line.get("msg") or {}
        what = line["ev"]
        peer = line.get("to") if what == "send" else line.get("from")
        yield from message_ends(at, what, line.get("mid"), peer, msg)
        if what == "execute":
            yield Decided(value=line["value"], slot=line["slot"], **at)
        elif what == "send" and "ballot" in msg:
            yield from self._sent(at, line, msg, _ballot(msg["ballot"]))
        elif what == "recv" and "ballot" in msg:
            yield from self._heard(at, line["from"], msg, _ballot(msg["ballot"]))

    def _sent(self, at: dict[str, Any], line: Line, msg: Line, ballot: Ballot) -> Iterator[Fact]:
        kind, node = msg["type"], at["node"]
        yes = ballot[1:] == _ballot(line["to"])
        if kind == "prepare" and self._asked.get(node) != ballot:
            self._asked[node] = ballot
            yield Campaigned(term=ballot, **at)
        elif kind == "promise" and yes:
            yield Promised(ballot=ballot, to=line["to"], **at)
        elif kind == "accept":
            slot, value = msg["slot"], msg["value"]
            yield Proposed(ballot=ballot, slot=slot, value=value, **at)
            if self._proposed.get((node, slot)) != ballot:
                self._proposed[node, slot] = ballot
                yield VoteCast(ballot=ballot, slot=slot, value=value, **at)
        elif kind == "accepted" and yes:
            slot = msg["slot"]
            voted = [e["value"] for e in line["state"]["log"] if _is(e, slot, ballot)]
            value = voted[0] if voted else None
            yield VoteCast(ballot=ballot, slot=slot, value=value, source="message", **at)
        elif kind == "decide":
            yield Decided(value=msg["value"], slot=msg["slot"], ballot=ballot, **at)

    def _heard(self, at: dict[str, Any], sender: str, msg: Line, ballot: Ballot) -> Iterator[Fact]:
        kind = msg["type"]
        if kind == "promise":
            votes = [
                VoteReported(_ballot(a["ballot"]), a["value"], a["slot"]) for a in msg["accepted"]
            ]
            yield AnswerHeard(
                kind="promise",
                sender=sender,
                ballot=ballot,
                granted=ballot == self._asked.get(at["node"]),
                votes=tuple(votes),
                **at,
            )
        elif kind == "accepted":
            slot = msg["slot"]
            granted = ballot == self._proposed.get((at["node"], slot))
            yield AnswerHeard(
                kind="accepted", sender=sender, ballot=ballot, granted=granted, slot=slot, **at
            )
        elif kind == "decide":
            yield Decided(value=msg["value"], slot=msg["slot"], ballot=ballot, **at)


def _is(entry: Line, slot: int, ballot: Ballot) -> bool:
    return entry["slot"] == slot and _ballot(entry["ballot"]) == ballot


facts = json_facts(NAME, _Reader)
