"""Single-line corruptions of the clean recordings: caught at the right line, or undetectable.

What must be said of a corruption is worked out here from the recording alone, by rules that are
simpler than the monitors: they look for the one other line that the changed line contradicts.
Where there is none, the corruption cannot be seen, and nothing may be accused.
"""

from __future__ import annotations

import copy
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.read import TraceError

TRACES = Path(__file__).parent.parent.parent / "traces"
Line = dict[str, Any]
Expected = tuple[str, int, int] | None
"""Property, number of the file, line; None: no log can show it."""


class Recording:
    """The files of a clean recording, as lists of lines; what a test changes is a copy."""

    def __init__(self, *names: str) -> None:
        self.files: list[list[Line]] = []
        for name in names:
            data = (TRACES / name).read_bytes()
            text = gzip.decompress(data) if name.endswith(".gz") else data
            self.files.append([_decoded(line) for line in text.splitlines()])

    def places(self, fits: Callable[[Line], Any]) -> list[tuple[int, int]]:
        """(file, line) of the lines that fit; lines from 1."""
        return [
            (f, n)
            for f, lines in enumerate(self.files)
            for n, line in enumerate(lines, 1)
            if "text" not in line and fits(line)
        ]

    def at(self, place: tuple[int, int]) -> Line:
        return self.files[place[0]][place[1] - 1]

    def before(self, place: tuple[int, int], fits: Callable[[Line], Any]) -> list[tuple[int, int]]:
        """Lines of the same node before a line, that fit."""
        node = self.at(place)["node"]
        return [p for p in self.places(fits) if p < place and self.at(p).get("node") == node]

    def verdict(self, folder: Path, place: tuple[int, int], line: Line | None) -> Expected | str:
        """What is first said of the property that is broken, or "ok"."""
        lines = [*self.files[place[0]]]
        lines[place[1] - 1 : place[1]] = [] if line is None else [line]
        return judged(folder, [*self.files[: place[0]], lines, *self.files[place[0] + 1 :]])


def _decoded(line: bytes) -> Line:
    """A line; one that is no JSON (etcd's standard error has some) under the key "text"."""
    return json.loads(line) if line.startswith(b"{") else {"text": line.decode()}


def _encoded(line: Line) -> str:
    return str(line["text"]) if "text" in line else json.dumps(line)


def judged(folder: Path, files: list[list[Line]]) -> Any:
    paths: list[str] = []
    for number, lines in enumerate(files):
        path = folder / f"{number}.jsonl"
        path.write_text("".join([_encoded(line) + "\n" for line in lines]))
        paths.append(str(path))
    return {
        (p.name, paths.index(p.violations[0].file), p.violations[0].line)
        for p in validate_files(paths).properties
        if p.violations
    }


RAFT = Recording(*[f"pysyncobj/n{i}.jsonl.gz" for i in range(1, 6)])
PAXOS = Recording("pypi-paxos/seed2.jsonl")
ETCD = Recording(*[f"etcd/n{i}.log.gz" for i in range(1, 4)])


def event(name: str, kind: str = "") -> Callable[[Line], bool]:
    return lambda line: line.get("event") == name and (not kind or line["message"]["type"] == kind)


def later_of(recording: Recording, place: tuple[int, int], others: list[tuple[int, int]]) -> Any:
    """Where a line that differs from all these others shows: itself, if one is read before it."""
    if any(other < place for other in others):
        return place
    return min(others, default=None)


# --- each kind: the lines it applies to, the change, and what must be said ----------------------


