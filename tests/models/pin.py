"""Writes models/manifest.json from what the reference engine finds: run it, then read the diff.

    python tests/models/pin.py [MODEL...]

A changed number is a changed model: say why in the commit.
"""

import json
import sys
from typing import Any

from paxcheck.engine.reference import explore
from paxcheck.engine.verdict import Verdict
from paxcheck.loading import load_model, models_folder
from paxcheck.protocol import System

LADDER = ["single_server", "broadcast", "rounds", "majority", "synod", "synod_amnesia"]


def numbers(verdict: Verdict) -> dict[str, Any]:
    """What is pinned of a verdict."""
    return {
        "verdict": verdict.verdict,
        "distinct_states": verdict.distinct_states,
        "generated_states": verdict.generated_states,
        "depth": verdict.depth,
        "terminal_states": verdict.terminal_states,
        "properties": {
            p.name: [p.verdict, p.steps] if p.steps is not None else [p.verdict]
            for p in verdict.properties
        },
    }


def main(names: list[str]) -> None:
    path = models_folder() / "manifest.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    manifest: dict[str, Any] = {name: known.get(name, {}) for name in LADDER}
    for name in names or LADDER:
        model = load_model(name)
        manifest[name] = {}
        for scope_name, scope in model.scopes.items():
            verdict = explore(System(model.protocol.from_scope(scope)))
            manifest[name][scope_name] = numbers(verdict)
            print(name, scope_name, verdict.verdict, verdict.distinct_states, flush=True)
    path.write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
