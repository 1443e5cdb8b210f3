"""The trace points of etcd-io/raft (built with the tag `with_tla`), ndjson.

After a restart a node shows term 0 until it has loaded its state: its lines are left out from
InitState to BecomeFollower. A granted vote is logged before it is stored.
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
    Crashed,
    Declaration,
    EntryWritten,
    Fact,
    Followed,
    Led,
    SnapshotInstalled,
    TermHeld,
    VoteGranted,
    VoteHeld,
    config,
)
from paxcheck.trace.adapters.base import Line, json_facts, peek, stamp

NAME = "etcd-raft"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["raft"]),
    state_taken="loading",
    duplicates=True,
    membership=True,
    order="node",
    entries="disk",
)


def recognises(first: list[bytes]) -> bool:
    """Lines with a tag and an event that has name and nid."""
    lines = peek(first)
    events = [line["event"] for line in lines if isinstance(line.get("event"), dict)]
    return bool(lines) and "tag" in lines[0] and any("nid" in e and "name" in e for e in events)


class _Reader:
    def __init__(self) -> None:
        self._loading: set[str] = set()
        self._lives: dict[str, int] = {}
        self._held: dict[str, tuple[int, int, str]] = {}
        self._commit: dict[str, int] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        event = line["event"]
        node = event.get("nid")
        if not node:
            return
        at = {"node": node, "inc": self._lives.get(node, 1), "time": stamp(line.get("ts")), **at}
        if line["tag"] == "sim":
            yield from _driver(at, event)
            return
        name = event["name"]
        if name == "InitState":
            self._lives[node] = at["inc"] = self._lives.get(node, 0) + 1
            self._loading.add(node)
            yield Booted(**at)
            return
        if name == "BecomeFollower":
            self._loading.discard(node)
        if node not in self._loading:
            if name != "SendRequestVoteResponse":
                yield from self._state(at, name, event["state"])
            yield from _step(at, name, event)

    def _state(self, at: dict[str, Any], name: str, state: Line) -> Iterator[Fact]:
        node, term, vote = at["node"], state["term"], state["vote"]
        life, old_term, old_vote = self._held.get(node, (-1, 0, "0"))
        if (life, old_term) != (at["inc"], term):
            yield TermHeld(term=term, **at)
        if (old_term, old_vote) != (term, vote):
            yield VoteHeld(term=term, candidate=None if vote == "0" else vote, **at)
        self._held[node] = (at["inc"], term, vote)
        if name != "Commit" and self._commit.get(node) != state["commit"]:
            self._commit[node] = state["commit"]
            yield CommitAdvanced(index=state["commit"], **at)


def _step(at: dict[str, Any], name: str, event: Line) -> Iterator[Fact]:
    state: Line = event["state"]
    msg: Line = event.get("msg") or {}
    members = config(*event["conf"]) if event["conf"][0] else None
    if name == "BecomeCandidate":
        yield Campaigned(term=state["term"], **at)
    elif name == "BecomeFollower":
        yield Followed(**at)
    elif name == "BecomeLeader":
        yield Led(term=state["term"], members=members, last_index=event["log"], **at)
    elif name == "SendRequestVoteResponse" and not msg["reject"]:
        yield VoteGranted(term=msg["term"], candidate=msg["to"], **at)
    elif name == "ReceiveRequestVoteResponse":
        yield AnswerHeard(
            kind="vote",
            sender=msg["from"],
            ballot=msg["term"],
            granted=not msg["reject"],
            **at,
        )
    elif name == "SendAppendEntriesResponse":
        if msg["type"] == "MsgAppResp" and not msg["reject"]:
            yield Acked(to=msg["to"], index=msg["index"], term=msg["term"], **at)
    elif name == "ReceiveAppendEntriesResponse":
        if msg["type"] == "MsgAppResp":
            yield AnswerHeard(
                kind="append",
                sender=msg["from"],
                ballot=msg["term"],
                granted=not msg["reject"],
                index=msg["index"],
                **at,
            )
    elif name == "Commit":
        yield CommitAdvanced(
            index=state["commit"],
            term=state["term"],
            leader=event["role"] == "StateLeader",
            members=members,
            own_index=event["log"],
            **at,
        )


def _driver(at: dict[str, Any], event: Line) -> Iterator[Fact]:
    """Lines of the program that drives the library: what was stored and applied."""
    name = event["name"]
    if name == "Persist":
        for entry in event["entries"]:
            index, term = entry["index"], entry["term"]
            yield EntryWritten(index=index, term=term, digest=entry.get("sha"), **at)
    elif name == "Apply":
        yield Applied(index=event["index"], term=event["term"], digest=event.get("sha"), **at)
    elif name == "Crash":
        yield Crashed(**at)
    elif name == "InstallSnapshot":
        yield SnapshotInstalled(index=event.get("index", 0), term=event.get("term"), **at)


facts = json_facts(NAME, _Reader)
