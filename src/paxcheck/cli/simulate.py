"""`paxcheck simulate MODEL`."""

from __future__ import annotations

from typing import Any

import click
from msgspec.structs import replace

from paxcheck.cli import report
from paxcheck.cli.options import Asked, format_option, limit_options, limits, scope_options
from paxcheck.cli.progress import clear_line, reporter
from paxcheck.cli.streams import aside
from paxcheck.engine.alarm import alarm
from paxcheck.engine.simulate import simulate
from paxcheck.protocol.system import System


@click.command("simulate")
@scope_options
@click.option(
    "--seed", type=int, default=1, show_default=True, help="The same seed, the same walks."
)
@click.option("--walks", type=click.IntRange(1), default=1000, show_default=True)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="At most so many steps a walk.",
)
@click.option(
    "--property", "names", metavar="NAME", multiple=True, help="Judge this property only."
)
@limit_options
@format_option
def command(
    asked: Asked,
    seed: int,
    walks: int,
    steps: int,
    names: tuple[str, ...],
    form: str,
    **limit_values: Any,
) -> int:
    """Walk at random through MODEL, for scopes that are too large to check.

    A walk can find a violation, or the witness of a property that can be reached. It can never
    show that a property holds: without a violation the verdict is "undetermined".

    Exit codes: 0 every property that was asked for is a witness, and each was found, 1 violated,
    2 bad usage or input, 3 undetermined.
    """
    chosen = asked.choose()
    properties = chosen.properties(names)
    bounds = limits(**limit_values)
    with aside(), alarm(bounds):
        verdict = simulate(
            System(chosen.protocol),
            seed=seed,
            walks=walks,
            steps=steps,
            properties=properties,
            limits=bounds,
            report=reporter(),
        )
    clear_line()
    verdict = replace(verdict, model=chosen.model.name, scope=chosen.scope_name)
    with aside():
        story = report.story_of(
            verdict, chosen.protocol, properties, witness=bool(names), shortest=False
        )
    if form == "json":
        click.echo(report.as_json(verdict, chosen, story))
    else:
        click.echo(report.as_text(verdict, chosen, story))
    return verdict.exit_code
