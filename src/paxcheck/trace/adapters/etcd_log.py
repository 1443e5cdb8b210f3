"""etcd's own log (`--logger=zap`, JSON lines): the raft part of it, in English sentences.

Only elections can be judged: appends, acknowledgements and commits are not logged. Ids are hex in
the sentences and decimal in the lists of voters. What a process says between its start and
`newRaft` is not its state yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Declaration,
    Fact,
    Followed,
    Led,
    Members,
    TermHeld,
    VoteGranted,
    config,
)
from paxcheck.trace.adapters.base import Facts, Line, json_facts, peek, stamp

NAME = "etcd-log"
_NO_APPENDS = "etcd's log has no appends, acknowledgements, entries or commits"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["raft"]),
    state_taken="loading",
    membership=True,
    order="node",
    cannot=dict.fromkeys(
        [
            "commit-needs-quorum",
            "leader-append-only",
            "log-matching",
            "leader-completeness",
            "state-machine-safety",
            "commit-never-goes-back",
        ],
        _NO_APPENDS,
    ),
)

# After the id of the node.
_VOTERS = re.compile(r"switched to configuration voters=\(([\d ]*)\)(?:&&\(([\d ]*)\))?")
_BECAME = re.compile(r"became (candidate|leader|follower) at term (\d+)")
_CAST = re.compile(r"\[.*?\] cast MsgVote for (\w+) \[.*?\] at term (\d+)")
_HEARD = re.compile(r"received MsgVoteResp( rejection)? from (\w+) at term (\d+)")
_OTHERS = (_BECAME, _CAST, _HEARD)
_BORN = re.compile(r"newRaft (\w+) \[peers: \[.*?\], term: (\d+)")
_STARTS = ("starting local member", "restarting local member", "forcing restart member")


def recognises(first: list[bytes]) -> bool:
    """Lines with level, ts, caller and a sentence; the trace points of raft have an event too."""
    lines = peek([line for line in first if line.startswith(b"{")])
    return (
        bool(lines)
        and {"level", "ts", "caller", "msg"} <= lines[0].keys()
        and isinstance(lines[0]["msg"], str)
        and "event" not in lines[0]
    )


class _Reader:
    """Each line names its node, so the logs of several may lie in one file."""

    def __init__(self) -> None:
        self._loading: set[str] = set()
        self._lives: dict[str, int] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        text: str = line["msg"]
        if text in _STARTS and "local-member-id" in line:
            self._loading.add(line["local-member-id"])
        # Since 3.5 the caller is etcd's own, and the logger has a name.
        if line.get("logger") != "raft" and not str(line.get("caller", "")).startswith("raft/"):
            return
        node, _, rest = text.partition(" ")
        if found := _BORN.match(text):
            node = found[1]
            self._loading.discard(node)
            self._lives[node] = self._lives.get(node, 0) + 1
        elif found := _VOTERS.match(rest):
            if not found[1]:
                self._loading.add(node)  # a node that runs has voters
        else:
            found = next((f for p in _OTHERS if (f := p.match(rest))), None)
        if found is None or node in self._loading:
            return
        # A log that begins in the middle of a life begins in the first that it shows.
        life = self._lives.setdefault(node, 1)
        yield from _facts({"node": node, "inc": life, "time": stamp(line.get("ts")), **at}, found)


def _facts(at: dict[str, Any], found: re.Match[str]) -> Iterator[Fact]:
    """What one sentence tells."""
    if found.re is _BORN:
        yield Booted(**at)
        yield TermHeld(term=int(found[2]), **at)
    elif found.re is _VOTERS:
        sets = [[f"{int(n):x}" for n in (group or "").split()] for group in found.groups()]
        yield Members(members=config(*sets), **at)
    elif found.re is _BECAME:
        yield from _became(at, found[1], int(found[2]))
    elif found.re is _CAST:
        yield VoteGranted(candidate=found[1], term=int(found[2]), **at)
    elif found.re is _HEARD:
        yield AnswerHeard(
            kind="vote",
            sender=found[2],
            ballot=int(found[3]),
            granted=found[1] is None,
            **at,
        )


def _became(at: dict[str, Any], role: str, term: int) -> Iterator[Fact]:
    yield TermHeld(term=term, **at)
    if role == "candidate":
        # Its vote for itself is logged as an answer from itself.
        yield Campaigned(term=term, self_vote=False, **at)
        yield VoteGranted(candidate=at["node"], term=term, **at)
    elif role == "leader":
        yield Led(term=term, **at)
    else:
        yield Followed(**at)


# The library zap repeats keys where its callers do; not those that we read.
_json_facts = json_facts(NAME, _Reader, unique=("caller", "logger", "msg"))


def facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
    """The facts of a log. Standard error has other lines too, which are passed over: those of the
    gRPC library (`WARNING: 2026/11/24 ...`) and of a panic."""
    return _json_facts(_own(lines), file)


def session() -> Facts:
    """Reads several logs: that of a node may go on in a second file."""
    read = _json_facts.session()
    return lambda lines, file: read(_own(lines), file)


def _own(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    return (line for line in lines if line[1][0] == "{")
