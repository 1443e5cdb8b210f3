"""How the output looks: widths, colours, plurals, names, and values that would steer a terminal."""

import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from paxcheck.cli.main import cli, main
from paxcheck.plain import count, printable, printable_lines
from paxcheck.story.spacetime import legend


def run(*args: str, code: int = 0, color: bool = False) -> Result:
    result = CliRunner().invoke(cli, list(args), standalone_mode=False, color=color)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code, result.output
    return result


NARROW = """\
  violated      agreement
      No two different values are
      chosen.  (6 steps)
  violated      stability
      A chosen value stays chosen: a
      majority still holds it.  (5
      steps)
"""
MIDDLE = """\
  violated      agreement             No two different values are chosen.  (6
                                      steps)
  violated      stability             A chosen value stays chosen: a majority
                                      still holds it.  (5 steps)
"""


@pytest.mark.parametrize(("columns", "table"), [("40", NARROW), ("80", MIDDLE)])
def test_the_table_fits_the_terminal(
    columns: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert table in run("check", "rounds", "-q", code=1).output


def test_no_color_is_honoured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033[31m" in run("check", "rounds", code=1, color=True).output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in run("check", "rounds", code=1, color=True).output
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with pytest.raises(SystemExit):
        main(["check", "nothing"])
    assert capsys.readouterr().err.startswith("error: there is no model 'nothing'\n")


def test_names_are_not_said_twice_and_nothing_is_left_empty(tmp_path: Path) -> None:
    first = run("check", "synod", "-q").output.splitlines()[0]
    assert first == (
        "synod: single-decree Paxos. A promise before every vote makes the majority's answer "
        "lasting."
    )
    lines = run("check", "synod_amnesia", "--scope", "no-crash", "-q").output.splitlines()
    assert lines[0] == "synod_amnesia: a promise that is kept in memory only is no promise."
    file = model(tmp_path)
    assert run("check", file, "-q", code=1).output.splitlines()[:2] == [
        "loud: A loud node: it says what it should not.",
        "scope default: set network",
    ]


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        (("--network", "set", "--set", "acceptors=3"), "default"),
        (("--set", "acceptors=3", "--fault", "crash=0"), "default"),
        (("--scope", "lossy", "--network", "bag", "--fault", "loss=1"), "lossy"),
        (("--scope", "own-value", "--without", "adopts_latest_vote"), "own-value"),
        (("--network", "bag"), "default, changed"),
        (("--set", "acceptors=2"), "default, changed"),
        (("--without", "keeps_promise"), "default, changed"),
    ],
)
def test_changed_is_what_differs(options: tuple[str, ...], scope: str) -> None:
    for command in ("check", "simulate"):
        result = CliRunner().invoke(cli, [command, "synod", *options], standalone_mode=False)
        assert f"\nscope {scope}: " in result.output
        told = "the counts are those of the manifest" in result.output
        assert told == (command == "check" and not scope.endswith("changed"))


def model(tmp_path: Path) -> str:
    """A model whose values hold escape codes and an end of line."""
    file = tmp_path / "loud.py"
    file.write_text(
        textwrap.dedent(
            r'''
            """A loud node: it says what it should not."""
            from paxcheck import Broken, Message, Node, Protocol, action, durable, invariant

            class Say(Message):
                what: str

            class Speaker(Node):
                said: str = durable("")

                @action
                def speak(self) -> None:
                    if not self.said:
                        self.said = self.choose(["\x1b[31mred\nor not"])
                        self.send(self.name, Say(self.said))

                def on_say(self, msg: Say) -> None:
                    self.said = "done"

            class Loud(Protocol):
                def nodes(self) -> list[Node]:
                    return [Speaker("s")]

                @invariant
                def silent(self, world):
                    """Nobody says a thing."""
                    said = world["s"].said
                    return Broken(f"it said {said}") if said == "done" else None
            '''
        )
    )
    return str(file)


LOUD = r"""
Counterexample to silent, 2 steps:

   1. s: speak (chooses \x1b[31mred\nor not)
        said:  → \x1b[31mred\nor not
        sends Say(what \x1b[31mred\nor not) to s
   2. s takes Say(what \x1b[31mred\nor not) from s
        said: \x1b[31mred\nor not → done

So: it said done

Space-time diagram (time runs down; ● takes or acts, ↺ takes its own message):

      s
   1  ●  s: speak
   2  ↺  Say \x1b[31mred\nor not

verdict: violated: silent
"""


def test_values_do_not_steer_the_terminal(tmp_path: Path) -> None:
    text = run("check", model(tmp_path), code=1).output
    assert text.endswith(LOUD)
    assert "  violated      silent        Nobody says a thing.  (2 steps)\n" in text
    assert "\n3 distinct states, 2 steps, depth 2, 1 terminal state, " in text
    assert '1 [label="s: said=\\\\x1b[31mred\\\\nor not"];' in run("graph", model(tmp_path)).output


def test_lines_of_logs_do_not_steer_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "wrong.jsonl"
    header = '{"paxcheck": 1, "kind": "trace", "model": "synod"}\n'
    file.write_text(header + '{"event": "act", "node": "\\u001b[2J", "action": "start"}\n')
    text = CliRunner().invoke(cli, ["validate", str(file)], color=True).output
    assert "the model has no node '\\x1b[2J'" in text
    assert "\033" not in text


def test_plain() -> None:
    assert [count(n, "step") for n in (0, 1, 12_306)] == ["0 steps", "1 step", "12,306 steps"]
    assert count(2, "delivery", "deliveries") == "2 deliveries"
    assert printable("a → b\n\t\x1b\x9b\u202e") == "a → b\\n\\t\\x1b\\x9b\\u202e"
    assert printable_lines("a\n\tb\x1b") == "a\n\tb\\x1b"


def test_the_legend_names_every_sign() -> None:
    assert legend("○ ● ✗ ■ ✎") == (
        "time runs down; ○ sends, ● takes or acts, ✗ restarts, ■ stops, ✎ has another value on disk"
    )
    assert legend("●") == "time runs down; ● takes or acts"


def test_every_edge_of_a_graph_has_its_own_id(tmp_path: Path) -> None:
    file = tmp_path / "states.graphml"
    run("graph", "single_server", "-o", str(file))
    edges = ElementTree.parse(file).iter("{http://graphml.graphdrawing.org/xmlns}edge")
    assert [edge.get("id") for edge in edges] == [f"e{k}" for k in range(28)]
