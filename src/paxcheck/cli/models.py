"""`paxcheck models`."""

from __future__ import annotations

import json
from typing import Any

import click

from paxcheck.loading import Model, bundled_models, load_model


@click.command("models")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(names: tuple[str, ...], form: str) -> int:
    """List the models in the order of the ladder, with their parameters and scopes."""
    models = [load_model(name) for name in names or bundled_models()]
    if form == "json":
        click.echo(json.dumps([_as_json(m) for m in models], ensure_ascii=False))
    else:
        click.echo("\n\n".join(_as_text(m) for m in models))
    return 0


def _as_text(model: Model) -> str:
    lines = [f"{click.style(model.name, bold=True)}: {model.protocol.about()}"]
    for name, param in model.protocol.declared_params().items():
        lines.append(f"    --set {name}={param.default}   {param.about} ({param.range})")
    for name, scope in model.scopes.items():
        expected = model.expected.get(name, {})
        told = ""
        if expected:
            told = f"  [{expected['verdict']}, {expected['distinct_states']:,} states]"
        lines.append(f"    --scope {name}   {scope.about}{told}")
    return "\n".join(lines)


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
