"""Records the package `paxos` 0.1 from PyPI, unmodified, on a seeded random network.

Its proposers, acceptors and learners run in one thread; the network loses, delays and reorders
their messages. Everything is drawn from one seed, so a recording can be made again, to the byte.

    pip install paxos==0.1
    python traces/record/pypi_paxos.py --seed 1 traces/pypi-paxos/seed1.jsonl
    python traces/record/pypi_paxos.py --search 2000     which seeds break a rule, and which rule
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import pickle
import random
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

import paxos
from paxos import messages

from paxcheck.record import Recorder
from paxcheck.trace.observe.run import validate_files

PROPOSERS, ACCEPTORS, LEARNERS = 3, 3, 2
STEPS = 260
LOSS = 0.3


class Network:
    """The mailbox of all agents: what is sent waits here until it is delivered, or lost."""

    def __init__(self) -> None:
        self.mid = 0
        self.pending: deque[tuple[int, int, bytes]] = deque()

    def send(self, to: int, message: Any) -> None:
        """Called by the package; between its processes messages are pickled, so they are here."""
        self.pending.append((to, self.mid, pickle.dumps(message)))


class Results:
    """What a learner tells: the package's own logger, without its queue."""

    def log_result(self, pid: int, instance: int, value: Any) -> None:
        """Nothing: the recorder has it."""


class System:
    """The agents, the network between them, and the recorder around them."""

    def __init__(self, recorder: Recorder) -> None:
        self.network = Network()
        self.config = paxos.SystemConfig(PROPOSERS, ACCEPTORS, LEARNERS)
        self.names: dict[int, str] = {}
        self.agents: dict[int, Any] = {}
        self.mid_in_hand = 0
        for pid, kind in self.config.process_list():
            self.names[pid] = f"{kind.__name__[0].lower()}{pid}"
            self.agents[pid] = kind(pid, self.network, Results())
        for pid, agent in self.agents.items():
            agent.handle_message(self.config)
            self.watch(agent, recorder.node(self.names[pid], self.state_of(agent)))

    def state_of(self, agent: Any) -> Any:
        """An acceptor's promise and vote, slot by slot; the others hold nothing of the kind."""
        if not isinstance(agent, paxos.Acceptor):
            return None
        return lambda: [
            {
                "slot": slot,
                "promised": _number(instance.highest_proposal_promised),
                "vote": _vote(instance.highest_proposal_accepted),
            }
            for slot, instance in agent.instances.items()
        ]

    def watch(self, agent: Any, node: Any) -> None:
        """Wrap what the agent sends, handles and learns."""
        node.boot(first=True)

        def sends(message: Any, pids: list[int]) -> Any:
            self.network.mid += 1
            return [self.names[pid] for pid in pids], told(message), self.network.mid

        def receives(message: Any) -> Any:
            if isinstance(message, messages.ClientRequestMsg):
                node.request(message.value)
                return None
            return self.names[message.source], told(message), self.mid_in_hand

        node.wrap_send(agent, "send_message", sends)
        node.wrap_receive(agent, "handle_message", receives)
        if isinstance(agent, paxos.Learner):
            node.recorder.wrap(
                agent,
                "log_result",
                lambda msg: node.decide(
                    msg.proposal.value, slot=msg.proposal.instance, ballot=msg.proposal.number
                ),
            )

    def run(self, chance: random.Random) -> None:
        """Requests, deliveries and losses, as they are drawn."""
        requests = 0
        for _ in range(STEPS):
            pending = self.network.pending
            if not pending or chance.random() < 0.03:
                requests += 1
                pid = chance.choice(self.config.proposer_ids)
                self.agents[pid].handle_message(messages.ClientRequestMsg(None, f"v{requests}"))
                continue
            pending.rotate(-chance.randrange(len(pending)))
            to, self.mid_in_hand, message = pending.popleft()
            if chance.random() >= LOSS:
                self.agents[to].handle_message(pickle.loads(message))


def told(message: Any) -> dict[str, Any]:
    """A message of the package in the words of the native log."""
    proposal = message.proposal
    ballot = {"ballot": proposal.number, "slot": proposal.instance}
    if isinstance(message, messages.PrepareMsg):
        return {"type": "prepare", **ballot}
    if isinstance(message, messages.PrepareResponseMsg):
        vote = _vote(message.highest_proposal)
        return {"type": "promise", **ballot, "votes": [vote] if vote else []}
    if isinstance(message, messages.AcceptMsg):
        return {"type": "accept", **ballot, "value": proposal.value}
    return {"type": "accepted", **ballot, "value": proposal.value}


def _number(proposal: Any) -> int | None:
    """A proposal's number; the package writes -1 for none."""
    return proposal.number if proposal.number >= 0 else None


def _vote(proposal: Any) -> tuple[int, Any] | None:
    return (proposal.number, proposal.value) if proposal.number >= 0 else None


def record(seed: int, out: Path) -> None:
    """Make the recording of one seed."""
    out.unlink(missing_ok=True)
    members = [f"a{PROPOSERS + i}" for i in range(ACCEPTORS)]
    note = {"package": "paxos 0.1", "seed": seed, "loss": LOSS}
    with Recorder(out, "paxos", members, clock=None, complete=True, note=note) as recorder:
        System(recorder).run(random.Random(seed))


def search(seeds: int) -> None:
    """Print the seeds whose recordings break a rule, and where."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            out = Path(folder) / "log"
            record(seed, out)
            verdict = validate_files([str(out)])
            first = verdict.first
            if first is not None:
                names = ", ".join(p.name for p in verdict.properties if p.violations)
                print(f"seed {seed}, line {first.line}: {names}", file=sys.__stdout__)


def main() -> None:
    """Record one seed, or search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--search", type=int)
    given = parser.parse_args()
    with contextlib.redirect_stdout(None):  # the package prints every message
        if given.search:
            search(given.search)
        else:
            record(given.seed, given.out)
    if given.out and given.out.suffix == ".gz":
        given.out.write_bytes(gzip.compress(given.out.read_bytes(), 9, mtime=0))


if __name__ == "__main__":
    main()
