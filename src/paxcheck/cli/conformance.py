"""What a replay of a native trace in a model says, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from paxcheck.cli.saved import protocol_of
from paxcheck.cli.streams import aside
from paxcheck.garbage import seldom_collected
from paxcheck.plain import printable_lines
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import System
from paxcheck.trace.conform import Conformance, conform
from paxcheck.trace.conform.text import as_text
from paxcheck.trace.lines import STDIN
from paxcheck.trace.read import read_trace

_EXIT = {"holds": 0, "violated": 1, "undetermined": 3}


def replayed(files: Sequence[str], model: str | None, output: str) -> int:
    """Replay native traces in a model (that of the header when none is named); prints, and returns
    the exit code. Several files are of one system: one for each node, say."""
    if output not in ("text", "json"):
        raise UsageError(f"--format {output} is for logs; a replay has text and json")
    with seldom_collected(), aside():
        result, protocol = _result(files, model)
    name = protocol.name()
    if output == "json":
        click.echo(json.dumps(_as_json(result, name), ensure_ascii=False))
    else:
        click.echo(printable_lines(as_text(result, name)))
    return _EXIT[result.verdict]


def explained(files: Sequence[str], model: str | None) -> int:
    """The same in words, with what each broken property says, and how to read it; prints."""
    with seldom_collected(), aside():
        result, protocol = _result(files, model)
        name = protocol.name()
        about = {prop.name: prop.doc for prop in protocol.properties()}
    lines = [as_text(result, name), "", "How to read it:"]
    refusal = result.refusal
    if refusal is not None:
        where = f"{refusal.file}:{refusal.line}"
        lines.append(f"  {where} is the first event that {name} cannot do; it did those before it.")
        if refusal.rules:
            lines.append(f"  A rule that said no is a guard of the model: paxcheck rules {name}")
        if refusal.explanations:
            lines.append(
                "  An explanation is a fault that nobody switched on and that would do it."
            )
    lines += [f"  {prop}: {about.get(prop, '')}" for prop, _, _ in result.broken]
    if result.broken and files[0] != STDIN:
        named = f" --model {model}" if (model or "").endswith(".py") else ""
        lines.append(f"  The run step by step: paxcheck show {files[0]}{named}")
    if len(lines) == 3:
        lines.append(f"  Every event is a step of {name}, in an order that the messages allow.")
    click.echo(printable_lines("\n".join(lines)))
    return _EXIT[result.verdict]


def _result(files: Sequence[str], model: str | None) -> tuple[Conformance, Protocol]:
    """The result, and the protocol that it is of."""
    traces = [read_trace(Path(file)) for file in files]
    headers = [msgspec.structs.replace(trace.header, note=None, steps=None) for trace in traces]
    for trace, header in zip(traces, headers, strict=True):
        if header != headers[0]:
            raise UsageError(
                f"the headers of {traces[0].path} and {trace.path} differ",
                hint="files that are replayed together are of one system in one configuration",
            )
    protocol = protocol_of(traces[0], model)
    return conform(traces, System(protocol), protocol.properties()), protocol


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
        {"name": name, "verdict": "violated", "file": file, "line": line, "message": why}
        for (name, line, why), file in zip(result.broken, result.broken_files, strict=True)
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
