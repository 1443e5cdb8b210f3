"""`paxcheck validate FILE --model MODEL`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from paxcheck.cli.saved import protocol_of
from paxcheck.protocol.system import System
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.read import read_trace


@click.command("validate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", metavar="NAME", help="The model; without it, the one in the header.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(file: Path, model: str | None, form: str) -> int:
    """Is every step of the trace in FILE a step of MODEL, and do its properties hold?

    The first step that the model refuses is named with its line and the rule that said no.
    Exit codes: 0 all steps are allowed, 1 refused or a property is broken, 2 bad input,
    3 there was nothing to check.
    """
    trace = read_trace(file)
    protocol = protocol_of(trace, model)
    result = conform(trace, System(protocol, memo=False), protocol.properties())
    if form == "json":
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
    return {
        "verdict": result.verdict,
        "model": model,
        "file": result.path,
        "events": result.events,
        "replayed": result.replayed,
        "refusal": {
            "event": refusal.event,
            "line": refusal.line,
            "node": refusal.node,
            "reason": refusal.reason,
            "rules": [{"rule": c.rule, "said": str(c), "about": doc} for c, doc in refusal.rules],
        }
        if refusal
        else None,
        "broken": [{"property": n, "line": line, "reason": why} for n, line, why in result.broken],
    }
