"""`paxcheck show FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from paxcheck.cli.report import Story, tell_story
from paxcheck.cli.saved import protocol_of, steps_of
from paxcheck.engine.verdict import PropertyVerdict
from paxcheck.trace.read import read_trace
from paxcheck.trace.replay import replay


@click.command("show")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(file: Path) -> int:
    """Show a saved counterexample again: in words and as a space-time diagram.

    The model that it was found in is loaded by its name and the run is replayed, so what you see
    is what the model does today.
    """
    trace = read_trace(file)
    protocol = protocol_of(trace)
    header = trace.header
    behavior = replay(protocol, steps_of(trace, protocol))
    prop = next((p for p in protocol.properties() if p.name == header.property), None)
    found = PropertyVerdict(
        name=header.property or header.model,
        kind=prop.kind if prop else "invariant",
        doc=prop.doc if prop else "",
        verdict="violated",
        behavior=tuple([frame.step for frame in behavior.frames]),
        reason=header.reason,
    )
    click.echo(f"{file}: model {header.model}, {header.network} network")
    click.echo("\n" + tell_story(Story(found, behavior)))
    return 0
