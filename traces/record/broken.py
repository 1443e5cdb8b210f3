"""Makes the broken recordings from the clean ones, one changed line each, and the manifest.

    python traces/record/broken.py traces

Which line is changed, and what must be said of it, is worked out here from the recording alone;
nothing is asked from the validator. Of clean recordings the manifest has only the verdict.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

PSO = [f"pysyncobj/n{i}.jsonl.gz" for i in range(1, 6)]
ETCD = [f"etcd/n{i}.log.gz" for i in range(1, 4)]
PYPI = "pypi-paxos/seed2.jsonl"

Line = dict[str, Any]


@dataclass
class Change:
    """One broken recording: the changed line, and what breaks first."""

    name: str
    source: str
    line: int
    text: str
    property: str
    message: str
    what: str
    first_line: int = 0
    across_restart: bool = False


class Source:
    """A clean recording's lines, as texts and as objects; numbers from 1."""

    def __init__(self, folder: Path, name: str) -> None:
        data = (folder / name).read_bytes()
        self.name = name
        self.texts = (gzip.decompress(data) if name.endswith(".gz") else data).decode().splitlines()
        self.lines: list[tuple[int, Line]] = [
            (number, json.loads(text))
            for number, text in enumerate(self.texts, 1)
            if text.startswith("{")
        ]

    def find(self, where: Callable[[Line], Any]) -> Iterable[tuple[int, Line]]:
        """The lines that fit."""
        return ((number, line) for number, line in self.lines if where(line))

    def first(self, where: Callable[[Line], Any], after: int = 0) -> tuple[int, Line]:
        """The first line that fits, after a line."""
        return next((n, line) for n, line in self.find(where) if n > after)


def is_event(name: str, kind: str = "") -> Callable[[Line], bool]:
    """A test for events of a name, and of a message type."""
    return lambda line: line.get("event") == name and (not kind or line["message"]["type"] == kind)


def changed(text: str, old: str, new: str) -> str:
    """The text with one part replaced, which must be there exactly once."""
    assert text.count(old) == 1, (text, old)
    return text.replace(old, new)


def change(name: str, source: Source, line: int, old: str, new: str, *rest: str) -> Change:
    """A change of one line; `rest`: property, message, what."""
    text = changed(source.texts[line - 1], old, new)
    return Change(name, source.name, line, text, *rest)


# --- PySyncObj --------------------------------------------------------------------------------


def second_vote(nodes: dict[str, Source]) -> Change:
    """A follower's answer goes to another candidate than the one that its state shows."""
    source = nodes["n1"]
    line, event = source.first(is_event("send", "vote"))
    term, to = event["message"]["term"], event["to"]
    return change(
        "pysyncobj_second_vote",
        source,
        line,
        f'"to":"{to}"',
        '"to":"n4"',
        "one-vote-per-term",
        f"n1 voted for {to} in term {term}, and votes for n4 in the same term",
        f"n1 sends its vote of term {term} to n4, and its state shows a vote for {to}",
    )


def applies_other(nodes: dict[str, Source]) -> Change:
    """A node applies another command than all others."""
    source = nodes["n3"]
    line, event = source.first(lambda e: e.get("event") == "apply" and e["index"] == 12)
    digest = event["digest"]
    return change(
        "pysyncobj_applies_other",
        source,
        line,
        digest,
        "0123456789ab",
        "state-machine-safety",
        f"n1 applied {digest} at index 12, and n3 applies 0123456789ab",
        "n3 applies another entry at index 12 than n1 and n2",
    )


def writes_other(nodes: dict[str, Source]) -> Change:
    """A follower's entry has another content than the leader's, at one index and term."""
    source = nodes["n4"]
    line, event = source.first(lambda e: e.get("event") == "write" and e["index"] == 20)
    digest, term = event["digest"], event["term"]
    return change(
        "pysyncobj_writes_other",
        source,
        line,
        digest,
        "0123456789ab",
        "log-matching",
        f"index 20 of term {term} is {digest} on n1 and 0123456789ab on n4",
        "n4 writes another entry at index 20 than n1 did in the same term",
    )


def forgets_term(nodes: dict[str, Source]) -> Change:
    """After a restart the node has an older term: its disk lost a write."""
    source = nodes["n5"]
    line, event = source.first(lambda e: e.get("event") == "boot" and not e["first"])
    term = event["state"]["term"]
    made = change(
        "pysyncobj_forgets_term",
        source,
        line,
        f'"term":{term}',
        f'"term":{term - 2}',
        "term-never-goes-back",
        f"n5 was in term {term}, and is now in term {term - 2}",
        f"n5 comes back from a restart with term {term - 2}; it had reached {term}",
    )
    made.across_restart = True
    return made


