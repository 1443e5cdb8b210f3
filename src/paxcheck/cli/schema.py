"""`paxcheck schema`."""

from __future__ import annotations

import json

import click

from paxcheck.loading import page
from paxcheck.trace.schema import trace_schema


@click.command("schema")
@click.argument(
    "what", type=click.Choice(["trace", "output"]), default="trace", metavar="[trace|output]"
)
def command(what: str) -> int:
    """Print what describes paxcheck's own formats.

    \b
    paxcheck schema          the JSON Schema of the native trace format (one JSON object a line)
    paxcheck schema output   the page on --format json: every field of every command
    """
    if what == "output":
        click.echo(page("json.md"), nl=False)
    else:
        click.echo(json.dumps(trace_schema(), indent=2))
    return 0
