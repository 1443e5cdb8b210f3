"""What the README shows is what the program does."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from paxcheck.cli.main import cli

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def output(*args: str, code: int) -> str:
    result = CliRunner().invoke(cli, list(args), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return re.sub(r"\d+\.\d\d s\b", "0.01 s", result.output)


def block(after: str, language: str = "") -> str:
    """The first code block behind a text."""
    found = re.search(rf"```{language}\n(.*?)```", README[README.index(after) :], re.S)
    assert found is not None
    return found[1]


def test_the_counterexample() -> None:
    """Exactly what is printed, without the heading and the conclusion."""
    blocks = output("check", "rounds", code=1).split("\n\n")
    shown = block("## What a counterexample looks like").rstrip("\n").split("\n\n")
    assert shown == blocks[1:-1]


def test_the_rule_that_refuses(tmp_path: Path) -> None:
    file = str(tmp_path / "run.jsonl")
    output("check", "majority", "--save", file, code=1)
    told = output("validate", file, "--model", "synod", code=1).splitlines()
    rule = told[1].removeprefix("    rule ")
    quoted = f"`{rule}: {told[2].strip()}`"
    assert quoted in README.replace("\n", " ")


def test_the_validated_log() -> None:
    shown = block("as\n`traces/record/pypi_paxos.py` recorded it").splitlines()
    assert shown[0] == "$ paxcheck validate traces/pypi-paxos/seed463.jsonl"
    told = output("validate", "traces/pypi-paxos/seed463.jsonl", code=1).splitlines()
    assert told[: len(shown) - 1] == shown[1:]


@pytest.fixture
def ring(tmp_path: Path) -> str:
    file = tmp_path / "ring.py"
    file.write_text(block("## A model in 30 lines", "python"))
    return str(file)


def test_the_model_has_at_most_30_lines() -> None:
    lines = block("## A model in 30 lines", "python").splitlines()
    assert len([line for line in lines if line.strip()]) <= 30
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("options", "word", "steps"),
    [
        ((), "violated", "  (5 steps)"),
        (("--network", "bag"), "holds   ", ""),
        (("--network", "bag", "--fault", "duplicate=1"), "violated", "  (6 steps)"),
    ],
)
def test_the_model_does_what_the_text_says(
    options: tuple[str, ...], word: str, steps: str, ring: str
) -> None:
    text = output("check", ring, *options, code=int(word == "violated"))
    assert f"  {word}      one_holder      At most one node holds the token.{steps}\n" in text
    assert "  reached       it_gets_around  The last node can get it.  (4 steps)\n" in text
    assert "never ran" not in text
    told = "Broken: At most one node holds the token.\n"  # not "So: ...", as if it held
    assert (told in text) == (word == "violated")
