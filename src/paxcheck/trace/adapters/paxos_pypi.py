"""Recordings of the package `paxos` 0.1 (proposers, acceptors and learners are processes)."""

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
    VoteCast,
    VoteReported,
    config,
)
from paxcheck.trace.adapters.base import Line, OneCount, json_facts, message_ends, peek

NAME = "paxos-pypi"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["paxos"]),
    state_taken="after",
    promise="slot",
    duplicates=True,
    order="file",
    dense_seq=True,
)


_HEAD = {"meta", "proposers", "acceptors", "learners"}
_EVENT = {"seq", "step", "ev", "node", "instance"}


def recognises(first: list[bytes]) -> bool:
    """A meta line that names proposers, acceptors and learners, or an event of an instance."""
    lines = peek(first)
    return bool(lines) and any(kind <= lines[0].keys() for kind in (_HEAD, _EVENT))


class _Reader:
    def __init__(self) -> None:
        self._state: dict[Any, Any] = {}
        self._asked: dict[Any, Any] = {}
        self._count = OneCount()
        self.numbers = [self._count]

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        yield from self._count.arrive(at, line)
        if "meta" in line:
            self._count.begin(line["acceptors"], [*line["proposers"], *line["learners"]])
            yield Members(node="", members=config(line["acceptors"]), **at)
            return
        what, slot = line["ev"], line.get("instance")
        at = {"node": line["node"], **at}
        if what == "restart":
            yield Booted(**at)
        elif what == "crash":
            yield Crashed(**at)
        elif what == "decide":
            yield Decided(value=line["value"], slot=slot, **at)
        state = line.get("state")
        if state and "promised" in state and what != "recv":
            yield from self._held(at, slot, state)
        msg: Line = line.get("msg") or {}
        peer = line.get("to") if what == "send" else line.get("frm")
        yield from message_ends(at, what, line.get("mid"), peer, msg)
        if what == "send":
            yield from self._sent(at, slot, msg)
        elif what == "recv" and msg["type"] in ("promise", "accepted"):
            yield AnswerHeard(
                kind=msg["type"],
                sender=line["frm"],
                ballot=msg["proposal"]["n"],
                granted=True,
                slot=slot,
                votes=_reported(msg, slot) if msg["type"] == "promise" else None,
                **at,
            )

    def _held(self, at: dict[str, Any], slot: Any, state: Line) -> Iterator[Fact]:
        now = (state["promised"], state["accepted"], state["accepted_value"])
        if self._state.get((at["node"], slot)) != now:
            self._state[at["node"], slot] = now
            promised, accepted = (n if n >= 0 else None for n in now[:2])
            yield PromiseHeld(slot=slot, ballot=promised, **at)
            yield VoteCast(slot=slot, ballot=accepted, value=now[2], source="state", **at)

    def _sent(self, at: dict[str, Any], slot: Any, msg: Line) -> Iterator[Fact]:
        kind: str = msg["type"]
        proposal: Line = msg.get("proposal") or {}
        ballot = proposal.get("n")
        if kind == "prepare" and self._asked.get((at["node"], slot)) != ballot:
            self._asked[at["node"], slot] = ballot
            yield Campaigned(term=ballot, slot=slot, self_vote=False, **at)
        elif kind == "promise":
            yield Promised(ballot=ballot, slot=slot, votes=_reported(msg, slot), **at)
        elif kind == "accept":
            yield Proposed(ballot=ballot, slot=slot, value=proposal["value"], **at)
        elif kind == "accepted":
            value = proposal["value"]
            yield VoteCast(ballot=ballot, slot=slot, value=value, source="message", **at)


def _reported(msg: Line, slot: Any) -> tuple[VoteReported, ...]:
    last = msg.get("prev_accepted")
    return (VoteReported(last["n"], last["value"], slot),) if last else ()


facts = json_facts(NAME, _Reader)
