"""What ran, how often, and what that counts: steps in one engine, pairs in the other."""

import json
from pathlib import Path

from click.testing import CliRunner

from paxcheck.cli.main import cli


def output(*args: str) -> str:
    result = CliRunner().invoke(cli, ["check", *args], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


STEPS = """
Coverage (steps out of the states that were looked at):

  handler, action               ran   did nothing
  Proposer.start                138         9,384
  Proposer.on_promise         3,312        18,216
  Acceptor.on_prepare         2,952        25,200
  Acceptor.on_accept          5,904        13,968

  rule                     said yes       said no
  waits_for_quorum            1,656         1,656
  adopts_latest_vote              0           432
  promises_only_newer         2,952        25,200
  keeps_promise              11,808         8,064

"""

PAIRS = """
Coverage (a local state together with a message, action or fault counts once):

  handler, action               ran   did nothing
  Proposer.start                  2             8
  Proposer.on_promise            18             6
  Acceptor.on_prepare             9            15
  Acceptor.on_accept              0             0  never ran so far

  rule                     said yes       said no
  waits_for_quorum               12             6
  adopts_latest_vote              0             0  never asked so far
  promises_only_newer             9            15
  keeps_promise                   0             0  switched off, never asked so far

"""


NOBODY_PROPOSES = '''
"""Synod without its proposers."""
from paxcheck import Node
from synod import Acceptor, Synod

class Idle(Synod):
    def nodes(self) -> list[Node]:
        return [node for node in super().nodes() if isinstance(node, Acceptor)]
'''


def test_the_reference_engine_counts_steps() -> None:
    assert STEPS in output("synod", "--engine", "reference", "--coverage")
    result = json.loads(output("synod", "--engine", "reference", "--format", "json"))
    assert result["coverage"]["counts"] == "steps"
    ran = [ran for ran, _ in result["coverage"]["handlers"].values()]
    assert sum(ran) == result["generated_states"] == 12_306  # no step of this network but these


def test_the_compiled_engine_counts_pairs() -> None:
    result = json.loads(output("synod", "--engine", "compiled", "--format", "json"))
    assert result["coverage"] == {
        "counts": "pairs",
        "handlers": {
            "Proposer.start": [2, 20],
            "Proposer.on_promise": [39, 48],
            "Acceptor.on_prepare": [15, 129],
            "Acceptor.on_accept": [54, 114],
        },
        "rules": {
            "waits_for_quorum": [30, 9],
            "adopts_latest_vote": [0, 18],
            "promises_only_newer": [15, 129],
            "keeps_promise": [108, 60],
        },
        "vacuous": [],
    }


def test_what_never_ran_is_marked(tmp_path: Path) -> None:
    args = ("synod", "--without", "keeps_promise", "--max-depth", "5", "--coverage")
    assert PAIRS in output(*args, "--engine", "compiled")
    idle = tmp_path / "idle.py"
    idle.write_text(NOBODY_PROPOSES)
    whole = output(str(idle), "--coverage", "--property", "agreement")
    assert "  Acceptor.on_accept              0             0  never ran\n" in whole
    assert "  keeps_promise                   0             0  never asked\n" in whole
    assert "Coverage" not in output("synod")


def test_a_simulation_counts_open_steps() -> None:
    args = ["simulate", "synod", "--walks", "5", "--format", "json"]
    result = json.loads(CliRunner().invoke(cli, args, standalone_mode=False).output)
    assert result["coverage"]["counts"] == "steps"
