"""Judge a recording from a test: one function, whose failure message is the diagnosis.

from paxcheck import validate

def test_cluster(tmp_path):
    run_my_cluster(tmp_path / "cluster.jsonl")
    validate(None, tmp_path / "cluster.jsonl").assert_ok()
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import System
from paxcheck.record import Recorder
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.conform.outputs import quoted
from paxcheck.trace.conform.text import as_text as replay_text
from paxcheck.trace.observe.run import is_native, validate_files
from paxcheck.trace.observe.sources import AUTO
from paxcheck.trace.observe.text import as_text
from paxcheck.trace.observe.verdict import Answer, TraceVerdict
from paxcheck.trace.read import open_trace

Traced: TypeAlias = "str | os.PathLike[str] | Recorder"


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What a recording showed. It is true when something was checked and nothing is broken.

    `verdict`: "ok", "violated", or "not_observable" (nothing could be checked: that is not ok).
    `diagnosis`: the answer in words, as `paxcheck validate` prints it; also `str()`. `details`: the
    answer as data.
    """

    verdict: Answer
    diagnosis: str
    details: TraceVerdict | Conformance

    @property
    def ok(self) -> bool:
        """Whether something was checked and nothing is broken."""
        return self.verdict == "ok"

    def assert_ok(self) -> None:
        """Raises AssertionError with the diagnosis unless the recording is ok."""
        __tracebackhide__ = True  # pytest shows the caller's line
        if not self.ok:
            raise AssertionError(self.diagnosis)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self.diagnosis

    def __repr__(self) -> str:
        return self.diagnosis  # `assert validate(...)` shows it when it fails


def validate(
    protocol: Protocol | None,
    trace: Traced | Sequence[Traced],
    *,
    source: str = AUTO,
    only: Sequence[str] = (),
    clock_error: float | None = None,
    map_file: Path | None = None,
) -> Verdict:
    """Judge one recording: a file, a recorder, or several of one system (one for each node, say).

    `protocol` None: by the properties of Paxos, Raft and leases, as far as the recording shows
    what they need. A protocol (an instance of a model's class): a native trace is replayed in it,
    step by step. `source`, `only`, `clock_error`, `map_file`: as `--from`, `--property`,
    `--clock-error` and `--map` of `paxcheck validate`.

    Raises UsageError for options that make no sense, and TraceError, with file and line, for what
    cannot be read.
    """
    traces = [trace] if isinstance(trace, str | os.PathLike | Recorder) else list(trace)
    files = [str(t.path) if isinstance(t, Recorder) else os.fspath(t) for t in traces]
    if protocol is None:
        found = validate_files(
            files, source=source, only=only, clock_error=clock_error, map_file=map_file
        )
        return Verdict(found.verdict, as_text(found), found)
    if not files or not all(map(is_native, files)):
        raise UsageError(
            "a model replays native traces (kind behavior or trace)",
            hint="judge logs with validate(None, ...)",
        )
    result = conform([open_trace(file) for file in files], System(protocol), protocol.properties())
    result = quoted(result, protocol.name())
    answers: dict[str, Answer] = {"holds": "ok", "violated": "violated"}
    verdict = answers.get(result.verdict, "not_observable")
    return Verdict(verdict, replay_text(result, protocol.name()), result)
