"""The properties that a log is judged by: the rule in words, its source, and its monitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from paxcheck.paxos import acceptors, causality, decisions, leases, links, proposers
from paxcheck.paxos.monitor import Monitor
from paxcheck.raft import commits, elections, logs, memory

Family = Literal["paxos", "raft", "lease", "any", "clock"]

PTP = "The Part-Time Parliament"
PMS = "Paxos Made Simple"
RAFT = "Raft (extended version)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One property of a log: what holds, who says so, and what judges it."""

    family: Family
    text: str
    source: str
    monitor: type[Monitor]

    @property
    def name(self) -> str:
        """The property's name, as verdicts and declarations use it."""
        return self.monitor.name


def _paxos(monitor: type[Monitor], source: str, text: str) -> Rule:
    return Rule("paxos", text, source, monitor)


def _raft(monitor: type[Monitor], source: str, text: str) -> Rule:
    return Rule("raft", text, source, monitor)


_ALL: tuple[Rule, ...] = (
    _paxos(
        decisions.Agreement,
        f"{PMS}, section 2: only a single value is chosen",
        "No two nodes decide different values in one slot.",
    ),
    _paxos(
        decisions.ChosenOnce,
        f"{PMS}, section 2.2, P2",
        "No two values have the votes of a quorum in one slot.",
    ),
    _paxos(
        acceptors.NoVoteBelowPromise,
        f"{PMS}, section 2.2, P1a",
        "An acceptor never votes in a ballot below one that it promised or voted in.",
    ),
    _paxos(
        acceptors.PromiseNeverGoesBack,
        f"{PMS}, section 2.2, phase 1b",
        "An acceptor never promises a ballot below one that it promised or voted in, "
        "not after a restart either.",
    ),
    _paxos(
        acceptors.DurableAcceptor,
        f"{PMS}, section 2.3: an acceptor remembers its promise and its vote in stable storage",
        "What an acceptor's state shows as promised and voted never goes back or disappears, "
        "not over a restart either.",
    ),
    _paxos(
        proposers.OneValuePerBallot,
        f"{PTP}, section 2.1: a ballot has one decree",
        "All proposals and votes of one ballot are for the same value.",
    ),
    _paxos(
        proposers.OneProposerPerBallot,
        f"{PTP}, section 2.1, B1",
        "Each ballot belongs to one proposer.",
    ),
    _paxos(
        proposers.ProposalNeedsQuorum,
        f"{PMS}, section 2.2, phase 2a",
        "A proposer asks for votes only after a quorum promised its ballot.",
    ),
    _paxos(
        proposers.AdoptsHighestVote,
        f"{PMS}, section 2.2, P2c",
        "A proposer takes the value of the latest vote that its quorum reported.",
    ),
    _paxos(
        acceptors.OnePromisePerBallot,
        f"{PTP}, section 2.2: LastVote",
        "No acceptor promises one ballot twice with different earlier votes.",
    ),
    _paxos(
        acceptors.HonestPromise,
        f"{PMS}, section 2.2, phase 1b",
        "A promise reports the acceptor's latest vote.",
    ),
    _paxos(
        decisions.DecisionNeedsQuorum,
        f"{PMS}, section 2.3",
        "A proposer takes its value as decided only after a quorum voted for it.",
    ),
    _paxos(
        decisions.DecidedWasChosen,
        f"{PMS}, section 2: learn only what was chosen",
        "A node learns only a value that a quorum voted for in one ballot.",
    ),
    _paxos(
        decisions.Validity,
        f"{PMS}, section 2: only a proposed value may be chosen",
        "Only a value that a client gave is decided.",
    ),
    _raft(
        elections.ElectionSafety,
        f"{RAFT}, Figure 3: Election Safety",
        "At most one leader is elected in a term.",
    ),
    _raft(
        elections.ElectionNeedsQuorum,
        f"{RAFT}, section 5.2",
        "A candidate becomes leader only after a majority of the members voted for it.",
    ),
    _raft(
        memory.OneVotePerTerm,
        f"{RAFT}, section 5.2",
        "A server votes for at most one candidate in a term, over restarts too.",
    ),
    _raft(
        memory.TermNeverGoesBack,
        f"{RAFT}, section 5.1",
        "A server's term only grows, over restarts too.",
    ),
    _raft(
        memory.DurableVote,
        f"{RAFT}, Figure 2: votedFor is persistent",
        "A server does not forget its vote of the present term.",
    ),
    _raft(
        commits.CommitNeedsQuorum,
        f"{RAFT}, sections 5.3 and 5.4.2",
        "A leader commits an entry only when a majority of the members holds it.",
    ),
    _raft(
        commits.CommitNeverGoesBack,
        f"{RAFT}, Figure 2: commitIndex",
        "A running server's commit index only grows.",
    ),
    _raft(
        logs.LogMatching,
        f"{RAFT}, Figure 3: Log Matching",
        "Entries of one index and term are the same on all servers, and so is all before them.",
    ),
    _raft(
        logs.LeaderAppendOnly,
        f"{RAFT}, Figure 3: Leader Append-Only",
        "A leader never overwrites or deletes entries of its own log.",
    ),
    _raft(
        logs.LeaderCompleteness,
        f"{RAFT}, Figure 3: Leader Completeness",
        "What was committed in a term is in the log of every leader of a later term.",
    ),
    _raft(
        logs.StateMachineSafety,
        f"{RAFT}, Figure 3: State Machine Safety",
        "No two servers apply different entries at one index.",
    ),
    Rule(
        "lease",
        "At most one node holds the lease at a time.",
        "Gray and Cheriton, Leases, section 2",
        leases.LeaseExclusion,
    ),
    Rule(
        "any",
        "A message arrives as it was sent.",
        f"{PMS}, section 2: messages are not corrupted",
        links.MessageIntegrity,
    ),
    Rule(
        "any",
        "A message is received after it was sent.",
        "Lamport, Time, Clocks, and the Ordering of Events (1978)",
        causality.MessageCausality,
    ),
    Rule(
        "clock",
        "A node's logical clock never goes back, and a message is received later than it was sent.",
        "Lamport, Time, Clocks, and the Ordering of Events (1978), conditions C1 and C2",
        causality.ClockConsistency,
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in _ALL}


def rules_for(families: frozenset[str]) -> tuple[Rule, ...]:
    """The rules that apply to a log of these families, in the order of the catalogue.

    "clock" among them: those of logical clocks too.
    """
    return tuple([r for r in _ALL if r.family == "any" or r.family in families])
