"""`paxcheck show FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from paxcheck.cli.options import known_properties
from paxcheck.cli.report import tell_run
from paxcheck.cli.saved import protocol_of, steps_of
from paxcheck.cli.streams import aside
from paxcheck.cli.text import configuration
from paxcheck.plain import count, printable_lines
from paxcheck.trace.adapters import factfile
from paxcheck.trace.lines import first_lines, lines_of
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.text import explain
from paxcheck.trace.observe.words import in_words
from paxcheck.trace.read import read_trace
from paxcheck.trace.replay import Behavior, replay, shows_after


@click.command("show")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", metavar="FILE", help="The model of the run, where it is your own.")
def command(file: Path, model: str | None) -> int:
    """Show a saved run again, in words and as a space-time diagram, and judge it again.

    The model that it was found in is loaded by its name; the run is replayed and judged in it, so
    what you see is what the model does today. A saved run is data: a model of your own is only
    loaded when you name it with --model. Of a log that `validate --shrink` made smaller, what it
    tells is shown line by line, and what is wrong with it.

    Exit codes: 0 the run shows what it was saved for (or it was saved for no property), 1 it does
    not any more, 2 bad usage or input: the file is cut short, or the model refuses a step today,
    3 the model has no such property any more.
    """
    if factfile.recognises(first_lines(str(file), 1)):
        return _facts(file)
    trace = read_trace(file)
    with aside():
        protocol = protocol_of(trace, model, as_saved=True)
        behavior = replay(protocol, steps_of(trace, protocol))
    click.echo(f"{file}: model {trace.header.model}, {configuration(protocol)}\n")
    return _judged(behavior, trace.header.property)


def _judged(behavior: Behavior, name: str) -> int:
    """Tell the run and what it shows today of the property it was saved for; the exit code."""
    length = count(len(behavior.frames), "step")
    plain_title = f"A run of {length}:"
    if not name:
        click.echo(tell_run(plain_title, behavior))
        return 0
    prop = next((p for p in known_properties(behavior.system.protocol) if p.name == name), None)
    if prop is None:
        click.echo(tell_run(plain_title, behavior))
        click.echo(f"\nIt was saved for {name}: the model has no such property any more.")
        return 3
    with aside():
        found = shows_after(behavior, prop)
    if found is None:
        verb = "reach" if prop.kind == "reachable" else "break"
        click.echo(tell_run(plain_title, behavior))
        click.echo(f"\nIt was saved for {name}. In the model as it is today it does not {verb} it.")
        return 1
    steps, breach = found
    kind = "A run to" if breach is None else "Counterexample to"
    already = f" (already after step {steps})" if steps < len(behavior.frames) else ""
    title = f"{kind} {name}, {length}{already}:"
    click.echo(tell_run(title, behavior, breach.reason if breach else "", prop.doc))
    return 0


def _facts(file: Path) -> int:
    verdict = validate_files([str(file)])
    click.echo(f"{file}: facts of a log of the format {verdict.format}\n")
    for fact in factfile.facts(lines_of(str(file)), str(file)):
        click.echo(printable_lines(f"{fact.file}:{fact.line}: {in_words(fact)}"))
    if verdict.first is not None:
        click.echo("\n" + printable_lines("\n".join(explain(verdict.first))))
    return 0
