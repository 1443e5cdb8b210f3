"""`paxcheck validate FILE...`."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import click

from paxcheck import __version__
from paxcheck.cli.logs import clock_option, form_option, map_option
from paxcheck.plain import count, printable_lines
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.lines import STDIN
from paxcheck.trace.observe.factfile import write_facts
from paxcheck.trace.observe.follow import follow_files
from paxcheck.trace.observe.outputs import as_github, as_json, as_junit, as_sarif
from paxcheck.trace.observe.run import AUTO, is_native, shrink_files, validate_files
from paxcheck.trace.observe.text import as_text, explain
from paxcheck.trace.observe.verdict import TraceVerdict, Violation


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@form_option
@map_option
@click.option(
    "--model",
    metavar="NAME",
    help="Native traces: replay in this model, not in the one of the header.",
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

    FILE is a log, plain or gzipped, or - for standard input; give several files of one system
    (one for each node, say) together. A log is data: nothing in it is run.

    \b
    paxcheck validate n1.log n2.log n3.log      the logs of an etcd cluster
    paxcheck validate trace.ndjson.gz --all     every violation
    paxcheck validate app.log --map app.toml    your own format
    paxcheck validate run.jsonl --model synod   does this run obey the next lesson?

    Each property has one of three answers: violated, ok, not observable. Exit codes: 0 something
    was checked and all of it is ok, 1 violated, 2 bad usage or input, 3 nothing could be checked.
    """
    if model is not None or (form == AUTO and map_file is None and any(map(is_native, files))):
        # It needs networkx, which takes longer to load than most logs take to read.
        conformance = import_module("paxcheck.cli.conformance")
        options = conformance.Options(
            model, output, form, map_file, only, all_of_them, clock_error, follow, shrink
        )
        return conformance.replayed(files, options)
    if follow:
        return _followed(files, form, map_file, only, clock_error, output)
    terminal = sys.stderr.isatty()
    verdict = validate_files(
        files,
        source=form,
        map_file=map_file,
        only=only,
        all_of_them=all_of_them,
        clock_error=clock_error,
        progress=_progress if terminal else None,
    )
    if terminal:
        click.echo("\r\033[K", nl=False, err=True)
    click.echo(_rendered(verdict, output, all_of_them))
    if shrink is not None:
        _shrunk(verdict, files, form, map_file, clock_error, shrink)
    return verdict.exit_code


def _followed(
    files: tuple[str, ...],
    form: str,
    map_file: Path | None,
    only: tuple[str, ...],
    clock_error: float | None,
    output: str,
) -> int:
    if STDIN in files:
        raise UsageError("standard input cannot be followed", hint="it is read to its end anyway")
    if output != "text":
        raise UsageError("--follow prints text as it goes", hint="leave out --format")

    def tell(violation: Violation) -> None:
        click.echo(printable_lines("\n".join(explain(violation))))

    click.echo(f"watching {', '.join(files)}; Ctrl-C ends it and gives the verdict", err=True)
    verdict = follow_files(
        files, source=form, map_file=map_file, only=only, clock_error=clock_error, tell=tell
    )
    click.echo("\n" + printable_lines(as_text(verdict)))
    return verdict.exit_code


def _shrunk(
    verdict: TraceVerdict,
    files: tuple[str, ...],
    form: str,
    map_file: Path | None,
    clock_error: float | None,
    out: Path,
) -> None:
    first = verdict.first
    if first is None:
        click.echo(f"nothing is broken: {out} is not written", err=True)
        return
    if STDIN in files:
        raise UsageError("standard input cannot be read again to shrink it", hint="save it first")
    declaration, facts = shrink_files(
        files, first.property, source=form, map_file=map_file, clock_error=clock_error
    )
    written = count(write_facts(out, declaration, facts), "fact")
    click.echo(f"{out}: {written}, enough to break {first.property}", err=True)


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


def _progress(events: int, line: int) -> None:
    click.echo(f"\r\033[K{events:,} events, line {line:,}", nl=False, err=True)
