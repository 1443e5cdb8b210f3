"""`paxcheck check MODEL`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from paxcheck import __version__
from paxcheck.cli import report
from paxcheck.cli.endurance import checkpoint_of, checkpoint_options, tell_how_to_go_on
from paxcheck.cli.options import Chosen, choose, limit_options, limits, scope_options
from paxcheck.cli.progress import clear_line, reporter
from paxcheck.cli.streams import aside
from paxcheck.engine.certificate import certify, write_certificate
from paxcheck.engine.engines import ENGINES, EngineName, explore
from paxcheck.protocol.errors import UsageError
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
@click.option("--first", is_flag=True, help="Stop at the first violation.")
@limit_options
@checkpoint_options
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True)
@click.option(
    "--symmetry/--no-symmetry",
    default=True,
    show_default=True,
    help="In large scopes look at one state for all that differ in names only, where the model "
    "declares which names may be exchanged. All counts stay those of the whole space.",
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
    help="json prints one object; docs/json.md describes it.",
)
@click.option(
    "--progress",
    type=click.Choice(["auto", "json", "none"]),
    default="auto",
    show_default=True,
    help="json: a line on stderr now and then, for machines.",
)
@click.option("--quiet", "-q", is_flag=True, help="The verdicts only, no counterexample.")
def command(
    model: str,
    scope: str | None,
    settings: tuple[str, ...],
    without: tuple[str, ...],
    faults: tuple[str, ...],
    network: str | None,
    names: tuple[str, ...],
    first: bool,
    folder: Path | None,
    every: float,
    engine: EngineName,
    symmetry: bool,
    certificate: Path | None,
    save: Path | None,
    form: str,
    progress: str,
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
    paxcheck check synod --set acceptors=5 --checkpoint DIR   go on from DIR if killed

    Every property has its own verdict. "holds" means: in every reachable state of this scope.
    A limit that is reached, or Ctrl-C, makes it "undetermined".

    Exit codes: 0 holds, 1 violated, 2 bad usage or input, 3 undetermined.
    """
    chosen = choose(model, scope, settings, without, faults, network)
    properties = chosen.properties(names)
    symmetric = symmetry and certificate is None
    checkpoint = None
    if folder is not None:
        how = {"first": first, "symmetry": symmetric}
        checkpoint = checkpoint_of(folder, every, chosen, properties, **how)
    with aside():
        verdict = explore(
            System(chosen.protocol),
            engine=engine,
            properties=properties,
            limits=limits(**limit_values),
            report=None if progress == "none" else reporter(machine=progress == "json"),
            stop_at_first=first,
            digest=certificate is not None,
            symmetric=symmetric,
            checkpoint=checkpoint,
        )
    clear_line()
    if checkpoint is not None:
        tell_how_to_go_on(checkpoint, verdict.stopped)
        checkpoint.close()
    verdict = replace(verdict, model=chosen.model.name, scope=_scope_name(chosen))
    with aside():
        story = report.story_of(verdict, chosen.protocol, properties, witness=bool(names))
    if save is not None:
        _save(save, story, chosen)
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
            ),
        )
    if form == "json":
        click.echo(report.as_json(verdict, chosen, story))
    else:
        click.echo(report.as_text(verdict, chosen, None if quiet else story))
        if save is not None:
            click.echo(f"\nsaved: {save}   (see it again: paxcheck show {save})")
        if certificate is not None:
            click.echo(f"\ncertificate: {certificate}   (paxcheck recheck {certificate})")
    return verdict.exit_code


def _scope_name(chosen: Chosen) -> str:
    return f"{chosen.scope}, changed" if chosen.changed else chosen.scope


def _save(path: Path, story: report.Story | None, chosen: Chosen) -> None:
    if story is None:
        raise UsageError(
            "there is no counterexample to save", hint="--property NAME saves a witness, if any"
        )
    try:
        story.save(path, chosen.model.reference)
    except OSError as problem:
        raise UsageError(f"{path} cannot be written: {problem.strerror}") from None
