"""`paxcheck faults`."""

from __future__ import annotations

import json

import click

from paxcheck.cli.options import format_option
from paxcheck.cli.text import beside
from paxcheck.protocol.faults import FAULTS, NETWORK_FAULTS, NODE_FAULTS


@click.command("faults")
@format_option
def command(form: str) -> int:
    """Explain the faults that --fault NAME=N switches on: NAME may strike up to N times in a run.

    No model mentions them: they come from outside.
    """
    if form == "json":
        click.echo(json.dumps(FAULTS, ensure_ascii=False))
        return 0
    width = max(map(len, FAULTS))
    for title, faults in (("nodes", NODE_FAULTS), ("the network", NETWORK_FAULTS)):
        click.echo(click.style(f"Faults of {title}", bold=True))
        for name, about in faults.items():
            left = f"  {click.style(name, bold=True)}{' ' * (width - len(name))}  "
            click.echo(beside(left, width + 4, about))
        click.echo("")
    click.echo("paxcheck check synod --fault crash=1 --fault amnesia=1")
    return 0
