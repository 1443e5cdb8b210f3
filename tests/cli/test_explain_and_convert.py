"""`paxcheck explain` and `paxcheck convert`: a diagnosis to read, and states for other tools."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli
from paxcheck.cli.saved import protocol_of, steps_of
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.adapters import detect
from paxcheck.trace.adapters.tla_states import states_of
from paxcheck.trace.encode import encode
from paxcheck.trace.lines import first_lines, lines_of
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.read import read_trace
from paxcheck.trace.replay import replay

LOG = """\
{"paxcheck":1,"kind":"log","family":["paxos"],"members":["a","b","c"]}
{"event":"boot","node":"a"}
{"event":"vote","node":"a","ballot":5,"value":"x"}
{"event":"boot","node":"a"}
{"event":"vote","node":"a","ballot":3,"value":"y"}
{"event":"vote","node":"b","ballot":3,"value":"x"}
"""


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(args), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return result


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("log").write_text(LOG)


def test_a_log_is_explained() -> None:
    text = run("explain", "log", code=1).output
    assert text.startswith(
        "log:5: no-vote-below-promise is violated\n"
        "  a had voted in 5, and votes y@3\n"
        "  rule: An acceptor never votes in a ballot below one that it promised or voted in.\n"
        "        (Paxos Made Simple, section 2.2, P1a)\n"
        "  node a, incarnation 2\n"
        "  a restarted in between: it lost something that had to be durable\n"
        "  before: voted in 5\n"
        "  after:  voted y@3\n"
        "  log:3: a votes for x in ballot 5\n"
        '    | {"event":"vote","node":"a","ballot":5,"value":"x"}\n'
        "  log:5: a votes for y in ballot 3\n"
        '    | {"event":"vote","node":"a","ballot":3,"value":"y"}\n'
        "\n"
        "How to read it:\n"
        "  log:5 is the line that breaks the rule; it alone need not be the mistake.\n"
        "  The lines before it in the list are those that it contradicts.\n"
        "  'before' and 'after' are what these lines say, in the words of the rule.\n"
        "  All of them are of a, in its own order.\n"
        "  a was started again in between: look at what it wrote to its disk, and what it read "
        "back.\n"
        "  Why the rule must hold is in Paxos Made Simple, section 2.2, P1a.\n"
        "\n"
        "Also broken, by the same lines or by others:\n"
        "  log:6: one-value-per-ballot: ballot 3 has two values: a voted for y, and b voted for x\n"
        "    rule: All proposals and votes of one ballot are for the same value. "
        "(The Part-Time Parliament, section 2.1: a ballot has one decree)\n"
        "\n"
        "Not judged, and so not known to be right:\n"
        "  agreement: the log does not show decisions with their values\n"
    )


def test_an_explanation_as_json() -> None:
    told = json.loads(run("explain", "log", "--format", "json", code=1).output)
    judged = json.loads(run("validate", "log", "--format", "json", code=1).output)
    assert told.pop("explanation") + "\n" == run("explain", "log", code=1).output
    assert {**told, "seconds": 0} == {**judged, "seconds": 0}


def test_an_explanation_of_a_run_as_json() -> None:
    run("check", "majority", "--save", "run.jsonl", code=1)
    told = json.loads(run("explain", "run.jsonl", "--format", "json", code=1).output)
    judged = json.loads(run("validate", "run.jsonl", "--format", "json", code=1).output)
    assert told.pop("explanation") + "\n" == run("explain", "run.jsonl", code=1).output
    assert {**told, "seconds": 0} == {**judged, "seconds": 0}


def test_a_shrunk_log_is_explained_and_shown_and_judged() -> None:
    run("validate", "log", "--shrink", "small.jsonl", code=1)
    assert run("explain", "small.jsonl", code=1).output.startswith(
        "log:5: no-vote-below-promise is violated\n"
    )
    assert run("show", "small.jsonl").output.startswith(
        "small.jsonl: facts of a log of the format native\n\n"
        "log:3: a votes for x in ballot 5\nlog:5: a votes for y in ballot 3\n\n"
        "log:5: no-vote-below-promise is violated\n"
    )
    (broken,) = [p for p in validate_files(["small.jsonl"]).properties if p.violations]
    assert [(v.file, v.line) for v in broken.violations] == [("log", 5)]


def test_a_right_log_is_explained() -> None:
    Path("log").write_text("\n".join(LOG.splitlines()[:4]) + "\n")
    text = run("explain", "log", code=3).output
    assert text.startswith("nothing could be judged\n\nNot judged, and so not known to be right:\n")
    Path("log").write_text("\n".join(LOG.splitlines()[:3] * 2) + "\n")
    assert run("explain", "log").output.startswith(
        "nothing that could be judged is broken: no-vote-below-promise, one-value-per-ballot\n\n"
    )


def test_a_run_is_explained() -> None:
    run("check", "majority", "--save", "run.jsonl", code=1)
    assert run("explain", "run.jsonl", code=1).output.endswith(
        "verdict: violated\n\nHow to read it:\n"
        "  agreement: No two different values are chosen.\n"
        "  stability: A chosen value stays chosen: a majority still holds it.\n"
        "  b3: B3: a ballot's value is that of the latest earlier vote in its quorum.\n"
        "  The run step by step: paxcheck show run.jsonl\n"
    )
    assert run("explain", "run.jsonl", "--model", "synod", code=1).output.endswith(
        "verdict: violated\n\nHow to read it:\n"
        "  run.jsonl:10 is the first event that synod cannot do; it did those before it.\n"
        "  A rule that said no is a guard of the model: paxcheck rules synod\n"
    )


# --- convert ----------------------------------------------------------------------------------

RUNS = {
    "a growing set": ("check", "rounds", "--property", "agreement"),
    "a bag": ("check", "rounds", "--network", "bag", "--property", "agreement"),
    "channels": ("check", "rounds", "--network", "fifo", "--property", "agreement"),
    "a crash": ("check", "synod_amnesia", "--property", "agreement"),
    "dictionaries": ("check", "majority", "--property", "agreement"),
    "stops": ("check", "synod", "--without", "keeps_promise", "--fault", "stop=1"),
}


def plain(value: Any) -> Any:
    """A value of the trace format as the other formats have it."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return "None" if value is None else value


