"""`paxcheck recheck CERT`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from paxcheck import __version__
from paxcheck.cli.options import (
    format_option,
    known_properties,
    limit_options,
    limits,
    processors,
    threads_option,
)
from paxcheck.cli.progress import clear_line, reporter
from paxcheck.cli.streams import aside
from paxcheck.cli.text import configuration
from paxcheck.engine.alarm import alarm
from paxcheck.engine.certificate import (
    Certificate,
    certify,
    differences,
    read_certificate,
    source_digest,
)
from paxcheck.engine.engines import ENGINES, EngineName, explore
from paxcheck.engine.limits import Limits
from paxcheck.loading import load_model
from paxcheck.plain import count
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import System

MOST_PLAIN = 2_000_000
"""States that the reference engine counts in reasonable time."""


@click.command("recheck")
@click.argument("certificate", metavar="CERT", type=click.Path(dir_okay=False, path_type=Path))
@limit_options
@threads_option
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="auto: another engine than the one that made the certificate; for large scopes the "
    "compiled engine, with all its reductions switched off.",
)
@format_option
def command(
    certificate: Path, engine: EngineName, form: str, threads: int | None, **limit_values: Any
) -> int:
    """Count again what a certificate says, with another engine, and compare.

    `paxcheck check MODEL --certificate CERT` writes a certificate. The model is loaded (it is
    Python code and is run) and must be the same, to the byte.

    Exit codes: 0 both found the same, 1 they did not, 2 bad usage or input, 3 a limit was reached.
    """
    old = read_certificate(certificate)
    model = load_model(old.model)
    with aside():
        protocol = _protocol(old, model.protocol)
    if source_digest(model.path) != old.source:
        raise UsageError(
            f"the model {old.model} has changed since {certificate} was made",
            hint="check it again, or go back to the files of that time",
        )
    if engine == "auto":
        small = old.distinct_states <= MOST_PLAIN
        engine = "reference" if old.engine == "compiled" and small else "compiled"
    bounds = limits(**limit_values)
    if bounds == Limits():
        bounds = Limits(**old.limits)  # those of the run that is counted again
    if not old.complete and old.verdict == "undetermined" and bounds == Limits():
        raise UsageError(
            f"{certificate} is of a run that was stopped by time, memory or Ctrl-C",
            hint="where such a run ends is chance: there is nothing to compare with",
        )
    properties = [p for p in known_properties(protocol) if p.name in old.properties]
    with aside(), alarm(bounds):
        verdict = explore(
            System(protocol),
            engine=engine,
            properties=properties,
            limits=bounds,
            report=reporter(),
            digest=True,
            threads=threads or processors(),
            reduced=False,
        )
    clear_line()
    new = certify(verdict, protocol, model=old.model, path=model.path, version=__version__)
    limited = verdict.stopped is not None and old.complete
    found = [] if limited else differences(old, new)
    answer = "undetermined" if limited else "differs" if found else "confirmed"
    if form == "json":
        told = {
            "verdict": answer,
            "certificate": str(certificate),
            "model": old.model,
            "engine": new.engine,
            "made_by": old.engine,
            "differences": found,
            "stopped": verdict.stopped,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(_text(old, new, protocol, found, verdict.stopped if limited else None))
    return {"confirmed": 0, "differs": 1, "undetermined": 3}[answer]


def _protocol(old: Certificate, kind: type[Protocol]) -> Protocol:
    return kind.made(network=old.network, faults=old.faults, without=old.without, **old.parameters)


def _text(
    old: Certificate, new: Certificate, protocol: Protocol, found: list[str], stopped: str | None
) -> str:
    lines = [
        f"{old.model}: {configuration(protocol)}",
        f"made by engine {old.engine}, counted again by engine {new.engine}",
        f"{count(new.distinct_states, 'distinct state')}, {count(new.generated_states, 'step')}, "
        f"depth {len(new.levels) - 1}",
    ]
    if old.states is None:
        lines.append("the certificate has no digest of the states: only the counts are compared")
    lines += [f"differs: {difference}" for difference in found]
    if stopped is not None:
        lines.append(f"verdict: undetermined: {stopped}")
    elif found:
        lines.append("verdict: the certificate is not confirmed")
    else:
        lines.append(f"verdict: confirmed: {old.verdict}")
    return "\n".join(lines)
