"""The native log: what each event means, and every bad input's answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paxcheck.paxos.facts import Fact
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.adapters import detect
from paxcheck.trace.adapters.native import declare, facts
from paxcheck.trace.log import LogEvent
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.read import TraceError, read_trace
from paxcheck.trace.schema import trace_schema

PAXOS = '{"paxcheck":1,"kind":"log","family":["paxos"],"members":["a","b","c"]}'
RAFT = PAXOS.replace("paxos", "raft")


def told(*events: dict[str, Any], header: str = PAXOS) -> list[dict[str, Any]]:
    """The facts of a log, without file, line, and what is not set."""
    texts = [header, *[json.dumps(event) for event in events]]
    return [_plain(fact) for fact in facts(enumerate(texts, 1), "log")][1:]


def _plain(fact: Fact) -> dict[str, Any]:
    data = json.loads(msgspec.json.encode(fact))
    return {k: v for k, v in data.items() if k not in ("file", "line")}


def on(node: str, event: str, **fields: Any) -> dict[str, Any]:
    return {"event": event, "node": node, **fields}


def message(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (on("a", "boot", first=True), [{"fact": "Booted", "node": "a", "first": True}]),
        (on("a", "crash"), [{"fact": "Crashed", "node": "a"}]),
        (on("a", "lost"), [{"fact": "LinesLost", "node": "a"}]),
        (on("", "lost"), [{"fact": "LinesLost", "node": n} for n in "abc"]),
        (on("a", "request", value="x"), [{"fact": "Valid", "node": "a", "value": "x"}]),
        (
            on("a", "propose", ballot=4, value="x", slot=2),
            [
                {"fact": "Proposed", "node": "a", "ballot": 4, "value": "x", "slot": 2},
                {
                    "fact": "AnswerHeard",
                    "node": "a",
                    "kind": "accepted",
                    "sender": "a",
                    "ballot": 4,
                    "granted": True,
                    "slot": 2,
                },
            ],
        ),
        (
            on("a", "vote", ballot=[4, "p"], value="x"),
            [{"fact": "VoteCast", "node": "a", "ballot": [4, "p"], "value": "x"}],
        ),
        (
            on("a", "decide", value="x", slot="s", ballot=3, voters=["b", "a"]),
            [
                {
                    "fact": "Decided",
                    "node": "a",
                    "value": "x",
                    "slot": "s",
                    "ballot": 3,
                    "voters": ["a", "b"],
                }
            ],
        ),
        (on("a", "campaign", term=3), [{"fact": "Campaigned", "node": "a", "term": 3}]),
        (
            on("a", "grant", term=3, candidate="b"),
            [{"fact": "VoteGranted", "node": "a", "term": 3, "candidate": "b"}],
        ),
        (
            on("a", "lead", term=3, last_index=9),
            [{"fact": "Led", "node": "a", "term": 3, "last_index": 9}],
        ),
        (on("a", "follow"), [{"fact": "Followed", "node": "a"}]),
        (
            on("a", "write", index=3, term=2, digest="d", loaded=True),
            [
                {
                    "fact": "EntryWritten",
                    "node": "a",
                    "index": 3,
                    "term": 2,
                    "digest": "d",
                    "loaded": True,
                }
            ],
        ),
        (on("a", "truncate", index=3), [{"fact": "LogTruncated", "node": "a", "index": 3}]),
        (
            on("a", "snapshot", index=3, term=1),
            [{"fact": "SnapshotInstalled", "node": "a", "index": 3, "term": 1}],
        ),
        (
            on("a", "commit", index=3, leader=True),
            [{"fact": "CommitAdvanced", "node": "a", "index": 3, "leader": True}],
        ),
        (
            on("a", "apply", index=3, digest="d", term=1),
            [{"fact": "Applied", "node": "a", "index": 3, "digest": "d", "term": 1}],
        ),
        (
            on("a", "lease", holder="a", until=9.5, time=4.0),
            [{"fact": "LeaseHeld", "node": "a", "time": 4.0, "holder": "a", "until": 9.5}],
        ),
        (
            on("a", "lease_end", time=4.0),
            [{"fact": "LeaseEnded", "node": "a", "time": 4.0}],
        ),
        (on("a", "state"), []),
    ],
)
def test_events_without_a_message(event: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    found = told(event)
    for fact in found:
        if "voters" in fact:
            fact["voters"] = sorted(fact["voters"])
    assert found == expected


def test_a_promise_without_a_message_is_heard_too() -> None:
    found = told(on("a", "promise", ballot=4, votes=[{"ballot": 3, "value": "x"}]))
    vote = {"ballot": 3, "value": "x", "slot": None}
    assert found == [
        {"fact": "Promised", "node": "a", "ballot": 4, "to": "a", "votes": [vote]},
        {
            "fact": "AnswerHeard",
            "node": "a",
            "kind": "promise",
            "sender": "a",
            "ballot": 4,
            "granted": True,
            "votes": [vote],
        },
    ]


def test_members_also_in_a_joint_change() -> None:
    (fact,) = told(on("a", "members", members=["a", "b"], outgoing=["c"], quorum=2))
    assert [sorted(voters) for voters in fact["members"]["sets"]] == [["a", "b"], ["c"]]
    assert fact["members"]["size"] == 2


def sent(kind: str, to: Any = "p", **fields: Any) -> dict[str, Any]:
    return on("a", "send", to=to, message=message(kind, **fields))


def kinds(*events: dict[str, Any], header: str = PAXOS) -> list[str]:
    return [fact["fact"] for fact in told(*events, header=header)]


def test_messages_that_are_sent() -> None:
    assert told(sent("promise", ballot=4, slot=1, votes=[])) == [
        {"fact": "Promised", "node": "a", "ballot": 4, "slot": 1, "to": "p", "votes": []}
    ]
    assert told(sent("accepted", ballot=4, value="x")) == [
        {"fact": "VoteCast", "node": "a", "ballot": 4, "value": "x", "source": "message"}
    ]
    assert told(sent("vote", term=3)) == [
        {"fact": "VoteGranted", "node": "a", "term": 3, "candidate": "p"}
    ]
    assert told(sent("appended", index=7, term=3)) == [
        {"fact": "Acked", "node": "a", "to": "p", "index": 7, "term": 3}
    ]
    assert kinds(sent("promise", ballot=4, granted=False)) == []
    assert kinds(sent("accepted", ballot=4, granted=False)) == []
    assert kinds(sent("vote", term=4, granted=False)) == []
    assert kinds(sent("appended", granted=False)) == []
    assert kinds(sent("append", term=4)) == []
    assert kinds(sent("gossip")) == []


@pytest.mark.parametrize(
    ("said", "self_vote", "prepare", "accept"),
    [
        ("", True, ["Campaigned"], ["Proposed", "AnswerHeard"]),
        (',"self_messages":false', True, ["Campaigned", "Promised"], None),
        (',"self_messages":true', None, ["Campaigned"], ["Proposed"]),
    ],
)
def test_what_a_member_answers_itself(
    said: str, self_vote: bool | None, prepare: list[str], accept: list[str] | None
) -> None:
    header = PAXOS[:-1] + said + "}"
    found = told(sent("prepare", ballot=4), header=header)
    assert found[0].get("self_vote", True) is (self_vote is True)
    assert [fact["fact"] for fact in found] == prepare
    found_accept = kinds(sent("accept", ballot=4, value="x"), header=header)
    assert found_accept == (accept or ["Proposed", "VoteCast", "AnswerHeard"])


def test_who_is_no_member_does_not_answer_itself() -> None:
    prepare = on("p", "send", to=["a", "b"], message=message("prepare", ballot=4))
    assert told(prepare)[0]["self_vote"] is False
    assert kinds(on("p", "propose", ballot=4, value="x")) == ["Proposed"]


def test_a_campaign_is_told_once() -> None:
    prepare = sent("prepare", ballot=4)
    assert kinds(prepare, prepare, sent("prepare", ballot=5)) == ["Campaigned"] * 2
    assert kinds(prepare, on("a", "boot"), prepare) == ["Campaigned", "Booted", "Campaigned"]
    request = sent("request_vote", term=4)
    both = [request, on("a", "campaign", term=4), on("a", "state", state={"role": "candidate"})]
    assert kinds(*both, header=RAFT) == ["Campaigned"]


def received(kind: str, **fields: Any) -> dict[str, Any]:
    return on("a", "receive", sender="b", message=message(kind, **fields))


def test_answers_that_are_received() -> None:
    for kind, answer, field in [
        ("promise", "promise", "ballot"),
        ("accepted", "accepted", "ballot"),
        ("vote", "vote", "term"),
        ("appended", "append", "term"),
    ]:
        (fact,) = told(received(kind, granted=False, **{field: 4}))
        assert (fact["fact"], fact["kind"], fact["sender"]) == ("AnswerHeard", answer, "b")
        assert (fact["ballot"], fact["granted"]) == (4, False)
    assert kinds(received("prepare", ballot=4)) == []


def test_the_content_of_messages_with_an_identity() -> None:
    event = {**sent("promise", ballot=4), "mid": 7}
    assert told(event)[0] == {
        "fact": "Sent",
        "node": "a",
        "mid": 7,
        "to": "p",
        "content": '{"type":"promise","ballot":4}',
    }
    event = {**received("promise", ballot=4, content="digest"), "mid": 7}
    assert told(event)[0]["content"] == "digest"


def test_states_are_told_when_they_change() -> None:
    state = {"promised": None, "vote": None}
    assert kinds(
        on("a", "boot", state=state),
        on("a", "state", state=state),
        on("a", "state", state={"promised": 4}),
        on("a", "state", state=[{"slot": 1, "vote": {"ballot": 4, "value": "x"}}, state]),
    ) == [
        *["Booted", "PromiseHeld", "VoteCast"],  # it shows that it holds nothing
        "PromiseHeld",
        *["VoteCast", "PromiseHeld"],
    ]
    raft = {"term": 3, "voted_for": "b", "role": "follower", "commit": 5}
    assert told(on("a", "state", state=raft), header=RAFT) == [
        {"fact": "TermHeld", "node": "a", "term": 3},
        {"fact": "VoteHeld", "node": "a", "term": 3, "candidate": "b"},
        {"fact": "Followed", "node": "a"},
        {"fact": "CommitAdvanced", "node": "a", "index": 5},
    ]
    twice = [on("a", "state", state=raft), on("a", "boot", state=raft)]
    assert kinds(*twice, header=RAFT).count("TermHeld") == 2  # again after each start


def test_a_role_in_the_state_says_that_a_node_leads() -> None:
    leads = {"term": 3, "role": "leader", "commit": 5, "last_index": 6}
    found = told(on("a", "state", state=leads), on("a", "lead", term=3), header=RAFT)
    assert found == [
        {"fact": "TermHeld", "node": "a", "term": 3},
        {"fact": "Led", "node": "a", "term": 3, "last_index": 6},
        {"fact": "CommitAdvanced", "node": "a", "index": 5, "leader": True, "own_index": 6},
    ]
    # Nobody leads one term twice: the quorums that were counted stay counted.
    again = [on("a", "lead", term=3), on("a", "follow"), on("a", "state", state=leads)]
    assert kinds(*again, header=RAFT).count("Led") == 1


def test_a_leader_that_heard_of_a_newer_term_follows_before_it_truncates() -> None:
    lead, cut = on("a", "lead", term=3), on("a", "truncate", index=4)
    newer, same = received("append", term=4), received("append", term=3)
    assert kinds(lead, same, cut, header=RAFT) == ["Led", "LogTruncated"]
    assert kinds(lead, newer, cut, cut, header=RAFT) == [
        *["Led", "Followed", "LogTruncated", "LogTruncated"]
    ]


def test_a_gap_in_the_numbers_is_told() -> None:
    one, two, four = (on("a", "follow", seq=n) for n in (1, 2, 4))
    assert kinds(one, two, four) == ["Followed", "Followed", "LinesLost", "Followed"]
    assert kinds(four, on("b", "follow", seq=1), on("a", "boot", seq=1), two) == [
        *["Followed", "Followed", "Booted", "Followed"]
    ]
    for bad in (two, one):
        with pytest.raises(TraceError, match=r"log:4: a's event \d comes after its event 2"):
            told(one, two, bad)


def test_a_complete_log_that_begins_late_has_lost_lines() -> None:
    """Its header was written by the first process; somebody cut off what followed."""
    complete = PAXOS[:-1] + ',"complete":true}'
    boot, vote = on("a", "boot", first=True), on("a", "vote", ballot=1, value="x")
    assert kinds(vote) == ["VoteCast"]
    assert kinds(vote, header=complete) == ["LinesLost", "VoteCast"]
    assert kinds(boot, vote, header=complete) == ["Booted", "VoteCast"]
    assert kinds({**boot, "seq": 1}, {**vote, "seq": 2}, header=complete) == ["Booted", "VoteCast"]
    assert kinds({**boot, "seq": 4}, {**vote, "seq": 5}, header=complete) == [
        *["LinesLost", "Booted", "VoteCast"]
    ]
    client = on("client", "request", value="x")  # no member need be started
    assert kinds({**client, "seq": 1}, header=complete) == ["Valid"]
    assert kinds({**client, "seq": 2}, header=complete) == ["LinesLost", "Valid"]


def test_the_same_header_again_is_passed_over() -> None:
    vote = json.dumps(on("a", "vote", ballot=1, value="x"))
    noted = PAXOS[:-1] + ',"note":"n2"}'
    found = list(facts(enumerate([PAXOS, vote, noted, vote], 1), "log"))
    assert [type(fact).__name__ for fact in found] == ["Members", "VoteCast", "VoteCast"]
    with pytest.raises(TraceError) as caught:
        list(facts(enumerate([PAXOS, vote, RAFT], 1), "log"))
    assert str(caught.value) == (
        "log:3: here begins a log with another header\n"
        "  logs that are judged together are of one system"
    )


# --- the header -------------------------------------------------------------------------------


def test_the_header_is_the_declaration() -> None:
    header = {
        **json.loads(PAXOS),
        "family": ["paxos", "lease"],
        "promise": "all",
        "reports_all": True,
        "durable": True,
        "self_messages": False,
        "complete": True,
        "clock_error": 0.5,
        "cannot": {"validity": "clients are not recorded"},
    }
    found = declare([("log", json.dumps(header).encode())])
    assert found.family == {"paxos", "lease"}
    assert (found.promise, found.reports_all) == ("all", True)
    assert (found.self_messages, found.starts_late, found.clock_error) == (False, False, 0.5)
    assert found.cannot == {"validity": "clients are not recorded"}


def test_headers_of_one_system_agree() -> None:
    noted = PAXOS[:-1] + ',"note":"n2"}'
    assert declare([("n1", PAXOS.encode()), ("n2", noted.encode())]).name == "native"
    with pytest.raises(UsageError, match="the headers of n1 and n2 differ"):
        declare([("n1", PAXOS.encode()), ("n2", RAFT.encode())])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"paxcheck":2,"kind":"log","family":[]}', "this is version 2 of the format"),
        ('{"paxcheck":1,"kind":"log"}', "it has no `family`"),
        (
            '{"paxcheck":1,"kind":"log","family":["x"]}',
            r"`family\[0\]` is 'x', and must be one of: lease, paxos, raft",
        ),
        ('{"paxcheck":1,"kind":"log","family":[],"membres":[]}', "there is no field `membres`"),
        (
            '{"paxcheck":1,"kind":"log","family":["paxos"],"durable":false}',
            "durable is false: without it nothing of Paxos or Raft holds",
        ),
    ],
)
def test_bad_headers(text: str, answer: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(text + "\n")
    with pytest.raises(TraceError, match=rf"log:1: .*{answer}"):
        validate_files([str(log)])


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ('{"event":"follow","node":"a"', "this line is cut off"),
        ("nonsense", "not an event of a native log: it is not JSON: invalid"),
        ("[]", "it is a list, and must be an object"),
        ('{"event":"follow"}', "it has no `node`"),
        ('{"event":"fly","node":"a"}', "`event` is 'fly', and must be one of: boot, crash, lost,"),
        ('{"node":"a"}', "it has no `event`"),
        ('{"event":"follow","node":"a","nodes":1}', "there is no field `nodes`"),
        ('{"event":"lead","node":"a","term":1.5}', "`term` is a fraction"),
        (
            '{"event":"campaign","node":"a","term":"3"}',
            "`term` is a text, and must be a whole number",
        ),
        ('{"event":"write","node":"a","index":1e99,"term":1}', "`index` is a fraction"),
        ('{"event":"lead","node":"a","term":1,"term":2}', "this line has the key 'term' twice"),
        (json.dumps(sent("promise")), "this promise has no ballot"),
        (json.dumps(received("request_vote")), "this request_vote has no term"),
        ('{"event":"state","node":"a","note":' + "[" * 5000, "not an event|recursion"),
    ],
)
def test_bad_lines(line: str, answer: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"{PAXOS}\n{line}\n")
    with pytest.raises(TraceError, match=rf"log:2: .*({answer})"):
        validate_files([str(log)])


def test_detected_and_published() -> None:
    adapter = detect([PAXOS.encode()])
    assert adapter is not None
    assert adapter.NAME == "native"
    assert detect([b'{"paxcheck":1,"kind":"trace"}']) is None
    defined = trace_schema()["$defs"]
    assert {kind.__name__ for kind in _events()} <= defined.keys()
    assert len(list(_events())) == 23
    for header in ("LogHeader", "Header", "FactHeader"):
        assert defined[header]["properties"]["paxcheck"]["const"] == 1
    assert defined["LogLine"]["anyOf"][0] == {"$ref": "#/$defs/LogHeader"}


def _events() -> Iterator[type[LogEvent]]:
    yield from LogEvent.__subclasses__()


def test_a_value_that_is_not_recorded_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = [PAXOS, *[json.dumps(sent("accepted", ballot=n)) for n in (2, 1)]]
    file.write_text("\n".join(lines) + "\n")
    first = validate_files([str(file)]).first
    assert first is not None
    assert [mention.says for mention in first.evidence] == [
        f"a votes for a value that is not recorded in ballot {n}" for n in (2, 1)
    ]


def test_a_log_is_no_run_of_a_model() -> None:
    path = Path(__file__).parents[3] / "traces" / "pypi-paxos" / "seed2.jsonl"
    with pytest.raises(TraceError, match=r"seed2\.jsonl:1: this is a file of kind log: it"):
        read_trace(path)