@pytest.mark.parametrize("what", RUNS)
def test_a_run_is_written_and_read_again(what: str) -> None:
    run(*RUNS[what], "--save", "run.jsonl", code=1)
    read: dict[str, list[Any]] = {}
    for form in ("itf", "tlc-json"):
        text = run("convert", "run.jsonl", "--to", form).output
        Path(form).write_text(text)
        adapter = detect(first_lines(form))
        assert adapter is not None
        assert form == adapter.NAME
        read[form] = states_of(lines_of(form), form)
    assert read["itf"] == read["tlc-json"]
    trace = read_trace(Path("run.jsonl"))
    protocol = protocol_of(trace)
    behavior = replay(protocol, steps_of(trace, protocol))
    worlds = [behavior.system.initial(), *[f.after for f in behavior.frames if f.after]]
    assert len(read["itf"]) == len(worlds) == len(trace.events) + 1
    for state, world in zip(read["itf"], worlds, strict=True):
        for shape, local in zip(behavior.system.shapes, world.locals, strict=True):
            fields = zip(shape.names, shape.kinds, local, strict=False)
            for name, value in [(n, v) for n, kind, v in fields if kind != "ghost"]:
                assert state[name][shape.name] == plain(encode(value))


def test_itf_as_the_page_of_the_format_says() -> None:
    run("check", "rounds", "--property", "agreement", "--save", "run.jsonl", code=1)
    run("convert", "run.jsonl", "--to", "itf", "-o", "out.itf.json")
    whole = json.loads(Path("out.itf.json").read_text())
    assert whole["#meta"]["source"] == "rounds, run.jsonl"
    assert whole["vars"] == ["round", "vote", "in_transit"]
    assert [state["#meta"] for state in whole["states"][:4]] == [
        {"index": 0},
        {"index": 1, "action": "start", "node": "p1"},
        {"index": 2, "action": "start", "node": "p2"},
        {"index": 3, "action": "Accept", "node": "a1"},
    ]
    assert whole["states"][0]["vote"] == {"#map": [["a1", "None"], ["a2", "None"], ["a3", "None"]]}
    assert whole["states"][1]["in_transit"]["#set"][0] == {
        "to": "a1",
        "message": {
            "type": "Accept",
            "sender": "p1",
            "ballot": {"round": {"#bigint": "1"}, "proposer": "p1"},
            "value": "x",
        },
    }


def test_tlc_as_tlc_writes_it() -> None:
    run("check", "rounds", "--property", "agreement", "--save", "run.jsonl", code=1)
    whole = json.loads(run("convert", "run.jsonl", "--to", "tlc-json").output)
    assert whole["vars"] == ["round", "vote", "in_transit"]
    states = whole["counterexample"]["state"]
    assert [number for number, _ in states] == [1, 2, 3, 4, 5, 6, 7]
    assert states[6][1]["vote"]["a1"] == {
        "ballot": {"round": 1, "proposer": "p2"},
        "value": "y",
    }
    first = whole["counterexample"]["action"][0]
    assert first == [
        states[0],
        {"name": "start", "context": {"node": "p1"}, "parameters": ["node"]},
        states[1],
    ]


LAMPORT = {
    "counterexample": {
        "state": [
            [
                n,
                {
                    "msgs": [{"type": "1a", "bal": b} for b in range(n - 1)],
                    "maxBal": {"a1": -1, "a2": -1, "a3": -1},
                    "maxVBal": {"a1": -1, "a2": -1, "a3": -1},
                    "maxVal": {"a1": "None", "a2": "None", "a3": "None"},
                },
            ]
            for n in (1, 2)
        ]
    }
}


def test_states_of_tlc_become_itf_and_are_judged_alike() -> None:
    Path("tlc.json").write_text(json.dumps(LAMPORT))
    run("convert", "tlc.json", "--to", "itf", "-o", "paxos.itf.json")
    run("convert", "paxos.itf.json", "--to", "tlc-json", "-o", "again.json")
    assert (
        json.loads(Path("again.json").read_text())["counterexample"]["state"]
        == (LAMPORT["counterexample"]["state"])
    )
    found = [validate_files([f]) for f in ("tlc.json", "paxos.itf.json", "again.json")]
    assert [v.format for v in found] == ["tlc-json", "itf", "tlc-json"]
    assert len({(v.verdict, v.events, v.facts, v.checks) for v in found}) == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["log", "--to", "itf"], "log is no run of a model, and no sequence of states"),
        (["run.jsonl", "--to", "itf", "-o", "run.jsonl"], "run.jsonl is the run itself"),
        (["run.jsonl", "--to", "itf", "-o", "no/where"], "no/where cannot be written: No such"),
    ],
)
def test_what_cannot_be_converted(args: list[str], message: str) -> None:
    run("check", "rounds", "--property", "agreement", "--save", "run.jsonl", code=1)
    with pytest.raises(UsageError) as caught:
        run("convert", *args)
    assert caught.value.message.startswith(message)
