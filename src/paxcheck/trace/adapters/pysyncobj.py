"""Recordings of PySyncObj: every message, and the state after each event.

The library changes two fields one after the other, and its log of one node may be merged with
others in any way: only a node's own order is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paxcheck.paxos.facts import (
    Acked,
    AnswerHeard,
    Applied,
    Booted,
    Campaigned,
    CommitAdvanced,
    Declaration,
    EntryWritten,
    Fact,
    Followed,
    Led,
    LinesLost,
    LogTruncated,
    Members,
    TermHeld,
    VoteGranted,
    VoteHeld,
    config,
)
from paxcheck.trace.adapters.base import Line, Numbers, json_facts, message_ends, peek

NAME = "pysyncobj"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["raft"]),
    state_taken="during",
    order="node",
    dense_seq=True,
    cannot={
        "commit-never-goes-back": "the library lowers its commit index when it truncates its log",
    },
)
_ROLES = {0: "follower", 1: "candidate", 2: "leader"}


def recognises(first: list[bytes]) -> bool:
    """Lines with ev, node and inc; events such as set_term_vote and set_state."""
    lines = peek(first)
    known = {"set_term_vote", "set_state", "log_append", "log_truncate"}
    return bool(lines) and any(
        (line.get("ev") in known or "journal" in line) and "node" in line and "inc" in line
        for line in lines
    )


class _Reader:
    def __init__(self) -> None:
        self._seen: dict[str, Line] = {}
        self.numbers: list[Numbers] = []
        self._peers: dict[str, set[str]] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        node, what, state = line["node"], line["ev"], line.get("state")
        seen = self._seen.setdefault(node, {})
        at = {"node": node, "inc": line["inc"], **at}
        if seen.get("inc") != line["inc"]:
            seen.clear()  # its boot is what it should begin with
            seen["inc"] = line["inc"]
            seen["numbers"] = Numbers(None)
            self.numbers.append(seen["numbers"])
        if what == "boot":
            yield Booted(**at)
        if seen["numbers"].lost_before(at, line):
            yield LinesLost(**at)
        if state and state["term"] != seen.get("term"):
            seen["term"] = state["term"]
            yield TermHeld(term=state["term"], **at)
        if state and what != "commit" and state["commit"] not in (None, seen.get("commit")):
            seen["commit"] = state["commit"]
            yield CommitAdvanced(index=state["commit"], **at)
        yield from self._members(at, line)
        yield from self._event(at, what, line, state, seen)

    def _members(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        """A node's configuration is not logged: it is the node and all it ever spoke to."""
        known = self._peers.setdefault(at["node"], {at["node"]})
        peer = line.get("peer")
        if peer and peer not in known:
            known.add(peer)
            yield Members(members=config(known), **at)

    def _event(
        self, at: dict[str, Any], what: str, line: Line, state: Line | None, seen: Line
    ) -> Iterator[Fact]:
        if what == "ready" and state:
            # What it loaded. Later states show the vote in the middle of a change, this one not.
            yield VoteHeld(term=state["term"], candidate=state["voted_for"], **at)
        elif what == "set_term_vote" and line["vote"]:
            yield VoteHeld(term=line["term"], candidate=line["vote"], **at)
        elif what == "set_state":
            role = _ROLES.get(line["new"], line["new"])
            if role == "follower":
                yield Followed(**at)
            elif role == "leader" and state:
                yield Led(term=state["term"], **at)
        elif what in ("send", "recv"):
            yield from self._message(at, what, line, seen)
        elif what == "log_append":
            yield EntryWritten(index=line["index"], term=line["term"], digest=line["sha"], **at)
        elif what == "log_truncate":
            yield LogTruncated(index=line.get("from", line.get("index", 0)), **at)
        elif what == "commit" and state:
            seen["commit"] = line["index"]
            leads, last = state["role"] == "leader", state.get("last_index")
            yield CommitAdvanced(index=line["index"], leader=leads, own_index=last, **at)
        elif what == "apply":
            entry = line["entry"]
            digest = str(entry.get("sha")) if isinstance(entry, dict) else str(entry)  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]
            yield Applied(index=line["index"], digest=digest, **at)

    def _message(self, at: dict[str, Any], what: str, line: Line, seen: Line) -> Iterator[Fact]:
        msg = line["msg"]
        kind = msg["type"]
        yield from message_ends(at, what, msg.get("_mid"), line["peer"], msg)
        if what == "send" and kind == "response_vote":
            yield VoteGranted(term=msg["term"], candidate=line["peer"], **at)
        elif what == "send" and kind == "request_vote" and seen.get("asked") != msg["term"]:
            seen["asked"] = msg["term"]
            yield Campaigned(term=msg["term"], **at)
        elif what == "send" and kind == "next_node_idx" and msg["success"]:
            yield Acked(to=line["peer"], index=msg["next_node_idx"] - 1, **at)
        elif what == "recv" and kind == "response_vote":
            peer, term = line["peer"], msg["term"]
            yield AnswerHeard(kind="vote", sender=peer, ballot=term, granted=True, **at)
        elif what == "recv" and kind == "next_node_idx":
            yield AnswerHeard(
                kind="append",
                sender=line["peer"],
                ballot=None,
                granted=msg["success"],
                index=msg["next_node_idx"] - 1,
                **at,
            )


facts = json_facts(NAME, _Reader)
