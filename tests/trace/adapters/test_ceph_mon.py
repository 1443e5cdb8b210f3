"""Ceph's monitor log, on small logs in its format: what is judged, where, and what is not."""

from pathlib import Path

import pytest

from paxcheck.trace.lines import TraceError
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.verdict import TraceVerdict

ADDRESS = "[v2:10.0.0.{0}:3300/0,v1:10.0.0.{0}:6789/0]"
MONMAP = "e1  monmap is e1: 3 mons at {a=[v2:10.0.0.0],b=[v2:10.0.0.1],c=[v2:10.0.0.2]}"


def log(rank: int, *lines: str) -> str:
    """A monitor's log: each line gets the time, thread and level that Ceph writes."""
    text: list[str] = []
    for number, line in enumerate(lines):
        seconds = f"{number // 1000:02}.{number % 1000:03}"
        stamp = f"2026-11-23T19:15:{seconds}+0000 7fd5820cd640 10 "
        me = f"mon.{'abc'[rank]}@{rank}(leader)"
        if line.startswith("paxos|"):
            line = f"{me}.paxos(paxos active c 1..7) {line[6:]}"
        elif line.startswith("<"):
            sender, message, *numbered = line[1:].split("|")
            at, n = ADDRESS.format(rank), (*numbered, "5")[0]
            line = (
                f"-- {at} <== mon.{sender} v2:x {n} ==== {message} v4 ==== 84+0+0 (x) 0x7 con 0x5"
            )
        elif line.startswith(">"):
            to, message = line[1:].split("|")
            line = (
                f"-- {ADDRESS.format(rank)} --> {ADDRESS.format(to)} -- {message} v4 -- 0x7 con 0x5"
            )
        else:
            line = f"{me} {line}"
        text.append(stamp + line)
    return "\n".join(text) + "\n"


LEADER = [
    "paxos|init last_pn: 0 accepted_pn: 0 last_committed: 0 first_committed: 0",  # 1
    MONMAP,
    ">1|mon_probe(probe)",
    "paxos|collect with pn 100",  # 4
    ">1|paxos(collect lc 0 fc 0 pn 100 opn 0)",
    "<1|paxos(last lc 0 fc 0 pn 100 opn 0)",  # 6
    "paxos|begin for 1 99 bytes",  # 7
    ">1|paxos(begin lc 0 fc 0 pn 100 opn 0)",
    "<1|paxos(accept lc 0 fc 0 pn 100 opn 0)",  # 9
    "paxos|commit_start 1",  # 10
    "paxos|extend_lease now+5 (2026-11-23T19:15:05.0+0000)",
]
PEON = [
    "paxos|init last_pn: 0 accepted_pn: 0 last_committed: 0 first_committed: 0",  # 1
    "<0|paxos(collect lc 0 fc 0 pn 100 opn 0)",
    "paxos|accepting pn 100 from 0",  # 3
    ">0|paxos(last lc 0 fc 0 pn 100 opn 0)",
    "<0|paxos(begin lc 0 fc 0 pn 100 opn 0)",
    "paxos|accepting value for 1 pn 100",  # 6
    ">0|paxos(accept lc 0 fc 0 pn 100 opn 0)",
    "paxos|handle_commit on 1",  # 8
    "paxos|init last_pn: 0 accepted_pn: 100 last_committed: 1 first_committed: 1",
    "<0|paxos(collect lc 1 fc 1 pn 90 opn 0)",
    "paxos|NOT accepting pn 90 from 0, we already accepted 100 from 0",  # 11
    ">0|paxos(last lc 1 fc 1 pn 100 opn 0)",  # a refusal
]


@pytest.fixture
def judge(tmp_path: Path):
    def validate(*texts: str, clock_error: float | None = None) -> TraceVerdict:
        names: list[str] = []
        for number, text in enumerate(texts):
            path = tmp_path / f"mon.{number}.log"
            path.write_text(text)
            names.append(str(path))
        return validate_files(names, clock_error=clock_error)

    return validate


def broken(verdict: TraceVerdict) -> dict[str, list[int]]:
    return {
        p.name: [v.line for v in p.violations]
        for p in verdict.properties
        if p.verdict == "violated"
    }


def checks(verdict: TraceVerdict) -> dict[str, int]:
    return {p.name: p.checks for p in verdict.properties if p.checks}


def test_a_right_log(judge) -> None:
    verdict = judge(log(0, *LEADER), log(1, *PEON))
    assert broken(verdict) == {}
    assert verdict.format == "ceph-mon"
    assert verdict.nodes == {"mon.0": 1, "mon.1": 2}
    assert checks(verdict) == {
        "no-vote-below-promise": 2,
        "promise-never-goes-back": 1,
        "durable-acceptor": 4,
        "one-proposer-per-ballot": 1,
        "proposal-needs-quorum": 1,
        "decision-needs-quorum": 1,
    }


def changed(lines: list[str], changes: dict[int, str | None]) -> list[str]:
    """The lines with some replaced (by their number), or left out."""
    new = [changes.get(n, line) for n, line in enumerate(lines, 1)]
    return [line for line in new if line is not None]


