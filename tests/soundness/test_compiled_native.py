"""The native tier, alone, finds what the reference engine finds: also the same counterexamples."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from law import SCOPES, law, protocol_of
from random_protocols import Spec, build, specs

from paxcheck.engine import reference
from paxcheck.engine.compiled import store
from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.inbox_tables import InboxLens, InboxTables
from paxcheck.engine.compiled.native import NativeTier
from paxcheck.engine.compiled.tables import Regroup, Tables, Unsupported
from paxcheck.engine.limits import Limits, Watch
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol import Protocol, System

EXAMPLES = int(os.environ.get("PAXCHECK_EXAMPLES", "300"))
PROFILE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PAXCHECK_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
MOST = 3000  # states of a random protocol


def native(
    protocol: Protocol, limits: Limits, *, first: bool, grouped: bool = True, **how: Any
) -> tuple[NativeTier, str | None]:
    """Search with empty tables. Raises Unsupported where this tier cannot run the system."""
    system = System(protocol)
    try:
        if protocol.network != "set" or "partition" in system.budgets:
            tables = InboxTables(system)
            findings = Findings(tables, protocol.properties(), InboxLens)
        else:
            tables = Tables(system, grouped=grouped)
            findings = Findings(tables, protocol.properties())
        tier = NativeTier(tables, findings, limits, Watch(limits), **how)
        return tier, tier.run_levels(stop_at_first=first)
    except Regroup:
        return native(protocol, limits, first=first, grouped=False, **how)


def same(
    protocol: Protocol,
    limits: Limits | None = None,
    *,
    first: bool = False,
    plain: Verdict | None = None,
    **how: Any,
) -> NativeTier | None:
    """Compare with the reference engine; None where there are too many states.

    `how`: the number of `threads`; whether the search is `reduced`.
    """
    limits = limits or Limits()
    if plain is None:
        small = Limits(states=MOST, depth=limits.depth)
        plain = reference.explore(System(protocol), limits=small, stop_at_first=first, digest=True)
        if plain.stopped and "states" in plain.stopped:
            return None
    try:
        tier, stopped = native(protocol, limits, first=first, **how)
    except Unsupported:
        assert "partition" in protocol.faults
        return None
    assert stopped == plain.stopped
    if not first:
        assert tier.distinct == plain.distinct_states
        assert tier.generated == plain.generated_states
        assert tuple(tier.levels) == plain.levels
        assert tier.terminal == plain.terminal_states
        assert tier.digest() == plain.digest
        law = {p.name: p.behavior for p in plain.properties if p.behavior is not None}
        assert tier.behaviors == law
    return tier


@pytest.mark.parametrize(("model", "scope"), SCOPES)
def test_every_bundled_scope(model: str, scope: str) -> None:
    assert same(protocol_of(model, scope), plain=law(model, scope)) is not None


@PROFILE
@given(specs())
def test_random_protocols(spec: Spec) -> None:
    same(build(spec))


@PROFILE
@given(specs())
def test_more_properties_than_an_entry_has_bits_for(spec: Spec) -> None:
    """From the eighth on they share a bit that says whether they can see a step."""
    same(build(spec, more=12))


@pytest.mark.parametrize(("model", "scope"), SCOPES)
def test_every_bundled_scope_without_reduction(model: str, scope: str) -> None:
    assert same(protocol_of(model, scope), plain=law(model, scope), reduced=False) is not None


@PROFILE
@given(specs())
def test_without_reduction(spec: Spec) -> None:
    same(build(spec), reduced=False)


@PROFILE
@given(specs())
def test_threads(spec: Spec) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "THREADS_FROM", 0)
        patch.setattr(store, "SHARE", 1)
        same(build(spec), threads=3)


@PROFILE
@given(specs())
def test_first_violation(spec: Spec) -> None:
    """The search ends at the end of the level; what is found is what is found first."""
    protocol = build(spec)
    tier = same(protocol, first=True)
    if tier is None:
        return
    plain = reference.explore(System(protocol), stop_at_first=True)
    law = {p.name: p.behavior for p in plain.properties if p.verdict == "violated" and p.behavior}
    for name, run in law.items():
        assert tier.behaviors.get(name) == run


@PROFILE
@given(specs())
def test_depth(spec: Spec) -> None:
    same(build(spec), Limits(depth=3))
