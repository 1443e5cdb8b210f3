"""Many nodes, many messages, properties that look at more and more: the native tier agrees."""

import os
from itertools import permutations
from typing import Any

import pytest
from crowds import Crowd, crowds
from hypothesis import HealthCheck, given, settings
from test_compiled_native import same

from paxcheck import Node, Protocol, WorldView, action, durable, invariant
from paxcheck.engine.compiled import store

PROFILE = settings(
    max_examples=int(os.environ.get("PAXCHECK_EXAMPLES", "120")),
    deadline=None,
    derandomize="PAXCHECK_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@PROFILE
@given(crowds(("set",)))
def test_random_protocols_in_a_crowd(crowd: Crowd) -> None:
    same(crowd.protocol())


class Counter(Node):
    n: int = durable(0)

    @action
    def count(self) -> None:
        self.n = min(self.n + 1, 8)


class Counters(Protocol):
    """Each node counts for itself: from the first levels on all its steps are known."""

    def nodes(self) -> list[Node]:
        return [Counter(name) for name in "abc"]


def _late(one: str, two: str) -> Any:
    def late(self: Protocol, world: WorldView) -> bool:
        """It looks at the second node when the first one has come far."""
        return world[one].n < 5 or world[two].n != 2

    return invariant(late)


def _early(name: str) -> Any:
    def early(self: Protocol, world: WorldView) -> bool:
        """It is found broken soon."""
        return world[name].n < 3

    return invariant(early)


@pytest.mark.parametrize("threads", [1, 3])
def test_steps_that_were_known_before_a_property_looked_at_them(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which properties can see a step is found out anew when one looks at more."""
    monkeypatch.setattr(store, "THREADS_FROM", 0)
    monkeypatch.setattr(store, "SHARE", 1)
    late = {f"late_{one}{two}": _late(one, two) for one, two in permutations("abc", 2)}
    for more in ({}, *[{f"early_{name}": _early(name)} for name in "abc"]):
        tier = same(type("Looking", (Counters,), {**more, **late})(), threads=threads)
        assert tier is not None
        assert set(tier.behaviors) == {*more, *late}
