"""What a verdict looks like: text, JSON, JUnit, SARIF, annotations; and the shrunken log."""

import json
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from paxcheck.paxos.facts import Booted, Declaration, Fact, Promised, Unread, VoteCast
from paxcheck.trace.observe import Observer, TraceVerdict, observe, shrink
from paxcheck.trace.observe.outputs import as_github, as_json, as_junit, as_sarif, lint_json
from paxcheck.trace.observe.text import as_text, lint_text
from paxcheck.trace.observe.texts import with_texts

DECLARATION = Declaration(
    name="test", family=frozenset({"paxos"}), cannot={"validity": "clients are not logged"}
)


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log"
    path.write_text("".join(f"line {n} of the log\n" for n in range(1, 8)))
    return str(path)


def facts_of(file: str) -> list[Fact]:
    return [
        Promised(node="b", line=1, file=file, ballot=(1, "p"), inc=1),
        Promised(node="a", line=2, file=file, ballot=(2, "p"), inc=1),
        VoteCast(node="a", line=3, file=file, ballot=(2, "p"), value="x", inc=1),
        Booted(node="a", line=4, file=file, inc=2),
        VoteCast(node="a", line=5, file=file, ballot=(1, "q"), value="y", inc=2),
        VoteCast(node="b", line=6, file=file, ballot=(1, "p"), value="z", inc=1),
        Promised(node="a", line=7, file=file, ballot=(0, "p"), inc=2),
    ]


@pytest.fixture
def verdict(log: str) -> TraceVerdict:
    return with_texts(observe(facts_of(log), DECLARATION))


def test_text(verdict: TraceVerdict, log: str) -> None:
    lines = as_text(verdict).replace(log, "LOG").splitlines()
    assert lines[:13] == [
        "LOG:5: no-vote-below-promise is violated",
        "  a had voted in 2.p, and votes y@1.q",
        "  rule: An acceptor never votes in a ballot below one that it promised or voted in.",
        "        (Paxos Made Simple, section 2.2, P1a)",
        "  node a, incarnation 2",
        "  a restarted in between: it lost something that had to be durable",
        "  before: voted in 2.p",
        "  after:  voted y@1.q",
        "  LOG:3: a votes for x in ballot 2.p",
        "    | line 3 of the log",
        "  LOG:5: a votes for y in ballot 1.q",
        "    | line 5 of the log",
        "",
    ]
    assert "LOG:7: promise-never-goes-back: a had voted in 2.p, and now promises 0.p" in lines
    assert "not observable  validity                 clients are not logged" in lines
    assert lines[-1] == "verdict: violated"
    assert lines[-3].startswith("read as test: 7 events of 2 nodes (3 incarnations), ")
    assert lines[-2] == (
        "trusted: each node's own order, clocks not trusted; states are those after the handler; "
        "must survive a restart: promises and votes"
    )


def test_one_broken_property_is_followed_by_one_empty_line() -> None:
    facts = [VoteCast(node="a", line=n, file="f", ballot=-n, value="x") for n in (1, 2)]
    lines = as_text(observe(facts, DECLARATION)).splitlines()
    assert lines[lines.index("") + 1].startswith("not observable  agreement  ")


def test_json(verdict: TraceVerdict, log: str) -> None:
    found = json.loads(json.dumps(as_json(verdict)))
    assert found["verdict"] == "violated"
    assert (found["format"], found["events"], found["files"]) == ("test", 7, [log])
    assert found["nodes"] == {"a": 2, "b": 1}
    by_name = {p["name"]: p for p in found["properties"]}
    first = by_name["no-vote-below-promise"]
    assert (first["verdict"], first["file"], first["line"], first["node"]) == (
        "violated",
        log,
        5,
        "a",
    )
    assert first["message"] == "a had voted in 2.p, and votes y@1.q"
    assert first["rule"].startswith("An acceptor never votes in a ballot below one")
    assert first["violations"][0]["evidence"][0]["text"] == "line 3 of the log"
    assert by_name["validity"]["verdict"] == "not_observable"
    assert "line" not in by_name["validity"]


