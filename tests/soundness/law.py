"""What the reference engine says of the bundled scopes: computed once for all tests."""

from functools import cache

from paxcheck.engine import reference
from paxcheck.engine.verdict import Verdict
from paxcheck.loading import bundled_models, load_model
from paxcheck.protocol import Protocol, System

SCOPES = [(m, s) for m in bundled_models() for s in load_model(m).scopes]


def protocol_of(model: str, scope: str) -> Protocol:
    return load_model(model).protocol.from_scope(load_model(model).scopes[scope])


@cache
def law(model: str, scope: str) -> Verdict:
    return reference.explore(System(protocol_of(model, scope)), digest=True)