@pytest.mark.parametrize(
    ("rank", "changes", "expected"),
    [
        # "begin for" does not say in which ballot; the message that it sends does.
        (0, {6: None}, {"proposal-needs-quorum": [7]}),
        (0, {6: "<1|paxos(last lc 0 fc 0 pn 201 opn 0)"}, {"proposal-needs-quorum": [8]}),
        (0, {8: ">1|paxos(begin lc 0 fc 0 pn 101 opn 0)"}, {"one-proposer-per-ballot": [8]}),
        (0, {9: None}, {}),  # no answer at all is in the log: its receipts may be missing
        (0, {9: "<1|paxos(accept lc 0 fc 0 pn 90 opn 0)"}, {"decision-needs-quorum": [10]}),
        (1, {6: "paxos|accepting value for 1 pn 90"}, {"no-vote-below-promise": [6]}),
        (
            1,
            {9: "paxos|init last_pn: 0 accepted_pn: 50 last_committed: 1 first_committed: 1"},
            {"durable-acceptor": [9]},
        ),
        (
            1,
            {
                9: "paxos|init last_pn: 0 accepted_pn: 50 last_committed: 1 first_committed: 1",
                11: "paxos|accepting pn 90 from 0",
            },
            {"durable-acceptor": [9], "promise-never-goes-back": [11]},
        ),
        # An answer has the pn that is promised, also when it refuses: not 70 after 100.
        (1, {12: ">0|paxos(last lc 1 fc 1 pn 70 opn 0)"}, {"durable-acceptor": [12]}),
    ],
)
def test_one_changed_line(judge, rank: int, changes, expected: dict[str, list[int]]) -> None:
    lines = changed((LEADER, PEON)[rank], changes)
    assert broken(judge(log(rank, *lines))) == expected


def test_two_leases_need_a_clock(judge) -> None:
    other = [
        "paxos|init last_pn: 0 accepted_pn: 0 last_committed: 0 first_committed: 0",
        "paxos|extend_lease now+5 (2026-11-23T19:15:09.0+0000)",
    ]
    texts = log(0, *LEADER), log(1, *other)
    assert broken(judge(*texts)) == {}
    assert broken(judge(*texts, clock_error=0.01)) == {"lease-exclusion": [11]}
    # An election in between makes the first lease void.
    ended = [*LEADER, "paxos|restart -- canceling timeouts"]
    late = [*["paxos|is_readable = 0"] * 20, *other]
    assert broken(judge(log(0, *ended), log(1, *late), clock_error=0.005)) == {}


def test_without_messages_no_quorum_is_missed(judge) -> None:
    lines = [line for line in LEADER if line[0] not in "<>"]
    verdict = judge(log(0, *lines))
    assert broken(verdict) == {}
    assert "proposal-needs-quorum" not in checks(verdict)
    assert "decision-needs-quorum" not in checks(verdict)


def test_new_ranks_end_the_judgement(judge) -> None:
    renamed = log(2, "paxos|accepting pn 1 from 0").replace("mon.c@2", "mon.b@2")
    verdict = judge(log(1, *PEON) + renamed)
    assert broken(verdict) == {}
    assert not verdict.complete
    assert [note.partition("mon.0.log")[2] for note in verdict.notes] == [
        ":13: the ranks of the monitors were given anew: what follows here was not judged"
    ]


def test_the_log_of_one_monitor_is_no_place_for_another(judge) -> None:
    """Messages do not say whose they are, so nothing of such a file can be judged."""
    wrong = log(1, *PEON, "paxos|accepting pn 90 from 0")
    with pytest.raises(TraceError) as caught:
        judge(wrong + log(2, "paxos|accepting pn 1 from 0"))
    assert str(caught.value).partition("mon.0.log:")[2] == (
        "14: this is a line of mon.c in the log of mon.b\n"
        "  give the log of each monitor as a file of its own"
    )


@pytest.mark.parametrize("end", range(1, 60))
def test_a_last_line_that_is_cut_off_proves_nothing(end: int, judge) -> None:
    """Half a line may look like a whole one: `pn 10` of `pn 100`."""
    text = log(1, *PEON, "paxos|accepting pn 1000 from 0")
    verdict = judge(text[:-end])
    assert broken(verdict) == {}
    assert not verdict.complete
    assert [note.partition("mon.0.log")[2] for note in verdict.notes] == [
        ":13: this last line has no line end, so it may be cut off: it was left out"
    ]
    assert verdict.events == judge(log(1, *PEON)).events + 1 == 10


def test_a_rotated_log_goes_on(judge, tmp_path: Path) -> None:
    """The second file begins with a message, which counts for the attempt in the first."""
    lines = log(0, *LEADER, *LEADER).splitlines(keepends=True)
    whole = judge("".join(lines))
    for cut in range(1, len(lines)):
        parts = judge("".join(lines[:cut]), "".join(lines[cut:]))
        assert parts.nodes == whole.nodes == {"mon.0": 2}
        assert checks(parts) == checks(whole), cut
        assert broken(parts) == broken(whole) == {}


