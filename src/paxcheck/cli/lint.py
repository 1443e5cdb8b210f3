"""`paxcheck lint FILE...`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from paxcheck.cli.logs import (
    clock_option,
    form_option,
    map_option,
    progress_on,
    short_format_option,
)
from paxcheck.plain import printable_lines
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.observe.outputs import lint_json
from paxcheck.trace.observe.run import is_native, validate_files
from paxcheck.trace.observe.sources import AUTO
from paxcheck.trace.observe.text import lint_text


@click.command("lint")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@form_option
@map_option
@clock_option
@short_format_option
def command(
    files: tuple[str, ...],
    form: str,
    map_file: Path | None,
    clock_error: float | None,
    output: str,
) -> int:
    """Say what a log can decide and what it cannot, property by property, and why.

    And what is taken for granted: which order and clocks are trusted, when a state is taken, what
    must survive a restart.

    It does not say whether anything is wrong: that is `paxcheck validate`.
    """
    if form == AUTO and map_file is None and any(map(is_native, files)):
        raise UsageError(
            "a native behavior holds all that its model knows: there is nothing to lint",
            hint="paxcheck validate FILE --model NAME",
        )
    with progress_on(sys.stderr) as progress:
        verdict = validate_files(
            files, source=form, map_file=map_file, clock_error=clock_error, progress=progress
        )
    if output == "json":
        click.echo(json.dumps(lint_json(verdict)))
    else:
        click.echo(printable_lines(lint_text(verdict)))
    return 0
