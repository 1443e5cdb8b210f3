"""Logs of implementations, replayed in `synod`: right ones are never refused, however much of them
is lost; of the real bugs the line and the rule are named."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import world_logs as logs
from paxos_world import PaxosWorld

from paxcheck.cli.main import main
from paxcheck.loading import load_model
from paxcheck.paxos.facts import Unread
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.adapters import adapters
from paxcheck.trace.conform import Conformance
from paxcheck.trace.conform.bridge import conform_log
from paxcheck.trace.conform.outputs import as_verdict
from paxcheck.trace.lines import TraceError

HERE = Path(__file__).parents[1]
RECORDINGS = HERE.parents[1] / "traces"
FORMATS: dict[str, Any] = {"native": logs.native_paxos, "paxos-composable": logs.composable}
Part = Callable[[logs.Items, random.Random], logs.Items]


def replayed(rows: list[str], source: str = "native", model: str = "synod") -> Conformance:
    adapter: Any = adapters()[source]
    declaration = adapter.DECLARATION
    if source == "native":
        declaration = adapter.declare([("log", rows[0].encode())])
    facts = adapter.facts(enumerate(rows, 1), "log")
    return conform_log(facts, declaration, load_model(model).protocol)


def simulated(source: str, world: PaxosWorld, part: Part, seed: int = 0) -> Conformance:
    head, items = FORMATS[source](world.rows, world.names)
    kept = part(items, random.Random(seed))
    return replayed(logs.as_bytes(kept, head).decode().splitlines(), source)


# --- never a false alarm --------------------------------------------------------------------


def without_a_node(items: logs.Items, chance: random.Random) -> logs.Items:
    gone = chance.choice(sorted({item.node for item in items}))
    return [item for item in items if item.node != gone]


def kind_of(item: logs.Item) -> str:
    message = item.line.get("message") or item.line.get("msg") or {}
    return f"{item.line.get('event') or item.line['ev']} {message.get('type', '')}"


def without_a_kind(items: logs.Items, chance: random.Random) -> logs.Items:
    """All sends of one type of message are missing, say."""
    gone = chance.choice(sorted({kind_of(item) for item in items}))
    return [item for item in items if kind_of(item) != gone or item.line.get("first")]


def without(field: str) -> Part:
    def part(items: logs.Items, chance: random.Random) -> logs.Items:
        for item in items:
            place = item.line if field == "state" else item.line.get("message")
            if place is not None:
                place.pop(field, None)
        return items

    return part


PARTS: dict[str, Part] = {
    "whole": lambda items, chance: items,
    "late": logs.late,
    "receipts lost": logs.without_receives,
    "holes": logs.with_holes,
    "merged": logs.merged,
    "without a node": without_a_node,
    "without a kind": without_a_kind,
    "without votes": without("votes"),
    "without values": without("value"),
    "without states": without("state"),
}
CASES = [
    (source, part)
    for source in FORMATS
    for part in PARTS
    if source == "native" or part not in ("merged", "without values", "without votes")
]


@pytest.mark.parametrize(("source", "part"), CASES)
def test_a_right_execution_is_never_refused(source: str, part: str) -> None:
    for seed in range(4):
        nodes, steps = (3, 300) if seed % 3 else (5, 500)
        result = simulated(source, PaxosWorld(seed, nodes, steps=steps), PARTS[part], seed)
        assert result.verdict != "violated", (seed, result.refusal)
        if part in ("whole", "receipts lost", "merged", "without states", "without votes"):
            assert (result.verdict, result.replayed) == ("holds", result.events), seed
            assert result.events >= 40


@pytest.mark.parametrize(
    ("bug", "rule"),
    [
        ("forgets_promise", ""),
        ("forgets_vote", ""),
        ("ignores_promise", "keeps_promise"),
        ("promises_lower", "promises_only_newer"),
        ("hides_vote", ""),
        ("takes_own_value", "adopts_latest_vote"),
        ("asks_without_quorum", "waits_for_quorum"),
        ("decides_without_quorum", "waits_for_votes"),
        ("two_values", ""),
        ("decides_other", ""),
    ],
)
@pytest.mark.parametrize("source", FORMATS)
def test_a_broken_paxos_is_refused(source: str, bug: str, rule: str) -> None:
    refused = 0
    said: set[str] = set()
    for seed in range(4):
        result = simulated(source, PaxosWorld(seed, bug=bug, steps=300), PARTS["whole"])
        refused += result.verdict == "violated"
        if result.refusal is not None:
            said |= {call.rule for call, _ in result.refusal.rules}
    assert refused >= 2
    assert rule in said or not rule


# --- what a log must say --------------------------------------------------------------------

HEAD = {"paxcheck": 1, "kind": "log", "family": ["paxos"], "members": ["a", "b", "c"]}


def log(*events: dict[str, Any], **header: Any) -> list[str]:
    return [json.dumps(row) for row in (HEAD | header, *events)]


def said(node: str, kind: str, ballot: Any, **more: Any) -> dict[str, Any]:
    return {
        "event": "send",
        "node": node,
        "to": "p",
        "message": {"type": kind, "ballot": ballot},
    } | {"message": {"type": kind, "ballot": ballot, **more}}


def heard(node: str, kind: str, sender: str, ballot: Any, **more: Any) -> dict[str, Any]:
    message = {"type": kind, "ballot": ballot, **more}
    return {"event": "receive", "node": node, "sender": sender, "message": message}


def asked(ballot: int, votes: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The first phase of a ballot."""
    who = f"p{ballot}"
    return [
        said(who, "prepare", ballot),
        *[said(name, "promise", ballot, votes=votes[name]) for name in votes],
        *[heard(who, "promise", name, ballot, votes=votes[name]) for name in votes],
    ]


