"""`paxcheck explain FILE...`."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import click

from paxcheck.cli.logs import (
    clock_option,
    form_option,
    map_option,
    progress_on,
    short_format_option,
)
from paxcheck.trace.observe.outputs import as_json
from paxcheck.trace.observe.reading import reading
from paxcheck.trace.observe.run import is_native, validate_files
from paxcheck.trace.observe.sources import AUTO


@click.command("explain")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@form_option
@map_option
@click.option(
    "--model",
    metavar="NAME",
    help="Replay in this model: a run (not in that of its header), or a log of Paxos.",
)
@clock_option
@short_format_option
def command(
    files: tuple[str, ...],
    form: str,
    map_file: Path | None,
    model: str | None,
    clock_error: float | None,
    output: str,
) -> int:
    """Say in words what is wrong with a log or a run, and how to read it.

    FILE is what `validate` reads: a log, what `validate --shrink` wrote, or a saved run of a model.
    The exit codes are those of `validate`, and so is the JSON; here it has the `explanation` too.
    """
    if model is not None or (form == AUTO and map_file is None and any(map(is_native, files))):
        # It needs networkx, which takes longer to load than most logs take to read.
        conformance = import_module("paxcheck.cli.conformance")
        replay = conformance.Options(
            model, output, source=form, map_file=map_file, clock_error=clock_error
        )
        return conformance.explained(files, replay)
    with progress_on(sys.stderr) as progress:
        verdict = validate_files(
            files, source=form, map_file=map_file, clock_error=clock_error, progress=progress
        )
    if output == "json":
        click.echo(json.dumps(as_json(verdict) | {"explanation": reading(verdict)}))
    else:
        click.echo(reading(verdict))
    return verdict.exit_code
