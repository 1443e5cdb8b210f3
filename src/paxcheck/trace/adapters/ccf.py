"""Raft traces of CCF (Confidential Consortium Framework). The state is that before the handler.

There are two forms. In the older one, `msg.event.function` names the step. The newer one (tag
`raft_trace`) has `msg.function`, the node inside `state`, and no line for the answer to a request
for a vote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from paxcheck.paxos.facts import (
    Acked,
    AnswerHeard,
    Campaigned,
    CommitAdvanced,
    Config,
    Declaration,
    Dropped,
    Fact,
    Followed,
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
from paxcheck.trace.adapters.base import Line, json_facts, peek, stamp

NAME = "ccf"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["raft"]),
    state_taken="before",
    membership=True,
    order="file",
    accounted=True,
    cannot={
        "one-vote-per-term": "the vote is not in the log, only that one was granted",
    },
)
# Messages with a line at both ends, as the steps and as the newer packets name them -> how they are
# counted.
_COUNTED = {
    "request_vote": partial(request, "vote"),
    "request_vote_response": partial(answer, "vote"),
    "authenticated": partial(request, "append"),
    "append_entries": partial(request, "append"),
    "append_entries_response": partial(answer, "append"),
    "raft_request_vote": partial(request, "vote"),
    "raft_request_pre_vote": partial(request, "vote"),
    "raft_append_entries": partial(request, "append"),
    "raft_append_entries_response": partial(answer, "append"),
}


def declare(files: Sequence[tuple[str, bytes]]) -> Declaration:
    """What logs can show, by the first line of each file."""
    newer = any(b'"raft_trace"' in line for _, line in files)
    return msgspec.structs.replace(DECLARATION, unsent=frozenset(["vote"] if newer else []))


def recognises(first: list[bytes]) -> bool:
    """Lines whose msg names a function, in one of the two ways."""
    return any(_function(line) != "" and "state" in line["msg"] for line in peek(first))


def _function(line: Line) -> str:
    msg = line.get("msg")
    if not isinstance(msg, dict):
        return ""
    found: Any = msg.get("event") if "event" in msg else msg  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    what: Any = found.get("function") if isinstance(found, dict) else ""  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    return what if isinstance(what, str) else ""


_WRITES = {
    "append",
    "replicate",
    "execute_append_entries_sync",
    "add_configuration",
    "bootstrap",
}


class _Trail:
    """Finds out that lines of a node are missing, as its lines have no numbers."""

    def __init__(self) -> None:
        self._view: int | None = None
        self._last = 0
        self._step = ""
        self._due: bool | None = False  # see _answered

    def breaks(self, what: str, state: Line, answered: bool | None) -> bool:
        """Whether a line before this one is missing."""
        known, view, last = self._view is not None, state["current_view"], state["last_idx"]
        moved = view != self._view and not what.startswith("become")
        grown = last > self._last and not {what, self._step} & _WRITES
        silent = False
        if what.startswith("recv_"):
            silent, self._due = self._due is True, answered
        elif what.startswith("send_") and what.endswith("_response"):
            silent, self._due = self._due is False, False
        self._view, self._last, self._step = view, last, what
        return known and (moved or grown or silent)


def _answered(what: str, state: Line, packet: Line, older: bool) -> bool | None:
    """Whether a node sends an answer to what it receives, before it receives anything else. None:
    it depends on what the line does not show."""
    if what == "recv_append_entries":
        return True if state["commit_idx"] <= packet["prev_idx"] else None
    return older and what == "recv_request_vote"


class _Reader:
    def __init__(self) -> None:
        self._trails: dict[str, _Trail] = {}
        self._term: dict[str, int] = {}
        self._commit: dict[str, int] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        what = _function(line)
        if not what and "cmd" in line:
            return  # a step of the scenario
        msg: Line = line["msg"]
        state = msg["state"]
        older = "event" in msg
        if what == "add_configuration" and older:
            yield Members(node="", members=config(msg["configurations"][-1]["nodes"]), **at)
        at["time"] = stamp(line.get("h_ts"))
        at["node"] = msg["node"] if older else state["node_id"]
        packet = msg.get("paket" if older else "packet", {})
        if what != "drop_pending_to":
            trail = self._trails.setdefault(at["node"], _Trail())
            if trail.breaks(what, state, _answered(what, state, packet, older)):
                yield LinesLost(**at)
        yield from self._state(at, what, state)
        if older:
            peer = msg.get("to", msg.get("from"))
            yield from _ends(at, what, packet, peer)
            yield from _step(at, what, state, packet, peer, None)
            if what == "commit" and msg.get("leadership") == "Leader":
                yield CommitAdvanced(index=state["commit_idx"], leader=True, **at)
            return
        peer = msg.get("to_node_id", msg.get("from_node_id"))
        if what == "drop_pending_to":
            kind = _COUNTED.get(packet.get("msg"))
            if kind is not None:
                at["node"], sender, content = "", msg["from_node_id"], kind(packet["term"])
                yield Dropped(sender=sender, to=peer, content=content, **at)
            return
        members = _all(msg.get("configurations"))
        if what != "recv_request_vote_response":
            yield from _ends(at, what, packet, peer)
        yield from _step(at, what, state, packet, peer, members)
        if what == "commit":
            leads, own = state["leadership_state"] == "Leader", state["last_idx"]
            index = msg["args"]["idx"]
            yield CommitAdvanced(index=index, leader=leads, own_index=own, members=members, **at)

    def _state(self, at: dict[str, Any], what: str, state: Line) -> Iterator[Fact]:
        node = at["node"]
        if self._term.get(node) != state["current_view"]:
            self._term[node] = state["current_view"]
            yield TermHeld(term=state["current_view"], **at)
        if what != "commit" and self._commit.get(node) != state["commit_idx"]:
            self._commit[node] = state["commit_idx"]
            yield CommitAdvanced(index=state["commit_idx"], **at)


def _all(configurations: Line) -> Config | None:
    """A quorum of every configuration that is not yet replaced is needed."""
    return config(*[c["nodes"] for c in configurations]) if configurations else None


def _ends(at: dict[str, Any], what: str, packet: Line, peer: Any) -> Iterator[Fact]:
    way, _, name = what.partition("_")
    kind = _COUNTED.get(name)
    if kind is None:
        return
    content = kind(packet["term"])
    if way == "send":
        yield Sent(to=peer, content=content, **at)
    elif way == "recv":
        yield Received(sender=peer, content=content, **at)


def _step(
    at: dict[str, Any], what: str, state: Line, packet: Line, peer: Any, members: Config | None
) -> Iterator[Fact]:
    term = state["current_view"]
    if what == "become_candidate":
        yield Campaigned(term=term, **at)
    elif what in ("become_leader", "bootstrap"):
        yield Led(term=term, members=members, **at)
    elif what == "become_follower":
        yield Followed(**at)
    elif what == "send_request_vote_response" and packet["vote_granted"]:
        yield VoteGranted(term=packet["term"], candidate=peer, **at)
    elif what == "recv_request_vote_response":
        if packet.get("msg") != "raft_request_pre_vote_response":
            granted, asked = packet["vote_granted"], packet["term"]
            yield AnswerHeard(kind="vote", sender=peer, ballot=asked, granted=granted, **at)
    elif what == "send_append_entries_response" and packet["success"] in (0, "OK"):
        yield Acked(to=peer, index=packet["last_log_idx"], term=packet["term"], **at)
    elif what == "recv_append_entries_response":
        yield AnswerHeard(
            kind="append",
            sender=peer,
            ballot=packet["term"],
            granted=packet["success"] in (0, "OK"),
            index=packet["last_log_idx"],
            **at,
        )


facts = json_facts(NAME, _Reader)
