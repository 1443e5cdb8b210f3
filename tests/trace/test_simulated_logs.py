"""Executions of small worlds of our own, as logs: right ones are never accused, however much of
them is lost; of broken ones the right rule is named.

What the worlds know is the judge: an independent answer for each run, from its rows.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import world_logs as logs
from paxos_world import PaxosWorld
from raft_world import RaftWorld

from paxcheck.paxos import facts as f
from paxcheck.trace.adapters import adapters
from paxcheck.trace.observe import observe
from paxcheck.trace.observe.verdict import TraceVerdict

Row = dict[str, Any]
World = PaxosWorld | RaftWorld
FORMATS: dict[str, tuple[str, Any]] = {
    "paxos as native": ("native", logs.native_paxos),
    "paxos-composable": ("paxos-composable", logs.composable),
    "raft as native": ("native", logs.native_raft),
    "etcd-raft": ("etcd-raft", logs.etcd_raft),
    "pysyncobj": ("pysyncobj", logs.pysyncobj),
}
RAFT = ("raft as native", "etcd-raft", "pysyncobj")
PARTS: dict[str, Callable[[logs.Items, random.Random], logs.Items]] = {
    "whole": lambda items, chance: items,
    "late": logs.late,
    "receipts lost": logs.without_receives,
    "holes": logs.with_holes,
    "merged": logs.merged,
}
# The recordings of composable are in the true order by their own word.
NOT_SO = {("paxos-composable", "merged")}
CASES = [(name, part) for name in FORMATS for part in PARTS if (name, part) not in NOT_SO]
SEEDS = 8


def right(name: str, seed: int, part: str) -> World:
    """A right execution. One that loses receipts doubles no message, where copies have no lines: a
    second receipt would look like the first."""
    nodes, steps = (3, 300) if seed % 3 else (5, 500)
    if name not in RAFT:
        return PaxosWorld(seed, nodes=nodes, steps=steps)
    lossy = part in ("receipts lost", "holes") and name != "etcd-raft"
    doubled = 0.0 if lossy or name == "pysyncobj" else 0.08
    return RaftWorld(seed, nodes=nodes, steps=steps, doubled=doubled)


def judged(name: str, head: Row | None, items: logs.Items) -> TraceVerdict:
    source, _ = FORMATS[name]
    rows = logs.as_bytes(items, head).decode().splitlines()
    adapter: Any = adapters()[source]
    declaration = adapter.DECLARATION
    if source == "native":
        declaration = adapter.declare([("log", rows[0].encode())])
    return observe(adapter.facts(enumerate(rows, 1), "log"), declaration)


def broken(verdict: TraceVerdict) -> dict[str, str]:
    return {p.name: p.violations[0].message for p in verdict.properties if p.violations}


@pytest.mark.parametrize(("name", "part"), CASES)
def test_a_right_execution_is_never_accused(name: str, part: str) -> None:
    quorums = checks = 0
    for seed in range(SEEDS):
        world = right(name, seed, part)
        head, items = FORMATS[name][1](world.rows, world.names)
        kept = PARTS[part](items, random.Random(seed))
        verdict = judged(name, head, kept)
        assert broken(verdict) == {}, seed
        quorums += verdict.quorums
        checks += verdict.checks
    assert checks > 200
    assert quorums > (8 if part in ("whole", "merged") else 0)


@pytest.mark.parametrize("name", FORMATS)
def test_no_beginning_of_a_right_log_is_accused(name: str) -> None:
    world = right(name, 1, "whole")
    head, items = FORMATS[name][1](world.rows, world.names)
    for length in range(1, len(items), 3):
        assert broken(judged(name, head, items[:length])) == {}, length


@pytest.mark.parametrize("part", PARTS)
def test_facts_without_a_format(part: str) -> None:
    quorums = 0
    for seed in range(SEEDS):
        world = right("paxos as native", seed, part)
        _, items = logs.native_paxos(world.rows, world.names)
        kept = PARTS[part](items, random.Random(seed))
        verdict = observe(logs.paxos_facts(kept, world.names), logs.PAXOS)
        assert broken(verdict) == {}, seed
        quorums += verdict.quorums
    assert quorums > 0


PAXOS_BUGS: dict[str, tuple[Row, str, tuple[int, int]]] = {
    # bug: (world, the property that names it, in how many of 20 runs: native, composable)
    "forgets_promise": ({}, "durable-acceptor", (14, 14)),
    "forgets_vote": ({}, "honest-promise", (15, 15)),
    "ignores_promise": ({}, "no-vote-below-promise", (14, 14)),
    "promises_lower": ({}, "promise-never-goes-back", (16, 16)),
    "hides_vote": ({}, "honest-promise", (19, 19)),
    "takes_own_value": ({}, "adopts-highest-vote", (18, 18)),
    "takes_lowest_vote": ({"nodes": 5, "slots": 1, "steps": 900}, "adopts-highest-vote", (1, 1)),
    "asks_without_quorum": ({}, "proposal-needs-quorum", (20, 20)),
    "decides_without_quorum": ({}, "decision-needs-quorum", (17, 17)),
    "two_values": ({}, "one-value-per-ballot", (20, 20)),
    "reuses_ballot": ({"steps": 900}, "one-value-per-ballot", (1, 1)),
    "decides_other": ({}, "decided-was-chosen", (20, 20)),
}


@pytest.mark.parametrize("bug", PAXOS_BUGS)
def test_a_broken_paxos_is_named(bug: str) -> None:
    settings, name, expected = PAXOS_BUGS[bug]
    found: Counter[str] = Counter()
    for seed in range(20):
        world = PaxosWorld(seed, bug=bug, **{"steps": 300, **settings})
        for form in ("paxos as native", "paxos-composable"):
            head, items = FORMATS[form][1](world.rows, world.names)
            said = broken(judged(form, head, items))
            found[form] += name in said
            disagree = two_decisions(world.rows)
            assert ("agreement" in said) == disagree, (seed, form)
            assert not disagree or name in said, (seed, form)  # the cause, not only the effect
    assert (found["paxos as native"], found["paxos-composable"]) == expected


def two_decisions(rows: list[Row]) -> bool:
    decided: dict[int, set[str]] = {}
    for row in rows:
        if row["kind"] == "decide":
            decided.setdefault(row["slot"], set()).add(row["value"])
    return any(len(values) > 1 for values in decided.values())


RAFT_BUGS: dict[str, tuple[Row, str, tuple[int, int, int]]] = {
    # bug: (world, the property that names it, in how many of 20: native, etcd-raft, pysyncobj)
    "forgets_vote": ({}, "durable-vote", (13, 13, 13)),
    "forgets_term": ({}, "term-never-goes-back", (13, 13, 13)),
    "votes_twice": ({"steps": 600}, "one-vote-per-term", (4, 4, 4)),
    "leads_without_quorum": ({}, "election-needs-quorum", (20, 20, 20)),
    "commits_without_quorum": ({}, "commit-needs-quorum", (12, 10, 12)),
    "commit_goes_back": ({}, "commit-never-goes-back", (5, 5, 0)),
    "changes_own_entry": ({}, "leader-append-only", (14, 0, 14)),
    "no_log_check": ({"nodes": 5, "steps": 2500}, "log-matching", (7, 7, 7)),
    "votes_for_anyone": ({"steps": 600}, "leader-completeness", (5, 0, 2)),
    "applies_other": ({}, "state-machine-safety", (19, 19, 19)),
}


@pytest.mark.parametrize("bug", RAFT_BUGS)
def test_a_broken_raft_is_named(bug: str) -> None:
    settings, name, expected = RAFT_BUGS[bug]
    found: Counter[str] = Counter()
    for seed in range(20):
        world = RaftWorld(seed, bug=bug, doubled=0.0, **{"steps": 300, **settings})
        for form in RAFT:
            head, items = FORMATS[form][1](world.rows, world.names)
            said = broken(judged(form, head, items))
            found[form] += name in said
            assert ("election-safety" in said) == two_leaders(world.rows), (seed, form)
            assert ("state-machine-safety" in said) == two_states(world.rows), (seed, form)
    assert tuple([found[form] for form in RAFT]) == expected


def two_leaders(rows: list[Row]) -> bool:
    leaders: dict[int, set[str]] = {}
    for row in rows:
        if row["kind"] == "lead":
            leaders.setdefault(row["term"], set()).add(row["node"])
    return any(len(names) > 1 for names in leaders.values())


def two_states(rows: list[Row]) -> bool:
    """Whether two values are applied at one index, or another than was written in that term."""
    applied: dict[int, set[str]] = {}
    written: dict[tuple[int, int], str] = {}
    other = False
    for row in rows:
        if row["kind"] == "write":
            written.setdefault((row["index"], row["of"]), row["value"])
        elif row["kind"] == "apply":
            applied.setdefault(row["index"], set()).add(row["value"])
            other |= written[row["index"], row["of"]] != row["value"]
    return other or any(len(values) > 1 for values in applied.values())


# --- leases: drawn at random, judged pair by pair ---------------------------------------------

ERROR = 2
LEASES = f.Declaration(name="leases", family=frozenset(["lease"]), clock_error=float(ERROR))


def lease_facts(chance: random.Random, exclusive: bool) -> tuple[list[f.Fact], bool]:
    """Leases of three nodes, each with a clock of its own that is up to 2 s ahead; and whether
    two of them held it at once, whatever the clocks."""
    ahead = {node: chance.randrange(ERROR + 1) for node in "abc"}
    facts: dict[str, list[f.Fact]] = {node: [] for node in "abc"}
    held: list[tuple[str, int, int]] = []
    last = dict.fromkeys("abc", 0)
    now = 10
    for _ in range(8):
        node = chance.choice("abc")
        start = max(last[node] + 1, now + chance.randrange(3))
        until = end = start + chance.randrange(1, 12)
        by = ahead[node]
        own: Row = {"node": node, "line": 0}
        facts[node].append(
            f.LeaseHeld(time=float(start + by), until=float(until + by), holder=node, **own)
        )
        if chance.random() < 0.5:  # it gives the lease back early
            end = chance.randrange(start, until + 1)
            facts[node].append(f.LeaseEnded(time=float(end + by), **own))
        held.append((node, start + by, end + by))
        last[node] = end
        now = end if exclusive else start + chance.randrange(6)
    overlap = any(
        one[0] != two[0]
        and min(one[2] - two[1], two[2] - one[1]) > ERROR
        and one[1] < one[2]
        and two[1] < two[2]
        for one in held
        for two in held
    )
    return [fact for node in "abc" for fact in facts[node]], overlap


def test_leases() -> None:
    answers: Counter[str] = Counter()
    for seed in range(300):
        facts, _ = lease_facts(random.Random(seed), exclusive=True)
        assert broken(observe(facts, LEASES)) == {}, seed
        facts, overlap = lease_facts(random.Random(seed), exclusive=False)
        said = "lease-exclusion" in broken(observe(facts, LEASES))
        answers[f"overlap {overlap}, said {said}"] += 1
    assert answers == {"overlap True, said True": 233, "overlap False, said False": 67}
