"""The native log: what one or more nodes of an implementation did, one JSON object a line.

The first line is a `LogHeader` (kind "log"): what the log is about, and what may be concluded
from it. Every other line is one event of one node, in the node's own order. Events that carry a
message say what it means by its `type` (see `Message`). All of it is recorded, nothing is guessed:
a field that is missing was not recorded.

The same file may hold several nodes; several files of one system are read together. The last line
without its line end was being written when the node stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from paxcheck.clock import Clock
from paxcheck.paxos.facts import Ballot
from paxcheck.trace.events import Version

Family = Literal["paxos", "raft", "lease"]
Role = Literal["follower", "candidate", "leader"]
Slot = int | str | None

KIND = "log"


class LogHeader(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The first line of a log of an implementation.

    `paxcheck`: the version of the format. `family`: which protocols it speaks. `members`: the
    nodes that count for quorums; `quorum`: how many of them, where it is not a majority.
    `promise`: one promise for each slot, or one for all; `reports_all`: such a promise reports the
    latest vote of every slot in which the acceptor voted. `durable`: true, if it is said at all:
    promises, votes and terms survive a restart. `self_messages`: whether a node's messages to
    itself are in the log (true), happen without a line (false), or nobody said. `complete`: the log
    begins with the first start of every member, and has every value that a client gave.
    `clock_error`: how far the clocks of `time` may differ, in seconds. `cannot`: property -> why
    this log cannot decide it.
    """

    paxcheck: Version
    kind: Literal["log"]
    family: list[Family]
    members: list[str] = []
    quorum: int | None = None
    promise: Literal["slot", "all"] = "slot"
    reports_all: bool = False
    durable: bool = True
    self_messages: bool | None = None
    complete: bool = False
    clock_error: float | None = None
    cannot: dict[str, str] = {}
    note: Any = None

    def __post_init__(self) -> None:
        if not self.durable:
            raise ValueError(
                "durable is false: without it nothing of Paxos or Raft holds, so nothing could be "
                "judged; leave it out, and let a node that forgot come back under another name"
            )


class Vote(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A vote: for a value in a ballot, of a slot."""

    ballot: Ballot
    value: str | None = None
    slot: Slot = None


class Message(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """What a message says. Which fields matter depends on `type`:

    Paxos: `prepare` (ballot), `promise` (ballot, granted, votes: the votes that it reports, an
    empty list for none), `accept` (ballot, value), `accepted` (ballot, granted, value); each with
    its slot, where there are slots. The ballot of an answer is the one that it answers.

    Raft: `request_vote` (term), `vote` (term, granted), `append` (term), `appended` (term, granted,
    index: up to which entry the sender's log matches).

    Any other type is allowed; it is only compared at both ends. `content`: a digest of the whole
    message for that, where the fields do not say all of it.
    """

    type: str
    ballot: Ballot = None
    slot: Slot = None
    value: str | None = None
    votes: list[Vote] | None = None
    granted: bool = True
    term: int | None = None
    index: int | None = None
    content: str | None = None


class State(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """What a node holds after an event; any part of it. null says that it holds nothing there.

    Paxos: `promised`, `vote` (of the slot). Raft: `term`, `voted_for`, `role`, `commit`,
    `last_index`.
    """

    slot: Slot = None
    promised: Ballot | UnsetType = UNSET
    vote: Vote | UnsetType | None = UNSET
    term: int | None = None
    voted_for: str | UnsetType | None = UNSET
    role: Role | None = None
    commit: int | None = None
    last_index: int | None = None


class LogEvent(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="event",
    gc=False,
):
    """What all events have.

    `node`: whose event it is; "" speaks for all nodes. `inc`: its incarnation from 1 (without it,
    each boot counts one up). `seq`: the node's own number of the event: one more each time, so a
    lost line shows. `time`: seconds on a clock. `clock`: the node's logical clock after the event,
    a Lamport clock (a number) or a vector clock (node -> number); it is checked. `state`: what the
    node holds after the event; a list for several slots. `note`: the writer's own; never looked at.
    """

    node: str
    inc: int = 0
    seq: int | None = None
    time: float | None = None
    clock: Clock | None = None
    state: State | list[State] | None = None
    note: Any = None


class BootEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="boot"):
    """The node started; `first`: for the first time in its life."""

    first: bool | None = None


class CrashEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="crash"):
    """The node stopped."""


class LostEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="lost"):
    """Events of the node before this one are missing in the log."""


class MembersEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="members"):
    """The configuration in which the node counts from now on; `outgoing` in a joint change."""

    members: list[str]
    outgoing: list[str] = []
    quorum: int | None = None


class StateEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="state"):
    """Nothing but the state."""


class SendEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="send"):
    """The node sends a message, to one node or to several; `mid`: the message's identity."""

    to: str | list[str]
    message: Message
    mid: str | int | None = None


class ReceiveEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="receive"):
    """The node receives a message, before it acts on it."""

    sender: str
    message: Message
    mid: str | int | None = None


class RequestEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="request"):
    """A client gives the node a value."""

    value: str


class PromiseEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="promise"):
    """Paxos, without a message: the node promises a ballot (its own, say)."""

    ballot: Ballot
    slot: Slot = None
    votes: list[Vote] | None = None


class ProposeEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="propose"):
    """Paxos, without a message: the node asks for votes."""

    ballot: Ballot
    value: str | None = None
    slot: Slot = None


class VoteEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="vote"):
    """Paxos, without a message: the node votes (accepts)."""

    ballot: Ballot
    value: str | None = None
    slot: Slot = None


class DecideEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="decide"):
    """Paxos: the node takes the value as decided. `voters`: whose votes it counted."""

    value: str | None
    slot: Slot = None
    ballot: Ballot = None
    voters: list[str] | None = None


class CampaignEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="campaign"):
    """Raft: the node becomes candidate in this term, and votes for itself."""

    term: int


class GrantEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="grant"):
    """Raft, without a message: the node gives its vote."""

    term: int
    candidate: str


class LeadEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="lead"):
    """The node became leader of this term (Raft) or ballot (Paxos)."""

    term: Ballot
    last_index: int | None = None


class FollowEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="follow"):
    """The node is no leader and no candidate any more."""


class WriteEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="write"):
    """Raft: the node's log has this entry at this index, and nothing after it yet."""

    index: int
    term: int
    digest: str | None = None
    loaded: bool = False


class TruncateEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="truncate"):
    """Raft: the node dropped its entries from this index on."""

    index: int


class SnapshotEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="snapshot"):
    """Raft: the node's log up to this index is now a snapshot that it received."""

    index: int
    term: int | None = None


class CommitEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="commit"):
    """Raft: the node's commit index is now this; `leader`: it counted answers for it."""

    index: int
    leader: bool = False


class ApplyEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="apply"):
    """Raft: the node applied the entry to its state machine."""

    index: int
    digest: str | None = None
    term: int | None = None


class LeaseEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="lease"):
    """The node takes it that `holder` has the lease from `time` until `until`."""

    holder: str
    until: float


class LeaseEndEvent(LogEvent, frozen=True, kw_only=True, gc=False, tag="lease_end"):
    """The node's lease is void."""


AnyLogEvent = (
    BootEvent
    | CrashEvent
    | LostEvent
    | MembersEvent
    | StateEvent
    | SendEvent
    | ReceiveEvent
    | RequestEvent
    | PromiseEvent
    | ProposeEvent
    | VoteEvent
    | DecideEvent
    | CampaignEvent
    | GrantEvent
    | LeadEvent
    | FollowEvent
    | WriteEvent
    | TruncateEvent
    | SnapshotEvent
    | CommitEvent
    | ApplyEvent
    | LeaseEvent
    | LeaseEndEvent
)


def states_of(event: LogEvent) -> Sequence[State]:
    """The states that an event shows: none, one, or one for each slot."""
    state = event.state
    if state is None:
        return ()
    return state if isinstance(state, list) else (state,)