def test_junit(verdict: TraceVerdict) -> None:
    suite = ElementTree.fromstring(as_junit(verdict))
    assert suite.get("failures") == "2"
    failures = [c.get("name") for c in suite if c.find("failure") is not None]
    assert failures == ["no-vote-below-promise", "promise-never-goes-back"]
    skipped = {c.get("name"): c[0].get("message") for c in suite if c.find("skipped") is not None}
    assert skipped["validity"] == "clients are not logged"
    assert int(suite.get("skipped", "0")) == len(skipped)


def strange(character: str) -> TraceVerdict:
    """A verdict in which a character of the log is wherever foreign data can be."""
    name = f"a{character}b"
    facts = [VoteCast(node=name, line=n, file=name, ballot=-n, value=name) for n in (1, 2)]
    about = msgspec.structs.replace(DECLARATION, name=name, notes=(name,))
    return observe(facts, about)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ufffe", "\uffff", "\ud800", "\x0b"])
def test_junit_holds_no_character_that_xml_has_not(character: str) -> None:
    text = as_junit(strange(character))
    suite = ElementTree.fromstring(text.encode())
    assert character not in text
    assert suite.get("name") == "paxcheck validate (a\ufffdb)"
    assert suite.findtext("system-out") == "a\ufffdb"
    first = suite.find("testcase/failure")
    assert first is not None
    assert first.get("message") == "a\ufffdb had voted in -1, and votes a\ufffdb@-2"


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\x1b", "\\x1b"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("é", "é"),
    ],
)
def test_text_cannot_move_the_cursor(character: str, shown: str) -> None:
    text = as_text(strange(character))
    assert text.splitlines()[1] == f"  a{shown}b had voted in -1, and votes a{shown}b@-2"
    assert f"note: a{shown}b" in text.splitlines()
    assert f"read as a{shown}b: 2 events" in lint_text(strange(character))


def test_places_are_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside, outside = str(tmp_path / "sp ace #1%"), "/else where/n.log"
    for file, uri in {
        "a b/c#d?.log": "a%20b/c%23d%3F.log",
        inside: "sp%20ace%20%231%25",
        outside: "file:///else%20where/n.log",
        "-": "-",
    }.items():
        verdict = observe(facts_of(file), DECLARATION)
        result = json.loads(as_sarif(verdict))["runs"][0]["results"][0]
        places = [*result["locations"], *result["relatedLocations"]]
        assert {p["physicalLocation"]["artifactLocation"]["uri"] for p in places} == {uri}


def test_what_was_not_read_is_in_every_output(log: str) -> None:
    lost = Unread(node="", line=8, file=log, why="this line is cut off")
    verdict = observe([*facts_of(log), lost], DECLARATION)
    note = f"{log}:8: this line is cut off"
    assert verdict.notes == (note,)
    assert not verdict.complete
    assert not json.loads(json.dumps(as_json(verdict)))["complete"]
    assert f"note: {note}" in as_text(verdict).splitlines()
    assert ElementTree.fromstring(as_junit(verdict)).findtext("system-out") == note
    (invocation,) = json.loads(as_sarif(verdict))["runs"][0]["invocations"]
    assert invocation == {
        "executionSuccessful": False,
        "toolExecutionNotifications": [{"level": "warning", "message": {"text": note}}],
    }
    assert as_github(verdict).splitlines()[-1] == f"::warning title=not all was read::{note}"
    noted = observe(facts_of(log), msgspec.structs.replace(DECLARATION, notes=("by the way",)))
    assert as_github(noted).splitlines()[-1] == "::notice title=note::by the way"


