"""The compact table, an index of the log of states, finds what the table of whole states finds."""

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


def search(protocol: Protocol, symmetric: bool = False) -> NativeTier:
    tables = Tables(System(protocol))
    findings = Findings(tables, protocol.properties())
    symmetry = Symmetry(tables) if symmetric else None
    tier = NativeTier(tables, findings, Limits(), Watch(Limits()), symmetry)
    assert tier.run() is None
    return tier


@pytest.fixture
def compact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "COMPACT_FROM", 0)
    monkeypatch.setattr(store, "FIRST_BITS", 15)  # it must grow, and is nearly full before


@pytest.mark.usefixtures("compact")
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(
    ("scope", "distinct", "generated", "depth"),
    [
        ((3, 2, 1), 2_905, 8_338, 18),
        ((3, 3, 1), 159_725, 544_479, 27),
        ((5, 2, 1), 525_185, 2_346_690, 28),
    ],
)
def test_published_counts(
    scope: tuple[int, int, int], distinct: int, generated: int, depth: int, symmetric: bool
) -> None:
    a, p, r = scope
    tier = search(CountingScope(acceptors=a, proposers=p, rounds=r), symmetric)
    assert tier.table.dtype == "uint32"
    assert tier.table.nbytes == 4 << tier.bits
    assert (tier.full, tier.generated, len(tier.levels) - 1) == (distinct, generated, depth)


@pytest.mark.parametrize("scope", ["no-promise", "grid"])
def test_the_same_states_in_the_same_order(scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("synod")
    protocol = model.protocol.from_scope(model.scopes[scope])
    whole = search(protocol)
    assert whole.table.dtype == "uint64"
    monkeypatch.setattr(store, "COMPACT_FROM", 0)
    monkeypatch.setattr(store, "FIRST_BITS", 14)
    small = search(protocol)
    assert small.levels == whole.levels
    assert (small.log[: small.distinct] == whole.log[: whole.distinct]).all()
    assert {n: small.behavior(n) for n in small.findings.found} == {
        n: whole.behavior(n) for n in whole.findings.found
    }
    assert small.digest() == whole.digest()


def test_it_is_taken_when_the_table_becomes_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "COMPACT_FROM", 8 << 20)
    tier = search(CountingScope(acceptors=5, proposers=2, rounds=1))
    assert (tier.distinct, tier.bits, tier.table.dtype) == (525_185, 20, "uint64")
    monkeypatch.setattr(store, "COMPACT_FROM", 8 << 19)
    tier = search(CountingScope(acceptors=5, proposers=2, rounds=1))
    assert (tier.distinct, tier.bits, tier.table.dtype) == (525_185, 20, "uint32")
