"""What a replay of a native trace in a model says, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from paxcheck.cli.saved import protocol_of
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.system import System
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.read import read_trace


def replayed(file: Path, model: str | None, output: str) -> int:
    """Replay `file` in a model (that of its header when none is named); prints, and returns the
    exit code."""
    if output not in ("text", "json"):
        raise UsageError(f"--format {output} is for logs; a replay has text and json")
    trace = read_trace(file)
    protocol = protocol_of(trace, model)
    result = conform(trace, System(protocol, memo=False), protocol.properties())
    if output == "json":
        click.echo(json.dumps(_as_json(result, protocol.name()), ensure_ascii=False))
    else:
        click.echo(_as_text(result, protocol.name()))
    return {"holds": 0, "violated": 1, "undetermined": 3}[result.verdict]


def _as_text(result: Conformance, model: str) -> str:
    lines: list[str] = []
    refusal = result.refusal
    if refusal is not None:
        lines.append(
            f"{result.path}:{refusal.line}: {model} refuses step {refusal.event}: {refusal.reason}"
        )
        for call, doc in refusal.rules:
            lines.append(f"    rule {call}")
            lines.append(f"      {doc}")
    for name, line, reason in result.broken:
        lines.append(f"{result.path}:{line}: {name} is broken: {reason}")
    lines.append(f"{result.replayed:,} of {result.events:,} events are steps of {model}")
    if result.verdict == "undetermined":
        lines.append("nothing was checked: the trace has no events")
    lines.append(f"verdict: {'valid' if result.verdict == 'holds' else result.verdict}")
    return "\n".join(lines)


def _as_json(result: Conformance, model: str) -> dict[str, Any]:
    refusal = result.refusal
    words = {"holds": "ok", "violated": "violated", "undetermined": "not_observable"}
    conformance: dict[str, Any] = {"name": "conformance", "verdict": words[result.verdict]}
    if refusal is None and result.broken:
        conformance["verdict"] = "ok"
    if refusal is not None:
        conformance |= {
            "file": result.path,
            "line": refusal.line,
            "node": refusal.node,
            "rule": refusal.rules[0][0].rule if refusal.rules else None,
            "message": refusal.reason,
            "rules": [{"rule": c.rule, "said": str(c), "about": doc} for c, doc in refusal.rules],
        }
    broken = [
        {"name": n, "verdict": "violated", "file": result.path, "line": line, "message": why}
        for n, line, why in result.broken
    ]
    return {
        "verdict": words[result.verdict],
        "format": "native",
        "model": model,
        "files": [result.path],
        "events": result.events,
        "checks": result.replayed,
        "properties": [conformance, *broken],
    }
