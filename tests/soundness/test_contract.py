"""The contract of every engine: it finds exactly what the reference engine finds.

Same verdicts, counts, depth, levels, terminal states and shortest lengths, on every bundled scope
and on random protocols; and each of its counterexamples is a run of the plain semantics.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from law import SCOPES, law, protocol_of
from random_protocols import Random, Spec, build, specs

from paxcheck.engine import reference
from paxcheck.engine.compiled import search as compiled
from paxcheck.engine.compiled.tables import Unsupported
from paxcheck.engine.limits import Limits
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol import Protocol, System
from paxcheck.trace.replay import replay, shows

EXAMPLES = int(os.environ.get("PAXCHECK_EXAMPLES", "400"))
PROFILE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PAXCHECK_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


def same(
    protocol: Protocol,
    most: int | None = None,
    plain: Verdict | None = None,
    *,
    sends_again: bool = False,
) -> Verdict | None:
    """Compare the engines; None where the compiled engine says that it cannot run the system,
    or where there are more than `most` states.

    `sends_again`: a handler may do no more than send what was sent before. To the compiled engine
    it ran: it does not look at the network for that.
    """
    try:
        fast = compiled.explore(System(protocol), limits=Limits(states=most), digest=True)
    except Unsupported:
        return None
    if most is not None and fast.distinct_states >= most:
        assert fast.verdict != "holds"
        return None
    plain = plain or reference.explore(System(protocol), digest=True)
    assert fast.distinct_states == plain.distinct_states
    assert fast.generated_states == plain.generated_states
    assert fast.levels == plain.levels
    assert fast.terminal_states == plain.terminal_states
    assert fast.digest == plain.digest
    checks = {p.name: p for p in protocol.properties()}
    for mine, right in zip(fast.properties, plain.properties, strict=True):
        assert (mine.name, mine.verdict, mine.steps) == (right.name, right.verdict, right.steps)
        assert mine.reason == right.reason
        if not has_asking_actions(protocol):
            assert mine.behavior == right.behavior
        if mine.behavior is not None:
            breach = shows(replay(protocol, mine.behavior), checks[mine.name])
            assert (breach is None) == (mine.kind == "reachable")
    assert fast.coverage is not None
    assert plain.coverage is not None
    idle, plainly_idle = set(fast.coverage.vacuous()), set(plain.coverage.vacuous())
    assert idle <= plainly_idle if sends_again else idle == plainly_idle
    return fast


def has_asking_actions(protocol: Protocol) -> bool:
    """Actions that ask what was sent come after the others: another shortest run may be first."""
    return isinstance(protocol, Random) and protocol.spec.asks


@pytest.mark.parametrize(("model", "scope"), SCOPES)
def test_every_bundled_scope(model: str, scope: str) -> None:
    assert same(protocol_of(model, scope), plain=law(model, scope)) is not None


@PROFILE
@given(specs())
def test_random_protocols(spec: Spec) -> None:
    same(build(spec), most=3000)


@PROFILE
@given(specs(("set",), sends_again=True))
def test_random_protocols_that_send_again(spec: Spec) -> None:
    same(build(spec), most=3000, sends_again=True)
