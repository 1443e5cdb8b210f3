"""Single-line corruptions of clean recordings: caught, refused, or beyond what the log can show.

Every corrupted log is judged twice: by the validator, and by `log_oracle`, which writes the
definitions down as they stand. What the oracle contradicts must be caught; what it does not
contradict (of the properties that it knows) must not be called violated. So a log that stays open
is a possible log: of a right system of which that line was lost, late, or is no fact of the
protocol (a heartbeat, a restart that nobody else saw).
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from log_mutations import kinds, mutate, read
from log_oracle import KNOWN, contradictions

from paxcheck.paxos.facts import Declaration, Fact
from paxcheck.trace.adapters import adapters
from paxcheck.trace.observe import Observer
from paxcheck.trace.read import TraceError

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "traces"
EACH = 20
# format -> the recording, and how many of its lines are used
RECORDINGS: dict[str, tuple[Path, int]] = {
    "etcd-raft": (SHARED / "etcd-raft-tla/sim3_seed1.ndjson.gz", 600),
    "pysyncobj": (SHARED / "pysyncobj/durable5/trace.ndjson.gz", 600),
    "paxos-composable": (SHARED / "paxos-composable/sim3_seed2.ndjson.gz", 500),
    "paxos-pypi": (SHARED / "paxos-pypi/sim_seed1.ndjson.gz", 600),
    "paxi": (SHARED / "paxi/fifo3_seed1.ndjson.gz", 500),
    "multi-paxos-example": (SHARED / "multi-paxos-example/run1/trace.ndjson.gz", 600),
    "etcd-wal": (SHARED / "etcd-server/run3/all.wal.ndjson.gz", 900),
    "maelstrom": (SHARED / "maelstrom-raft/run3.ndjson.gz", 900),
    "ccf": (SHARED / "ccf/election.ndjson", 600),
    "ceph-mon": (SHARED / "ceph-mon/run3/mon.b.log.gz", 3000),
    "native": (ROOT / "traces/pypi-paxos/seed2.jsonl", 400),
    "etcd-log": (ROOT / "traces/etcd/n1.log.gz", 2000),
}
# format -> kind -> (caught, refused as unreadable or out of order, open: no contradiction)
Table = dict[str, tuple[int, int, int]]
EXPECTED: dict[str, Table] = {
    "etcd-raft": {
        "term lowered": (20, 0, 0),
        "vote changed": (20, 0, 0),
        "commit back": (20, 0, 0),
        "commit forward": (18, 0, 2),
        "digest changed": (16, 0, 4),
        "answer turned": (0, 0, 20),
        "leader added": (11, 0, 9),
        "restart removed": (0, 0, 20),
        "dropped": (0, 0, 20),
        "doubled": (0, 0, 20),
        "swapped": (1, 0, 19),
        "node renamed": (6, 0, 14),
    },
    "pysyncobj": {
        "term lowered": (20, 0, 0),
        "vote changed": (20, 0, 0),
        "commit forward": (2, 0, 18),
        "digest changed": (20, 0, 0),
        "value changed": (13, 0, 7),
        "leader added": (20, 0, 0),
        "dropped": (0, 0, 20),
        "doubled": (0, 20, 0),
        "swapped": (0, 18, 2),
        "node renamed": (0, 20, 0),
    },
    "paxos-composable": {
        "ballot lowered": (19, 0, 1),
        "promise lowered": (15, 0, 5),
        "vote changed": (18, 0, 2),
        "value changed": (20, 0, 0),
        "decision changed": (20, 0, 0),
        "report changed": (20, 0, 0),
        "dropped": (0, 0, 20),
        "doubled": (0, 20, 0),
        "swapped": (0, 15, 5),
        "node renamed": (5, 4, 11),
    },
    "paxos-pypi": {
        "ballot lowered": (17, 0, 3),
        "promise lowered": (13, 0, 7),
        "value changed": (20, 0, 0),
        "decision changed": (20, 0, 0),
        "dropped": (0, 0, 20),
        "doubled": (0, 20, 0),
        "swapped": (0, 12, 8),
        "node renamed": (4, 0, 16),
    },
    "paxi": {
        "ballot lowered": (20, 0, 0),
        "value changed": (19, 0, 1),
        "decision changed": (20, 0, 0),
        "dropped": (0, 0, 20),
        "doubled": (0, 20, 0),
        "swapped": (0, 17, 3),
        "node renamed": (3, 0, 17),
    },
    "multi-paxos-example": {
        "promise lowered": (15, 0, 5),
        "ballot lowered": (20, 0, 0),
        "value changed": (20, 0, 0),
        "decision changed": (20, 0, 0),
        "dropped": (0, 0, 20),
        "doubled": (0, 20, 0),
        "swapped": (0, 15, 5),
    },
    "etcd-wal": {
        "term lowered": (20, 0, 0),
        "vote changed": (20, 0, 0),
        "digest changed": (14, 0, 6),
        "dropped": (0, 0, 20),
        "doubled": (0, 20, 0),
        "swapped": (0, 20, 0),
        "node renamed": (0, 9, 11),
    },
    "maelstrom": {
        "term lowered": (20, 0, 0),
        "commit back": (19, 0, 1),
        "commit forward": (20, 0, 0),
        "answer turned": (4, 0, 16),
        "dropped": (0, 0, 20),
        "doubled": (0, 0, 20),
        "swapped": (0, 0, 20),
        "node renamed": (1, 0, 19),
    },
    "ccf": {
        "term lowered": (20, 0, 0),
        "commit forward": (17, 0, 3),
        "answer turned": (7, 0, 13),
        "dropped": (0, 0, 20),
        "doubled": (0, 0, 20),
        "swapped": (2, 0, 18),
        "node renamed": (2, 0, 18),
    },
    "ceph-mon": {
        "ballot lowered": (20, 0, 0),
        "promise lowered": (0, 0, 20),
        "proposal lowered": (2, 0, 18),
        "answer lowered": (15, 0, 5),
        "dropped": (0, 0, 20),
        "doubled": (0, 0, 20),
        "swapped": (0, 0, 20),
    },
    "native": {
        "ballot lowered": (20, 0, 0),
        "promise lowered": (8, 0, 12),
        "vote changed": (7, 0, 13),
        "value changed": (20, 0, 0),
        "decision changed": (20, 0, 0),
        "dropped": (0, 0, 20),
        "doubled": (0, 20, 0),
        "swapped": (0, 13, 7),
        "node renamed": (0, 5, 15),
    },
    "etcd-log": {
        "term lowered": (7, 0, 13),
        "vote changed": (0, 0, 20),
        "leader added": (6, 0, 14),
        "answer turned": (20, 0, 0),
        "dropped": (0, 0, 20),
        "doubled": (0, 0, 20),
        "swapped": (0, 0, 20),
    },
}


class Judged:
    """A log under both judges."""

    def __init__(self, source: str, lines: list[bytes]) -> None:
        adapter: Any = adapters()[source]
        self.declaration: Declaration = adapter.DECLARATION
        if source == "native":
            self.declaration = adapter.declare([("log", lines[0])])
        rows = [(n, text.decode()) for n, text in enumerate(lines, 1) if text.strip()]
        facts: list[Fact] = []
        observer = Observer(self.declaration)
        self.refused: TraceError | None = None
        try:
            for fact in adapter.facts(iter(rows), "log"):
                facts.append(fact)
                observer.take([fact])
        except TraceError as problem:
            self.refused = problem
        observer.finish(whole=self.refused is None)
        self.broken = observer.breaches
        self.second = contradictions(facts, self.declaration)


def recording(source: str) -> list[bytes]:
    path, most = RECORDINGS[source]
    if not path.is_file():
        pytest.skip(f"no recording {path.name} beside the repository")
    return read(path, most)


@pytest.mark.parametrize("source", RECORDINGS)
def test_the_recording_is_clean(source: str) -> None:
    judged = Judged(source, recording(source))
    assert (judged.broken, judged.refused, judged.second) == ({}, None, set())


@pytest.mark.parametrize("source", RECORDINGS)
def test_corruptions_of_one_line(source: str) -> None:
    lines = recording(source)
    table: Table = {}
    for kind in kinds(source):
        found: Counter[str] = Counter()
        for seed in range(EACH):
            corrupted = mutate(lines, source, kind, seed)
            if corrupted is None:
                continue
            log, number = corrupted
            judged = Judged(source, log)
            told = {name for name in judged.broken if name in KNOWN}
            assert told == judged.second, (kind, seed, number)  # nothing missed, nothing invented
            found[answer(judged, number)] += 1
        table[kind] = (found["caught"], found["refused"], found["open"])
        assert set(found) <= {"caught", "refused", "open"}, (kind, found)
    assert table == EXPECTED[source]


def answer(judged: Judged, number: int) -> str:
    """`caught` only where the corrupted line is what the violation shows, or what it rests on."""
    if judged.broken:
        lines = {f.line for bs in judged.broken.values() for b in bs for f in b.evidence}
        # Of two lines that changed places, or one that is gone, the next one may tell; a quorum
        # that is no longer there shows where it was needed.
        near = bool(lines & {number, number + 1})
        quorum = any(name.endswith("-needs-quorum") for name in judged.broken)
        return "caught" if near or quorum else "caught elsewhere"
    if judged.refused is not None:
        where = judged.refused.where
        assert where is not None
        return "refused" if where.line >= number else "refused elsewhere"
    return "open"


@pytest.mark.parametrize("source", ["pysyncobj", "paxos-composable", "etcd-raft", "native"])
def test_no_beginning_of_a_recording_is_accused(source: str) -> None:
    lines = recording(source)
    for length in range(2, len(lines), 7):
        judged = Judged(source, lines[:length])
        assert (judged.broken, judged.refused) == ({}, None), length
