"""What the commands that read logs share: options, and the line of progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from paxcheck.trace.observe.sources import AUTO

form_option = click.option(
    "--from",
    "form",
    default=AUTO,
    show_default=True,
    metavar="FORMAT",
    help="The format of the log: etcd-log, etcd-raft, ceph-mon, pysyncobj, ...",
)

map_option = click.option(
    "--map",
    "map_file",
    metavar="TOML",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Your own format: a map file says which JSON field means what.",
)

clock_option = click.option(
    "--clock-error",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Trust the time stamps up to this error. Leases are judged only then.",
)

short_format_option = click.option(
    "--format", "output", default="text", show_default=True, type=click.Choice(["text", "json"])
)


@contextmanager
def progress_on(terminal: TextIO) -> Generator[Callable[[int, int], None] | None]:
    """What to call with (events, line): it writes one line over and over; None for no terminal."""
    if not terminal.isatty():
        yield None
        return
    started = time.perf_counter()

    def show(events: int, line: int) -> None:
        rate = events / max(time.perf_counter() - started, 1e-9)
        text = f"{events:,} events, {rate:,.0f} events/s, line {line:,}"
        click.echo(f"\r\033[K{text}", nl=False, file=terminal)

    try:
        yield show
    finally:
        click.echo("\r\033[K", nl=False, file=terminal)
