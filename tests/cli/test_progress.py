"""Progress lines: what they say, and that they do not pretend to know the end."""

import json

import pytest

from paxcheck.cli.progress import describe, json_line, trend_of
from paxcheck.engine import engines
from paxcheck.engine.limits import Limits, Progress, Watch
from paxcheck.loading import load_model
from paxcheck.protocol import System

LOOK = Progress(
    distinct=34_911,
    generated=147_080,
    depth=15,
    frontier=2204,
    seconds=2.0,
    memory=71_303_168,
    previous_frontier=5021,
    frontier_before=3862,
)


def test_the_line_for_people() -> None:
    assert describe(LOOK) == (
        "34,911 states · depth 15 · 17,456 states/s · 68 MiB · 2 s · growing ×1.3 a level"
    )


@pytest.mark.parametrize(
    ("before", "last", "trend"),
    [
        (100, 106, "growing"),
        (100, 105, "steady"),
        (100, 95, "steady"),
        (100, 94, "shrinking"),
        (0, 94, None),
    ],
)
def test_the_trend_is_that_of_complete_levels(before: int, last: int, trend: str | None) -> None:
    found = trend_of(Progress(1, 1, 1, 1, 1.0, 1, last, (), before))
    assert (found[0] if found else None) == trend


def test_the_line_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    json_line(LOOK)
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {
        "event": "progress",
        "distinct_states": 34_911,
        "generated_states": 147_080,
        "depth": 15,
        "frontier": 2204,
        "previous_frontier": 5021,
        "trend": "growing",
        "growth": 1.3,
        "states_per_second": 17_456,
        "seconds": 2.0,
        "memory_bytes": 71_303_168,
        "violated": [],
    }
    assert err.count("\n") == 1


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_engines_report_their_levels(engine: engines.EngineName, monkeypatch) -> None:
    """Every look names two neighbours of the list of levels."""
    looks: list[Progress] = []
    monkeypatch.setattr(Watch, "look", lambda self, snap: looks.append(snap(1.0, 1)))
    model = load_model("synod")
    system = System(model.protocol.from_scope(model.scope(None)[1]))
    verdict = engines.explore(system, engine=engine, limits=Limits(states=10**6))
    assert len(looks) > 100
    for look in looks:
        level = look.depth - 1
        assert look.previous_frontier == verdict.levels[level]
        assert look.frontier_before == (verdict.levels[level - 1] if level else 0)
