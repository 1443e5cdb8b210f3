"""What a replay of a native trace in a model says, as text and as JSON."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from paxcheck.cli.saved import protocol_of
from paxcheck.plain import printable_lines
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.system import System
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.conform.text import as_text
from paxcheck.trace.read import read_trace


def replayed(files: Sequence[str], model: str | None, output: str) -> int:
    """Replay native traces in a model (that of the header when none is named); prints, and returns
    the exit code. Several files are of one system: one for each node, say."""
    if output not in ("text", "json"):
        raise UsageError(f"--format {output} is for logs; a replay has text and json")
    collecting = gc.isenabled()
    gc.disable()  # events make no cycles of references: looking for them is lost time
    try:
        result, name = _result(files, model)
    finally:
        if collecting:
            gc.enable()
    if output == "json":
        click.echo(json.dumps(_as_json(result, name), ensure_ascii=False))
    else:
        click.echo(printable_lines(as_text(result, name)))
    return {"holds": 0, "violated": 1, "undetermined": 3}[result.verdict]


def _result(files: Sequence[str], model: str | None) -> tuple[Conformance, str]:
    """The result, and the name of the model."""
    traces = [read_trace(Path(file)) for file in files]
    headers = [msgspec.structs.replace(trace.header, note=None, steps=None) for trace in traces]
    for trace, header in zip(traces, headers, strict=True):
        if header != headers[0]:
            raise UsageError(
                f"the headers of {traces[0].path} and {trace.path} differ",
                hint="files that are replayed together are of one system in one configuration",
            )
    protocol = protocol_of(traces[0], model)
    return conform(traces, System(protocol), protocol.properties()), protocol.name()


def _as_json(result: Conformance, model: str) -> dict[str, Any]:
    refusal = result.refusal
    words = {"holds": "ok", "violated": "violated", "undetermined": "not_observable"}
    said = "violated" if refusal is not None and not result.undecided else "ok"
    if result.undecided or (not result.replayed and refusal is None):
        said = "not_observable"
    conformance: dict[str, Any] = {"name": "conformance", "verdict": said}
    if refusal is not None:
        conformance |= {
            "file": refusal.file,
            "line": refusal.line,
            "node": refusal.node,
            "rule": refusal.rules[0][0].rule if refusal.rules else None,
            "message": refusal.reason,
            "rules": [{"rule": c.rule, "said": str(c), "about": doc} for c, doc in refusal.rules],
            "nearest": list(refusal.nearest),
            "explanations": list(refusal.explanations),
        }
    links = result.causality
    broken = [
        {"name": p.name, "verdict": "violated", "file": p.file, "line": p.line, "message": p.reason}
        for p in result.broken
    ]
    return {
        "verdict": words[result.verdict],
        "format": "native",
        "model": model,
        "files": result.path.split(", "),
        "events": result.events,
        "checks": result.replayed,
        "properties": [conformance, *broken],
        "hidden": [
            {"file": h.file, "line": h.line, "node": h.node, "ways": list(h.ways)}
            for h in result.hidden
        ],
        "causality": {
            "delivered": links.delivered,
            "again": links.again,
            "in_transit": links.in_transit,
            "unsent": [{"file": file, "line": line} for file, line in links.unsent],
            "cycle": [{"file": file, "line": line} for file, line in links.cycle],
        },
        "not_compared": {"state": result.without_state, "sent": result.without_sent},
        "undecided": result.undecided,
    }
