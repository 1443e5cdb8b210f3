"""Two small implementations, recorded: all is decidable, nothing is accused, bugs are found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mini_multipaxos import Msg, Replica
from mini_raft import Entry, Server
from recorded_cluster import record_paxos, record_raft

from paxcheck.trace.observe.catalogue import rules_for
from paxcheck.trace.observe.run import validate_files
from paxcheck.trace.observe.text import lint_grade

PAXOS, RAFT = frozenset(["paxos", "lease"]), frozenset(["raft"])


@pytest.mark.parametrize(("record", "family"), [(record_paxos, PAXOS), (record_raft, RAFT)])
def test_every_property_is_decidable(record: Any, family: frozenset[str], tmp_path: Path) -> None:
    verdict = validate_files([str(record(tmp_path / "log", 0))])
    grades = {p.name: lint_grade(p) for p in verdict.properties}
    assert grades == {rule.name: "decidable" for rule in rules_for(family)}


@pytest.mark.parametrize("record", [record_paxos, record_raft])
def test_no_false_alarm(record: Any, tmp_path: Path) -> None:
    for seed in range(25):
        verdict = validate_files([str(record(tmp_path / f"{seed}", seed))])
        assert verdict.verdict == "ok", f"seed {seed}: {verdict.first}"


class ForgetsPromise(Replica):
    def restart(self) -> None:
        super().restart()
        self.promised = (0, "")


class ForgetsVotes(Replica):
    def restart(self) -> None:
        super().restart()
        self.votes = {}


class VotesBelowPromise(Replica):
    def on_accept(self, sender: str, m: Msg) -> None:
        self.votes[m["slot"]] = (m["ballot"], m["value"])
        self.send(sender, {**m, "kind": "accepted"})


class TakesOwnValue(Replica):
    def ask(self, slot: int, value: str) -> None:
        super().ask(slot, f"{self.name}-{slot}")


class OnePromiseWillDo(Replica):
    def on_promise(self, sender: str, m: Msg) -> None:
        if m["ballot"] == self.ballot and not self.leading:
            self.promises[sender] = m["votes"]
            self.become_leader()


class HidesVotes(Replica):
    def report(self) -> Any:
        return {}


class OneVoteWillDo(Replica):
    def on_accepted(self, sender: str, m: Msg) -> None:
        if m["ballot"] == self.ballot and m["slot"] not in self.decided:
            self.choose(m["slot"], m["value"])


class SharesBallots(Replica):
    def start_election(self) -> None:
        self.ballot = (self.promised[0] + 1, "n")
        self.leading, self.promises = False, {}
        self.broadcast({"kind": "prepare", "ballot": self.ballot})

    def on_prepare(self, sender: str, m: Msg) -> None:
        if m["ballot"] >= self.promised:
            self.promised = m["ballot"]
            self.send(sender, {"kind": "promise", "ballot": m["ballot"], "votes": self.report()})


class IgnoresLeases(Replica):
    def on_prepare(self, sender: str, m: Msg) -> None:
        self.granted = ("", 0.0)
        super().on_prepare(sender, m)


class InventsValue(Replica):
    def propose(self, value: str) -> None:
        super().propose(value)
        if self.leading:
            self.ask(max(self.proposed), f"{value}?")


PAXOS_BUGS = [
    (ForgetsPromise, "durable-acceptor"),
    (ForgetsPromise, "promise-never-goes-back"),
    (ForgetsVotes, "honest-promise"),
    (VotesBelowPromise, "no-vote-below-promise"),
    (TakesOwnValue, "adopts-highest-vote"),
    (OnePromiseWillDo, "proposal-needs-quorum"),
    (HidesVotes, "honest-promise"),
    (OneVoteWillDo, "decision-needs-quorum"),
    (OneVoteWillDo, "decided-was-chosen"),
    (SharesBallots, "one-proposer-per-ballot"),
    (IgnoresLeases, "lease-exclusion"),
    (InventsValue, "one-value-per-ballot"),
]


class VotesTwice(Server):
    def on_request_vote(self, sender: str, m: Msg) -> None:
        self.voted_for = None
        super().on_request_vote(sender, m)


class ForgetsVote(Server):
    def restart(self) -> None:
        super().restart()
        self.voted_for = None


class ForgetsTerm(Server):
    def restart(self) -> None:
        super().restart()
        self.term, self.voted_for = 0, None


class OneVoteElects(Server):
    def on_vote(self, sender: str, m: Msg) -> None:
        if self.role == "candidate" and m["term"] == self.term:
            self.become_leader()


class CommitsAlone(Server):
    def on_appended(self, sender: str, m: Msg) -> None:
        if self.role == "leader":
            self.commit = len(self.log)


class IgnoresLogs(Server):
    def on_request_vote(self, sender: str, m: Msg) -> None:
        super().on_request_vote(sender, {**m, "last": (10**6, 10**6)})


class ChangesEntry(Server):
    def append(self, index: int, entry: Entry) -> None:
        super().append(index, entry if self.role == "leader" else (entry[0], entry[1] + "!"))


class LeaderTruncates(Server):
    def propose(self, value: str) -> None:
        if self.role == "leader" and len(self.log) > 1:
            self.truncate(len(self.log))
        super().propose(value)


class CommitGoesBack(Server):
    def on_append(self, sender: str, m: Msg) -> None:
        super().on_append(sender, m)
        if m["term"] == self.term:
            self.commit = min(self.commit, m["commit"])
            self.applied = min(self.applied, self.commit)


RAFT_BUGS = [
    (VotesTwice, "one-vote-per-term"),
    (ForgetsVote, "durable-vote"),
    (ForgetsTerm, "term-never-goes-back"),
    (OneVoteElects, "election-needs-quorum"),
    (CommitsAlone, "commit-needs-quorum"),
    (IgnoresLogs, "leader-completeness"),
    (IgnoresLogs, "state-machine-safety"),
    (ChangesEntry, "log-matching"),
    (ChangesEntry, "state-machine-safety"),
    (LeaderTruncates, "leader-append-only"),
    (CommitGoesBack, "commit-never-goes-back"),
]


@pytest.mark.parametrize(
    ("record", "bug", "name"),
    [(record_paxos, *bug) for bug in PAXOS_BUGS] + [(record_raft, *bug) for bug in RAFT_BUGS],
)
def test_a_bug_in_the_implementation_is_found(
    record: Any, bug: Any, name: str, tmp_path: Path
) -> None:
    """In one of sixty runs at least: a bug must also strike."""
    for seed in range(60):
        verdict = validate_files([str(record(tmp_path / f"{seed}", seed, bug))], only=[name])
        if verdict.verdict == "violated":
            return
    pytest.fail(f"{bug.__name__} does not break {name} in sixty runs")
