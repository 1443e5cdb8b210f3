"""etcd's write-ahead log as ndjson: terms, votes and entries as they are on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paxcheck.paxos.facts import (
    CommitAdvanced,
    Declaration,
    EntryWritten,
    Fact,
    LinesLost,
    SnapshotInstalled,
    TermHeld,
    VoteHeld,
)
from paxcheck.trace.adapters.base import Line, Numbers, json_facts, peek

NAME = "etcd-wal"
_NO_MESSAGES = "a write-ahead log has no messages and no roles"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["raft"]),
    order="node",
    entries="disk",
    cannot={
        "election-safety": _NO_MESSAGES,
        "election-needs-quorum": _NO_MESSAGES,
        "commit-needs-quorum": _NO_MESSAGES,
        "leader-append-only": _NO_MESSAGES,
        "state-machine-safety": "what was applied is not in a write-ahead log",
    },
)


_RECORDS = ("hardstate", "entry", "snapshot", "metadata", "crc")


def recognises(first: list[bytes]) -> bool:
    """Lines with `rec` and a node: hardstate, entry, snapshot, metadata, crc."""
    return any(line.get("rec") in _RECORDS and "node" in line for line in peek(first))


class _Reader:
    def __init__(self) -> None:
        self.numbers: list[Numbers] = []
        self._of: dict[str, Numbers] = {}

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        at = {"node": line.get("node", "?"), **at}
        if at["node"] not in self._of:
            self._of[at["node"]] = Numbers(None)
            self.numbers.append(self._of[at["node"]])
        if self._of[at["node"]].lost_before(at, line):
            yield LinesLost(**at)
        if line["rec"] == "hardstate":
            yield TermHeld(term=line["term"], **at)
            vote = None if line["vote"] == "0" else line["vote"]
            yield VoteHeld(term=line["term"], candidate=vote, **at)
            # etcd stores it, so that it does not go back over a start either.
            if "commit" in line:
                yield CommitAdvanced(index=line["commit"], **at)
        elif line["rec"] == "entry":
            yield EntryWritten(index=line["index"], term=line["term"], digest=line["sha"], **at)
        elif line["rec"] == "snapshot":
            # Its own, which leaves the log as it is, or one that the leader sent.
            yield SnapshotInstalled(index=line["index"], term=line["term"], **at)


facts = json_facts(NAME, _Reader)
