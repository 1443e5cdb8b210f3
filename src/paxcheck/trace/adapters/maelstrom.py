"""Messages of a Raft cluster under Maelstrom's protocol: no state, only what was sent and received.

Votes, leaders and commits are inferred: a granted answer is a vote, the first append of a term
shows its leader, `leader_commit` what it has committed. An answer to an append does not say how
far it matches: it is paired with its request.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paxcheck.paxos.facts import (
    AnswerHeard,
    Campaigned,
    CommitAdvanced,
    Declaration,
    Fact,
    Led,
    Members,
    VoteGranted,
    config,
)
from paxcheck.trace.adapters.base import Line, json_facts, message_ends, peek

NAME = "maelstrom"
_NO_STATE = "messages alone do not show any node's log or state machine"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["raft"]),
    state_taken="none",
    self_messages=False,
    order="node",
    cannot={
        "log-matching": _NO_STATE,
        "leader-append-only": _NO_STATE,
        "state-machine-safety": _NO_STATE,
        "leader-completeness": _NO_STATE,
        "term-never-goes-back": "messages alone do not show a node's term between them",
    },
)


def recognises(first: list[bytes]) -> bool:
    """Lines with ev, src and dest; a body with a type."""
    lines = peek(first)
    return bool(lines) and any(
        {"ev", "src", "dest", "body"} <= line.keys() and "type" in line["body"] for line in lines
    )


class _Reader:
    def __init__(self) -> None:
        self._travelling: dict[Any, Line] = {}
        self._matches: dict[tuple[str, str, Any], int] = {}
        self._led: dict[str, int] = {}
        self._asked: dict[str, int] = {}
        self._committed: dict[str, int] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        at["time"] = None if "t_ns" not in line else line["t_ns"] / 1e9
        if line["ev"] == "send":
            body = line["body"]
            ends = [body["type"], body.get("term")]
            here = {"node": line["src"], **at}
            yield from message_ends(here, "send", line["mid"], line["dest"], ends)
            if body["type"].endswith("_res"):
                self._travelling[line["mid"]] = body
            yield from self._sent(at, line["src"], line["dest"], body)
        elif line["ev"] == "recv":
            if "type" in line:
                ends, here = [line["type"], line.get("term")], {"node": line["dest"], **at}
                yield from message_ends(here, "recv", line["mid"], line["src"], ends)
            body = self._travelling.pop(line["mid"], None)
            if body is not None:
                yield from self._heard(at, line["src"], line["dest"], body)
        elif line["ev"] == "drop":
            self._travelling.pop(line["mid"], None)

    def _sent(self, at: dict[str, Any], src: str, dest: str, body: Line) -> Iterator[Fact]:
        kind = body["type"]
        if kind == "init":
            yield Members(node="", members=config(body["node_ids"]), **at)
        elif kind == "request_vote" and self._asked.get(src) != body["term"]:
            self._asked[src] = body["term"]
            yield Campaigned(node=src, term=body["term"], **at)
            yield VoteGranted(node=src, term=body["term"], candidate=src, **at)
        elif kind == "request_vote_res" and body["vote_granted"]:
            yield VoteGranted(node=src, term=body["term"], candidate=dest, **at)
        elif kind == "append_entries":
            last = body["prev_log_index"] + len(body["entries"])
            self._matches[src, dest, body["msg_id"]] = last
            if self._led.get(src) != body["term"]:
                self._led[src] = body["term"]
                yield Led(node=src, term=body["term"], inferred=True, **at)
            if self._committed.get(src) != body["leader_commit"]:
                index = self._committed[src] = body["leader_commit"]
                term = body["term"]
                yield CommitAdvanced(node=src, index=index, term=term, leader=True, **at)

    def _heard(self, at: dict[str, Any], src: str, dest: str, body: Line) -> Iterator[Fact]:
        if body["type"] == "request_vote_res":
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
            yield AnswerHeard(
                node=dest,
                kind="append",
                sender=src,
                ballot=body["term"],
                granted=body["success"],
                index=match,
                **at,
            )


facts = json_facts(NAME, _Reader)
