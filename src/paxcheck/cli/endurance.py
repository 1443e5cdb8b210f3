"""The options of `check` that keep a long search: where it is saved, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from paxcheck.cli.options import Chosen
from paxcheck.cli.progress import clear_line
from paxcheck.engine.certificate import source_digest
from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.plain import count
from paxcheck.protocol.properties import Property

F = TypeVar("F", bound=Callable[..., Any])


def checkpoint_options(command: F) -> F:
    """`--checkpoint` and `--checkpoint-every`."""
    for option in (
        click.option(
            "--checkpoint-every",
            "every",
            type=click.FloatRange(min=0),
            metavar="SECONDS",
            default=30.0,
            show_default=True,
            help="Save so often at most; 0: at the end of every level.",
        ),
        click.option(
            "--checkpoint",
            "folder",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Save the search in this folder, at the end of a level, and go on from what is "
            "there: a search that was killed comes to the same result.",
        ),
    ):
        command = option(command)
    return command


def checkpoint_of(
    folder: Path, every: float, chosen: Chosen, properties: tuple[Property, ...], **how: bool
) -> Checkpoint:
    """The checkpoint of a run; `how`: what else the result depends on. Raises CheckpointError."""
    protocol = chosen.protocol
    run: dict[str, Any] = {
        "model": chosen.model.name,
        "source of the model": source_digest(chosen.model.path),
        "parameters": dict(protocol.params),
        "network": protocol.network,
        "faults": dict(protocol.faults),
        "without": sorted(protocol.without),
        "properties": [p.name for p in properties],
        **how,
    }
    found = Checkpoint(folder, run, every=every, warn=_warn)
    if found.saved is not None:
        levels = found.saved.state["levels"]
        states = count(sum(levels), "state")
        click.echo(f"going on from {folder}: {states}, depth {len(levels) - 1}", err=True)
    return found


def tell_how_to_go_on(checkpoint: Checkpoint, stopped: str | None) -> None:
    """After a search that ended early: what was kept, on stderr."""
    if stopped is None:
        return
    if checkpoint.saved is None:
        click.echo(f"nothing was saved in {checkpoint.folder} yet", err=True)
        return
    levels = checkpoint.saved.state["levels"]
    click.echo(
        f"{checkpoint.folder} has the search up to depth {len(levels) - 1} "
        f"({count(sum(levels), 'state')} looked at); the same command goes on from there",
        err=True,
    )


def _warn(text: str) -> None:
    clear_line()
    click.echo(text, err=True)
