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
from paxcheck.trace.adapters.base import Line, json_facts, peek

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

_VOTERS = re.compile(r"(\w+) switched to configuration voters=\(([\d ]*)\)(?:&&\(([\d ]*)\))?")
_BECAME = re.compile(r"(\w+) became (candidate|leader|follower) at term (\d+)")
_CAST = re.compile(r"(\w+) \[.*?\] cast MsgVote for (\w+) \[.*?\] at term (\d+)")
_HEARD = re.compile(r"(\w+) received MsgVoteResp( rejection)? from (\w+) at term (\d+)")
_BORN = re.compile(r"newRaft (\w+) \[peers: \[.*?\], term: (\d+)")


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
    def __init__(self) -> None:
        self._loading = False
        self._lives = 0

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        text: str = line["msg"]
        if text == "starting an etcd server":
            self._loading = True
        if not str(line.get("caller", "")).startswith("raft/"):
            return
        at = {**at, "inc": max(self._lives, 1)}
        if found := _BORN.match(text):
            self._loading = False
            self._lives += 1
            at["inc"] = self._lives
            yield Booted(node=found[1], **at)
            yield TermHeld(node=found[1], term=int(found[2]), **at)
        elif self._loading:
            return
        elif found := _VOTERS.match(text):
            sets = [[f"{int(n):x}" for n in (group or "").split()] for group in found.groups()[1:]]
            if sets[0]:
                yield Members(node=found[1], members=config(*sets), **at)
        elif found := _BECAME.match(text):
            yield from _became(at, found[1], found[2], int(found[3]))
        elif found := _CAST.match(text):
            yield VoteGranted(node=found[1], candidate=found[2], term=int(found[3]), **at)
        elif found := _HEARD.match(text):
            yield AnswerHeard(
                node=found[1],
                kind="vote",
                sender=found[3],
                ballot=int(found[4]),
                granted=found[2] is None,
                **at,
            )


def _became(at: dict[str, Any], node: str, role: str, term: int) -> Iterator[Fact]:
    yield TermHeld(node=node, term=term, **at)
    if role == "candidate":
        # Its vote for itself is logged as an answer from itself.
        yield Campaigned(node=node, term=term, self_vote=False, **at)
        yield VoteGranted(node=node, candidate=node, term=term, **at)
    elif role == "leader":
        yield Led(node=node, term=term, **at)
    else:
        yield Followed(node=node, **at)


# The library zap repeats keys where its callers do; not those that we read.
_json_facts = json_facts(NAME, _Reader, unique=("caller", "msg"))


def facts(lines: Iterable[tuple[int, str]], file: str) -> Iterator[Fact]:
    """The facts of a log. Standard error has other lines too, which are passed over: those of the
    gRPC library (`WARNING: 2026/11/24 ...`) and of a panic."""
    yield from _json_facts(((number, text) for number, text in lines if text[0] == "{"), file)
