"""The native tier with several threads, and where its memory grows all the time."""

import sys
from pathlib import Path

import pytest

from paxcheck.engine.compiled import store
from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.native import NativeTier
from paxcheck.engine.compiled.symmetry import Symmetry
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.limits import Limits, Watch
from paxcheck.loading import load_model
from paxcheck.protocol import Protocol, System

sys.path.insert(0, str(Path(__file__).parents[1] / "counts"))
from counting_scope import CountingScope


def search(protocol: Protocol, *, symmetric: bool = False, threads: int = 1) -> NativeTier:
    tables = Tables(System(protocol))
    findings = Findings(tables, protocol.properties())
    symmetry = Symmetry(tables) if symmetric else None
    tier = NativeTier(tables, findings, Limits(), Watch(Limits()), symmetry, threads)
    assert tier.run_levels() is None
    return tier


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(store, "THREADS_FROM", 1000)
    monkeypatch.setattr(store, "SHARE", 64)
    return request.param


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(
    ("scope", "distinct", "generated", "depth", "terminal"),
    [
        ((3, 2, 1), 2_905, 8_338, 18, 156),
        ((3, 3, 1), 159_725, 544_479, 27, 5_880),
        ((5, 2, 1), 525_185, 2_346_690, 28, 9_328),
    ],
)
def test_published_counts(
    scope: tuple[int, int, int],
    distinct: int,
    generated: int,
    depth: int,
    terminal: int,
    symmetric: bool,
    threads: int,
) -> None:
    a, p, r = scope
    tier = search(
        CountingScope(acceptors=a, proposers=p, rounds=r), symmetric=symmetric, threads=threads
    )
    assert (tier.full, tier.generated, len(tier.levels) - 1) == (distinct, generated, depth)
    assert tier.terminal == terminal
    assert int(tier.shared[store.at.COUNT]) == tier.distinct == sum(tier.levels)


@pytest.mark.parametrize("scope", ["no-promise", "grid"])
def test_the_same_for_any_number_of_threads(scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "THREADS_FROM", 1000)
    monkeypatch.setattr(store, "SHARE", 64)
    model = load_model("synod")
    protocol = model.protocol.from_scope(model.scopes[scope])
    one, three = search(protocol), search(protocol, threads=3)
    assert len(three.workers) == 3
    assert one.levels == three.levels
    assert one.digest() == three.digest()
    assert one.behaviors == three.behaviors
    assert (one.generated, one.terminal) == (three.generated, three.terminal)


def test_a_table_that_grows_and_a_log_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FIRST_BITS", 14)
    monkeypatch.setattr(store, "FIRST_WORDS", 1 << 13)
    tier = search(CountingScope(acceptors=3, proposers=3, rounds=1))
    assert (tier.distinct, tier.generated) == (159_725, 544_479)
    assert tier.bits > 17
