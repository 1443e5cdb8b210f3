"""The built-in property no_deadlock: broken exactly where nothing more can happen."""

import pytest

from paxcheck.engine.compiled import search
from paxcheck.engine.engines import EngineName, explore
from paxcheck.engine.verdict import Verdict
from paxcheck.loading import load_model
from paxcheck.protocol import System
from paxcheck.protocol.properties import NO_DEADLOCK
from paxcheck.trace.replay import replay, shows


def judged(model: str, scope: str, engine: EngineName) -> Verdict:
    loaded = load_model(model)
    protocol = loaded.protocol.from_scope(loaded.scopes[scope])
    verdict = explore(System(protocol), engine=engine, properties=[NO_DEADLOCK], symmetric=True)
    found = verdict.of("no_deadlock")
    if found.behavior is not None:
        assert shows(replay(protocol, found.behavior), NO_DEADLOCK) is not None
    return verdict


@pytest.mark.parametrize(
    ("model", "scope", "steps"),
    [
        ("rounds", "default", 5),
        ("rounds", "stuck", 6),
        ("majority", "default", 15),  # another network, with inboxes
        ("synod", "default", 9),
        ("single_server", "twice", None),  # the server decides again and again
    ],
)
def test_it_is_broken_where_a_run_ends(model: str, scope: str, steps: int | None) -> None:
    verdicts = [judged(model, scope, engine) for engine in ("reference", "compiled")]
    for verdict in verdicts:
        assert verdict.of("no_deadlock").steps == steps
        assert (verdict.verdict == "violated") == (verdict.terminal_states > 0)
    assert verdicts[0].terminal_states == verdicts[1].terminal_states


def test_the_native_search_finds_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "UNTIL_MADE", search.HAND_OVER)
    verdict = judged("synod_amnesia", "default", "compiled")
    assert verdict.of("no_deadlock").verdict == "violated"
    assert any("native search" in note for note in verdict.notes)
