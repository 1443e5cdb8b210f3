"""`paxcheck graph MODEL`."""

from __future__ import annotations

from pathlib import Path

import click

from paxcheck.cli.files import cannot_write, check_writable
from paxcheck.cli.options import Asked, scope_options
from paxcheck.cli.streams import aside
from paxcheck.engine.graph import as_dot, state_graph, write_graph
from paxcheck.plain import count
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.system import System


@click.command("graph")
@scope_options
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="FILE.dot, FILE.gv or FILE.graphml; without it DOT goes to the screen.",
)
@click.option("--max-states", type=click.IntRange(1), default=10_000, show_default=True)
def command(
    asked: Asked,
    output: Path | None,
    max_states: int,
) -> int:
    """Write the state graph of MODEL, for Graphviz or any reader of GraphML.

    State 0 is the initial one. Exit code 3 when the graph was cut at --max-states.
    """
    if output is not None and output.suffix not in (".dot", ".gv", ".graphml"):
        raise UsageError(f"{output}: the ending says the format: .dot, .gv or .graphml")
    if output is not None:
        check_writable("--output", output)
    chosen = asked.choose()
    with aside():
        graph = state_graph(System(chosen.protocol), max_states)
    if output is None:
        click.echo(as_dot(graph), nl=False)
    else:
        try:
            write_graph(graph, output)
        except OSError as problem:
            raise cannot_write(output, problem) from None
        states, steps = count(len(graph), "state"), count(graph.number_of_edges(), "step")
        click.echo(f"{output}: {states}, {steps}")
    if not graph.graph["complete"]:
        click.echo(f"the graph is cut at {count(max_states, 'state')} (--max-states)", err=True)
        return 3
    return 0
