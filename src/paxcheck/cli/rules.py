"""`paxcheck rules MODEL`."""

from __future__ import annotations

import json

import click

from paxcheck.cli.options import choose
from paxcheck.protocol.errors import where_of_code


@click.command("rules")
@click.argument("model")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(model: str, form: str) -> int:
    """List the rules and the properties of MODEL.

    A rule is a named guard; `paxcheck check MODEL --without RULE` shows what it is good for.
    """
    chosen = choose(model, None, (), (), (), None)
    rules = [
        {
            "name": name,
            "node": owner.__name__,
            "about": rule.doc,
            "where": str(where_of_code(rule.method.__code__)),
        }
        for name, (owner, rule) in chosen.protocol.rules().items()
    ]
    properties = [
        {"name": p.name, "kind": p.kind, "about": p.doc} for p in chosen.protocol.properties()
    ]
    if form == "json":
        click.echo(json.dumps({"rules": rules, "properties": properties}, ensure_ascii=False))
        return 0
    click.echo(
        click.style(f"Rules of {chosen.model.name}", bold=True)
        + " (switch one off: --without NAME)"
    )
    for row in rules:
        click.echo(f"\n  {click.style(row['name'], bold=True)}   {row['node']}, {row['where']}")
        click.echo(_indented(row["about"]))
    if not rules:
        click.echo("  none")
    click.echo("\n" + click.style("Properties", bold=True) + " (judge one alone: --property NAME)")
    for row in properties:
        click.echo(f"\n  {click.style(row['name'], bold=True)}   {row['kind']}")
        click.echo(_indented(row["about"]))
    return 0


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
