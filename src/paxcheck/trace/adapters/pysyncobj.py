"""Recordings of PySyncObj: every message, and the state after each event.

The library changes two fields one after the other, and its log of one node may be merged with
others in any way: only a node's own order is used. Its configuration is not recorded, and it may
change; whom a node asks for votes, or sends its appends, shows it.
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
    Config,
    Declaration,
    EntryWritten,
    Fact,
    Followed,
    Led,
    LinesLost,
    LogTruncated,
    Members,
    SnapshotInstalled,
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
    membership=True,
    order="node",
    dense_seq=True,
    cannot={
        "commit-never-goes-back": "the library lowers its commit index when it truncates its log",
    },
)
_ROLES = {0: "follower", 1: "candidate", 2: "leader"}


def recognises(first: list[bytes]) -> bool:
    """Lines with ev, node and inc; a state that has voted_for, or events that only it has."""
    known = {"set_term_vote", "set_state", "log_append", "log_truncate"}
    return any(
        {"ev", "node", "inc"} <= line.keys()
        and (line["ev"] in known or "journal" in line or "voted_for" in (line.get("state") or {}))
        for line in peek(first)
    )


class _Node:
    """What the lines of one life of a node have told so far."""

    def __init__(self, inc: int) -> None:
        self.inc = inc
        self.numbers = Numbers(None)
        self.begun = False  # it has a line already
        self.term: int | None = None
        self.commit: int | None = None
        self.asked: int | None = None  # the term in which it campaigns
        self.last: int | None = None  # the last index of its log
        self.dumped = False  # it handles a piece of a dump, and has not written since
        # The peers of the row of messages that it sends now, and the kind of these messages.
        self.row: set[str] = set()
        self.kind = ""
        self.whole = False  # the row began after another line: its first message is not lost
        self.members: Config | None = None


class _Reader:
    def __init__(self) -> None:
        self._of: dict[str, _Node] = {}
        self.numbers: list[Numbers] = []

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        name, what, state = line["node"], line["ev"], line.get("state")
        at = {"node": name, "inc": line["inc"], "seq": line.get("seq"), **at}
        node = self._of.get(name)
        if node is None or node.inc != line["inc"]:
            node = self._of[name] = _Node(line["inc"])  # its boot is what it should begin with
            self.numbers.append(node.numbers)
        if what == "boot":
            yield Booted(**at)
        if node.numbers.lost_before(at, line):
            node.begun = node.whole = False
            yield LinesLost(**at)
        if state and state["term"] != node.term:
            node.term = state["term"]
            yield TermHeld(term=state["term"], **at)
        if state and what != "commit" and state["commit"] not in (None, node.commit):
            node.commit = state["commit"]
            yield CommitAdvanced(index=state["commit"], **at)
        yield from _members(at, line, state, node)
        yield from _event(at, what, line, state, node)
        if state and "last_index" in state:
            node.last = state["last_index"]
        node.begun = True


def _members(at: dict[str, Any], line: Line, state: Line | None, node: _Node) -> Iterator[Fact]:
    """The members, as a node's messages show them.

    A candidate asks all of them, in one row. A leader sends its appends in rows too, but not to
    those that it is not connected to. And it may change them with an entry that it writes, from
    there on: which entries do is not recorded, so until its next row they are not known.
    """
    kind = line["msg"]["type"] if line["ev"] == "send" else ""
    if kind not in ("request_vote", "append_entries"):
        kind = ""
    now = node.members
    if kind != node.kind:
        if node.kind and not kind and node.whole:
            now = config(node.row | {at["node"]}, partial=node.kind == "append_entries")
        node.row.clear()
        node.kind, node.whole = kind, node.begun
    if kind:
        node.row.add(line["peer"])
    if line["ev"] == "log_append" and state and state["role"] == "leader":
        now = None
    if now != node.members:
        node.members = now
        yield Members(members=now, **at)


def _event(
    at: dict[str, Any], what: str, line: Line, state: Line | None, node: _Node
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
        if what == "recv":
            msg = line["msg"]
            node.dumped = msg["type"] == "append_entries" and "prevLogIdx" not in msg
        yield from _message(at, what, line, node)
    elif what == "log_append":
        index = line["index"]
        # It writes behind its last entry; else it has loaded a dump, into an empty log.
        follows = state is None or state["role"] != "leader"
        if node.dumped or (follows and node.last is not None and index != node.last + 1):
            node.dumped = False
            yield SnapshotInstalled(index=index - 1, **at)
        yield EntryWritten(index=index, term=line["term"], digest=line["sha"], **at)
    elif what == "log_truncate":
        index = line.get("from_index", line.get("from", line.get("index", 0)))
        yield LogTruncated(index=index, **at)
    elif what == "commit" and state:
        node.commit = line["index"]
        leads, last = state["role"] == "leader", state.get("last_index")
        yield CommitAdvanced(index=line["index"], leader=leads, own_index=last, **at)
    elif what == "apply":
        entry = line["entry"] if isinstance(line["entry"], dict) else {"sha": line["entry"]}
        yield Applied(index=line["index"], digest=entry.get("sha"), term=entry.get("term"), **at)


def _message(at: dict[str, Any], what: str, line: Line, node: _Node) -> Iterator[Fact]:
    msg = line["msg"]
    kind = msg["type"]
    yield from message_ends(at, what, msg.get("_mid"), line["peer"], msg)
    if what == "send" and kind == "response_vote":
        yield VoteGranted(term=msg["term"], candidate=line["peer"], **at)
    elif what == "send" and kind == "request_vote" and node.asked != msg["term"]:
        node.asked = msg["term"]
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
