"""The trace points of etcd-io/raft (built with the tag `with_tla`), ndjson.

After a restart a node shows term 0 until it has loaded its state: its lines are left out from
InitState to BecomeFollower. A term and a vote are shown before they are stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from paxcheck.paxos.facts import (
    Acked,
    AnswerHeard,
    Applied,
    Booted,
    Campaigned,
    CommitAdvanced,
    Crashed,
    Declaration,
    Doubled,
    Dropped,
    EntryWritten,
    Fact,
    Followed,
    Led,
    LinesLost,
    Received,
    Sent,
    SnapshotInstalled,
    Stored,
    TermHeld,
    VoteGranted,
    VoteHeld,
    config,
)
from paxcheck.paxos.traffic import answer, request
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
    stored_first=False,
    accounted=True,
)
# Messages that have a trace point at both ends -> how they are counted.
_COUNTED = {
    "MsgVote": partial(request, "vote"),
    "MsgVoteResp": partial(answer, "vote"),
    "MsgApp": partial(request, "append"),
    "MsgAppResp": partial(answer, "append"),
    "MsgSnap": partial(request, "append"),
    "MsgHeartbeat": partial(request, "heartbeat"),
    "MsgHeartbeatResp": partial(answer, "heartbeat"),
}


def recognises(first: list[bytes]) -> bool:
    """Lines with a tag and an event that has a name, of a node or between two."""
    return any(
        "tag" in line
        and isinstance(line.get("event"), dict)
        and "name" in line["event"]
        and ("nid" in line["event"] or {"from", "to"} <= line["event"].keys())
        for line in peek(first)
    )


class _Shown(NamedTuple):
    """What a line shows of a node."""

    name: str
    term: int
    vote: str
    role: str
    log: int

    def follows(self, one: _Shown) -> bool:
        """Whether this line can come right after that one: each field changes at few events."""
        name, turns = self.name, self.name.startswith("Become")
        if self.role == "StateLeader" and one.role not in ("StateCandidate", "StateLeader"):
            return False
        if self.term != one.term and not turns:
            return False
        if self.role != one.role and not turns and self.role != "StatePreCandidate":
            return False
        if self.log != one.log and name not in ("SendAppendEntriesResponse", "ApplyConfChange"):
            return False
        votes = turns or one.name == "SendRequestVoteResponse"
        return self.vote == one.vote or votes


class _Trail:
    """Finds out that lines of a node are missing, as its lines have no numbers.

    A line that does not follow the one before it may itself be the wrong one: then the next one
    follows the one before. Else something happened in between that no line tells.
    """

    def __init__(self) -> None:
        self._before: _Shown | None = None
        self._last: _Shown | None = None
        self.odd = False  # the last line does not follow the one before

    def breaks(self, now: _Shown) -> bool:
        """Whether lines before the last one are missing."""
        before, last = self._before, self._last
        skips = before is not None and now.follows(before)
        was_odd, self.odd = self.odd, False
        if last is None or now.follows(last):
            broken = was_odd and not skips
        elif skips:
            self._last = now  # the last one was the wrong one
            return False
        else:
            broken, self.odd = was_odd, True
        self._before, self._last = last, now
        return broken


class _Reader:
    def __init__(self) -> None:
        self._trails: dict[str, _Trail] = {}
        self._end: dict[str, Any] = {}
        self._loading: set[str] = set()
        self._down: set[str] = set()
        self._lives: dict[str, int] = {}
        self._held: dict[str, tuple[int, int, str]] = {}
        self._commit: dict[str, int] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        event = line["event"]
        name, node = event["name"], event.get("nid")
        if name in ("Drop", "Duplicate") and event.get("type") in _COUNTED:
            kind = Dropped if name == "Drop" else Doubled
            content = _COUNTED[event["type"]](event["term"])
            yield kind(node="", sender=event["from"], to=event["to"], content=content, **at)
        if not node:
            return
        at = {"node": node, "inc": self._lives.get(node, 1), "time": stamp(line.get("ts")), **at}
        if line["tag"] == "sim":
            if name == "Crash":
                self._down.add(node)
            yield from _driver(at, event)
            return
        if name == "InitState":
            yield self._start(at)
            return
        # Only while it loads, its configuration changes in term 0.
        loads = name == "ApplyConfChange" and event["state"]["term"] == 0
        begun = node in self._held and self._held[node][1] > 0
        if node not in self._loading and (node in self._down or (loads and begun)):
            # It started anew, and that line is lost.
            yield self._start(at)
            yield LinesLost(**at)
        if name == "BecomeFollower":
            self._loading.discard(node)
        if node not in self._loading:
            yield from self._continues(at, event)
            if name != "SendRequestVoteResponse":
                yield from self._state(at, name, event["state"])
            yield from _step(at, name, event)
            if name == "SendRequestVoteResponse" and node in self._held:
                life, term, _ = self._held[node]
                self._held[node] = (life, term, "?")  # the next state shows the vote

    def _continues(self, at: dict[str, Any], event: Line) -> Iterator[Fact]:
        state: Line = event["state"]
        shown = _Shown(event["name"], state["term"], state["vote"], event["role"], event["log"])
        if self._trails.setdefault(at["node"], _Trail()).breaks(shown):
            yield LinesLost(**at)
        self._end = at

    def end(self) -> Iterator[Fact]:
        """A last line that does not follow the one before is the first after a hole."""
        for node, trail in self._trails.items():
            if trail.odd:
                at = dict(self._end)
                at.update(node=node, inc=self._lives.get(node, 1))
                yield LinesLost(**at)

    def _start(self, at: dict[str, Any]) -> Fact:
        node = at["node"]
        self._trails.pop(node, None)
        self._lives[node] = at["inc"] = self._lives.get(node, 0) + 1
        self._loading.add(node)
        self._down.discard(node)
        return Booted(**at)

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
    if msg.get("type") in _COUNTED:
        content = _COUNTED[msg["type"]](msg["term"])
        if name.startswith("Send"):
            yield Sent(to=msg["to"], content=content, **at)
        elif name.startswith("Receive"):
            yield Received(sender=msg["from"], content=content, **at)
    if name == "BecomeCandidate":
        yield Campaigned(term=state["term"], **at)
    elif name == "BecomeFollower":
        yield Followed(**at)
    elif name == "BecomeLeader":
        yield Led(term=state["term"], members=members, last_index=event["log"], **at)
    elif name == "SendRequestVoteResponse" and not msg["reject"]:
        yield VoteGranted(term=msg["term"], candidate=msg["to"], **at)
    elif name == "ReceiveRequestVoteResponse":
        granted = not msg["reject"]
        if granted and msg["from"] == at["node"]:  # it hears itself when its vote is stored
            yield Stored(term=msg["term"], candidate=at["node"], **at)
        yield AnswerHeard(
            kind="vote", sender=msg["from"], ballot=msg["term"], granted=granted, **at
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
    elif name == "PersistHardState":
        vote = event["vote"]
        yield Stored(term=event["term"], candidate=None if vote == "0" else vote, **at)
    elif name == "Apply":
        yield Applied(index=event["index"], term=event["term"], digest=event.get("sha"), **at)
    elif name == "Crash":
        yield Crashed(**at)
    elif name == "InstallSnapshot":
        yield SnapshotInstalled(index=event.get("index", 0), term=event.get("term"), **at)


facts = json_facts(NAME, _Reader)
