"""`paxcheck show` believes nothing that a file says: it replays and judges the run again."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli
from paxcheck.trace.read import TraceError

MODEL = '''
"""Two nodes count."""
from paxcheck import Broken, Node, Protocol, action, durable, invariant, reachable

class Counter(Node):
    n: int = durable(0)

    @action
    def up(self) -> None:
        if self.n < {most}:
            self.n += 1

class Count(Protocol):
    def nodes(self) -> list[Node]:
        return [Counter("a"), Counter("b")]

    @invariant
    def {name}(self, world):
        """The sum is small."""
        total = sum(c.n for c in world.nodes(Counter))
        return Broken(f"the sum is {{total}}") if total > {limit} else None

    @reachable
    def both(self, world) -> bool:
        """Both can count."""
        return all(c.n for c in world.nodes(Counter))
'''


def model(**values: object) -> None:
    """Write the model, as it is now."""
    text = MODEL.format(**{"most": 3, "name": "small", "limit": 3} | values)
    Path("counting.py").write_text(text)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model()


def run(*args: str, code: int = 0) -> Result:
    sys.modules.pop("counting", None)  # as in a new process: the model may have changed
    result = CliRunner().invoke(cli, list(args), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return result


def show(file: str, code: int = 0) -> Result:
    """The model is our own, so it is only loaded when it is named."""
    return run("show", file, "--model", "counting.py", code=code)


def saved(*args: str, code: int = 1) -> Path:
    run("check", "counting.py", "-q", "--save", "run.jsonl", *args, code=code)
    return Path("run.jsonl")


HEADING = "run.jsonl: model counting.py, set network\n\n"
STEPS = """\
   1. a: up
        n: 0 → 1
   2. a: up
        n: 1 → 2
   3. a: up
        n: 2 → 3
   4. b: up
        n: 0 → 1
"""
DIAGRAM = """\
Space-time diagram (time runs down; ● takes or acts):

      a          b
   1  ●          │  a: up
   2  ●          │  a: up
   3  ●          │  a: up
   4  │          ●  b: up
"""


def test_a_counterexample_is_shown_as_it_is_today() -> None:
    saved("--property", "small")
    assert show("run.jsonl").output == (
        f"{HEADING}Counterexample to small, 4 steps:\n\n{STEPS}\nSo: the sum is 4\n\n{DIAGRAM}"
    )
    model(limit=1)  # it breaks earlier now, and for another reason
    text = show("run.jsonl").output
    assert "Counterexample to small, 4 steps (already after step 2):\n" in text
    assert "\nSo: the sum is 2\n" in text


def test_a_run_that_breaks_nothing_any_more() -> None:
    saved("--property", "small")
    model(limit=9)
    assert show("run.jsonl", code=1).output == (
        f"{HEADING}A run of 4 steps:\n\n{STEPS}\n{DIAGRAM}\n"
        "It was saved for small. In the model as it is today it does not break it.\n"
    )


def test_a_property_that_is_gone() -> None:
    saved("--property", "small")
    model(name="little")
    text = show("run.jsonl", code=3).output
    assert text == (
        f"{HEADING}A run of 4 steps:\n\n{STEPS}\n{DIAGRAM}\n"
        "It was saved for small: the model has no such property any more.\n"
    )


def test_a_step_that_the_model_refuses_today() -> None:
    saved("--property", "small")
    model(most=2)
    with pytest.raises(TraceError) as caught:
        show("run.jsonl")
    assert str(caught.value) == (
        "run.jsonl:4: the model does not do this any more: a.up does nothing in the model"
    )


@pytest.mark.parametrize(("lines", "told"), [(1, "0 steps follow"), (4, "3 steps follow")])
def test_a_file_that_was_cut_short(lines: int, told: str) -> None:
    file = saved("--property", "small")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:lines]))
    for command in ("show", "validate"):
        with pytest.raises(TraceError) as caught:
            run(command, "run.jsonl", "--model", "counting.py")
        assert str(caught.value) == (
            f"run.jsonl:{lines}: the file is cut short, or was edited: "
            f"its header says 4 steps, and {told}\n"
            '  save the run again; if the change is meant, take "steps" out of the header'
        )


def test_a_header_alone_is_a_run_of_no_steps_and_shows_nothing() -> None:
    Path("run.jsonl").write_text(
        '{"paxcheck":1,"kind":"behavior","model":"counting.py","property":"small"}\n'
    )
    assert show("run.jsonl", code=1).output == (
        f"{HEADING}A run of 0 steps:\n\n"
        "It was saved for small. In the model as it is today it does not break it.\n"
    )
    Path("run.jsonl").write_text('{"paxcheck":1,"kind":"behavior","model":"counting.py"}\n')
    assert show("run.jsonl").output == f"{HEADING}A run of 0 steps:\n"


def test_a_counterexample_may_have_no_steps() -> None:
    """B2 looks at the quorums alone: it is broken before anything happens."""
    run(
        "check", "synod", "--scope", "split", "--property", "b2", "-q", "--save", "b2.jsonl", code=1
    )
    text = run("show", "b2.jsonl").output
    assert text.endswith(
        "\n\nCounterexample to b2, 0 steps:\n\nSo: the quorums {a1} and {a2} share no acceptor\n"
    )


def test_a_witness_and_a_deadlock() -> None:
    saved("--property", "both", code=0)
    assert "A run to both, 2 steps:\n" in show("run.jsonl").output
    model(most=0)
    with pytest.raises(TraceError, match="the model does not do this any more"):
        show("run.jsonl")
    model(most=1)
    text = run("check", "counting.py", "--deadlock", "--save", "run.jsonl", code=1).output
    assert "  violated      no_deadlock   A run can always go on.  (2 steps)\n" in text
    assert "Counterexample to no_deadlock, 2 steps:" in text
    assert "So: nothing more can happen: nobody acts, and nobody takes a message\n" in text
    assert "Counterexample to no_deadlock, 2 steps:" in show("run.jsonl").output
    model(most=2)
    text = show("run.jsonl", code=1).output
    assert text.endswith("In the model as it is today it does not break it.\n")


def test_deadlock_is_judged_only_when_it_is_asked_for() -> None:
    model(most=1)
    assert "no_deadlock" not in run("check", "counting.py").output
    assert (
        "no_deadlock"
        in run("check", "counting.py", "--property", "both", "--deadlock", code=1).output
    )
