"""`paxcheck show FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from paxcheck.cli.report import Story, tell_story
from paxcheck.cli.saved import protocol_of, steps_of
from paxcheck.engine.verdict import PropertyVerdict
from paxcheck.protocol.errors import plain
from paxcheck.trace.adapters import factfile
from paxcheck.trace.lines import first_lines, lines_of
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.text import explain
from paxcheck.trace.observe.words import in_words
from paxcheck.trace.read import read_trace
from paxcheck.trace.replay import replay


@click.command("show")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", metavar="FILE", help="The model of the run, where it is your own.")
def command(file: Path, model: str | None) -> int:
    """Show a saved counterexample again: in words and as a space-time diagram.

    The model that it was found in is loaded by its name and the run is replayed, so what you see
    is what the model does today. A saved run is data: a model of your own is only loaded when you
    name it with --model. Of a log that `validate --shrink` made smaller, what it tells is shown
    line by line, and what is wrong with it.
    """
    if factfile.recognises(first_lines(str(file), 1)):
        return _facts(file)
    trace = read_trace(file)
    protocol = protocol_of(trace, model, as_saved=True)
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


def _facts(file: Path) -> int:
    verdict = validate_files([str(file)])
    click.echo(f"{file}: facts of a log of the format {verdict.format}\n")
    for fact in factfile.facts(lines_of(str(file)), str(file)):
        click.echo(plain(f"{fact.file}:{fact.line}: {in_words(fact)}"))
    if verdict.first is not None:
        click.echo("\n" + "\n".join(explain(verdict.first)))
    return 0
