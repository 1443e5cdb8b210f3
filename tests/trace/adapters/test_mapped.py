"""Map files: one that does what a built-in adapter does, and every error of a bad one."""

import json
from pathlib import Path

import pytest

from paxcheck.protocol.errors import UsageError
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict
from paxcheck.trace.read import TraceError

ROOT = Path(__file__).parents[3]
MAP = ROOT / "traces" / "maps" / "paxos-pypi.toml"
SHARED = ROOT.parent / "shared" / "traces"

SIMPLE = """\
name = "mine"
family = ["paxos"]

[common]
node = "who"
time = { from = "ms", scale = 0.001 }

[[fact]]
is = "Members"
when = "what == 'start'"
node = { literal = "" }
members = "all"

[[fact]]
is = "Promised"
when = "what == 'promise'"
ballot = "[n, by]"
votes = { from = "votes", each = { ballot = "[item.n, item.by]", value = "item.v" } }

[[fact]]
is = "VoteCast"
when = "what == 'vote'"
ballot = "[n, by]"
value = { from = "v", table = { "1" = "one", "2" = "two", "true" = "yes" } }
"""
LOG = [
    {"what": "start", "all": ["a", "b", "c"]},
    {"what": "promise", "who": "a", "n": 2, "by": "p", "votes": [], "ms": 1500},
    {"what": "vote", "who": "a", "n": 2, "by": "p", "v": 1},
    {"what": "noise"},
    {"what": "vote", "who": "b", "n": 2, "by": "p", "v": 1},
    {"what": "vote", "who": "c", "n": 3, "by": "q", "v": 2},
    {"what": "vote", "who": "b", "n": 3, "by": "q", "v": 2},
    {"what": "vote", "who": "a", "n": 1, "by": "q", "v": True},
]


def judge(folder: Path, text: str, lines: list[dict[str, object]]) -> TraceVerdict:
    (folder / "m.toml").write_text(text)
    (folder / "log").write_text("".join([json.dumps(line) + "\n" for line in lines]))
    return validate_files([str(folder / "log")], map_file=folder / "m.toml")


def broken(verdict: TraceVerdict) -> dict[str, list[int]]:
    return {
        p.name: [v.line for v in p.violations]
        for p in verdict.properties
        if p.verdict == "violated"
    }


def test_a_simple_map(tmp_path: Path) -> None:
    verdict = judge(tmp_path, SIMPLE, LOG)
    assert verdict.format == "mine"
    assert verdict.events == 7
    assert broken(verdict) == {"chosen-once": [7], "no-vote-below-promise": [8]}
    first = verdict.first
    assert first is not None
    assert first.message == (
        "one was chosen in ballot 2.p by a, b, and now two is chosen in ballot 3.q by b, c"
    )
    assert first.evidence[-1].text == json.dumps(LOG[6])


