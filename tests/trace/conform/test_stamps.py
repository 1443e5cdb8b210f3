"""Clocks and identities of messages in the traces of a model."""

from typing import Any

import msgspec
import pytest

from paxcheck.loading import load_model
from paxcheck.protocol import System
from paxcheck.trace.conform import PropertyResult, conform
from paxcheck.trace.events import Event, Header, Sent
from paxcheck.trace.read import Trace

PREPARE = {"type": "Prepare", "sender": "p1", "ballot": {"round": 1, "proposer": "p1"}}
HEADER = Header(paxcheck=1, model="synod", params={"acceptors": 1, "proposers": 1})


def results(first: dict[str, Any], second: dict[str, Any], files: int = 1) -> Any:
    start = Event(event="act", node="p1", action="start", sent=[Sent(["a1"], PREPARE)], **first)
    taken = Event(event="deliver", node="a1", message=PREPARE, **second)
    system = System(load_model("synod").protocol(acceptors=1, proposers=1))
    if files == 1:
        return conform(Trace("t", HEADER, ((2, start), (3, taken))), system)
    return conform([Trace("a", HEADER, ((2, taken),)), Trace("p", HEADER, ((2, start),))], system)


def of(found: Any, name: str) -> PropertyResult:
    return next(p for p in found.properties if p.name == name)


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize(
    ("sent", "taken", "reason"),
    [
        (1, 2, ""),
        (4, 2, "a1 takes this Prepare at 2, and it was sent at 4"),
        ({"p1": 1}, {"p1": 1, "a1": 1}, ""),
        ({"p1": 1}, {"a1": 1}, "a1 takes this Prepare at a1 1, and it was sent at p1 1"),
    ],
)
def test_clocks(sent: Any, taken: Any, reason: str, files: int) -> None:
    found = results({"clock": sent}, {"clock": taken}, files)
    answer = of(found, "clock-consistency")
    assert (answer.reason, answer.checks, found.replayed) == (reason, 2, 2)
    assert (found.verdict, answer.verdict) == (("violated",) * 2 if reason else ("holds",) * 2)
    if reason and files == 1:
        assert [(m.file, m.line) for m in answer.evidence] == [("t", 2), ("t", 3)]


def test_a_clock_that_goes_back() -> None:
    event = Event(event="act", node="p1", action="start", clock=3)
    again = msgspec.structs.replace(event, clock=2)
    system = System(load_model("synod").protocol(proposers=1, rounds=2))
    found = conform(Trace("t", HEADER, ((2, event), (3, again))), system)
    answer = of(found, "clock-consistency")
    assert (answer.file, answer.line, answer.node) == ("t", 3, "p1")
    assert answer.reason == "p1's clock was 3, and now it is 2"


def test_identities_of_messages() -> None:
    """The mid says that it is another message than the one whose content it has."""
    other = PREPARE | {"ballot": {"round": 9, "proposer": "p1"}}
    system = System(load_model("synod").protocol(acceptors=1, proposers=1))
    events = [
        Event(
            event="act",
            node="p1",
            action="start",
            sent=[Sent(["a1"], PREPARE, mid=1)],
        ),
        Event(event="state", node="p1", sent=[Sent([], other, mid=2)]),
        Event(event="deliver", node="a1", message=PREPARE, mid=2),
    ]
    found = conform(Trace("t", HEADER, tuple(enumerate(events, 2))), system)
    answer = of(found, "message-integrity")
    assert (answer.line, answer.reason) == (4, "message 2 was sent with another content")


def test_what_the_event_state_says() -> None:
    """It is no step: what the node holds, and what it has sent so far."""
    system = System(load_model("synod").protocol(acceptors=1, proposers=1))
    start = Event(event="act", node="p1", action="start")
    right = Event(event="state", node="p1", state={"round": 1}, sent=[Sent(["a1"], PREPARE)])
    found = conform(Trace("t", HEADER, ((2, start), (3, right))), system)
    assert (found.verdict, found.replayed) == ("holds", 2)
    wrong = Event(event="state", node="p1", state={"round": 0})
    found = conform(Trace("t", HEADER, ((2, start), (3, wrong))), system)
    assert found.refusal is not None
    assert (found.refusal.line, found.refusal.reason) == (
        3,
        "round is 0 in the trace and 1 in the model",
    )
    early = msgspec.structs.replace(right, state=None)
    complete = msgspec.structs.replace(HEADER, complete=True)
    found = conform(Trace("t", complete, ((2, early), (3, start))), system)
    assert found.refusal is not None
    assert (found.refusal.line, found.verdict) == (2, "violated")
    assert found.refusal.reason == (
        "the trace says that p1 sent Prepare(ballot 1.p1) to a1, and in the model it did not"
    )