def commits_too_much(nodes: dict[str, Source]) -> Change:
    """A leader's commit index is ahead of what its followers acknowledged."""
    source = nodes["n2"]
    start, lead = source.first(is_event("lead"))
    line, event = source.first(
        lambda e: e.get("event") == "state" and e["state"]["commit"] > lead["last_index"], start
    )
    commit = event["state"]["commit"]
    return change(
        "pysyncobj_commits_too_much",
        source,
        line,
        f'"commit":{commit}',
        f'"commit":{commit + 40}',
        "commit-needs-quorum",
        f"n2, leader of term {lead['term']}, committed index {commit + 40} when nobody had "
        "acknowledged it, which is no quorum of {n1, n2, n3, n4, n5}",
        f"leader n2 commits up to {commit + 40}; its followers had acknowledged {commit}",
    )


def counts_a_refusal(nodes: dict[str, Source]) -> Change:
    """One of exactly two votes that a leader had heard becomes a refusal."""
    for source in nodes.values():
        for line, lead in source.find(is_event("lead")):
            votes = [
                n
                for n, e in source.find(is_event("receive", "vote"))
                if n < line and e["message"]["term"] == lead["term"]
            ]
            if len(votes) == 2:
                name, term = lead["node"], lead["term"]
                other = dict(source.lines)[votes[1]]["sender"]
                made = change(
                    "pysyncobj_counts_a_refusal",
                    source,
                    votes[0],
                    f'"term":{term}}}',
                    f'"granted":false,"term":{term}}}',
                    "election-needs-quorum",
                    f"{name} became leader of term {term} with the votes of {name}, {other}, "
                    "which is no quorum of {n1, n2, n3, n4, n5}",
                    f"{name} leads term {term}; one of the two votes that it heard was a refusal",
                )
                made.first_line = line
                return made
    raise AssertionError("no leader has exactly two votes of others")


def two_leaders(nodes: dict[str, Source]) -> Change:
    """A leader's term becomes that of another leader."""
    source = nodes["n5"]
    line, event = source.first(is_event("lead"))
    _, other = nodes["n1"].first(is_event("lead"))
    return change(
        "pysyncobj_two_leaders",
        source,
        line,
        f'"term":{event["term"]}',
        f'"term":{other["term"]}',
        "election-safety",
        f"n1 is leader of term {other['term']}, and so is n5",
        f"n5 becomes leader of term {other['term']}, which n1 leads",
    )


# --- the package paxos ------------------------------------------------------------------------


def hides_vote(source: Source) -> Change:
    """An acceptor that has voted promises, and reports no vote."""
    line, event = source.first(lambda e: is_event("send", "promise")(e) and e["message"]["votes"])
    vote = event["message"]["votes"][0]
    told = f"{vote['value']}@{vote['ballot']}"
    node, slot = event["node"], event["message"]["slot"]
    return change(
        "paxos_hides_vote",
        source,
        line,
        f'"votes":{json.dumps([vote], separators=(",", ":"))}',
        '"votes":[]',
        "honest-promise",
        f"{node} had voted {told}, and its promise reports no vote in slot {slot}",
        f"{node} promises in slot {slot} without telling its vote {told}",
    )


def takes_own_value(source: Source) -> Change:
    """A proposer proposes its own value, where it was told of a vote for another."""
    for line, event in source.find(is_event("send", "accept")):
        message = event["message"]
        heard = [
            (e["sender"], e["message"]["votes"])
            for n, e in source.find(is_event("receive", "promise"))
            if n < line
            and e["node"] == event["node"]
            and (e["message"]["ballot"], e["message"]["slot"])
            == (message["ballot"], message["slot"])
        ]
        told = "; ".join(
            f"{sender} reported {vote['value']}@{vote['ballot']}"
            for sender, votes in heard
            for vote in votes
        )
        if told:
            value = message["value"]
            own = "v1" if value != "v1" else "v2"
            return change(
                "paxos_takes_own_value",
                source,
                line,
                f'"value":"{value}"',
                f'"value":"{own}"',
                "adopts-highest-vote",
                f"{event['node']}: ballot {message['ballot']} proposes {own}, but {told} "
                f"in slot {message['slot']}",
                f"{event['node']} proposes {own} in slot {message['slot']}; "
                f"a promise told it of {value}",
            )
    raise AssertionError("no proposer was told of a vote")


def decides_other(source: Source) -> Change:
    """Two learners learn different values."""
    seen: dict[int, Line] = {}
    for line, event in source.find(is_event("decide")):
        first = seen.setdefault(event["slot"], event)
        if first is not event:
            value, slot, name = event["value"], event["slot"], event["node"]
            other = "v1" if value != "v1" else "v2"
            return change(
                "paxos_decides_other",
                source,
                line,
                f'"value":"{value}"',
                f'"value":"{other}"',
                "agreement",
                f"{first['node']} decided {value} in slot {slot}, and {name} decides {other}",
                f"{name} learns {other} in slot {slot}, where {first['node']} learned {value}",
            )
    raise AssertionError("no slot is learned twice")


