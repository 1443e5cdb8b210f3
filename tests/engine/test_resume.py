"""A search that ends at any level and goes on from its checkpoint finds what one search finds."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from counting_scope import CountingScope
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from random_protocols import Spec, build, specs

from paxcheck.engine import reference
from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.engine.compiled import search
from paxcheck.engine.limits import Limits
from paxcheck.engine.verdict import Verdict
from paxcheck.loading import bundled_models, load_model
from paxcheck.protocol import Protocol, System

SCOPES = [
    (m, s)
    for m in bundled_models()
    for s in load_model(m).scopes
    if load_model(m).expected[s]["distinct_states"] < 20_000
]
EXAMPLES = int(os.environ.get("PAXCHECK_EXAMPLES", "300"))
ENGINES = ("reference", "python", "native", "symmetric")


def explore(engine: str, protocol: Protocol, **options: Any) -> Verdict:
    """One search by the tier named."""
    system = System(protocol)
    if engine == "reference":
        return reference.explore(system, **options)
    if engine == "symmetric":
        return search.explore(system, symmetric=True, **options)
    return search.explore(system, **options)


@pytest.fixture(autouse=True)
def _native_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    callspec = getattr(request.node, "callspec", None)
    engine = callspec.params.get("engine") if callspec else None
    if engine in ("native", "symmetric"):
        monkeypatch.setattr(search, "HAND_OVER", 2)
        monkeypatch.setattr(search, "UNTIL_MADE", 2)


def plain(verdict: Verdict) -> Verdict:
    return replace(verdict, seconds=0.0)


def level_by_level(engine: str, protocol: Protocol, folder: Path, step: int = 1) -> list[Verdict]:
    """Searches that each go on from the one before, until all is explored."""
    found: list[Verdict] = []
    depth = 0
    while not found or not found[-1].complete:
        checkpoint = Checkpoint(folder, {"run": 1}, every=0)
        limits = Limits(depth=depth)
        found.append(explore(engine, protocol, limits=limits, checkpoint=checkpoint, digest=True))
        checkpoint.close()
        depth += step
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("model", "scope"), SCOPES)
def test_bundled_scopes(model: str, scope: str, engine: str, tmp_path: Path) -> None:
    loaded = load_model(model)
    if engine == "reference" and loaded.expected[scope]["distinct_states"] > 5000:
        pytest.skip("slow, and the smaller scopes show the same")
    protocol = loaded.protocol.from_scope(loaded.scopes[scope])
    found = level_by_level(engine, protocol, tmp_path, step=4)
    assert plain(found[-1]) == plain(explore(engine, protocol, digest=True))
    at = (len(found) - 1) // 2
    law = explore(engine, protocol, limits=Limits(depth=4 * at), digest=True)
    # What was looked up ahead of a limit is in the coverage, and may differ.
    assert replace(plain(found[at]), coverage=None, notes=()) == replace(
        plain(law), coverage=None, notes=()
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_finished_search_is_not_done_again(engine: str, tmp_path: Path) -> None:
    protocol = CountingScope()
    found = level_by_level(engine, protocol, tmp_path, step=3)
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    checkpoint = Checkpoint(tmp_path, {"run": 1}, every=3600)
    again = explore(engine, protocol, checkpoint=checkpoint, digest=True)
    checkpoint.close()
    assert (again.distinct_states, again.depth) == (2905, 18)
    assert plain(again) == plain(found[-1])
    changed = [p.name for p in tmp_path.iterdir() if p.stat().st_mtime_ns != files.get(p.name)]
    written = [name for name in changed if name.startswith("part")]
    assert len(written) <= 1  # and it says that nothing is new
    for name in written:
        described = json.loads((tmp_path / name).read_bytes().splitlines()[0])
        assert described.get("states", len(described.get("worlds", ()))) == 0


@pytest.mark.parametrize("engine", ["reference", "python", "native"])
@settings(
    max_examples=EXAMPLES // 20,
    deadline=None,
    derandomize="PAXCHECK_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(spec=specs())
def test_random_protocols(spec: Spec, engine: str, tmp_path_factory: Any) -> None:
    protocol = build(spec)
    found = level_by_level(engine, protocol, tmp_path_factory.mktemp("checkpoint"))
    assert plain(found[-1]) == plain(explore(engine, protocol, digest=True))


@pytest.mark.parametrize("engine", ["native", "symmetric"])
def test_a_breach_that_comes_after_the_save(engine: str, tmp_path: Path) -> None:
    model = load_model("synod")
    protocol = model.protocol.from_scope(model.scopes["no-promise"])
    found = level_by_level(engine, protocol, tmp_path)
    assert plain(found[-1]) == plain(explore(engine, protocol, digest=True))
    levels = {p.name: p.steps for p in found[-1].properties if p.kind == "step_invariant"}
    assert levels["promise_never_goes_back"] == 8
