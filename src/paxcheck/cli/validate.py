"""`paxcheck validate FILE...`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import msgspec

from paxcheck import __version__
from paxcheck.cli.logs import clock_option, form_option, map_option, progress_on
from paxcheck.paxos.facts import Declaration, Fact
from paxcheck.plain import count, printable, printable_lines
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.adapters.factfile import write_facts
from paxcheck.trace.lines import is_read_once
from paxcheck.trace.observe.catalogue import rules_for
from paxcheck.trace.observe.follow import follow_files
from paxcheck.trace.observe.outputs import as_github, as_json, as_junit, as_sarif
from paxcheck.trace.observe.run import is_native, validate_files
from paxcheck.trace.observe.sources import AUTO
from paxcheck.trace.observe.text import as_text, explain
from paxcheck.trace.observe.verdict import TraceVerdict, Violation


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@form_option
@map_option
@click.option(
    "--model",
    metavar="NAME",
    help="Replay in this model: a run (not in that of its header), or a log of Paxos.",
)
@click.option("--property", "only", metavar="NAME", multiple=True, help="Judge this property only.")
@click.option("--all", "all_of_them", is_flag=True, help="List all violations, not only the first.")
@clock_option
@click.option("--follow", is_flag=True, help="Watch files that still grow; Ctrl-C ends it.")
@click.option(
    "--shrink",
    metavar="OUT",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the fewest events that still break the first broken property to OUT.",
)
@click.option(
    "--format",
    "output",
    default="text",
    show_default=True,
    type=click.Choice(["text", "json", "junit", "sarif", "github"]),
)
def command(
    files: tuple[str, ...],
    form: str,
    map_file: Path | None,
    model: str | None,
    only: tuple[str, ...],
    all_of_them: bool,
    clock_error: float | None,
    follow: bool,
    shrink: Path | None,
    output: str,
) -> int:
    """Judge the log of a real system, or replay a saved run in a model.

    FILE is a log, plain or gzipped, or - for standard input, which is judged while it comes; give
    several files of one system (one for each node, say) together. The log of one node may go on in
    a second file. A log is data: nothing in it is run.

    \b
    paxcheck validate n1.log n2.log n3.log      the logs of an etcd cluster
    paxcheck validate trace.ndjson.gz --all     every violation
    paxcheck validate app.log --map app.toml    your own format
    paxcheck validate run.jsonl --model synod   does this run obey the next lesson?

    Each property has one of three answers: violated, ok, not observable. Exit codes: 0 something
    was checked and all of it is ok, 1 violated, 2 bad usage or input, 3 nothing could be checked.
    """
    options: dict[str, Any] = {
        "source": form,
        "map_file": map_file,
        "only": only,
        "all_of_them": all_of_them,
        "clock_error": clock_error,
    }
    if model is not None or (form == AUTO and map_file is None and any(map(is_native, files))):
        if shrink is not None or follow:
            raise UsageError(
                f"{'--shrink' if shrink is not None else '--follow'} is for logs",
                hint="this is a run that is replayed in a model: leave it out",
            )
        # It needs networkx, which takes longer to load than most logs take to read.
        conformance = import_module("paxcheck.cli.conformance")
        replay = conformance.Options(model, output, form, map_file, only, all_of_them, clock_error)
        return conformance.replayed(files, replay)
    if follow:
        if shrink is not None:
            raise UsageError(
                "--shrink needs the whole log",
                hint="use it without --follow, when you have seen it",
            )
        return _followed(files, options, output)
    if shrink is not None:
        _check_writable(shrink, files)
    kept: list[tuple[Declaration, tuple[Fact, ...]]] = []

    def keep(declaration: Declaration, facts: tuple[Fact, ...]) -> None:
        kept.append((declaration, facts))

    with progress_on(sys.stderr) as progress:
        verdict = validate_files(
            files,
            **options,
            progress=progress,
            tell=_telling() if output == "text" and any(map(is_read_once, files)) else None,
            shrunk=None if shrink is None else keep,
        )
    click.echo(_rendered(verdict, output, all_of_them))
    if shrink is not None and verdict.first is not None:
        _write(shrink, *kept[0], verdict.first.property)
    elif shrink is not None:
        click.echo(f"nothing is broken: {shrink} is not written", err=True)
    return verdict.exit_code


def _followed(files: tuple[str, ...], options: dict[str, Any], output: str) -> int:
    if output != "text":
        raise UsageError("--follow prints text as it goes", hint="leave out --format")

    def tell(violation: Violation) -> None:
        click.echo(printable_lines("\n".join(explain(violation))))

    click.echo(f"watching {', '.join(files)}; Ctrl-C ends it and gives the verdict", err=True)
    verdict = follow_files(files, **options, tell=tell)
    click.echo("\n" + printable_lines(as_text(verdict, options["all_of_them"])))
    return verdict.exit_code


def _telling() -> Callable[[Violation], None]:
    """Tells the first violation of each property at once: what comes slowly may come for hours."""
    told: set[str] = set()

    def tell(violation: Violation) -> None:
        if violation.property not in told:
            told.add(violation.property)
            where = f"{violation.file}:{violation.line}"
            text = printable(f"{where}: {violation.property}: {violation.message}")
            click.echo(text, err=True)

    return tell


def _check_writable(out: Path, files: Sequence[str]) -> None:
    """Raises UsageError now, not when the log has been read."""
    for file in files:
        if out.exists() and Path(file).exists() and out.samefile(file):
            raise UsageError(f"--shrink {out} would overwrite the log", hint="name another file")
    if not os.access(out if out.exists() else out.absolute().parent, os.W_OK):
        raise UsageError(f"{out} cannot be written", hint="name another file")


def _write(out: Path, declaration: Declaration, facts: tuple[Fact, ...], name: str) -> None:
    # What was left out may be just what makes the other properties right.
    why = f"the log was shrunk to what breaks {name}"
    others = [rule.name for rule in rules_for(declaration.family) if rule.name != name]
    declaration = msgspec.structs.replace(declaration, cannot=dict.fromkeys(others, why))
    try:
        written = count(write_facts(out, declaration, facts), "fact")
    except OSError as problem:
        raise UsageError(f"{out} cannot be written: {problem.strerror}") from None
    click.echo(f"{out}: {written}, enough to break {name}", err=True)


def _rendered(verdict: TraceVerdict, output: str, all_of_them: bool) -> str:
    if output == "json":
        return json.dumps(as_json(verdict), ensure_ascii=False)
    if output == "junit":
        return as_junit(verdict)
    if output == "sarif":
        return as_sarif(verdict, __version__)
    if output == "github":
        return printable_lines(as_github(verdict))
    return printable_lines(as_text(verdict, all_of_them))
