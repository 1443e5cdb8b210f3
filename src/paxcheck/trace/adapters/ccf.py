"""Raft traces of CCF (Confidential Consortium Framework). The state is that before the handler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paxcheck.paxos.facts import (
    AnswerHeard,
    Campaigned,
    CommitAdvanced,
    Declaration,
    Fact,
    Followed,
    Led,
    Members,
    TermHeld,
    VoteGranted,
    config,
)
from paxcheck.trace.adapters.base import Line, json_facts, peek, stamp

NAME = "ccf"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["raft"]),
    state_taken="before",
    membership=True,
    order="file",
    cannot={
        "one-vote-per-term": "the vote is not in the log, only that one was granted",
    },
)


def recognises(first: list[bytes]) -> bool:
    """Lines whose msg has an event with a function."""
    lines = peek(first)
    if not lines or not isinstance(lines[0].get("msg"), dict):
        return False
    event = lines[0]["msg"].get("event")
    return isinstance(event, dict) and "function" in event


class _Reader:
    def __init__(self) -> None:
        self._term: dict[str, int] = {}
        self._commit: dict[str, int] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        msg = line["msg"]
        what, node, state = msg["event"]["function"], msg["node"], msg["state"]
        if what == "add_configuration":
            voters = msg["configurations"][-1]["nodes"]
            yield Members(node="", members=config(voters), **at)
        at = {"node": node, "time": stamp(line.get("h_ts")), **at}
        if self._term.get(node) != state["current_view"]:
            self._term[node] = state["current_view"]
            yield TermHeld(term=state["current_view"], **at)
        if what != "commit" and self._commit.get(node) != state["commit_idx"]:
            self._commit[node] = state["commit_idx"]
            yield CommitAdvanced(index=state["commit_idx"], **at)
        yield from _step(at, what, msg, state)


def _step(at: dict[str, Any], what: str, msg: Line, state: Line) -> Iterator[Fact]:
    term, packet = state["current_view"], msg.get("paket", {})
    if what == "become_candidate":
        yield Campaigned(term=term, **at)
    elif what == "become_leader":
        yield Led(term=term, **at)
    elif what == "become_follower":
        yield Followed(**at)
    elif what == "send_request_vote_response" and packet["vote_granted"]:
        yield VoteGranted(term=packet["term"], candidate=msg["to"], **at)
    elif what == "recv_request_vote_response":
        granted = packet["vote_granted"]
        sender, asked = msg["from"], packet["term"]
        yield AnswerHeard(kind="vote", sender=sender, ballot=asked, granted=granted, **at)
    elif what == "recv_append_entries_response":
        yield AnswerHeard(
            kind="append",
            sender=msg["from"],
            ballot=packet["term"],
            granted=packet["success"] in (0, "OK"),
            index=packet["last_log_idx"],
            **at,
        )
    elif what == "commit" and msg.get("leadership") == "Leader":
        yield CommitAdvanced(index=state["commit_idx"], leader=True, **at)


facts = json_facts(NAME, _Reader)
