"""Messages of a Raft cluster under Maelstrom's protocol: no state, only what was sent and received.

Votes, leaders and commits are inferred: a granted answer is a vote, the first append of a term
shows its leader, `leader_commit` what it has committed. An answer to an append does not say how
far it matches: it is paired with its request.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from paxcheck.paxos.facts import (
    Acked,
    AnswerHeard,
    Campaigned,
    CommitAdvanced,
    Declaration,
    Dropped,
    Fact,
    Led,
    LinesLost,
    Members,
    Received,
    Sent,
    TermHeld,
    VoteGranted,
    config,
)
from paxcheck.paxos.traffic import answer, request
from paxcheck.trace.adapters.base import Line, json_facts, peek

NAME = "maelstrom"
_NO_STATE = "messages alone do not show any node's log or state machine"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["raft"]),
    state_taken="none",
    self_messages=False,
    order="node",
    accounted=True,
    cannot={
        "log-matching": _NO_STATE,
        "leader-append-only": _NO_STATE,
        "state-machine-safety": _NO_STATE,
        "leader-completeness": _NO_STATE,
    },
)
# Types of messages of Raft -> how they are counted.
_COUNTED = {
    "request_vote": partial(request, "vote"),
    "request_vote_res": partial(answer, "vote"),
    "append_entries": partial(request, "append"),
    "append_entries_res": partial(answer, "append"),
}
_REQUESTS = ("request_vote", "append_entries")


def recognises(first: list[bytes]) -> bool:
    """Lines with ev, mid, src and dest."""
    return any({"ev", "mid", "src", "dest"} <= line.keys() for line in peek(first))


class _Reader:
    def __init__(self) -> None:
        self._travelling: dict[Any, Line] = {}
        self._matches: dict[tuple[str, str, Any], int] = {}
        self._term: dict[str, int] = {}
        self._led: dict[str, int] = {}
        self._asked: dict[str, int] = {}
        self._committed: dict[str, int] = {}
        self._number: dict[str, int] = {}
        self._unanswered: dict[str, list[tuple[str, Any]]] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        what = line["ev"]
        if what not in ("send", "recv", "drop"):
            return
        at["time"] = None if "t_ns" not in line else line["t_ns"] / 1e9
        src, dest, mid = line["src"], line["dest"], line["mid"]
        if what == "send":
            body = self._travelling[mid] = line["body"]
            yield Sent(node=src, to=dest, mid=mid, content=_content(body), **at)
            yield from self._sent(at, src, dest, body)
            return
        sent = self._travelling.pop(mid, None)
        if what == "drop":
            if sent is not None:
                yield Dropped(node="", sender=src, to=dest, content=_content(sent), **at)
            return
        told = line if "type" in line else sent
        if told is None or (sent is None and told["type"].endswith("_res")):
            # What it hears is in the line of the sending, which is lost or comes later.
            yield LinesLost(node=dest, **at)
        if told is not None:
            yield Received(node=dest, sender=src, mid=mid, content=_content(told), **at)
        if sent is not None:
            yield from self._heard(at, src, dest, sent)

    def _breaks(self, src: str, dest: str, body: Line) -> bool:
        """Whether a line before that of this message is missing: a node numbers its requests, and
        answers those of others in the order in which they come."""
        if body["type"] in _REQUESTS:
            number, due = body["msg_id"], self._number.get(src)
            self._number[src] = number + 1
            return due is not None and number > due
        waiting, answered = self._unanswered.get(src, []), (dest, body.get("in_reply_to"))
        if body["type"] not in _COUNTED or answered not in waiting:
            return False
        at = waiting.index(answered)
        del waiting[: at + 1]
        return at > 0

    def _sent(self, at: dict[str, Any], src: str, dest: str, body: Line) -> Iterator[Fact]:
        kind, term = body["type"], body.get("term")
        if kind == "init":
            yield Members(node="", members=config(body["node_ids"]), **at)
        if self._breaks(src, dest, body):
            yield LinesLost(node=src, **at)
        if kind in _COUNTED and self._term.get(src) != term:
            self._term[src] = term
            yield TermHeld(node=src, term=term, **at)
        if kind == "request_vote" and self._asked.get(src) != term:
            self._asked[src] = term
            yield Campaigned(node=src, term=term, **at)
            yield VoteGranted(node=src, term=term, candidate=src, **at)
        elif kind == "request_vote_res" and body["vote_granted"]:
            yield VoteGranted(node=src, term=term, candidate=dest, **at)
        elif kind == "append_entries":
            yield from self._appended(at, src, dest, body)
        elif kind == "append_entries_res" and body["success"]:
            match = self._matches.get((dest, src, body["in_reply_to"]))
            if match is not None:
                yield Acked(node=src, to=dest, index=match, term=term, **at)

    def _appended(self, at: dict[str, Any], src: str, dest: str, body: Line) -> Iterator[Fact]:
        term, index = body["term"], body["leader_commit"]
        self._matches[src, dest, body["msg_id"]] = body["prev_log_index"] + len(body["entries"])
        first = self._led.get(src) != term
        if first:
            self._led[src] = term
            yield Led(node=src, term=term, inferred=True, **at)
        if first or self._committed.get(src) != index:
            self._committed[src] = index
            # What its first append shows it may have learned as a follower.
            yield CommitAdvanced(node=src, index=index, term=term, leader=not first, **at)

    def _heard(self, at: dict[str, Any], src: str, dest: str, body: Line) -> Iterator[Fact]:
        if body["type"] in _REQUESTS:
            self._unanswered.setdefault(dest, []).append((src, body["msg_id"]))
        elif body["type"] == "request_vote_res":
            yield AnswerHeard(
                node=dest,
                kind="vote",
                sender=src,
                ballot=body["term"],
                granted=body["vote_granted"],
                **at,
            )
        elif body["type"] == "append_entries_res":
            match = self._matches.pop((dest, src, body["in_reply_to"]), None)
            if match is None:
                yield LinesLost(node=dest, **at)  # of its request
            yield AnswerHeard(
                node=dest,
                kind="append",
                sender=src,
                ballot=body["term"],
                granted=body["success"],
                index=match,
                **at,
            )


def _content(told: Line) -> str:
    counted = _COUNTED.get(told["type"])
    return counted(told.get("term")) if counted else str(told["type"])


facts = json_facts(NAME, _Reader)
