"""Progress of a run: a line on a terminal, rewritten; JSON lines for machines; else nothing.

Nobody knows the end of a search in advance, so no line pretends to. What can be told is whether
the levels are still growing.
"""

from __future__ import annotations

import json
import sys
from typing import Literal

import click

from paxcheck.cli.text import columns
from paxcheck.engine.compiled.how import making_code
from paxcheck.engine.limits import Progress, Report

Trend = Literal["growing", "steady", "shrinking"]


def reporter(machine: bool = False) -> Report | None:
    """What to call with progress: a line on a terminal, JSON lines for a machine, else nothing."""
    if machine:
        making_code[:] = [_json_making_code]
        return json_line
    if sys.stderr.isatty():
        making_code[:] = [_terminal_making_code]
        return terminal_line
    making_code.clear()
    return None


def clear_line() -> None:
    """Wipe the progress line away."""
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)


def trend_of(progress: Progress) -> tuple[Trend, float] | None:
    """How the last complete level is to the one before it; within 5 % it is the same.

    None before there are two. The level that is being made says nothing yet.
    """
    if not progress.previous_frontier or not progress.frontier_before:
        return None
    ratio = progress.previous_frontier / progress.frontier_before
    if ratio > 1.05:
        return "growing", ratio
    return ("steady" if ratio >= 0.95 else "shrinking"), ratio


def rate(progress: Progress) -> float:
    """Distinct states for each second so far."""
    return progress.distinct / progress.seconds if progress.seconds else 0


def describe(progress: Progress) -> str:
    """A look at a run in one line."""
    told = ""
    found = trend_of(progress)
    if found is not None:
        word, ratio = found
        told = f" · {word}" + (f" ×{ratio:.1f} a level" if word == "growing" else "")
    bad = f" · violated: {', '.join(progress.violated)}" if progress.violated else ""
    return (
        f"{progress.distinct:,} states · depth {progress.depth} · {rate(progress):,.0f} states/s · "
        f"{progress.memory / 2**20:,.0f} MiB · {progress.seconds:.0f} s{told}{bad}"
    )


def terminal_line(progress: Progress) -> None:
    """Write the line over the one before."""
    width = columns(otherwise=100)
    click.echo("\r\033[K" + describe(progress)[: width - 1], nl=False, err=True)


def json_line(progress: Progress) -> None:
    """Write one JSON object on a line of stderr; docs/json.md describes it."""
    found = trend_of(progress)
    line = {
        "event": "progress",
        "distinct_states": progress.distinct,
        "generated_states": progress.generated,
        "depth": progress.depth,
        "frontier": progress.frontier,
        "previous_frontier": progress.previous_frontier,
        "trend": found[0] if found else None,
        "growth": round(found[1], 3) if found else None,
        "states_per_second": round(rate(progress)),
        "seconds": round(progress.seconds, 3),
        "memory_bytes": progress.memory,
        "violated": list(progress.violated),
    }
    click.echo(json.dumps(line), err=True)


MAKING_CODE = "making machine code for this processor; it is kept for later runs"


def _terminal_making_code() -> None:
    click.echo("\r\033[K" + MAKING_CODE, nl=False, err=True)


def _json_making_code() -> None:
    click.echo(json.dumps({"event": "note", "text": MAKING_CODE}), err=True)
