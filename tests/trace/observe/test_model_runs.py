"""The monitors against the model checker: random runs of Synod, told as facts.

A run of the right model is never accused. In a run of a broken one, a monitor and the model's own
property say the same, at the same step.
"""

import random
from collections.abc import Iterator

import pytest

from paxcheck.loading import load_model
from paxcheck.paxos import Ballot, Promise
from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Decided,
    Declaration,
    Fact,
    Members,
    Promised,
    Proposed,
    VoteCast,
    VoteReported,
    config,
)
from paxcheck.protocol import Protocol, System, WorldView
from paxcheck.protocol.execute import NodeFault
from paxcheck.protocol.messages import Envelope
from paxcheck.trace.observe import observe

DECLARATION = Declaration(name="model", family=frozenset({"paxos"}), starts_late=False)

# The model's property, and the monitor that must agree with it in every run.
PAIRS = {
    "agreement": "chosen-once",
    "no_vote_below_promise": "no-vote-below-promise",
    "one_value_per_ballot": "one-value-per-ballot",
}


def plain(ballot: Ballot) -> tuple[int, str]:
    return ballot.round, ballot.proposer


def run(protocol: Protocol, seed: int, steps: int) -> tuple[list[Fact], dict[str, int]]:
    """The facts of a random walk, and the step at which each of the model's properties broke."""
    chance = random.Random(seed)
    system = System(protocol)
    names = [name for name in system.names if name.startswith("a")]
    facts: list[Fact] = [Members(node="", line=0, members=config(names))]
    facts += [Booted(node=name, line=0, first=True, inc=1) for name in system.names]
    lives = dict.fromkeys(system.names, 1)
    broken: dict[str, int] = {}
    world = system.initial()
    for step in range(1, steps + 1):
        moves = list(system.successors(world))
        if not moves:
            break
        taken = chance.choice(moves)
        view = system.step_view(world, taken)
        assert taken.world is not None
        if view is not None and taken.step.node is not None:
            node = taken.step.node
            if isinstance(taken.step.trigger, NodeFault):
                lives[node] += 1
                facts.append(Booted(node=node, line=step, inc=lives[node]))
            facts += told(view, taken.step.trigger, node, step, lives[node])
        for prop in protocol.properties():
            subject = view if prop.kind == "step_invariant" else WorldView(system, taken.world)
            if prop.name in PAIRS and subject is not None and prop.judge(subject) is not None:
                broken.setdefault(prop.name, step)
        world = taken.world
    return facts, broken


def told(view: object, trigger: object, node: str, line: int, inc: int) -> Iterator[Fact]:
    """What a log would tell of one step."""
    before, after = view.before, view.after  # type: ignore[attr-defined]
    if isinstance(trigger, Envelope) and isinstance(trigger.message, Promise):
        msg = trigger.message
        votes = () if msg.vote is None else (VoteReported(plain(msg.vote.ballot), msg.vote.value),)
        yield AnswerHeard(
            node=node, line=line, inc=inc, kind="promise", sender=msg.sender or "",
            ballot=plain(msg.ballot), granted=True, votes=votes,
        )  # fmt: skip
    if node.startswith("p"):
        if after.round > before.round:
            ballot = (after.round, node)
            yield Campaigned(node=node, line=line, inc=inc, term=ballot, self_vote=False)
        for new in after.proposals - before.proposals:
            ballot = plain(new.ballot)
            yield Proposed(node=node, line=line, inc=inc, ballot=ballot, value=new.value)
    if node.startswith("a"):
        for new in after.promises_made - before.promises_made:
            votes = ()
            if new.vote is not None:
                votes = (VoteReported(plain(new.vote.ballot), new.vote.value),)
            ballot = plain(new.ballot)
            yield Promised(node=node, line=line, inc=inc, ballot=ballot, votes=votes)
        if after.vote is not None and after.vote != before.vote:
            ballot = plain(after.vote.ballot)
            yield VoteCast(node=node, line=line, inc=inc, ballot=ballot, value=after.vote.value)
    if node.startswith("l") and after.learned != before.learned:
        yield Decided(node=node, line=line, inc=inc, value=after.learned)


def synod(**settings: object) -> Protocol:
    return load_model("synod").protocol(acceptors=3, proposers=2, **settings)


RIGHT = [
    {"rounds": 2, "learners": 1},
    {"rounds": 3, "learners": 1, "network": "bag"},
    {"rounds": 2, "learners": 1, "network": "bag", "faults": {"crash": 3, "duplicate": 2}},
]


@pytest.mark.parametrize("settings", RIGHT)
def test_a_run_of_the_right_model_is_never_accused(settings: dict[str, object]) -> None:
    checks = quorums = 0
    for seed in range(60):
        facts, broken = run(synod(**settings), seed, 60)
        assert broken == {}
        verdict = observe(facts, DECLARATION)
        assert [p.name for p in verdict.properties if p.verdict == "violated"] == []
        checks += verdict.checks
        quorums += verdict.quorums
    assert checks > 1000
    assert quorums > 50


WRONG = [
    ("keeps_promise", {"rounds": 2}),
    ("adopts_latest_vote", {"rounds": 3}),
    ("waits_for_quorum", {"rounds": 2}),
]


@pytest.mark.parametrize(("rule", "settings"), WRONG)
def test_monitor_and_model_agree_on_broken_runs(rule: str, settings: dict[str, object]) -> None:
    seen: set[str] = set()
    for seed in range(120):
        protocol = synod(without=[rule], learners=0, **settings)
        facts, broken = run(protocol, seed, 60)
        verdict = observe(facts, DECLARATION)
        for ours, theirs in PAIRS.items():
            answer = verdict.of(theirs)
            assert answer is not None
            first = answer.first
            assert (first.line if first else None) == broken.get(ours), (seed, ours)
        seen |= {p.name for p in verdict.properties if p.verdict == "violated"}
    culprit = {
        "keeps_promise": "no-vote-below-promise",
        "adopts_latest_vote": "adopts-highest-vote",
        "waits_for_quorum": "proposal-needs-quorum",
    }
    assert culprit[rule] in seen