def counts_a_nack(source: Source) -> Change:
    """One of the two promises before a proposal becomes a refusal."""
    line, event = source.first(is_event("send", "accept"))
    message, node = event["message"], event["node"]
    heard = [
        n
        for n, e in source.find(is_event("receive", "promise"))
        if n < line and e["node"] == node and e["message"]["ballot"] == message["ballot"]
    ]
    assert len(heard) == 2
    granted = dict(source.lines)[heard[0]]["sender"]
    made = change(
        "paxos_counts_a_nack",
        source,
        heard[1],
        '"votes":',
        '"granted":false,"votes":',
        "proposal-needs-quorum",
        f"{node}: ballot {message['ballot']} asks for votes with the promises of {granted}, "
        "which is no quorum of {a3, a4, a5} in slot 1",
        f"{node} proposes with one promise of three; the second answer was a refusal",
    )
    made.first_line = line
    return made


def votes_other(source: Source) -> Change:
    """An acceptor votes for another value than the one that was proposed in the ballot."""
    line, event = source.first(is_event("send", "accepted"))
    message = event["message"]
    value, ballot, slot = message["value"], message["ballot"], message["slot"]
    first, proposed = source.first(
        lambda e: is_event("send", "accept")(e) and e["message"]["ballot"] == ballot
    )
    assert first < line
    return change(
        "paxos_votes_other",
        source,
        line,
        f'"value":"{value}"',
        '"value":"v2"',
        "one-value-per-ballot",
        f"ballot {ballot} has two values in slot {slot}: {proposed['node']} proposed {value}, "
        f"and {event['node']} voted for v2",
        f"{event['node']} votes for v2 in a ballot in which {value} was proposed",
    )


# --- etcd -------------------------------------------------------------------------------------

_CAST = re.compile(r"(\w+) \[.*\] cast MsgVote for (\w+) \[.*\] at term (\d+)")
_LED = re.compile(r"(\w+) became leader at term (\d+)")


def etcd_second_vote(nodes: list[Source]) -> Change:
    """A vote of a later term becomes one of an earlier term, for another candidate."""
    for source in nodes:
        cast = [(n, m) for n, e in source.lines if (m := _CAST.match(str(e.get("msg"))))]
        for (_, first), (line, second) in pairwise(cast):
            if first[2] == second[2]:
                continue
            node, candidate, term = first.groups()
            return Change(
                "etcd_second_vote",
                source.name,
                line,
                changed(source.texts[line - 1], f"at term {second[3]}", f"at term {term}"),
                "one-vote-per-term",
                f"{node} voted for {candidate} in term {term}, "
                f"and votes for {second[2]} in the same term",
                f"{node} votes in term {term} for {second[2]}, after it voted for {candidate}",
            )
    raise AssertionError("no voter votes for two candidates")


def etcd_two_leaders(nodes: list[Source]) -> Change:
    """A leader's term becomes that of another leader, whose file is read first."""
    led = [
        (source, n, m)
        for source in nodes
        for n, e in source.lines
        if (m := _LED.match(str(e.get("msg"))))
    ]
    first = led[0]
    source, line, match = next(item for item in led if item[2][1] != first[2][1])
    text = changed(source.texts[line - 1], f"at term {match[2]}", f"at term {first[2][2]}")
    return Change(
        "etcd_two_leaders",
        source.name,
        line,
        text,
        "election-safety",
        f"{first[2][1]} is leader of term {first[2][2]}, and so is {match[1]}",
        f"{match[1]} becomes leader of term {first[2][2]}, which {first[2][1]} leads",
    )


def etcd_counts_a_rejection(nodes: list[Source]) -> Change:
    """The one vote of another that a leader had heard becomes a rejection."""
    members = sorted(
        match[1]
        for source in nodes
        for _, event in source.lines
        if (match := re.match(r"newRaft (\w+) .* term: 0,", str(event.get("msg"))))
    )
    for source in nodes:
        for line, event in source.lines:
            match = _LED.match(str(event.get("msg")))
            if match is None:
                continue
            me, term = match.groups()
            heard = f"{me} received MsgVoteResp from "
            votes = [
                n
                for n, e in source.lines
                if n < line
                and str(e.get("msg")).startswith(heard)
                and f"{heard}{me} " not in e["msg"]
                and e["msg"].endswith(f"at term {term}")
            ]
            if len(votes) == 1:
                text = changed(
                    source.texts[votes[0] - 1], "MsgVoteResp from", "MsgVoteResp rejection from"
                )
                return Change(
                    "etcd_counts_a_rejection",
                    source.name,
                    votes[0],
                    text,
                    "election-needs-quorum",
                    f"{me} became leader of term {term} with the votes of {me}, "
                    f"which is no quorum of {{{', '.join(members)}}}",
                    f"{me} leads term {term} with its own vote only; the other was a rejection",
                    first_line=line,
                )
    raise AssertionError("no leader has exactly one vote of another")