def other_candidate(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """A vote goes to another candidate; the state line before it shows the right one."""
    others = [n for n in ("n1", "n2", "n3", "n4", "n5") if n not in (line["to"], line["node"])]
    line["to"] = others[k % len(others)]
    return ("one-vote-per-term", *place)


def other_applied(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """What is applied differs from what others applied before, or from the node's own log."""
    line["digest"] = f"changed{k}"
    return ("state-machine-safety", *place)


def other_written(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    line["digest"] = f"changed{k}"
    same = r.places(
        lambda e: (
            e.get("event") == "write" and (e["index"], e["term"]) == (line["index"], line["term"])
        )
    )
    shown = later_of(r, place, [p for p in same if p != place])
    return shown and ("log-matching", *shown)


def older_term(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """The state shows an older term than an earlier line of the node."""
    state = line["state"]
    had = max(
        [r.at(p)["state"]["term"] for p in r.before(place, lambda e: "state" in e)], default=0
    )
    state["term"] = max(0, had - 1 - k % 3)
    state["voted_for"] = None
    return ("term-never-goes-back", *place) if state["term"] < had else None


def other_leader(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """A leader's term becomes that of a leader on another node."""
    leads = [p for p in r.places(event("lead")) if r.at(p)["node"] != line["node"]]
    other = leads[k % len(leads)]
    line["term"] = r.at(other)["term"]
    return ("election-safety", *max(place, other))


def refused_vote(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """A vote that was received was a refusal: was it one too many?"""
    term = line["message"]["term"]
    line["message"]["granted"] = False
    leads = [p for p in r.places(event("lead")) if r.at(p)["term"] == term]
    heard = r.places(lambda e: event("receive", "vote")(e) and e["message"]["term"] == term)
    for lead in leads:
        if r.at(lead)["node"] == line["node"]:
            votes = {r.at(p)["sender"] for p in heard if p[0] == lead[0] and p < lead} - {
                line["sender"]
            }
            if place < lead and len(votes) < 2:  # with its own, fewer than three of five
                return ("election-needs-quorum", *lead)
    return changed_message(r, place, line, k)


def changed_message(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """The two ends of a message differ."""
    line["message"]["content"] = f"changed{k}"
    same = r.places(lambda e: "mid" in e and e["mid"] == line["mid"])
    shown = later_of(r, place, [p for p in same if p != place])
    return shown and ("message-integrity", *shown)


def too_high_commit(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """The commit index jumps, and then is lower again: at that line it is seen at the latest."""
    line["state"]["commit"] += 30 + k
    leads = r.before(place, lambda e: e.get("event") in ("lead", "follow", "boot"))
    if leads and r.at(leads[-1])["event"] == "lead":
        return ("commit-needs-quorum", *place)
    after = [
        p
        for p in r.places(lambda e: "state" in e or e.get("event") == "boot")
        if p > place and p[0] == place[0]
    ]
    if not after or r.at(after[0])["event"] == "boot":
        return None
    return ("commit-never-goes-back", *after[0])


def hidden_vote(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    line["message"]["votes"] = []
    return ("honest-promise", *place)


def other_vote(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """An acceptor votes for another value than was proposed in the ballot."""
    line["message"]["value"] = f"changed{k}"
    return ("one-value-per-ballot", *place)


def lower(kind: str, name: str) -> Callable[..., Expected]:
    def change(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
        """A promise or a vote is for a ballot below an earlier one of the acceptor."""
        slot = line["message"]["slot"]
        earlier = r.before(
            place,
            lambda e: (
                e.get("event") == "send"
                and e["message"]["type"] in ("promise", "accepted")
                and e["message"]["slot"] == slot
            ),
        )
        had = max([r.at(p)["message"]["ballot"] for p in earlier], default=-1)
        line["message"]["ballot"] = had - 1 - k % 2
        line.pop("mid")
        return (name, *place) if earlier else None

    change.__name__ = f"lower_{kind}"
    return change


def other_decision(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """Nobody voted for what a learner decides."""
    line["value"] = f"changed{k}"
    return ("decided-was-chosen", *place)


def unsent(r: Recording, place: tuple[int, int], line: Line) -> set[Expected]:
    """A message that lost its id where it was sent: its first receipt was never sent."""
    before = r.at(place)
    if before.get("event") != "send" or "mid" in line or "mid" not in before:
        return set()
    taken = r.places(lambda e: e.get("event") == "receive" and e.get("mid") == before["mid"])
    return {("message-causality", *taken[0])} if taken else set()


def refused_promise(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """A promise that was received was a refusal: was it one too many?"""
    ballot, slot, node = line["message"]["ballot"], line["message"]["slot"], line["node"]
    line["message"]["granted"] = False
    line.pop("mid")

    def of_ballot(kind: str, what: str) -> list[tuple[int, int]]:
        return r.places(
            lambda e: (
                event(kind, what)(e)
                and e["node"] == node
                and (e["message"]["ballot"], e["message"]["slot"]) == (ballot, slot)
            )
        )

    proposed = of_ballot("send", "accept")
    heard = (
        {r.at(p)["sender"] for p in of_ballot("receive", "promise") if p < proposed[:1][0]}
        if proposed
        else set()
    )
    if not proposed or place > proposed[0] or len(heard - {line["sender"]}) >= 2:
        return None
    return ("proposal-needs-quorum", *proposed[0])


def says(pattern: str) -> Callable[[Line], Any]:
    """A test for etcd's sentences; it gives the match."""
    return lambda line: re.search(pattern, str(line.get("msg")))


CAST = says(r"(\w+) \[.*\] cast MsgVote for (\w+) \[.*\] at term (\d+)")
LEADER = says(r"(\w+) became leader at term (\d+)")
RESTART = says(r"newRaft (\w+) \[.* term: ([1-9]\d*),")


HEARD = says(r"(\w+) received MsgVoteResp (rejection )?from (\w+) at term (\d+)")


def heard_vote(r: Recording, voter: str, candidate: str, term: str) -> list[tuple[int, int]]:
    """Where a candidate hears the vote of a server."""
    return [
        p
        for p in r.places(HEARD)
        if HEARD(r.at(p)).groups() == (candidate, None, voter, term) and candidate != voter
    ]


def stored_terms(r: Recording, file: int) -> list[tuple[tuple[int, int], int]]:
    """(place, term) of the lines of a server that show what it had stored by then: what it loaded,
    that it leads, what others answered to it, and a vote that its candidate heard."""
    found: list[tuple[tuple[int, int], int]] = []
    for p in r.places(says("")):
        if p[0] != file:
            continue
        line = r.at(p)
        if match := RESTART(line) or LEADER(line):
            found.append((p, int(match[2])))
        elif (match := HEARD(line)) and match[1] != match[3]:
            found.append((p, int(match[4])))
        elif (match := CAST(line)) and heard_vote(r, *match.groups()):
            found.append((p, int(match[3])))
    return found


TERM = says(r"(?:became|received MsgVoteResp|cast|rejected|ignored).* at term (\d+)")
HOLDS = says(r"\[logterm: \d+, index: \d+, vote: (\w+)\]")


def final(r: Recording, vote: tuple[int, int], term: int, candidate: str) -> bool:
    """Whether a server went on from a vote to a newer term that it stored, and did not come back
    without the vote before: not with a start, and not with an older term or another vote, where the
    line of a start may be missing."""
    stored = dict(stored_terms(r, vote[0]))
    for p in r.places(says("")):
        if p[0] != vote[0] or p <= vote:
            continue
        line = r.at(p)
        if stored.get(p, 0) > term:
            return True
        told = TERM(line)
        if RESTART(line) or (told and int(told[1]) < term):
            return False
        held = HOLDS(line)
        if told and int(told[1]) == term and held and held[1] != candidate:
            return False
    return False


def other_cast(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """A vote for another candidate than the one that hears it. It is final where the voter's log
    shows a newer term stored afterwards; else it may have died, and voted anew in a lost line."""
    match = CAST(line)
    ids = {CAST(r.at(p))[2] for p in r.places(CAST)} - {match[1], match[2]}
    other = sorted(ids)[k % len(ids)]
    line["msg"] = line["msg"].replace(match[2], other)
    heard = heard_vote(r, *match.groups())
    if not heard or not final(r, place, int(match[3]), other):
        return None
    return ("one-vote-per-term", *max(place, heard[0]))


def earlier_cast(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """A vote becomes one of a term in which the voter voted for another: was that one stored?"""
    match = CAST(line)
    others = [
        p
        for p in r.places(CAST)
        if p[0] == place[0] and p != place and CAST(r.at(p))[2] != match[2]
    ]
    if not others:
        return other_cast(r, place, line, k)
    other = others[k % len(others)]
    term = CAST(r.at(other))[3]
    line["msg"] = line["msg"].replace(f"at term {match[3]}", f"at term {term}")
    first, second = sorted([place, other])
    # The vote that was moved to this term is heard in its own term only.
    sent = heard_vote(r, *CAST(r.at(other)).groups())
    forgot = sent and (first == other or final(r, place, int(term), match[2]))
    newer = any(p < second and t > int(term) for p, t in stored_terms(r, place[0]) if p != place)
    return ("one-vote-per-term", *second) if forgot or newer else None


def other_etcd_leader(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """A leader's term becomes that of a leader on another node."""
    match = LEADER(line)
    leads = [p for p in r.places(LEADER) if LEADER(r.at(p))[1] != match[1]]
    other = leads[k % len(leads)]
    term = LEADER(r.at(other))[2]
    line["msg"] = line["msg"].replace(f"at term {match[2]}", f"at term {term}")
    return ("election-safety", *max(place, other))


def older_start(r: Recording, place: tuple[int, int], line: Line, k: int) -> Expected:
    """A process comes back with an older term than it had stored."""
    match = RESTART(line)
    term = k % int(match[2])
    line["msg"] = line["msg"].replace(f"term: {match[2]},", f"term: {term},")
    had = [t for p, t in stored_terms(r, place[0]) if p < place]
    return ("term-never-goes-back", *place) if max(had, default=0) > term else None


def with_votes(line: Line) -> bool:
    return event("send", "promise")(line) and bool(line["message"]["votes"])


KINDS = [
    (RAFT, event("send", "vote"), other_candidate),
    (RAFT, event("apply"), other_applied),
    (RAFT, event("write"), other_written),
    (RAFT, lambda e: "state" in e, older_term),
    (RAFT, event("lead"), other_leader),
    (RAFT, event("receive", "vote"), refused_vote),
    (RAFT, lambda e: "mid" in e, changed_message),
    (RAFT, event("state"), too_high_commit),
    (PAXOS, with_votes, hidden_vote),
    (PAXOS, event("send", "accepted"), other_vote),
    (PAXOS, event("send", "accepted"), lower("vote", "no-vote-below-promise")),
    (PAXOS, event("send", "promise"), lower("promise", "promise-never-goes-back")),
    (PAXOS, event("decide"), other_decision),
    (PAXOS, event("receive", "promise"), refused_promise),
    (PAXOS, lambda e: "mid" in e, changed_message),
    (ETCD, CAST, other_cast),
    (ETCD, CAST, earlier_cast),
    (ETCD, LEADER, other_etcd_leader),
    (ETCD, RESTART, older_start),
]
MANY = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)


SYSTEMS = {id(RAFT): "raft", id(PAXOS): "paxos", id(ETCD): "etcd"}
NAMES = [f"{SYSTEMS[id(r)]}-{change.__name__}" for r, _, change in KINDS]


@pytest.mark.parametrize(("recording", "fits", "change"), KINDS, ids=NAMES)
def test_a_changed_line_is_caught_or_cannot_be(
    recording: Recording,
    fits: Callable[[Line], bool],
    change: Callable[..., Expected],
    tmp_path: Path,
) -> None:
    places = recording.places(fits)
    tally = {"caught": 0, "undetectable": 0}

    @MANY
    @given(st.sampled_from(places), st.integers(0, 1000))
    def corrupt(place: tuple[int, int], k: int) -> None:
        line = copy.deepcopy(recording.at(place))
        expected = change(recording, place, line, k)
        # Most promises are the first of their slot: nothing is below them.
        assume(expected is not None or change.__name__ != "lower_promise")
        found = recording.verdict(tmp_path, place, line)
        assert isinstance(found, set)
        found -= unsent(recording, place, line)
        if expected is None:
            assert found == set(), f"{place}: {line}"
            tally["undetectable"] += 1
        else:
            assert expected in found, f"{place}: {line}"
            tally["caught"] += 1

    corrupt()
    assert sum(tally.values()) >= 20
    # What is drawn depends on the modules that other tests have loaded.
    assert tally["caught"] >= 5 or change is other_cast, tally


@pytest.mark.parametrize("recording", [RAFT, PAXOS], ids=["raft", "paxos"])
def test_a_lost_line_accuses_nobody(recording: Recording, tmp_path: Path) -> None:
    """The numbers of the lines show the hole; or, where a start is lost, that they begin anew."""

    @MANY
    @given(st.sampled_from(recording.places(lambda e: "node" in e)))
    def lose(place: tuple[int, int]) -> None:
        if recording.at(place)["event"] == "boot" and recording.before(place, event("boot")):
            with pytest.raises(TraceError, match="comes after its event"):
                recording.verdict(tmp_path, place, None)
        else:
            assert recording.verdict(tmp_path, place, None) == set()

    lose()


@pytest.mark.parametrize("recording", [RAFT, PAXOS], ids=["raft", "paxos"])
def test_lines_out_of_order_are_refused(recording: Recording, tmp_path: Path) -> None:
    """A line that comes again later: its number says so."""

    @MANY
    @given(st.sampled_from(recording.places(lambda e: "node" in e and e["event"] != "boot")))
    def again(place: tuple[int, int]) -> None:
        f, n = place
        lines = [*recording.files[f]]
        lines.insert(n, lines[n - 1])
        files = [*recording.files[:f], lines, *recording.files[f + 1 :]]
        with pytest.raises(TraceError, match=rf"{f}\.jsonl:{n + 1}: .* comes after its event"):
            judged(tmp_path, files)

    again()
