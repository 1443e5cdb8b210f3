"""etcd's own log (`--logger=zap`, JSON lines): the raft part of it, in English sentences.

Only elections can be judged: appends, acknowledgements and commits are not logged. Ids are hex in
the sentences and decimal in the lists of voters. What a member says between its start and `newRaft`
is not its state yet. A sentence about a term or a vote comes before it is written to disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Config,
    Declaration,
    Fact,
    Followed,
    Led,
    LinesLost,
    Members,
    Tally,
    TermHeld,
    VoteGranted,
    VoteHeld,
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
    stored_first=False,
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
_ASKED = re.compile(r"(\w+) \[.*?\] sent MsgVote request to (\w+) at term (\d+)")
# An answer to a request, with the vote that the member holds before it.
_ANSWERED = re.compile(
    r"(\w+) \[.*?, vote: (\w+)\] (\w+) (MsgVote|MsgPreVote) \w+ (\w+) \[.*?\] at term (\d+)"
)
_HEARD = re.compile(r"(\w+) received MsgVoteResp( rejection)? from (\w+) at term (\d+)")
_COUNTED = re.compile(r"(\w+) has received (\d+) MsgVoteResp votes and (\d+) vote rejections")
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


class _Member:
    """What the sentences of one life of a member have told that later ones rest on.

    `config`: the last that it said, in this life or while it loaded; None: an empty one.
    """

    def __init__(self, term: int = -1, config: Config | None = None) -> None:
        self.loading = False
        self.config = config
        self.term = term
        self.vote = ""  # in this term; empty where it is not known
        self.campaigns = False  # in this term
        self.asked: set[str] = set()  # for a vote, in this term

    @property
    def voters(self) -> frozenset[str]:
        return self.config.everyone() if self.config else frozenset()

    def enter(self, term: int) -> bool:
        """Whether the term is another than before."""
        if term == self.term:
            return False
        self.term, self.vote, self.campaigns = term, "", False
        self.asked.clear()
        return True


class _Reader:
    """Each line names its node, so the logs of several may lie in one file."""

    def __init__(self) -> None:
        self._of: dict[str, _Member] = {}

    def _member(self, node: str) -> _Member:
        return self._of.setdefault(node, _Member())

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        text: str = line["msg"]
        if text in _STARTS and isinstance(line.get("local-member-id"), str):
            self._member(line["local-member-id"]).loading = True
        # Since etcd 3.5 the caller is etcd's own wrapper, and the logger has a name.
        if line.get("logger") != "raft" and not str(line.get("caller", "")).startswith("raft/"):
            return
        at["time"] = stamp(line.get("ts"))
        if found := _BORN.match(text):
            yield from self._start(at, found[1], int(found[2]))
            yield TermHeld(node=found[1], term=int(found[2]), **at)
        elif found := _VOTERS.match(text):
            yield from self._switched(at, found)
        elif found := _BECAME.match(text):
            yield from self._became(at, found[1], found[2], int(found[3]))
        elif found := _ASKED.match(text):
            yield from self._runs(at, found[1], int(found[3]))
            member = self._member(found[1])
            member.enter(int(found[3]))
            member.asked.add(found[2])
        elif found := _ANSWERED.match(text):
            yield from self._answered(at, found)
        elif found := _HEARD.match(text):
            yield from self._heard(at, found)
        elif found := _COUNTED.match(text):
            term, granted, refused = self._member(found[1]).term, int(found[2]), int(found[3])
            yield from self._runs(at, found[1], term)
            yield Tally(node=found[1], term=term, granted=granted, refused=refused, **at)

    def _start(self, at: dict[str, Any], node: str, term: int = -1) -> Iterator[Fact]:
        """A life begins with the configuration of the snapshot that was loaded, if there is one."""
        known = self._member(node).config
        self._of[node] = _Member(term, known)
        yield Booted(node=node, **at)
        yield Members(node=node, members=known, **at)

    def _runs(
        self, at: dict[str, Any], node: str, term: int, vote: str = "", turns: bool = False
    ) -> Iterator[Fact]:
        """A member that acts has loaded its state, whether a line says so or not.

        In one life its term does not fall, it `turns` candidate in a new one, and its vote in it
        stays: else lines are missing, that of a start among them. (What it had stored by then, it
        must still have.)
        """
        member = self._member(node)
        forgets = member.term == term and vote and member.vote not in ("", vote)
        if member.loading:
            yield from self._start(at, node)
        elif term >= member.term + turns and not forgets:
            return
        self._of[node] = _Member(config=member.config)
        yield LinesLost(node=node, **at)

    def _switched(self, at: dict[str, Any], found: re.Match[str]) -> Iterator[Fact]:
        sets = [[f"{int(n):x}" for n in (group or "").split()] for group in found.groups()[1:]]
        member = self._member(found[1])
        member.config = config(*sets) if sets[0] else None
        member.loading |= not sets[0]  # a member that runs has voters
        if member.config and not member.loading:
            yield Members(node=found[1], members=member.config, **at)

    def _became(self, at: dict[str, Any], node: str, role: str, term: int) -> Iterator[Fact]:
        if role == "follower" and self._member(node).loading:
            return
        yield from self._runs(at, node, term, turns=role == "candidate")
        member = self._member(node)
        member.enter(term)
        yield TermHeld(node=node, term=term, **at)
        if role == "follower":
            yield Followed(node=node, **at)
        elif role == "candidate":
            member.campaigns, member.vote = True, node
            # Its vote for itself is logged as an answer from itself.
            yield Campaigned(node=node, term=term, self_vote=False, **at)
            yield VoteGranted(node=node, candidate=node, term=term, **at)
        else:
            told = member.campaigns or member.asked
            if told and member.voters and member.voters ^ member.asked ^ {node}:
                yield LinesLost(node=node, **at)  # of its requests, or of its configuration
            yield Led(node=node, term=term, **at)

    def _answered(self, at: dict[str, Any], found: re.Match[str]) -> Iterator[Fact]:
        node, vote, what, kind, candidate, number = found.groups()
        term = int(number)
        yield from self._runs(at, node, term, vote)
        member = self._member(node)
        if member.enter(term):
            yield TermHeld(node=node, term=term, **at)
        if vote != "0":
            member.vote = vote
        if vote not in ("0", candidate):
            yield VoteHeld(node=node, candidate=vote, term=term, **at)
        if (what, kind) == ("cast", "MsgVote"):
            member.vote = candidate
            yield VoteGranted(node=node, candidate=candidate, term=term, **at)

    def _heard(self, at: dict[str, Any], found: re.Match[str]) -> Iterator[Fact]:
        node, refused, sender, number = found.groups()
        term = int(number)
        yield from self._runs(at, node, term)
        member = self._member(node)
        member.enter(term)
        if member.voters and sender not in member.voters:
            yield LinesLost(node=node, **at)  # of its configuration
        granted = refused is None
        yield AnswerHeard(node=node, kind="vote", sender=sender, ballot=term, granted=granted, **at)


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
