"""What a trace says, in the model's own words, and never so that a difference cannot be seen."""

from typing import Any

import pytest

from paxcheck.loading import load_model
from paxcheck.protocol import System
from paxcheck.trace.conform.wording import field_texts, sent_texts
from paxcheck.trace.events import Sent

SYNOD = System(load_model("synod").protocol(learners=1))
B1, B2 = ({"round": n, "proposer": "p1"} for n in (1, 2))


@pytest.mark.parametrize(
    ("node", "field", "theirs", "mine", "told"),
    [
        ("a1", "promised", B1, B2, ("1.p1", "2.p1")),
        ("a1", "vote", None, {"ballot": B1, "value": "x"}, ("nothing", "x@1.p1")),
        ("p1", "promises", {"a1": None}, {}, ("{a1: nothing}", "{}")),
        # What the types cannot hold is shown as it stands.
        ("a1", "promised", {"round": 1}, B1, ('{"round": 1}', "1.p1")),
        ("a1", "promised", 7, None, ("7", "nothing")),
        ("p1", "phase", "1", 1, ('"1"', "1")),
        ("p1", "phase", True, 1, ("true", "1")),
        ("a1", "promised", B1 | {"more": 1}, B1, (
            '{"round": 1, "proposer": "p1", "more": 1}', '{"round": 1, "proposer": "p1"}',
        )),
        ("a1", "unheard_of", [1], [2], ("[1]", "[2]")),
    ],
)  # fmt: skip
def test_fields(node: str, field: str, theirs: Any, mine: Any, told: tuple[str, str]) -> None:
    assert field_texts(SYNOD, node, field, theirs, mine) == told


def message(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "sender": "p1"} | fields


def test_messages() -> None:
    one = Sent(["a2", "a1"], message("Accept", value="x", ballot=B1))  # in any order
    two = Sent(["p1"], message("Promise", ballot=B1, vote={"ballot": B1, "value": "x"}))
    assert sent_texts(SYNOD, [one, two], []) == (
        "Accept(ballot 1.p1, value x) to a1, a2; Promise(ballot 1.p1, vote x@1.p1) to p1",
        "nothing",
    )


def test_messages_that_are_not_the_models() -> None:
    short = Sent(["a1"], message("Accept", ballot=B1))
    strange = Sent(["a1"], message("Accept", ballot=[1], value="x"))
    unknown = Sent([], message("Shout", loud=True))
    assert sent_texts(SYNOD, [short, strange], [unknown]) == (
        'Accept(ballot [1], value x) to a1; Accept(ballot {"round": 1, "proposer": "p1"}) to a1',
        "Shout(loud true) to nobody",
    )


def test_what_looks_the_same_is_shown_in_full() -> None:
    mine = Sent(["a1"], message("Prepare", ballot=B1))
    theirs = Sent(["a1"], message("Prepare", ballot=B1 | {"more": 1}))
    assert sent_texts(SYNOD, [theirs], [mine]) == (
        'Prepare(ballot {"round": 1, "proposer": "p1", "more": 1}) to a1',
        'Prepare(ballot {"round": 1, "proposer": "p1"}) to a1',
    )
