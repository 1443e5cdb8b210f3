"""The example of docs/adapters/README.md works as the page says; a broken adapter is named."""

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from paxcheck.cli.main import cli
from paxcheck.protocol.errors import UsageError
from paxcheck.trace.lines import TraceError
from paxcheck.trace.observe.run import validate_files

PAGE = (Path(__file__).parents[2] / "docs" / "adapters" / "README.md").read_text()
LOG = """\
17:30:00 members: n1 n2 n3
17:30:01 n1 promises 7
17:30:02 n1 promises 8
17:30:03 n2 promises 8
17:30:04 n1 votes 7 blue
17:30:05 n2 vo"""


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    return found


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package with the adapter of the page, as if it were installed."""
    monkeypatch.chdir(tmp_path)
    group, entry = block("toml").splitlines()[1:]
    info = tmp_path / "my_paxos-1.0.dist-info"
    info.mkdir()
    name, _, module = entry.partition("#")[0].partition("=")
    (info / "entry_points.txt").write_text(
        f"{group.split(chr(34))[0].replace('[project.entry-points.', '[')}paxcheck.adapters]\n"
        f"{name.strip()} = {module.strip().strip(chr(34))}\n"
    )
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-paxos\nVersion: 1.0\n")
    (tmp_path / "my_paxos_log.py").write_text(block("python"))
    Path("my.log").write_text(LOG)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("my_paxos_log", None)


def test_the_example() -> None:
    result = CliRunner().invoke(cli, ["validate", "my.log"], standalone_mode=False)
    assert result.exception is None, result.exception
    assert result.output.startswith(block("text"))
    assert "read as my-paxos: 6 events of 2 nodes" in result.output
    assert "note: my.log:6: this last line has no line end, so it may be cut off" in result.output
    assert result.return_value == 1


def change(old: str, new: str) -> None:
    text = block("python")
    assert old in text
    Path("my_paxos_log.py").write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("import re\n", "import gone\n", "ModuleNotFoundError: No module named 'gone'"),
        ("import re\n", "import re, sys\nsys.exit()\n", "SystemExit: "),
        ("def facts", "def fact", "my_paxos_log has no facts"),
        ("DECLARATION = D", "DECLARATION = 1, D", "the DECLARATION of my_paxos_log is no Declar"),
        ("first[0]", "first[99]", "IndexError: list index out of range"),
    ],
)
def test_one_that_cannot_be_used_is_left_out(old: str, new: str, problem: str) -> None:
    change(old, new)
    with pytest.raises(TraceError) as caught:
        validate_files(["my.log"])
    assert "my.log: its format is not recognised by its first lines" in str(caught.value)
    assert f"\n  the adapter my-paxos of another package was left out: {problem}" in str(
        caught.value
    )
    # Others are read as ever.
    Path("native.log").write_text(
        '{"paxcheck":1,"kind":"log","family":["paxos"]}\n'
        '{"event":"vote","node":"a","ballot":1,"value":"x"}\n'
        '{"event":"vote","node":"a","ballot":2,"value":"x"}\n'
    )
    assert validate_files(["native.log"]).verdict == "ok"


def test_one_that_is_asked_for_and_cannot_be_used() -> None:
    change("import re\n", "import gone\n")
    with pytest.raises(UsageError) as caught:
        validate_files(["my.log"], source="my-paxos")
    assert str(caught.value) == (
        "the adapter my-paxos of another package fails: ModuleNotFoundError: No module named "
        "'gone'\n  mend or remove that package, or name another format with --from"
    )


@pytest.mark.parametrize(
    ("answer", "problem"),
    [("1 // 0", "ZeroDivisionError: "), ("files", "TypeError: [('my.log', b'17:30:00 members: ")],
)
def test_one_whose_declaration_fails(answer: str, problem: str) -> None:
    change("def recognises", f"def declare(files):\n    return {answer}\n\ndef recognises")
    with pytest.raises(UsageError) as caught:
        validate_files(["my.log"])
    assert str(caught.value).startswith(f"the adapter my-paxos of another package fails: {problem}")


def test_one_with_a_declaration_of_each_file() -> None:
    change(
        "def recognises",
        "def declare(files):\n    (name, first), = files\n"
        "    return Declaration(name=f'{name} {len(first)}', family=frozenset(['paxos']))\n\n"
        "def recognises",
    )
    assert validate_files(["my.log"]).format == "my.log 26"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("yield Promised(", "yield Promised(slots=1, ", "TypeError: Unexpected keyword argument"),
        ("yield Promised(", "yield dict(", "TypeError: {'node': 'n1', "),
        ("int(ballot)", "ballot", 'ValueError: ballot has the number "7" as text'),
        ("int(ballot)", "[ballot]", "ValueError: ballot is ['7'], not a ballot"),
        ("node=node, ballot", "node=7, ballot", "ValueError: node is 7, not a text"),
        ("found = LINE.f", "found = 1 // 0\n        found = LINE.f", "ZeroDivisionError"),
    ],
)
def test_one_that_fails_while_it_reads(old: str, new: str, problem: str) -> None:
    change(old, new)
    with pytest.raises(TraceError) as caught:
        validate_files(["my.log"])
    where = "1" if "Zero" in problem else "2"
    said = f"my.log:{where}: the adapter my-paxos of another package fails here: {problem}"
    assert str(caught.value).startswith(said)
