"""The reference engine against the oracle, on random protocols, networks and faults."""

import os

from hypothesis import HealthCheck, given, settings
from oracle import enumerate_all
from random_protocols import Spec, build, specs

from paxcheck.engine.reference import explore
from paxcheck.protocol import System
from paxcheck.trace.replay import replay, shows

EXAMPLES = int(os.environ.get("PAXCHECK_EXAMPLES", "400"))
PROFILE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PAXCHECK_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@PROFILE
@given(specs())
def test_reference_finds_what_the_oracle_finds(spec: Spec) -> None:
    expected = enumerate_all(spec, most=3000)
    if expected is None:
        return
    protocol = build(spec)
    verdict = explore(System(protocol))
    assert verdict.distinct_states == expected.distinct
    assert verdict.generated_states == expected.generated
    assert verdict.depth == expected.depth
    assert verdict.terminal_states == expected.terminal
    checks = {p.name: p for p in protocol.properties()}
    for found in verdict.properties:
        assert found.steps == expected.lengths.get(found.name)
        assert found.verdict == (
            "holds" if (found.steps is None) != (found.kind == "reachable") else "violated"
        )
        if found.behavior is not None:
            breach = shows(replay(protocol, found.behavior), checks[found.name])
            assert (breach is None) == (found.kind == "reachable")
