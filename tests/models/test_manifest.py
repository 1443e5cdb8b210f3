"""Every scope of every bundled model gives exactly the numbers of the manifest."""

import json

import pytest
from law import law
from pin import LADDER, numbers

from paxcheck.loading import bundled_models, load_model, models_folder
from paxcheck.trace.replay import replay, shows

MANIFEST = json.loads((models_folder() / "manifest.json").read_text())
SCOPES = [(model, scope) for model in MANIFEST for scope in MANIFEST[model]]


def test_the_manifest_names_every_model_and_every_scope_in_order() -> None:
    assert bundled_models() == LADDER
    assert {m: list(MANIFEST[m]) for m in LADDER} == {m: list(load_model(m).scopes) for m in LADDER}


@pytest.mark.parametrize(("model", "scope"), SCOPES)
def test_scope(model: str, scope: str) -> None:
    protocol = load_model(model).protocol.from_scope(load_model(model).scopes[scope])
    verdict = law(model, scope)  # what the reference engine says
    assert numbers(verdict) == MANIFEST[model][scope]
    assert sum(verdict.levels) == verdict.distinct_states
    assert len(verdict.levels) == verdict.depth + 1

    # Every counterexample is a run of the plain semantics and breaks its property at its end;
    # every witness is one too.
    checks = {p.name: p for p in protocol.properties()}
    for found in verdict.properties:
        if found.behavior is not None:
            breach = shows(replay(protocol, found.behavior), checks[found.name])
            assert (breach is None) == (found.kind == "reachable")


def test_every_rung_has_a_scope_that_holds_and_one_that_breaks() -> None:
    for model, scopes in MANIFEST.items():
        verdicts = {numbers["verdict"] for numbers in scopes.values()}
        assert verdicts == {"holds", "violated"}, model


def test_the_rungs_break_as_the_lesson_says() -> None:
    def steps(model: str, scope: str, name: str) -> int:
        return MANIFEST[model][scope]["properties"][name][1]

    assert steps("single_server", "stop", "everyone_has_learned") == 3
    assert steps("broadcast", "default", "agreement") == 2
    assert steps("rounds", "default", "agreement") == 6
    assert steps("rounds", "stuck", "not_stuck") == 6
    assert steps("rounds", "always", "stability") == 5
    assert steps("rounds", "always", "old_values_stay_dead") == 4
    assert steps("majority", "default", "agreement") == 14
    assert steps("synod_amnesia", "default", "agreement") == 15
    assert MANIFEST["synod"]["default"]["verdict"] == "holds"
    assert MANIFEST["synod"]["default"]["distinct_states"] == 4761