def test_sarif(verdict: TraceVerdict, log: str) -> None:
    run = json.loads(as_sarif(verdict, "1.2"))["runs"][0]
    assert run["tool"]["driver"]["version"] == "1.2"
    assert run["tool"]["driver"]["rules"][2]["fullDescription"]["text"] == (
        "An acceptor never votes in a ballot below one that it promised or voted in. "
        "Source: Paxos Made Simple, section 2.2, P1a."
    )
    result = run["results"][0]
    assert result["ruleId"] == "no-vote-below-promise"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (f"file://{log}", 5)
    assert [r["physicalLocation"]["region"]["startLine"] for r in result["relatedLocations"]] == [
        3,
        5,
    ]


def test_github(verdict: TraceVerdict, log: str) -> None:
    lines = as_github(verdict).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(
        f"::error file={log},line=5,title=no-vote-below-promise::"
        "a had voted in 2.p, and votes y@1.q%0Arule: "
    )
    assert lines[2].startswith("::notice title=not observable::agreement, ")


def test_lint_says_what_is_missing(verdict: TraceVerdict) -> None:
    lines = lint_text(verdict).splitlines()
    assert any(line.split()[:2] == ["decidable", "no-vote-below-promise"] for line in lines)
    assert any(
        line.startswith("not observable  agreement")
        and line.endswith("the log does not show decisions with their values")
        for line in lines
    )
    grades = {p["name"]: p["grade"] for p in lint_json(verdict)["properties"]}
    assert grades["promise-never-goes-back"] == "decidable"
    assert grades["chosen-once"] == "not_observable"


def test_an_empty_log_is_never_valid() -> None:
    verdict = observe([], DECLARATION)
    assert (verdict.verdict, verdict.exit_code, verdict.checks) == ("not_observable", 3, 0)
    assert verdict.notes == (
        "no line of the input told anything: it is empty, or not of this format",
    )


def test_a_log_that_decides_nothing_is_never_valid() -> None:
    verdict = observe([Booted(node="a", line=1)], DECLARATION)
    assert (verdict.verdict, verdict.exit_code, verdict.events) == ("not_observable", 3, 1)


def test_exit_codes(verdict: TraceVerdict) -> None:
    good = observe(facts_of("x")[:3], DECLARATION)
    assert (verdict.exit_code, good.exit_code, good.verdict) == (1, 0, "ok")


def test_all_of_them() -> None:
    facts = [VoteCast(node="a", line=n, ballot=-n, value="x") for n in range(1, 16)]
    first = observe(facts, DECLARATION).of("no-vote-below-promise")
    every = observe(facts, DECLARATION, all_of_them=True).of("no-vote-below-promise")
    assert first is not None
    assert every is not None
    assert (first.count, len(first.violations)) == (14, 10)
    assert [v.line for v in every.violations] == list(range(2, 16))
    text = as_text(observe(facts, DECLARATION))
    assert text.count("no-vote-below-promise") == 3  # in full, "13 more of", and the summary
    assert "    and 13 more of no-vote-below-promise" in text


def test_shrink_keeps_what_contradicts() -> None:
    noise = [
        VoteCast(node=n, line=10 + i, ballot=(9, n), value="q", slot=i, inc=1)
        for i, n in enumerate("cdefgh")
    ]
    facts = facts_of("log")
    kept = shrink([*noise, *facts], DECLARATION, "no-vote-below-promise")
    assert [fact.line for fact in kept] == [3, 5]
    assert shrink(noise, DECLARATION, "no-vote-below-promise") == ()
    assert shrink(facts, DECLARATION, "agreement") == ()


def test_an_observer_can_be_fed_in_pieces() -> None:
    facts = facts_of("log")
    observer = Observer(DECLARATION)
    observer.take(facts[:4])
    assert observer.breaches == {}
    observer.take(facts[4:])
    observer.finish()
    assert sorted(observer.breaches) == ["no-vote-below-promise", "promise-never-goes-back"]
    assert observer.verdict().events == 7
