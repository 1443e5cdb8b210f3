"""Recordings of paxi's Multi-Paxos: one ballot per node for all slots.

A ballot is "n.zone.node": it names its proposer. P1b and P2b carry the acceptor's *current* ballot:
only equality with the request is a yes. The leader's vote for its own proposal is silent: it comes
with its first P2a, and its state shows for what.
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
    Members,
    Promised,
    Proposed,
    VoteCast,
    VoteReported,
    config,
)
from paxcheck.trace.adapters.base import Line, OneCount, json_facts, message_ends, peek

NAME = "paxi"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["paxos"]),
    state_taken="after",
    promise="all",
    self_messages=False,
    order="file",
    dense_seq=True,
)

Ballot = tuple[int, ...]


def recognises(first: list[bytes]) -> bool:
    """Lines whose state has ballot, execute, slot and log; a meta line may come before them."""
    states = [line["state"] for line in peek(first) if isinstance(line.get("state"), dict)]
    return any({"ballot", "execute", "slot", "log"} <= state.keys() for state in states)


def _ballot(text: str) -> Ballot:
    return tuple(map(int, text.split(".")))


class _Reader:
    def __init__(self) -> None:
        self._asked: dict[str, Ballot] = {}
        self._proposed: dict[tuple[str, int], Ballot] = {}
        self._count = OneCount()
        self.numbers = [self._count]

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        yield from self._count.arrive(at, line)
        if "meta" in line:
            self._count.begin(line["meta"]["nodes"])
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
            owner = ".".join([str(part) for part in ballot[1:]])
            yield Proposed(ballot=ballot, slot=slot, value=value, owner=owner, **at)
            if self._proposed.get((node, slot)) != ballot:
                self._proposed[node, slot] = ballot
                yield VoteCast(ballot=ballot, slot=slot, value=_voted(line, slot, ballot), **at)
        elif kind == "accepted" and yes:
            slot = msg["slot"]
            value = _voted(line, slot, ballot)
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


def _voted(line: Line, slot: int, ballot: Ballot) -> str | None:
    """What the node's log holds in a slot, if it got it in this ballot."""
    for entry in line["state"]["log"]:
        if entry["slot"] == slot and _ballot(entry["ballot"]) == ballot:
            return entry["value"]
    return None


facts = json_facts(NAME, _Reader)