@pytest.mark.skipif(not SHARED.is_dir(), reason="no recordings beside the repository")
@pytest.mark.parametrize(
    "file", sorted(SHARED.glob("*/*pypi*")) + sorted((SHARED / "paxos-pypi").glob("*.ndjson*"))
)
def test_the_map_that_ships_does_what_the_adapter_does(file: Path) -> None:
    if file.is_dir():
        pytest.skip("a folder")
    by_map = validate_files([str(file)], map_file=MAP)
    built_in = validate_files([str(file)])
    assert built_in.format == "paxos-pypi"
    assert broken(by_map) == broken(built_in)
    assert by_map.exit_code == built_in.exit_code
    assert by_map.events == built_in.events


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'ballot = "[n, by]"\nvotes',
            'ballot = "[n, by"\nvotes',
            "m.toml: [[fact]] 2 (Promised), ballot: this is not a JMESPath expression\n"
            "  [n, by\n"
            "        ^",
        ),
        ('is = "Promised"', 'is = "Promise"', "m.toml: [[fact]] 2: is = 'Promise' is no fact"),
        (
            'ballot = "[n, by]"\nvotes',
            'balot = "[n, by]"\nvotes',
            "m.toml: [[fact]] 2 (Promised): no key is called 'balot'",
        ),
        ('family = ["paxos"]', 'family = ["zab"]', "m.toml: family = ['zab']"),
        ('family = ["paxos"]', "family = [", "m.toml is not TOML: "),
        (
            "[common]",
            "[declaration]\npromise = 3\n[common]",
            "m.toml: [declaration]: `promise` is a whole number, and must be a text",
        ),
        ("[common]", "[declaration]\nspeed = 3\n[common]", "m.toml: [declaration]: no key is"),
        *[
            (
                "[common]",
                f"[declaration]\n{key}\n[common]",
                f"m.toml: [declaration]: {key.split()[0]} would change nothing, so it may not",
            )
            for key in (
                'order = "time"',
                'order = "file"',
                "self_messages = false",
                'state_taken = "before"',
                "membership = true",
                "dense_seq = true",
            )
        ],
        (
            "[common]",
            "[declaration]\ndurable = false\n[common]",
            "m.toml: [declaration]: no key is",
        ),
        (
            "[common]",
            "[declaration]\nclock_error = inf\n[common]",
            "an error of the clocks of inf s",
        ),
        ('node = "who"', "", "m.toml: [[fact]] 2 (Promised) has no node"),
        ('from = "v", ', "", "m.toml: [[fact]] 3 (VoteCast), value: it has no from"),
        ("scale = 0.001", "scael = 0.001", "m.toml: [[fact]] 1 (Members), time: no key is called"),
        ('name = "mine"', 'other_lines = "drop"', "m.toml: other_lines = 'drop'"),
    ],
)
def test_errors_of_the_map(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SIMPLE
    with pytest.raises(UsageError) as caught:
        judge(tmp_path, SIMPLE.replace(old, new), LOG)
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            {"what": "vote", "who": "a", "n": 2, "by": "p", "v": 5},
            "[[fact]] 3 (VoteCast), value: its table has no '5'",
        ),
        (
            {"what": "vote", "who": "a", "n": [1], "by": "p", "v": 1},
            "[[fact]] VoteCast: `ballot[0]` is a list, and must be a whole number or a text",
        ),
        (
            {"what": "vote", "who": "a", "n": "10", "by": "p", "v": 1},
            '[[fact]] VoteCast: ballot has the number "10" as text, and text is compared letter by',
        ),
    ],
)
def test_errors_of_a_line(tmp_path: Path, line: dict[str, object], message: str) -> None:
    with pytest.raises(TraceError) as caught:
        judge(tmp_path, SIMPLE, [*LOG[:2], line])
    assert caught.value.where is not None
    assert caught.value.where.line == 3
    assert message in str(caught.value)


def test_a_map_and_a_format_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both say what the format is"):
        validate_files([str(tmp_path / "x")], source="paxi", map_file=MAP)


def test_a_missing_map(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("{}\n")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        validate_files([str(tmp_path / "log")], map_file=tmp_path / "none.toml")


TERMS = """\
family = ["raft"]

[declaration]
stored_first = STORED
accounted = true
unsent = ["vote"]

[[fact]]
is = "Booted"
when = "boot"
node = "who"

[[fact]]
is = "TermHeld"
when = "term"
node = "who"
term = "term"
"""


@pytest.mark.parametrize(("stored", "lines"), [("true", [3]), ("false", [])])
def test_a_term_that_is_shown_before_it_is_stored(
    tmp_path: Path, stored: str, lines: list[int]
) -> None:
    log: list[dict[str, object]] = [{"who": "a", "term": 2}, {"who": "a", "boot": True}]
    verdict = judge(tmp_path, TERMS.replace("STORED", stored), [*log, {"who": "a", "term": 1}])
    assert broken(verdict).get("term-never-goes-back", []) == lines
    assert verdict.declaration.unsent == {"vote"}
