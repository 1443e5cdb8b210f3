"""The native tier, alone, finds what the reference engine finds: also the same counterexamples."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from random_protocols import Spec, build, specs

from paxcheck.engine import reference
from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.native import Asks, NativeTier
from paxcheck.engine.compiled.tables import Regroup, Tables, Unsupported
from paxcheck.engine.limits import Limits, Watch
from paxcheck.loading import bundled_models, load_model
from paxcheck.protocol import Protocol, System

SCOPES = [(m, s) for m in bundled_models() for s in load_model(m).scopes]
EXAMPLES = int(os.environ.get("PAXCHECK_EXAMPLES", "300"))
PROFILE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PAXCHECK_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


def native(protocol: Protocol, limits: Limits, *, first: bool, grouped: bool = True):
    """Search with empty tables; None where this tier cannot run the system."""
    try:
        tables = Tables(System(protocol), grouped=grouped)
        findings = Findings(tables, protocol.properties())
        tier = NativeTier(tables, findings, limits, Watch(limits))
        return tier, findings, tier.run(stop_at_first=first)
    except Regroup:
        return native(protocol, limits, first=first, grouped=False)
    except (Unsupported, Asks):
        return None


def same(protocol: Protocol, limits: Limits | None = None, *, first: bool = False) -> bool:
    limits = limits or Limits()
    ran = native(protocol, limits, first=first)
    if ran is None:
        return False
    tier, findings, stopped = ran
    plain = reference.explore(System(protocol), limits=limits, stop_at_first=first)
    assert stopped == plain.stopped
    assert tier.distinct == plain.distinct_states
    assert tier.generated == plain.generated_states
    assert tuple(tier.levels) == plain.levels
    assert tier.terminal == plain.terminal_states
    law = {p.name: p.behavior for p in plain.properties if p.behavior is not None}
    assert {name: tier.behavior(name) for name in findings.found} == law
    return True


@pytest.mark.parametrize(("model", "scope"), SCOPES)
def test_every_bundled_scope(model: str, scope: str) -> None:
    protocol = load_model(model).protocol.from_scope(load_model(model).scopes[scope])
    assert same(protocol) == (protocol.network == "set")


@PROFILE
@given(specs(networks=("set",)))
def test_random_protocols(spec: Spec) -> None:
    same(build(spec))


@PROFILE
@given(specs(networks=("set",)))
def test_first_violation(spec: Spec) -> None:
    same(build(spec), first=True)


@PROFILE
@given(specs(networks=("set",)))
def test_limits(spec: Spec) -> None:
    same(build(spec), Limits(states=40))
    same(build(spec), Limits(depth=3))
