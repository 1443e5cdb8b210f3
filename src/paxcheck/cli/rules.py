"""`paxcheck rules MODEL`."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from paxcheck.cli.options import Asked, format_option, scope_options
from paxcheck.cli.rulebook import Entry, rulebook
from paxcheck.cli.text import configuration
from paxcheck.protocol.properties import Property


@click.command("rules")
@scope_options
@format_option
def command(
    asked: Asked,
    form: str,
) -> int:
    """List the rules and the properties of MODEL in a scope.

    A rule is a named guard; `paxcheck check MODEL --without RULE` shows what it is good for.
    """
    chosen = asked.choose()
    entries = rulebook(chosen.model, chosen.protocol)
    properties = chosen.protocol.properties()
    if form == "json":
        rules = [_as_json(entry) for entry in entries]
        told = [{"name": p.name, "kind": p.kind, "about": p.doc} for p in properties]
        click.echo(json.dumps({"rules": rules, "properties": told}, ensure_ascii=False))
        return 0
    click.echo(f"{chosen.model.name}, scope {chosen.scope_name}: {configuration(chosen.protocol)}")
    click.echo("\n" + click.style("Rules", bold=True) + " (switch one off: --without NAME)")
    same = Counter(entry.name for entry in entries if entry.in_scope)
    for entry in entries:
        _tell_rule(entry, off=entry.name in chosen.protocol.without, same=same)
    if not entries:
        click.echo("  none")
    click.echo("\n" + click.style("Properties", bold=True) + " (judge one alone: --property NAME)")
    for prop in properties:
        _tell_property(prop)
    return 0


def _tell_rule(entry: Entry, *, off: bool, same: Counter[str]) -> None:
    note = ", switched off" if off else ""
    if not entry.in_scope:
        note = ", of which there is none in this scope"
    name = click.style(entry.name, bold=True)
    click.echo(f"\n  {name}   {entry.nodes}, {entry.where}{note}")
    click.echo(_indented(entry.about))
    if entry.in_scope and same[entry.name] > 1:
        click.echo("    (Another rule has the same name: --without switches both off.)")


def _tell_property(prop: Property) -> None:
    click.echo(f"\n  {click.style(prop.name, bold=True)}   {prop.kind}")
    click.echo(_indented(prop.doc))


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "node": entry.nodes,
        "about": entry.about,
        "where": str(entry.where),
        "in_scope": entry.in_scope,
    }


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
