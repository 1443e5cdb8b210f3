"""`paxcheck models`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from paxcheck.cli.options import format_option
from paxcheck.cli.text import headline
from paxcheck.loading import Model, bundled_models, load_model
from paxcheck.plain import count
from paxcheck.protocol.protocol import Scope


@click.command("models")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@format_option
def command(names: tuple[str, ...], form: str) -> int:
    """List the models in the order of the ladder, with their parameters and scopes.

    Of a model that is named: also what each scope sets, and what it gives.
    """
    models = [load_model(name) for name in names or bundled_models()]
    if form == "json":
        click.echo(json.dumps([_as_json(m) for m in models], ensure_ascii=False))
    else:
        click.echo("\n\n".join(_as_text(m, in_full=bool(names)) for m in models))
    return 0


def _as_text(model: Model, *, in_full: bool) -> str:
    lines = [headline(model)]
    for name, param in model.protocol.declared_params().items():
        lines.append(f"    --set {name}={param.default}   {param.about} ({param.range})")
    if in_full:
        lines.append(f"    --network {model.protocol.network}   where a scope sets no other")
    for name, scope in model.scopes.items():
        expected = model.expected.get(name, {})
        line = f"    --scope {name}   {scope.about}".rstrip()
        if not in_full:
            states = count(expected["distinct_states"], "state") if expected else ""
            lines.append(f"{line}  [{expected['verdict']}, {states}]" if expected else line)
            continue
        lines += [line, f"        sets: {_settings(scope) or 'nothing'}"]
        if expected:
            lines.append(f"        gives: {_result(expected)}")
    return "\n".join(lines)


def _settings(scope: Scope) -> str:
    """What a scope sets, as the options that would do the same."""
    return " ".join(
        [
            *(f"--set {name}={value}" for name, value in scope.params.items()),
            *([f"--network {scope.network}"] if scope.network else []),
            *(f"--fault {name}={most}" for name, most in scope.faults.items()),
            *(f"--without {rule}" for rule in scope.without),
        ]
    )


def _result(expected: Mapping[str, Any]) -> str:
    broken = [name for name, found in expected["properties"].items() if found[0] == "violated"]
    verdict = expected["verdict"] + (f" ({', '.join(broken)})" if broken else "")
    states = count(expected["distinct_states"], "distinct state")
    return f"{verdict}, {states}, depth {expected['depth']}"


def _as_json(model: Model) -> dict[str, Any]:
    params = model.protocol.declared_params()
    return {
        "name": model.name,
        "about": model.protocol.about(),
        "parameters": {
            n: {"default": p.default, "about": p.about, "least": p.least, "most": p.most}
            for n, p in params.items()
        },
        "scopes": {
            name: {
                "about": scope.about,
                "parameters": dict(scope.params),
                "network": scope.network or model.protocol.network,
                "faults": dict(scope.faults),
                "without": list(scope.without),
                "expected": model.expected.get(name),
            }
            for name, scope in model.scopes.items()
        },
    }
