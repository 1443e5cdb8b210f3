"""The command line as a user meets it: exit codes, words, JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli
from paxcheck.trace.schema import trace_schema


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(args), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return result


def process(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "paxcheck", *args],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin", **env},
        timeout=60,
        check=False,
    )


def test_check_synod_holds() -> None:
    text = run("check", "synod").output
    assert "4,761 distinct states, 12,306 steps, depth 18, 312 terminal states" in text
    assert "the counts are those of the manifest" in text
    assert text.rstrip().endswith("verdict: holds (every reachable state of this scope was seen)")


def test_json_has_the_documented_fields() -> None:
    result = json.loads(run("check", "synod", "--format", "json").output)
    assert result["verdict"] == "holds"
    assert (result["model"], result["scope"]) == ("synod", "default")
    assert (result["distinct_states"], result["generated_states"]) == (4761, 12_306)
    assert result["depth"] == 18
    assert isinstance(result["seconds"], float)
    assert isinstance(result["engine"], str)
    agreement = next(p for p in result["properties"] if p["name"] == "agreement")
    assert agreement == {"name": "agreement", "kind": "invariant", "verdict": "holds"}
    assert result["counterexample"] is None


def test_json_of_a_violation() -> None:
    args = ("check", "rounds", "--format", "json")
    result = json.loads(run(*args, code=1).output)
    found = {p["name"]: p for p in result["properties"]}
    assert result["verdict"] == "violated"
    assert (found["agreement"]["verdict"], found["agreement"]["steps"]) == ("violated", 6)
    assert found["agreement"]["reason"] == (
        "x is chosen in 1.p1 by a1, a2, and y is chosen in 1.p2 by a1, a2"
    )
    assert len(result["counterexample"]["steps"]) == 6
    assert len(result["counterexample"]["events"]) == 6


GOLDEN = """\
Counterexample to agreement, 6 steps:

   1. p1: start
        round: 0 → 1
        sends Accept(ballot 1.p1, value x) to a1, a2, a3
   2. p2: start
        round: 0 → 1
        sends Accept(ballot 1.p2, value y) to a1, a2, a3
   3. a1 takes Accept(ballot 1.p1, value x) from p1
        vote: nothing → x@1.p1
   4. a1 takes Accept(ballot 1.p2, value y) from p2
        vote: x@1.p1 → y@1.p2
   5. a2 takes Accept(ballot 1.p1, value x) from p1
        vote: nothing → x@1.p1
   6. a2 takes Accept(ballot 1.p2, value y) from p2
        vote: x@1.p1 → y@1.p2

So: x is chosen in 1.p1 by a1, a2, and y is chosen in 1.p2 by a1, a2

Space-time diagram (time runs down; ○ sends, ● takes or acts):

      p1         p2         a1         a2
   1  ●          │          │          │  p1: start
   2  │          ●          │          │  p2: start
   3  ○───────Accept───────▶●          │  Accept 1.p1 x  (sent in 1)
   4  │          ○─Accept──▶●          │  Accept 1.p2 y  (sent in 2)
   5  ○────────────Accept─────────────▶●  Accept 1.p1 x  (sent in 1)
   6  │          ○───────Accept───────▶●  Accept 1.p2 y  (sent in 2)
