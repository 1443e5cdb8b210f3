"""Who is who: the nodes of a log as nodes of the model, its ballots as ballots of the model.

Each ballot is a proposer of its own, that begins with the round before it: real proposers choose
their numbers as they like, have several attempts at once, and another value in each; what Paxos
asks of them it asks for each ballot. Rounds are counted from 1 in the order of the ballots. A
process may be acceptor, proposer and learner: then it is several nodes of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from paxcheck.paxos.monitor import ballot_text
from paxcheck.paxos.vocabulary import Ballot
from paxcheck.protocol import Node, Protocol
from paxcheck.protocol.quorums import QuorumSystem
from paxcheck.trace.conform.bridge.slots import AnswerHeard, Campaigned, Log, Paxos, Proposed
from paxcheck.trace.encode import encode

NOBODY = "?"


class Roles:
    """The names of one slot: of the log, and of the model. `ballots` are in their order."""

    def __init__(self, ballots: list[Any], owners: dict[Any, str], log: Log) -> None:
        self.ballots = ballots
        self.rounds = {ballot: n for n, ballot in enumerate(self.ballots, 1)}
        self.owners = {b: owners.get(b) or _named_in(b, log) or NOBODY for b in self.ballots}
        self.acceptors = sorted(log.acceptors)
        self._mark = log.mark
        told = [re.escape(self.proposer(b)) for b in self.ballots]
        names = "|".join(sorted(told, key=len, reverse=True)) or "(?!)"
        self._pattern = re.compile(
            rf"\{{'round': \d+, 'proposer': '(?P<python>{names})'\}}"
            rf'|\{{"round":\d+,"proposer":"(?P<json>{names})"\}}'
            rf"|\d+\.(?P<ballot>{names})(?!\d)|(?P<node>{names})(?!\d)"
        )
        self._real = {self.proposer(b): (self.owners[b], ballot_text(b)) for b in self.ballots}

    def proposer(self, ballot: Any) -> str:
        """The model's proposer of a ballot."""
        return f"{self.owners[ballot]}{self._mark}{self.rounds[ballot]}"

    def learner(self, node: str) -> str:
        """The model's learner in a process."""
        return f"{node}{self._mark}learner" if node in self.acceptors else node

    def process(self, node: str) -> str:
        """The node of the log in which a node of the model runs."""
        return self.real(node).removesuffix(f"{self._mark}learner")

    def ballot(self, ballot: Any) -> dict[str, Any]:
        """A ballot as a trace of the model has it."""
        return encode(Ballot(self.rounds[ballot], self.proposer(ballot)))

    def real(self, text: str) -> str:
        """A text about the model in the names of the log."""

        def name(found: re.Match[str]) -> str:
            owner, ballot = self._real[found[found.lastgroup or 0]]
            return owner if found.lastgroup == "node" else ballot

        return self._pattern.sub(name, text)


def owners(facts: Iterable[Paxos]) -> tuple[dict[Any, str], Campaigned | Proposed | None]:
    """Whose each ballot is; and the first fact of somebody who uses another one's ballot."""
    found: dict[Any, str] = {}
    heard: dict[Any, str] = {}
    for fact in facts:
        if isinstance(fact, Campaigned | Proposed):
            ballot = fact.term if isinstance(fact, Campaigned) else fact.ballot
            if ballot is not None and found.setdefault(ballot, fact.node) != fact.node:
                return found, fact
        elif isinstance(fact, AnswerHeard) and fact.kind == "promise" and fact.ballot is not None:
            heard.setdefault(fact.ballot, fact.node)
    return heard | found, None


def _named_in(ballot: Any, log: Log) -> str:
    """The node that is a part of a ballot, if one is."""
    parts = cast("tuple[Any, ...]", ballot) if isinstance(ballot, tuple) else ()
    return next((str(part) for part in parts if part in log.whole), "")


def slot_protocol(
    base: type[Protocol],
    parts: Any,
    roles: Roles,
    values: dict[Any, str],
    learners: tuple[str, ...],
    quorums: QuorumSystem,
    restarts: int,
) -> Protocol:
    """The model with the nodes of one slot. `parts`: the module with its classes of nodes."""

    def nodes(self: Any) -> list[Node]:
        self.system = quorums
        proposers = [
            _called(
                roles.proposer(ballot),
                parts.Proposer(
                    "proposer",
                    value=values.get(ballot, NOBODY),
                    rounds=roles.rounds[ballot],
                    round=roles.rounds[ballot] - 1,
                    quorums=quorums,
                ),
            )
            for ballot in roles.ballots
        ]
        return [
            *proposers,
            *[_called(name, self.acceptor("acceptor", learners)) for name in roles.acceptors],
            *[_called(name, parts.Learner("learner", quorums=quorums)) for name in learners],
        ]

    made: Any = type(base.__name__, (base,), {"nodes": nodes, "__module__": base.__module__})
    return made(network="set", faults={"crash": restarts})


def _called(name: str, node: Node) -> Node:
    """The node with its name in the log: a model's author may not call it so, a log may."""
    node.__dict__["name"] = name
    return node