def test_a_proposer_may_wait_for_more_than_a_quorum() -> None:
    """It takes over the latest vote of all; the model's proposer, the latest of the first two."""
    x, y = {"ballot": 1, "value": "x"}, {"ballot": 2, "value": "y"}
    rows = log(
        *asked(1, {"a": [], "b": []}),
        said("p1", "accept", 1, value="x"),
        said("b", "accepted", 1, value="x"),
        *asked(2, {"a": [], "c": []}),
        said("p2", "accept", 2, value="y"),
        said("c", "accepted", 2, value="y"),
        *asked(3, {"a": [], "b": [x], "c": [y]}),
        said("p3", "accept", 3, value="y"),
        complete=True,
    )
    assert replayed(rows).verdict == "holds"
    rows[-1] = json.dumps(said("p3", "accept", 3, value="z"))
    result = replayed(rows)
    assert result.verdict == "violated"
    assert result.refusal is not None
    assert [str(call) for call, _ in result.refusal.rules] == ["adopts_latest_vote(x@1) said no"]


def test_a_vote_of_which_nothing_else_is_known_is_no_violation() -> None:
    result = replayed(log(said("a", "accepted", 4, value="x")))
    assert result.verdict == "undetermined" or result.hidden


def test_without_members_nothing_is_said() -> None:
    rows = log(said("a", "promise", 1))
    rows[0] = rows[0].replace('"members": ["a", "b", "c"]', '"complete": true')
    result = replayed(rows)
    assert result.verdict == "undetermined"
    assert result.undecided == (
        "the log does not say who the members are, so quorums are not known"
    )


def test_who_is_no_member_does_not_make_quorums_larger() -> None:
    rows = log(
        said("p", "prepare", 1),
        *[said(node, "promise", 1, votes=[]) for node in "ab"],
        said("z", "promise", 1, votes=[]),
        *[heard("p", "promise", node, 1, votes=[]) for node in "ab"],
        said("p", "accept", 1, value="x"),
        complete=True,
    )
    assert replayed(rows).verdict == "holds"


def test_names_that_look_like_the_models() -> None:
    rows = log(said("a@1", "prepare", 1), said("a", "promise", 1, votes=[]), members=["a", "a@1"])
    assert replayed(rows).verdict == "holds"


def test_two_proposers_of_one_ballot() -> None:
    result = replayed(log(said("p", "prepare", 1), said("q", "prepare", 1)))
    assert result.verdict == "violated"
    assert result.refusal is not None
    assert result.refusal.reason == (
        "q uses ballot 1, which is p's: no two proposers share a ballot"
    )
    assert [(m.line, m.node) for m in result.refusal.evidence] == [(2, "p"), (3, "q")]


