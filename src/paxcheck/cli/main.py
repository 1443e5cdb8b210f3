"""`paxcheck`: the group of commands. Each command is loaded only when it is called."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any

import click

from paxcheck import __version__
from paxcheck.protocol.errors import PaxcheckError, plain

_COMMANDS = {
    "check": "Check every interleaving of a model.",
    "recheck": "Count again what a certificate says, with another engine.",
    "simulate": "Walk at random through a model.",
    "models": "List the models and their scopes.",
    "rules": "List the rules of a model.",
    "graph": "Write the state graph of a small scope.",
    "show": "Show a saved counterexample again.",
    "validate": "Judge the log of a real system, or replay a saved run in a model.",
    "explain": "Say in words what is wrong with a log or a run, and how to read it.",
    "convert": "Write a run as states, for other tools.",
    "lint": "Say what a log can decide, and what it cannot.",
    "schema": "Print the JSON Schema of the trace format.",
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
def cli() -> None:
    """Check, validate and learn consensus protocols.

    \b
    paxcheck check synod                          check Paxos in a small scope
    paxcheck check synod --without keeps_promise  break it, and see how
    paxcheck models                               what else there is

    Exit codes: 0 holds, 1 violated, 2 bad usage or input, 3 undetermined.
    """


def main(args: list[str] | None = None) -> Any:
    """Run the command line; bad input ends with one clear message and exit code 2."""
    try:
        code = cli.main(args=args, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as problem:
        problem.show()
        sys.exit(2)
    except PaxcheckError as problem:
        text = "\n".join(map(plain, str(problem).split("\n")))
        click.echo(f"{click.style('error:', fg='red', bold=True)} {text}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(3)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(2)
    except Exception:
        # Without this the exit code would be 1, which says that something is violated.
        traceback.print_exc()
        click.echo("this is a fault of paxcheck, please report it; there is no verdict", err=True)
        sys.exit(2)
