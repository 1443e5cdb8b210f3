"""`paxcheck convert FILE --to FORMAT`."""

from __future__ import annotations

from pathlib import Path

import click

from paxcheck.cli.saved import protocol_of, steps_of
from paxcheck.cli.streams import aside
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.adapters import detect
from paxcheck.trace.adapters.tla_states import itf, states_of, tlc_json
from paxcheck.trace.lines import first_lines, lines_of
from paxcheck.trace.observe.run import is_native
from paxcheck.trace.read import read_trace
from paxcheck.trace.replay import replay
from paxcheck.trace.states import FORMATS, States, itf_again, states_of_behavior


@click.command("convert")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--to", "form", required=True, type=click.Choice(list(FORMATS)), help="The format to write."
)
@click.option("--model", metavar="FILE", help="The model of the run, where it is your own.")
@click.option(
    "--output",
    "-o",
    metavar="OUT",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to OUT, not to the screen.",
)
def command(file: Path, form: str, model: str | None, output: Path | None) -> int:
    """Write a run as a sequence of states, for other tools.

    FILE is a saved run of a model (paxcheck check --save), or states that TLC, Apalache or Quint
    wrote. A log has no whole states: it cannot be converted.

    \b
    paxcheck convert run.jsonl --to itf -o run.itf.json    for the ITF Trace Viewer
    paxcheck convert run.jsonl --to tlc-json               as TLC's -dumpTrace json
    """
    text = FORMATS[form](_run(file, model))
    if output is None:
        click.echo(text, nl=False)
        return 0
    if output.exists() and output.samefile(file):
        raise UsageError(f"{output} is the run itself", hint="name another file")
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"{output} cannot be written: {problem.strerror}") from None
    return 0


def _run(file: Path, model: str | None) -> States:
    if is_native(str(file)):
        trace = read_trace(file)
        with aside():
            protocol = protocol_of(trace, model, as_saved=True)
            behavior = replay(protocol, steps_of(trace, protocol))
        return states_of_behavior(behavior, f"{trace.header.model}, {file.name}")
    adapter = detect(first_lines(str(file)))
    if adapter is None or adapter.NAME not in (tlc_json.NAME, itf.NAME):
        raise UsageError(
            f"{file} is no run of a model, and no sequence of states",
            hint="convert what `paxcheck check --save` wrote, or states of TLC, Apalache or Quint",
        )
    states = [itf_again(state) for state in states_of(lines_of(str(file)), str(file))]
    return States(tuple(states), (), file.name)
