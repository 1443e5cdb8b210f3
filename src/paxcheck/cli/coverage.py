"""The table of `check --coverage`: what ran, how often, and what never did."""

from __future__ import annotations

import click

from paxcheck.engine.verdict import Count, Verdict
from paxcheck.protocol.protocol import Protocol

_WHAT = {
    "steps": "steps out of the states that were looked at",
    "pairs": "a local state together with a message, action or fault counts once",
}


def coverage_table(verdict: Verdict, protocol: Protocol) -> str:
    """The handlers, actions and faults, then the rules."""
    coverage = verdict.coverage
    if coverage is None:
        return ""
    width = max(map(len, [*coverage.handlers, *coverage.rules, "handler, action"]))
    so_far = "" if verdict.complete else " so far"

    def row(name: str, count: Count, note: str) -> str:
        numbers = f"  {name:<{width}}  {count.ran:>12,}  {count.refused:>12,}"
        return f"{numbers}  {click.style(note, fg='yellow')}" if note else numbers

    lines = [
        f"Coverage ({_WHAT[coverage.counts]}):",
        "",
        f"  {'handler, action':<{width}}  {'ran':>12}  {'did nothing':>12}",
    ]
    for name, found in coverage.handlers.items():
        lines.append(row(name, found, "" if found.ran else f"never ran{so_far}"))
    if coverage.rules:
        lines += ["", f"  {'rule':<{width}}  {'said yes':>12}  {'said no':>12}"]
    for name, found in coverage.rules.items():
        asked = "" if found.ran or found.refused else f"never asked{so_far}"
        off = "switched off" if name in protocol.without else ""
        lines.append(row(name, found, ", ".join(filter(None, [off, asked]))))
    return "\n".join(lines)