def etcd_forgets_term(nodes: list[Source]) -> Change:
    """A process comes back from a restart with an older term."""
    for source in nodes:
        for line, event in source.lines:
            text = str(event.get("msg"))
            match = re.match(r"newRaft (\w+) \[peers: \[\], term: (\d+), ", text)
            if match is None or match[2] == "0":
                continue
            node, term = match[1], int(match[2])
            return Change(
                "etcd_forgets_term",
                source.name,
                line,
                changed(source.texts[line - 1], f" term: {term}, ", f" term: {term - 1}, "),
                "term-never-goes-back",
                f"{node} was in term {term}, and is now in term {term - 1}",
                f"{node} comes back from a restart with term {term - 1}; it had reached {term}",
                across_restart=True,
            )
    raise AssertionError("no process restarts")


# --- the manifest -----------------------------------------------------------------------------


def changes(folder: Path) -> list[tuple[list[str], Change]]:
    """All broken recordings, with the files that they are judged together with."""
    pso = {f"n{i}": Source(folder, name) for i, name in enumerate(PSO, 1)}
    etcd = [Source(folder, name) for name in ETCD]
    pypi = Source(folder, PYPI)
    made: list[tuple[list[str], Change]] = []
    for make in (
        second_vote,
        applies_other,
        writes_other,
        forgets_term,
        commits_too_much,
        counts_a_refusal,
        two_leaders,
    ):
        made.append((PSO, make(pso)))
    for build in (hides_vote, takes_own_value, decides_other, counts_a_nack, votes_other):
        made.append(([PYPI], build(pypi)))
    made += [(ETCD, etcd_second_vote(etcd))]
    made += [(ETCD, etcd_two_leaders(etcd)), (ETCD, etcd_forgets_term(etcd))]
    # Judged alone: etcd does not number its lines, and where the voter's own log says that it
    # voted, the line that tells of the receipt may have been lost.
    rejected = etcd_counts_a_rejection(etcd)
    return [*made, ([rejected.source], rejected)]


REAL = [
    {
        "files": ["pypi-paxos/seed463.jsonl"],
        "verdict": "violated",
        "property": "no-vote-below-promise",
        "file": "pypi-paxos/seed463.jsonl",
        "line": 243,
        "message": "a3 had voted in 17 in slot 6, and votes v18@16",
        "across_restart": False,
        "what": "a real bug of the package: accepting does not raise what is promised",
    },
    {
        "files": ["pypi-paxos/seed1.jsonl"],
        "verdict": "violated",
        "property": "promise-never-goes-back",
        "file": "pypi-paxos/seed1.jsonl",
        "line": 77,
        "message": "a5 had voted in 4 in slot 2, and now promises 3",
        "across_restart": False,
        "what": "the same bug: a promise below an earlier vote",
    },
]


def main() -> None:
    """Write traces/broken/ and traces/manifest.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    (folder / "broken").mkdir(exist_ok=True)
    entries: list[dict[str, Any]] = [
        {"files": files, "verdict": "ok", "what": what}
        for files, what in (
            (PSO, "PySyncObj 0.3.17: 5 nodes, partitions, kill -9"),
            (ETCD, "etcd 3.4.23: 3 nodes, leader killed and restarted"),
            ([PYPI], "paxos 0.1: 3 proposers, 3 acceptors, 2 learners, 30% loss"),
        )
    ]
    entries += REAL
    for files, item in changes(folder):
        source = Source(folder, item.source)
        ending = "".join(Path(item.source).suffixes)
        broken = f"broken/{item.name}{ending}"
        texts = [*source.texts]
        texts[item.line - 1] = item.text
        data = ("\n".join(texts) + "\n").encode()
        zipped = gzip.compress(data, 9, mtime=0) if broken.endswith(".gz") else data
        (folder / broken).write_bytes(zipped)
        entries.append(
            {
                "files": [broken if name == item.source else name for name in files],
                "verdict": "violated",
                "property": item.property,
                "file": broken,
                "line": item.first_line or item.line,
                "message": item.message,
                "across_restart": item.across_restart,
                "changed": f"{item.source}:{item.line}",
                "what": item.what,
            }
        )
    text = json.dumps(entries, indent=1, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