"""


def test_the_counterexample_as_it_looks_on_the_screen() -> None:
    assert GOLDEN in run("check", "rounds", code=1).output


def test_a_limit_makes_it_undetermined() -> None:
    for option, told in [
        (("--max-states", "100"), "the limit of 100 states was reached"),
        (("--max-depth", "5"), "the limit of depth 5 was reached"),
        (("--max-time", "0"), "the limit of 0 seconds was reached"),
    ]:
        text = run("check", "synod", *option, code=3).output
        assert f"not all was explored: {told}" in text
        assert f"verdict: undetermined: {told}" in text
        assert "holds  " not in text
    result = json.loads(
        run("check", "synod", "--max-depth", "5", "--format", "json", code=3).output
    )
    assert (result["verdict"], result["complete"], result["depth"]) == ("undetermined", False, 5)


def test_a_violation_found_before_the_limit_is_a_violation() -> None:
    text = run("check", "rounds", "--max-depth", "6", code=1).output
    assert "verdict: violated: agreement, stability" in text


def test_first_stops_at_the_first_violation() -> None:
    result = json.loads(run("check", "rounds", "--first", "--format", "json", code=1).output)
    verdicts = {p["name"]: p["verdict"] for p in result["properties"]}
    assert (verdicts["stability"], verdicts["agreement"]) == ("violated", "undetermined")


def test_save_show_validate(tmp_path: Path) -> None:
    """What the next rung refuses: the answer to the question that `majority` ends with."""
    file = tmp_path / "run.jsonl"
    run("check", "majority", "--save", str(file), code=1)
    assert file.read_text().count("\n") == 15
    shown = run("show", str(file)).output
    assert "Counterexample to agreement, 14 steps:" in shown
    assert f"{14} of 14 events are steps of majority" in run("validate", str(file), code=1).output
    written = file.read_text().splitlines()
    refused = run("validate", str(file), "--model", "synod", code=1).output
    assert refused == (
        f"{file}:10: synod refuses step 9: the delivery of Accept to a1 does nothing in the model\n"
        "    rule keeps_promise(1.p1) said no\n"
        "      An acceptor that promised a ballot ignores every older one.\n"
        "      (models/synod.py:125, Acceptor.keeps_promise)\n"
        "  node a1, incarnation 1\n"
        "  before: promised 1.p2, vote nothing\n"
        "  after:  vote x@1.p1\n"
        f"  {file}:6: the delivery of Prepare to a1: since then promised 1.p2\n"
        f"    | {written[5]}\n"
        f"  {file}:10: the delivery of Accept to a1\n"
        f"    | {written[9]}\n"
        "  steps of the model that come nearest:\n"
        "    Accept(ballot 1.p1, value x) from p1: keeps_promise(1.p1) said no\n"
        "8 of 14 events are steps of synod\n"
        "12 properties judged and not broken, in 39 checks\n"
        "6 deliveries of known messages, 0 of them again, 6 messages never delivered, "
        "0 never sent\n"
        "verdict: violated\n"
    )


def test_a_witness_can_be_shown() -> None:
    text = run("check", "synod", "--property", "a_value_is_chosen").output
    assert "A shortest run to a_value_is_chosen, 7 steps:" in text


def test_switched_off_rule_is_pointed_out() -> None:
    text = run(
        "check", "synod", "--without", "keeps_promise", "--property", "agreement", "--first", code=1
    ).output
    assert text.count("rule keeps_promise would have said no here, but it is switched off") == 1
    assert "Counterexample to agreement, 14 steps:" in text


def test_options_change_the_scope() -> None:
    text = run(
        "check", "synod", "--set", "proposers=1", "--network", "bag", "--fault", "loss=1"
    ).output
    assert "scope default, changed: acceptors=3 proposers=1" in text
    assert "bag network, loss ≤ 1" in text


def test_simulate_is_seeded_and_never_says_holds() -> None:
    one = json.loads(run("simulate", "synod", "--walks", "50", "--format", "json", code=3).output)
    two = json.loads(run("simulate", "synod", "--walks", "50", "--format", "json", code=3).output)
    assert one["verdict"] == "undetermined"
    assert one["distinct_states"] == two["distinct_states"] > 100
    found = json.loads(run("simulate", "rounds", "--seed", "2", "--format", "json", code=1).output)
    assert found["verdict"] == "violated"


def test_models_rules_schema() -> None:
    names = [m["name"] for m in json.loads(run("models", "--format", "json").output)]
    assert names == ["single_server", "broadcast", "rounds", "majority", "synod", "synod_amnesia"]
    rules = json.loads(run("rules", "synod", "--format", "json").output)
    assert [r["name"] for r in rules["rules"]] == [
        "waits_for_quorum",
        "adopts_latest_vote",
        "promises_only_newer",
        "keeps_promise",
        "waits_for_votes",
    ]
    assert json.loads(run("schema").output) == trace_schema()


@pytest.mark.parametrize("ending", [".dot", ".graphml"])
def test_graph(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"states{ending}"
    text = run("graph", "single_server", "-o", str(file)).output
    assert text == f"{file}: 20 states, 28 steps\n"
    assert file.stat().st_size > 1000


def test_graph_is_cut_honestly() -> None:
    result = CliRunner().invoke(
        cli, ["graph", "synod", "--max-states", "10"], standalone_mode=False
    )
    assert result.return_value == 3
    assert "the graph is cut at 10 states (--max-states)" in result.output


def test_bad_usage_is_one_message_and_exit_code_2() -> None:
    for args, told in [
        (["check", "nothing"], "error: there is no model 'nothing'"),
        (
            ["check", "synod", "--set", "acceptors"],
            "error: --set acceptors: write --set NAME=VALUE",
        ),
        (["check", "synod", "--property", "x"], "error: synod has no property 'x'"),
        (["check", "synod", "--fault", "crash=many"], "error: --fault crash=many: how often"),
        (["check", "synod", "--max-memory", "lots"], "error: --max-memory lots: write a number"),
        (["show", "/dev/null"], "error: /dev/null:1: this file is empty"),
    ]:
        done = process(*args)
        assert done.returncode == 2, done
        assert done.stderr.startswith(told), done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_every_hash_seed_gives_the_same_answer() -> None:
    outputs = set[str]()
    for seed in ("0", "1", "2", "77"):
        args = ("check", "majority", "--format", "json")
        result = json.loads(process(*args, PYTHONHASHSEED=seed).stdout)
        del result["seconds"]
        outputs.add(json.dumps(result))
    assert len(outputs) == 1


def test_piped_output_is_plain() -> None:
    done = process("check", "rounds")
    assert "\033" not in done.stdout
    assert done.stderr == ""
