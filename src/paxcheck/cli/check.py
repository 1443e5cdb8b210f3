"""`paxcheck check MODEL`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from paxcheck import __version__
from paxcheck.cli import report
from paxcheck.cli.endurance import checkpoint_of, checkpoint_options, tell_how_to_go_on
from paxcheck.cli.files import cannot_write, check_writable
from paxcheck.cli.options import (
    Asked,
    Chosen,
    limit_options,
    limits,
    processors,
    scope_options,
    threads_option,
)
from paxcheck.cli.progress import clear_line, reporter
from paxcheck.cli.streams import aside
from paxcheck.engine.alarm import alarm
from paxcheck.engine.certificate import certify, write_certificate
from paxcheck.engine.engines import ENGINES, EngineName, explore
from paxcheck.loading import bundled_models
from paxcheck.protocol.system import System


@click.command("check")
@scope_options
@click.option(
    "--property",
    "names",
    metavar="NAME",
    multiple=True,
    help="Judge this property only, and show its counterexample or its witness.",
)
@click.option(
    "--deadlock",
    is_flag=True,
    help="Also judge no_deadlock: a run in which nothing more can happen is a counterexample.",
)
@click.option("--first", is_flag=True, help="Stop at the first violation.")
@limit_options
@checkpoint_options
@threads_option
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True)
@click.option(
    "--symmetry/--no-symmetry",
    default=True,
    show_default=True,
    help="In large scopes look at one state for all that differ in names only, where the model "
    "declares which names may be exchanged. All counts stay those of the whole space.",
)
@click.option(
    "--reduction/--no-reduction",
    "reduced",
    default=True,
    show_default=True,
    help="In large scopes follow one order of two steps that commute; all are counted.",
)
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a certificate, which `paxcheck recheck` counts again (without symmetry).",
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the counterexample as a trace (JSON Lines).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json prints one object; `paxcheck schema output` describes it.",
)
@click.option(
    "--progress",
    type=click.Choice(["auto", "json", "none"]),
    default="auto",
    show_default=True,
    help="json: a line on stderr now and then, for machines.",
)
@click.option(
    "--coverage",
    is_flag=True,
    help="A table of how often each handler, action and rule ran, and how often it did nothing.",
)
@click.option("--quiet", "-q", is_flag=True, help="The verdicts only, no counterexample.")
def command(
    asked: Asked,
    names: tuple[str, ...],
    deadlock: bool,
    first: bool,
    folder: Path | None,
    every: float,
    threads: int | None,
    engine: EngineName,
    symmetry: bool,
    reduced: bool,
    certificate: Path | None,
    save: Path | None,
    form: str,
    progress: str,
    coverage: bool,
    quiet: bool,
    **limit_values: Any,
) -> int:
    """Check every interleaving of MODEL in a small scope.

    MODEL is the name of a bundled model (`paxcheck models`) or the path of your own file, which
    is Python code and is run. Without options the model's first scope is checked.

    \b
    paxcheck check synod --set acceptors=5           a larger scope
    paxcheck check synod --without keeps_promise     switch one rule off
    paxcheck check synod --network bag --fault loss=1
    paxcheck check synod --property agreement --save ce.jsonl
    paxcheck check rounds --deadlock                 where can it get stuck?
    paxcheck check synod --set acceptors=5 --checkpoint DIR   go on from DIR if killed

    Every property has its own verdict. "holds" means: in every reachable state of this scope.
    A limit that is reached, or Ctrl-C, makes it "undetermined".

    Exit codes: 0 holds, 1 violated, 2 bad usage or input, 3 undetermined.
    """
    chosen = asked.choose()
    properties = chosen.properties(names, deadlock=deadlock)
    for option, file in (("--save", save), ("--certificate", certificate)):
        if file is not None:
            check_writable(option, file)
    symmetric = symmetry and certificate is None
    checkpoint = None
    if folder is not None:
        how = {"first": first, "symmetry": symmetric}
        checkpoint = checkpoint_of(folder, every, chosen, properties, **how)
    bounds = limits(**limit_values)
    with aside(), alarm(bounds):
        verdict = explore(
            System(chosen.protocol),
            engine=engine,
            properties=properties,
            limits=bounds,
            report=None if progress == "none" else reporter(machine=progress == "json"),
            stop_at_first=first,
            digest=certificate is not None,
            symmetric=symmetric,
            checkpoint=checkpoint,
            threads=threads or processors(),
            reduced=reduced,
        )
    clear_line()
    if checkpoint is not None:
        tell_how_to_go_on(checkpoint, verdict.stopped)
        checkpoint.close()
    verdict = replace(verdict, model=chosen.model.name, scope=chosen.scope_name)
    with aside():
        story = report.story_of(
            verdict, chosen.protocol, properties, witness=bool(names), shortest=True
        )
    saved = "" if save is None else _saved(save, story, chosen)
    if certificate is not None:
        loaded = chosen.model
        write_certificate(
            certificate,
            certify(
                verdict,
                chosen.protocol,
                model=loaded.reference,
                path=loaded.path,
                version=__version__,
                limits=bounds,
            ),
        )
    if form == "json":
        click.echo(report.as_json(verdict, chosen, story))
        if story is None and saved:
            click.echo(saved, err=True)
    else:
        shown = None if quiet else story
        click.echo(report.as_text(verdict, chosen, shown, coverage=coverage))
        if saved:
            click.echo(f"\n{saved}")
        if certificate is not None:
            click.echo(f"\ncertificate: {certificate}   (paxcheck recheck {certificate})")
    return verdict.exit_code


def _saved(path: Path, story: report.Story | None, chosen: Chosen) -> str:
    """Save what there is to save, and say so. The verdict does not depend on it."""
    if story is None:
        as_it_was = f"; {path} is as it was" if path.is_file() else ""
        return (
            f"nothing was saved: there is no counterexample{as_it_was}\n"
            "(--property NAME saves the witness of a property that can be reached)"
        )
    try:
        story.save(path, chosen.model.reference)
    except OSError as problem:
        raise cannot_write(path, problem) from None
    model = chosen.model.reference
    named = "" if model in bundled_models() else f" --model {model}"  # a run names no code to load
    return f"saved: {path}   (see it again: paxcheck show {path}{named})"
