"""`rules`, `models`, `faults` and `schema`: what a user may ask for, and with which words."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli
from paxcheck.loading import page
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.faults import FAULTS

ROOT = Path(__file__).parent.parent.parent


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(args), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return result


def refused(*args: str) -> str:
    with pytest.raises(UsageError) as caught:
        run(*args)
    return str(caught.value)


def rules(*args: str) -> dict[str, tuple[str, bool]]:
    found = json.loads(run("rules", *args, "--format", "json").output)["rules"]
    return {rule["name"]: (rule["node"], rule["in_scope"]) for rule in found}


def test_all_rules_are_listed_also_those_without_a_node() -> None:
    assert rules("synod") == {
        "waits_for_quorum": ("Proposer", True),
        "adopts_latest_vote": ("Proposer", True),
        "promises_only_newer": ("Acceptor", True),
        "keeps_promise": ("Acceptor", True),
        "waits_for_votes": ("Learner", False),
    }
    assert rules("synod", "--set", "learners=1")["waits_for_votes"] == ("Learner", True)
    assert rules("synod", "--scope", "learner")["waits_for_votes"] == ("Learner", True)
    # A subclass has the rules of its base: one rule, and its owner in this scope.
    forgetful = rules("synod_amnesia")
    assert forgetful["keeps_promise"] == ("ForgetfulAcceptor", True)
    assert forgetful["waits_for_votes"] == ("Learner", False)


def test_rules_as_text() -> None:
    text = run("rules", "synod", "--scope", "own-value").output
    assert text.startswith(
        "synod, scope own-value: acceptors=3 proposers=2 learners=0 rounds=1 quorums=majority, "
        "set network, without adopts_latest_vote\n\nRules (switch one off: --without NAME)\n"
    )
    assert "  adopts_latest_vote   Proposer, models/synod.py:83, switched off\n" in text
    assert (
        "  waits_for_votes   Learner, models/synod.py:153, of which there is none in this scope\n"
        "    A learner learns a value only when a quorum has voted for it in one ballot.\n"
    ) in text


TWINS = '''
"""Two kinds of nodes with a rule of the same name."""
from paxcheck import Node, Protocol, action, durable, rule

class Left(Node):
    done: bool = durable(False)

    @rule
    def once(self) -> bool:
        """A left node acts once."""
        return not self.done

    @action
    def act(self) -> None:
        if self.once():
            self.done = True

class Right(Node):
    done: bool = durable(False)

    @rule
    def once(self) -> bool:
        """A right node acts once, too."""
        return not self.done

    @action
    def act(self) -> None:
        if self.once():
            self.done = True

class Twins(Protocol):
    def nodes(self) -> list[Node]:
        return [Left("l"), Right("r")]
'''


def test_two_rules_of_the_same_name_are_both_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("twins.py").write_text(TWINS)
    text = run("rules", "twins.py").output
    assert text.startswith(
        "twins, scope default: set network\n\n"
        "Rules (switch one off: --without NAME)\n\n"
        "  once   Left, twins.py:8\n"
        "    A left node acts once.\n"
        "    (Another rule has the same name: --without switches both off.)\n\n"
        "  once   Right, twins.py:21\n"
        "    A right node acts once, too.\n"
        "    (Another rule has the same name: --without switches both off.)\n\n"
        "Properties"
    )


def test_a_rule_without_a_node_cannot_be_switched_off() -> None:
    assert refused("check", "synod", "--without", "waits_for_votes") == (
        "--without waits_for_votes: this rule belongs to Learner, of which there is none in this "
        "scope\n"
        "  scopes with one: learner, learners, one-vote; or a parameter adds one: "
        "paxcheck models synod"
    )
    # The scope itself switches it off, and an option takes the learner away.
    told = refused("check", "synod", "--scope", "one-vote", "--set", "learners=0")
    assert told.startswith("--without waits_for_votes: this rule belongs to Learner, of which")
    assert refused("check", "synod_amnesia", "--without", "waits_for_votes").endswith(
        "\n  perhaps a parameter adds one: paxcheck models synod_amnesia"
    )
    assert refused("check", "synod", "--without", "nonsense").startswith(
        "Synod has no rule called 'nonsense'\n  its rules: waits_for_quorum, "
    )


def test_a_property_that_says_nothing_here() -> None:
    told = refused("check", "synod", "--property", "every_learner_learns")
    assert told.startswith(
        "every_learner_learns says nothing in this configuration of synod\n"
        "  its properties: agreement, "
    )


def test_a_named_model_says_what_its_scopes_set_and_give() -> None:
    text = run("models", "synod").output
    assert text.startswith(
        "synod: single-decree Paxos. A promise before every vote makes the majority's answer "
        "lasting.\n"
        "    --set acceptors=3   number of acceptors (int, at least 1)\n"
    )
    assert (
        "    --network set   where a scope sets no other\n"
        "    --scope default   two proposers, one ballot each\n"
        "        sets: nothing\n"
        "        gives: holds, 4,761 distinct states, depth 18\n"
    ) in text
    assert (
        "    --scope lossy   one message is lost\n"
        "        sets: --network bag --fault loss=1\n"
        "        gives: holds, 27,945 distinct states, depth 19\n"
    ) in text
    assert (
        "    --scope one-vote   a learner believes the first vote\n"
        "        sets: --set learners=1 --set proposers=1 --without waits_for_votes\n"
        "        gives: violated (learned_was_chosen), 111 distinct states, depth 10\n"
    ) in text
    brief = run("models").output
    assert "    --scope lossy   one message is lost  [holds, 27,945 states]\n" in brief
    assert "sets:" not in brief


FAULT_TABLE = """\
Faults of nodes
  crash      a node crashes and restarts: its volatile fields are lost (the time between is only a \
delay, so it is one step)
  stop       a node stops for ever
"""


def test_faults_are_explained() -> None:
    text = run("faults").output
    assert text.startswith(FAULT_TABLE)
    assert all(f"  {name:<9}  {about}\n" in text for name, about in FAULTS.items())
    assert json.loads(run("faults", "--format", "json").output) == FAULTS
    told = " ".join(run("check", "--help").output.split())
    assert "`paxcheck faults` says what each does." in told


def test_the_description_of_the_output_can_be_printed() -> None:
    text = run("schema", "output").output
    assert text == (ROOT / "docs" / "json.md").read_text() == page("json.md")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert shipped["docs/json.md"] == "paxcheck/_docs/json.md"  # where page() looks
    told = " ".join(run("check", "--help").output.split())
    assert "json prints one object; `paxcheck schema output` describes it." in told
    assert "docs/" not in told