def test_of_many_slots_the_first_ones_are_told() -> None:
    slots = range(6)
    rows = log(*[said(who, "prepare", 1, slot=slot) for slot in slots for who in "pq"])
    (note,) = [note for note in replayed(rows).notes if note.startswith("other slots")]
    told = [
        f"log:{2 * slot + 3}: q uses ballot 1 in slot {slot}, which is p's: no two proposers "
        "share a ballot"
        for slot in slots[1:4]
    ]
    assert note == (
        f"other slots are not replayed to their end either: {'; '.join(told)}; and 2 more"
    )


def test_ballots_of_two_kinds() -> None:
    with pytest.raises(TraceError) as problem:
        replayed(log(said("a", "promise", 1), said("b", "promise", [1, "p"])))
    assert str(problem.value).startswith("log:3: this does not compare with what came before")


def test_many_members() -> None:
    with pytest.raises(UsageError) as problem:
        replayed(log(said("a", "promise", 1), members=[f"n{i}" for i in range(40)]))
    assert str(problem.value).startswith("the log has 40 members; 15 are the most for a replay")


@pytest.mark.parametrize(
    ("header", "model", "message"),
    [
        ({"family": ["raft"]}, "synod", "this log is of raft; synod is single-decree Paxos"),
        ({"promise": "all"}, "synod", "in this log one promise covers all slots"),
        ({}, "rounds", "a log cannot be replayed in rounds"),
    ],
)
def test_logs_of_something_else(header: dict[str, Any], model: str, message: str) -> None:
    with pytest.raises(UsageError) as problem:
        replayed(log(**header), model=model)
    assert str(problem.value).startswith(message)


# --- recordings -----------------------------------------------------------------------------


def validate(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["validate", *args, "--model", "synod"])
    return int(stopped.value.code or 0), capsys.readouterr().out


def test_the_clean_recording_is_a_run_of_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = validate(capsys, str(RECORDINGS / "pypi-paxos" / "seed2.jsonl"))
    assert code == 0
    assert out.splitlines()[0] == "249 of 249 events are steps of synod"
    note, verdict = out.splitlines()[-2:]
    assert note.startswith("note: read as native: 16 slots; acceptors a3, a4, a5; each ballot")
    assert verdict == "verdict: valid"


def test_the_real_bug_is_refused_by_its_rule(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(RECORDINGS / "pypi-paxos" / "seed463.jsonl")
    code, out = validate(capsys, path, "--property", "conformance")
    lines = out.splitlines()
    assert code == 1
    what = "the delivery of Accept to a3 does nothing in the model"
    assert lines[:3] == [
        f"{path}:243: synod refuses step 26: in slot 6: {what}",
        "    rule keeps_promise(16) said no",
        "      An acceptor that promised a ballot ignores every older one.",
    ]
    assert "Acceptor.keeps_promise)" in lines[3]
    assert lines[4:8] == [
        "  node a3, incarnation 1",
        "  before: promised 17",
        "  after:  promised 16",
        f"  {path}:236: a3 votes for v18 in ballot 17 in slot 6: since then promised 17",
    ]
    code, out = validate(capsys, path, "--format", "json")
    found = json.loads(out)["properties"][0]
    assert (found["name"], found["verdict"], found["line"]) == ("conformance", "violated", 243)
    assert (found["rule"], found["node"]) == ("keeps_promise", "a3")


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("pypi-paxos/seed1.jsonl", 77, "promises_only_newer(3)"),
        ("broken/paxos_counts_a_nack.jsonl", 23, "waits_for_quorum({a4})"),
        ("broken/paxos_decides_other.jsonl", 42, ""),
        ("broken/paxos_hides_vote.jsonl", 46, ""),
        ("broken/paxos_takes_own_value.jsonl", 56, "adopts_latest_vote(v1@0)"),
        ("broken/paxos_votes_other.jsonl", 25, ""),
    ],
)
def test_broken_recordings(
    capsys: pytest.CaptureFixture[str], file: str, line: int, rule: str
) -> None:
    code, out = validate(capsys, str(RECORDINGS / file))
    first, second = out.splitlines()[:2]
    assert code == 1
    assert first.startswith(f"{RECORDINGS / file}:{line}: synod refuses step")
    assert not rule or second == f"    rule {rule} said no"


