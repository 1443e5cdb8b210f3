"""`paxcheck`: the group of commands. Each command is loaded only when it is called."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from traceback import format_exception
from typing import Final, NoReturn

import click

from paxcheck import __version__
from paxcheck.cli.streams import give_up_stdout, prepare
from paxcheck.garbage import SELDOM
from paxcheck.plain import printable_lines
from paxcheck.protocol.errors import PaxcheckError, in_one_line, model_lines

_FRAMES: Final = 30  # of a traceback that is a bug of ours
_NOBODY_READS: Final = 128 + 13
"""The exit code where the output is a closed pipe: what shells say of programs that SIGPIPE ends.

It is no verdict, and no bad usage.
"""

_COMMANDS = {
    "check": "Check every interleaving of a model.",
    "recheck": "Count again what a certificate says, with another engine.",
    "simulate": "Walk at random through a model.",
    "models": "List the models and their scopes.",
    "rules": "List the rules of a model.",
    "faults": "Explain the faults.",
    "graph": "Write the state graph of a small scope.",
    "show": "Show a saved counterexample again.",
    "validate": "Judge the log of a real system, or replay a saved run in a model.",
    "explain": "Say in words what is wrong with a log or a run, and how to read it.",
    "convert": "Write a run as states, for other tools.",
    "lint": "Say what a log can decide, and what it cannot.",
    "schema": "Print the JSON Schema of the trace format, or the page on the JSON output.",
}


class _Commands(click.Group):
    """Imports a command's module when it is asked for, so that starting stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return importlib.import_module(f"paxcheck.cli.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="paxcheck")
@click.pass_context
def cli(context: click.Context) -> None:
    """Check, validate and learn consensus protocols.

    \b
    paxcheck check synod                          check Paxos in a small scope
    paxcheck check synod --without keeps_promise  break it, and see how
    paxcheck models                               what else there is

    Exit codes: 0 holds, 1 violated, 2 bad usage or input, 3 undetermined, 141 nobody reads the
    output any more (a closed pipe). No colours are printed into a pipe, or where NO_COLOR is set.
    """
    context.color = _color()


def _color() -> bool | None:
    """None: colours on a terminal, none in a pipe. https://no-color.org"""
    return False if os.environ.get("NO_COLOR") else None


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line; whatever goes wrong ends with one message and its exit code."""
    prepare()
    gc.set_threshold(*SELDOM)
    # Numpy's linear algebra is not used, and its threads take as long to start as a small search.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = _exit_code(args)
    except BaseException:  # nothing can be told any more: a model closed stderr, say
        code = 2
    if args is None:
        gc.freeze()  # the process ends: nobody need look for garbage in millions of rows
    sys.exit(code)


def _exit_code(args: list[str] | None) -> int:
    """0 and 1 are verdicts: no failure may end with one of them."""
    try:
        code = cli.main(args=args, standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as problem:
        problem.show()
        return 2
    except PaxcheckError as problem:
        _tell(str(problem))
        return 2
    except (click.Abort, KeyboardInterrupt) as problem:
        lines = model_lines((problem.__cause__ or problem).__traceback__)
        click.echo(f"stopped at {lines[-1][0]} in {lines[-1][1]}" if lines else "stopped", err=True)
        return 3
    except MemoryError:
        click.echo("stopped: the machine has no more memory", err=True)
        return 3
    except (SystemExit, BrokenPipeError):  # the first is click's answer to a closed pipe
        give_up_stdout()
        return _NOBODY_READS
    except OSError as problem:
        _tell(f"{problem.filename or 'the output'}: {problem.strerror or problem}")
        give_up_stdout()
        return 2
    except BaseException as problem:
        _tell(f"this is a bug in paxcheck, please report it: {in_one_line(problem)}")
        click.echo("".join(format_exception(problem, limit=-_FRAMES)), err=True, nl=False)
        return 2


def _tell(text: str) -> None:
    word = click.style("error:", fg="red", bold=True)
    click.echo(f"{word} {printable_lines(text)}", err=True, color=_color())