def test_listed_members_are_read(judge) -> None:
    lines = [line for line in LEADER if line != MONMAP]
    listing = "".join([f"{n}: [v2:10.0.0.{n}:3300/0] mon.{'abc'[n]}\n" for n in range(3)])
    start = log(0, "imported monmap:")
    assert checks(judge(start + listing + log(0, *lines)))["decision-needs-quorum"] == 1


LAST = "paxos(last lc 0 fc 0 pn 100 opn 0)"
ACCEPT = "paxos(accept lc 0 fc 0 pn 100 opn 0)"
# The leader's log with every line that tells of the messages; the numbers are its places.
WHOLE = [
    *LEADER[:2],
    "<1|mon_probe(reply)|4",
    *LEADER[3:5],
    f"<1|{LAST}|5",  # 6
    f"paxos|handle_last {LAST} v4",
    "paxos| they accepted our pn, we now have 2 peons",  # 8
    *LEADER[6:8],
    f"<1|{ACCEPT}|6",  # 11
    f"paxos|handle_accept {ACCEPT} v4",
    "paxos| now 0,1 have accepted",  # 13
    "paxos|commit_start 1",
    "<1|paxos(lease_ack lc 1 fc 1 pn 100 opn 0)|7",  # 15
    "<2|mon_ping(ping)|9",
]


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ((), {"proposal-needs-quorum": 1, "decision-needs-quorum": 1}),
        # Lost lines show in the other lines of the same messages, or in the next number.
        ((6,), {}),
        ((6, 7), {}),
        ((6, 7, 8), {"decision-needs-quorum": 1}),  # number 5 is missing, that shows at the end
        ((11,), {"proposal-needs-quorum": 1}),
        ((11, 12), {"proposal-needs-quorum": 1}),
        ((11, 12, 13), {"proposal-needs-quorum": 1}),
    ],
)
def test_what_lost_lines_leave_open(judge, lost: tuple[int, ...], expected) -> None:
    lines = changed(WHOLE, dict.fromkeys(lost))
    verdict = judge(log(0, *lines))
    assert {n: c for n, c in checks(verdict).items() if n.endswith("-quorum")} == expected
    assert broken(verdict) == {}
    text = log(0, *lines).splitlines(keepends=True)
    for cut in range(1, len(lines) - 2):  # its name is in both parts
        parts = judge("".join(text[:cut]), "".join(text[cut:]))
        assert (checks(parts), broken(parts)) == (checks(verdict), {}), cut


def test_a_vote_in_another_ballot_is_counted(judge) -> None:
    """All its lines are there, and they tell of a vote that does not count."""
    other = ACCEPT.replace("100", "90")
    lines = [line.replace(ACCEPT, other) for line in WHOLE]
    assert broken(judge(log(0, *lines))) == {"decision-needs-quorum": [14]}


def test_urgent_messages_overtake_others(judge) -> None:
    lines = [*WHOLE[:5], "<1|mon_ping(ping)|6", *WHOLE[5:]]
    lines[lines.index(f"<1|{ACCEPT}|6")] = f"<1|{ACCEPT}|7"
    lines = [line.replace("opn 0)|7", "opn 0)|8") if "lease" in line else line for line in lines]
    verdict = judge(log(0, *lines))
    assert checks(verdict)["decision-needs-quorum"] == 1
    assert broken(verdict) == {}


@pytest.mark.parametrize(
    ("restart", "expected"),
    [
        # It stopped before the promise that it speaks of was on its disk, and in the answer.
        ([3], {}),
        ([3, 4], {"durable-acceptor": [5]}),
    ],
)
def test_a_promise_is_made_when_it_is_stored(judge, restart: list[int], expected) -> None:
    lines = [*PEON[:2], *[PEON[n - 1] for n in restart], PEON[0]]
    assert broken(judge(log(1, *lines))) == expected


def test_its_own_promise_is_not_stored(judge) -> None:
    lines = [
        PEON[0],
        "paxos|collect with pn 101",
        ">0|paxos(collect lc 0 fc 0 pn 101 opn 0)",
        "<0|paxos(collect lc 0 fc 0 pn 100 opn 0)",
        "paxos|NOT accepting pn 100 from 0, we already accepted 101 from 1",
        ">0|paxos(last lc 0 fc 0 pn 101 opn 0)",
        *PEON[:4],  # after a restart it accepts 100
    ]
    assert broken(judge(log(1, *lines))) == {}


def test_a_new_reign_that_is_lost_but_for_its_votes(judge) -> None:
    """The votes of a leader are those that it asks for, whatever it collected before."""
    lines = [
        *LEADER,
        "<2|paxos(collect lc 1 fc 1 pn 202 opn 0)",
        "paxos|accepting pn 202 from 2",
        ">2|paxos(last lc 1 fc 1 pn 202 opn 0)",
        # Here the lines of its next election are lost.
        "paxos|begin for 2 99 bytes",
        ">1|paxos(begin lc 1 fc 0 pn 300 opn 0)",
    ]
    verdict = judge(log(0, *lines))
    assert broken(verdict) == {}
    assert checks(verdict)["no-vote-below-promise"] == 1