SHARED = HERE.parents[2] / "shared" / "traces"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared recordings are not here")
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("paxos-pypi/sim_seed1.ndjson.gz", 0),
        ("paxos-pypi/sim3_contend_seed32.ndjson", 0),
        ("paxos-pypi/bug_accept_regress_seed1441.ndjson", 87),
        ("paxos-pypi/bad_amnesia_seed5.ndjson.gz", 288),
        ("paxos-composable/sim3_seed2.ndjson.gz", 0),
        ("paxos-composable/bad_amnesia_acceptor_seed37.ndjson.gz", 249),
        ("tlc-json/paxos_witness.json", 0),
    ],
)
def test_shared_recordings(capsys: pytest.CaptureFixture[str], file: str, line: int) -> None:
    code, out = validate(capsys, str(SHARED / file))
    assert code == (1 if line else 0)
    assert not line or out.startswith(f"{SHARED / file}:{line}: synod refuses step")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared recordings are not here")
def test_what_is_undecided_is_not_called_refused(capsys: pytest.CaptureFixture[str]) -> None:
    # Its leader begins later slots without a phase 1: nothing in the log says that it may.
    file = SHARED / "multi-paxos-example" / "run1" / "trace.ndjson.gz"
    code, out = validate(capsys, str(file))
    assert code == 3
    assert out.startswith(f"{file}:127: synod cannot follow step 1: in slot 1: the trace says")
    assert "refuses" not in out


# --- how logs are read ------------------------------------------------------------------------

REAL = RECORDINGS / "pypi-paxos" / "seed463.jsonl"


def test_names_of_any_kind() -> None:
    rows = REAL.read_text(encoding="utf-8").replace('"a3"', '"a 3 [é]"').splitlines()
    refusal = replayed(rows).refusal
    assert refusal is not None
    assert (refusal.line, refusal.node) == (243, "a 3 [é]")
    assert (
        refusal.reason == "in slot 6: the delivery of Accept to a 3 [é] does nothing in the model"
    )


def test_parts_are_read_in_their_own_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    head, *rows = REAL.read_text(encoding="utf-8").splitlines()
    old, new = tmp_path / "n.log.1", tmp_path / "n.log"
    old.write_text("\n".join([head, *rows[:200]]), encoding="utf-8")
    new.write_text("\n".join([head, *rows[200:]]), encoding="utf-8")
    code, out = validate(capsys, str(old), str(new))
    assert (code, out.splitlines()[0].split(": ")[0]) == (1, f"{new}:43")
    code, again = validate(capsys, str(new), str(old))
    *others, verdict = again.splitlines()
    note = f"note: read in the order of their own numbers or times: {old}, {new}"
    assert (code, [*others[:-1], verdict]) == (1, out.splitlines())
    assert others[-1] == note


def test_a_start_that_no_line_shows() -> None:
    first = said("a", "promise", 2, votes=[]) | {"inc": 1}
    second = said("a", "accepted", 2, value="x") | {"inc": 2}
    found = replayed(log(*asked(2, {"b": [], "c": []}), first, second))
    assert (found.verdict, found.nodes["a"]) == ("holds", 2)
    with pytest.raises(TraceError) as caught:
        replayed(log(*asked(2, {"b": [], "c": []}), second, first))
    assert caught.value.message == "a's incarnation 1 comes after its incarnation 2"


def test_what_was_not_read_is_told() -> None:
    rows = log(*asked(2, {"b": [], "c": []}))
    adapter: Any = adapters()["native"]
    facts = [
        *adapter.facts(enumerate(rows, 1), "log"),
        Unread(node="", file="log", line=9, why="?"),
    ]
    declaration = adapter.declare([("log", rows[0].encode())])
    found = conform_log(facts, declaration, load_model("synod").protocol)
    assert (found.complete, found.notes[0]) == (False, "log:9: ?")
    assert as_verdict(found, "synod").complete is False
