"""`paxcheck schema`."""

from __future__ import annotations

import json

import click

from paxcheck.trace.schema import trace_schema


@click.command("schema")
def command() -> int:
    """Print the JSON Schema of the native trace format (one JSON object a line)."""
    click.echo(json.dumps(trace_schema(), indent=2))
    return 0
