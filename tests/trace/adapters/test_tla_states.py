"""State sequences of Lamport's Paxos: the same run as a TLC dump and as ITF, right and broken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict
from paxcheck.trace.read import TraceError

State = dict[str, Any]


class Run:
    """Builds states as the specification would; each step gives the next one."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.promise = dict.fromkeys("abc", -1)
        self.ballot = dict.fromkeys("abc", -1)
        self.value = dict.fromkeys("abc", "None")
        self.states: list[State] = []
        self.keep()

    def keep(self) -> None:
        self.states.append(
            {
                "msgs": list(self.messages),
                "maxBal": dict(self.promise),
                "maxVBal": dict(self.ballot),
                "maxVal": dict(self.value),
            }
        )

    def say(self, kind: str, ballot: int, **fields: Any) -> "Run":
        self.messages.insert(0, {"type": kind, "bal": ballot, **fields})
        self.keep()
        return self

    def promised(self, who: str, ballot: int) -> "Run":
        self.promise[who] = ballot
        return self.say("1b", ballot, acc=who, mbal=self.ballot[who], mval=self.value[who])

    def voted(self, who: str, ballot: int, value: str) -> "Run":
        self.promise[who] = self.ballot[who] = ballot
        self.value[who] = value
        return self.say("2b", ballot, acc=who, val=value)


def right() -> Run:
    run = Run().say("1a", 1).promised("a", 1).promised("b", 1).say("2a", 1, val="v")  # states 2-5
    run.voted("a", 1, "v").say("1a", 2).promised("a", 2).promised("c", 2)  # 6-9
    return run.say("2a", 2, val="v").voted("c", 2, "v").voted("a", 2, "v")  # 10-12


def tlc(states: list[State]) -> str:
    whole = {"counterexample": {"state": [[n, s] for n, s in enumerate(states, 1)], "action": []}}
    return json.dumps({**whole, "vars": list(states[0])})


def itf(states: list[State]) -> str:
    def mark(value: Any) -> Any:
        if isinstance(value, int):
            return {"#bigint": str(value)}
        if isinstance(value, list):
            return {"#set": [mark(item) for item in value]}
        if isinstance(value, dict) and set(value) == set("abc"):
            return {"#map": [[k, mark(v)] for k, v in value.items()]}
        return {k: mark(v) for k, v in value.items()} if isinstance(value, dict) else value

    told = [{**mark(s), "#meta": {"index": n}} for n, s in enumerate(states)]
    return json.dumps(
        {"#meta": {"format": "ITF"}, "vars": list(states[0]), "states": told}, indent=1
    )


WRITERS: dict[str, Callable[[list[State]], str]] = {"tlc-json": tlc, "itf": itf}


def judge(folder: Path, form: str, run: Run) -> TraceVerdict:
    (folder / "states.json").write_text(WRITERS[form](run.states))
    verdict = validate_files([str(folder / "states.json")])
    assert verdict.format == form
    return verdict


def broken(verdict: TraceVerdict) -> dict[str, list[int]]:
    return {
        p.name: [v.line for v in p.violations]
        for p in verdict.properties
        if p.verdict == "violated"
    }


@pytest.mark.parametrize("form", WRITERS)
def test_a_right_run(tmp_path: Path, form: str) -> None:
    verdict = judge(tmp_path, form, right())
    assert broken(verdict) == {}
    checks = {p.name: p.checks for p in verdict.properties if p.checks}
    assert checks == {
        "chosen-once": 1,
        "no-vote-below-promise": 3,
        "promise-never-goes-back": 1,
        "durable-acceptor": 2,
        "one-value-per-ballot": 7,
        "one-proposer-per-ballot": 2,
        "proposal-needs-quorum": 2,
        "adopts-highest-vote": 2,
        "one-promise-per-ballot": 4,
        "honest-promise": 4,
        "decision-needs-quorum": 1,
        "decided-was-chosen": 1,
    }


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (
            right().voted("b", 1, "v").promised("b", 3).voted("b", 2, "v"),
            {"no-vote-below-promise": [15], "durable-acceptor": [15]},
        ),
        (right().promised("c", 1), {"promise-never-goes-back": [13], "durable-acceptor": [13]}),
        (right().say("1a", 3).say("2a", 3, val="v"), {"proposal-needs-quorum": [14]}),
        (
            right().say("1a", 3).promised("a", 3).promised("b", 3).say("2a", 3, val="w"),
            {"adopts-highest-vote": [16]},
        ),
        (
            right().say("1b", 3, acc="a", mbal=-1, mval="None"),
            {"honest-promise": [13]},
        ),
        (right().say("2a", 2, val="w"), {"one-value-per-ballot": [13]}),
    ],
)
def test_a_broken_run(tmp_path: Path, form: str, run: Run, expected: dict[str, list[int]]) -> None:
    verdict = judge(tmp_path, form, run)
    assert broken(verdict) == expected
    first = verdict.first
    assert first is not None
    assert json.loads(first.evidence[-1].text.rstrip("…")[:1] + "}") == {}  # the state is quoted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"counterexample": {"state": []}, "vars": []}', "neither a TLC dump nor ITF"),
        ('{"counterexample": {"state": [[1, {"x": 1}]]}}', "state 1 has no msgs: these are states"),
        ('{"counterexample": {"state": [[1, {"msgs"', "this line is cut off"),
        (
            '{"counterexample": {"state": [[1, {"msgs": [{"type": "9z", "bal": 1}], "maxBal": {},'
            ' "maxVBal": {}, "maxVal": {}}]]}}',
            "state 1 is not one of Paxos: '9z'",
        ),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "states.json").write_text(text)
    with pytest.raises(TraceError) as caught:
        validate_files([str(tmp_path / "states.json")])
    assert message in str(caught.value)
