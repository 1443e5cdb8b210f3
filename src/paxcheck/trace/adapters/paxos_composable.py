"""Recordings of python-composable-paxos (one Paxos instance per slot, everything is logged).

A ballot is (number, node): it names its proposer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Crashed,
    Decided,
    Declaration,
    Fact,
    Members,
    Promised,
    PromiseHeld,
    Proposed,
    Valid,
    VoteCast,
    VoteReported,
    config,
)
from paxcheck.trace.adapters.base import Line, OneCount, json_facts, message_ends, peek

NAME = "paxos-composable"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["paxos"]),
    state_taken="after",
    promise="slot",
    duplicates=True,
    starts_late=False,
    order="file",
    dense_seq=True,
)


_HEAD = {"meta", "nodes", "quorum"}
_EVENT = {"seq", "step", "ev", "node", "inc", "slot"}


def recognises(first: list[bytes]) -> bool:
    """A meta line with nodes and quorum, or an event with a step, an incarnation and a slot."""
    lines = peek(first)
    return bool(lines) and any(kind <= lines[0].keys() for kind in (_HEAD, _EVENT))


def _ballot(value: Any) -> tuple[int, str] | None:
    return None if value is None else (value["n"], value["by"])


class _Reader:
    def __init__(self) -> None:
        self._state: dict[Any, Any] = {}
        self._asked: dict[Any, Any] = {}
        self._count = OneCount()
        self.numbers = [self._count]

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        yield from self._count.arrive(at, line)
        if "meta" in line:
            self._count.begin(line["nodes"])
            yield Members(node="", members=config(line["nodes"]), **at)
            return
        what, slot = line["ev"], line.get("slot")
        at = {"node": line["node"], "inc": line["inc"], **at}
        if what == "restart":
            yield Booted(**at)
        elif what == "crash":
            yield Crashed(**at)
        elif what == "propose":
            yield Valid(value=line["value"], **at)
        elif what == "decide":
            ballot = _ballot(line["proposal"])
            yield Decided(value=line["value"], slot=slot, ballot=ballot, **at)
        if line.get("state") and slot is not None and what != "recv":
            yield from self._held(at, slot, line["state"])
        if "msg" in line:
            peer = line.get("to") if what == "send" else line.get("frm")
            yield from message_ends(at, what, line.get("mid"), peer, line["msg"])
        if what == "send":
            yield from self._sent(at, slot, line["to"], line["msg"])
        elif what == "recv":
            yield from self._heard(at, slot, line["msg"])

    def _held(self, at: dict[str, Any], slot: Any, state: Line) -> Iterator[Fact]:
        promised, accepted = _ballot(state["promised"]), _ballot(state["accepted"])
        key, now = (at["node"], at["inc"], slot), (promised, accepted, state["accepted_value"])
        if self._state.get(key) != now:
            self._state[key] = now
            yield PromiseHeld(slot=slot, ballot=promised, **at)
            value = state["accepted_value"]
            yield VoteCast(slot=slot, ballot=accepted, value=value, source="state", **at)

    def _sent(self, at: dict[str, Any], slot: Any, to: str, msg: Line) -> Iterator[Fact]:
        kind, ballot = msg["type"], _ballot(msg.get("proposal_id"))
        if kind == "prepare" and self._asked.get((at["node"], slot)) != (ballot, at["inc"]):
            self._asked[at["node"], slot] = (ballot, at["inc"])
            yield Campaigned(term=ballot, slot=slot, self_vote=False, **at)
        elif kind == "promise":
            yield Promised(ballot=ballot, slot=slot, to=to, votes=_reported(msg, slot), **at)
        elif kind == "accept":
            value, owner = msg["proposal_value"], msg["proposal_id"]["by"]
            yield Proposed(ballot=ballot, slot=slot, value=value, owner=owner, **at)
        elif kind == "accepted":
            value = msg["proposal_value"]
            yield VoteCast(ballot=ballot, slot=slot, value=value, source="message", **at)

    def _heard(self, at: dict[str, Any], slot: Any, msg: Line) -> Iterator[Fact]:
        kind = msg["type"]
        if kind in ("promise", "accepted"):
            yield AnswerHeard(
                kind=kind,
                sender=msg["from_uid"],
                ballot=_ballot(msg["proposal_id"]),
                granted=True,
                slot=slot,
                votes=_reported(msg, slot) if kind == "promise" else None,
                **at,
            )


def _reported(msg: Line, slot: Any) -> tuple[VoteReported, ...]:
    last = _ballot(msg["last_accepted_id"])
    return () if last is None else (VoteReported(last, msg["last_accepted_value"], slot),)


facts = json_facts(NAME, _Reader)
