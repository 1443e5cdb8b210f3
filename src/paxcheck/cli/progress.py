"""Progress of a run on a terminal: one line, rewritten; nothing at all when piped."""

from __future__ import annotations

import json
import sys

import click

from paxcheck.engine.limits import Progress, Report


def reporter(machine: bool = False) -> Report | None:
    """What to call with progress: a line on a terminal, JSON lines for a machine, else nothing."""
    if machine:
        return _json_line
    return _terminal_line if sys.stderr.isatty() else None


def clear_line() -> None:
    """Wipe the progress line away."""
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)


def describe(progress: Progress) -> str:
    """A look at a run in one line; it does not pretend to know the end."""
    rate = progress.distinct / progress.seconds if progress.seconds else 0
    trend = ""
    if progress.previous_frontier:
        ratio = progress.frontier / progress.previous_frontier
        trend = f" · last level {progress.previous_frontier:,}, next so far ×{ratio:.1f}"
    bad = f" · violated: {', '.join(progress.violated)}" if progress.violated else ""
    return (
        f"{progress.distinct:,} states · depth {progress.depth} · {rate:,.0f} states/s · "
        f"{progress.memory / 2**20:,.0f} MiB · {progress.seconds:.0f} s{trend}{bad}"
    )


def _terminal_line(progress: Progress) -> None:
    width = 100
    try:
        import shutil

        width = shutil.get_terminal_size().columns
    except (OSError, ValueError):
        pass
    click.echo("\r\033[K" + describe(progress)[: width - 1], nl=False, err=True)


def _json_line(progress: Progress) -> None:
    line = {
        "event": "progress",
        "distinct_states": progress.distinct,
        "generated_states": progress.generated,
        "depth": progress.depth,
        "frontier": progress.frontier,
        "previous_frontier": progress.previous_frontier,
        "seconds": round(progress.seconds, 3),
        "memory_bytes": progress.memory,
        "violated": list(progress.violated),
    }
    click.echo(json.dumps(line), err=True)
