"""Facts: what a log says that nodes did, in the words of Paxos, Raft and leases.

An adapter turns the lines of a foreign log into facts; the monitors judge facts and know no log
format. A fact says only what was recorded. What was not recorded is left out (None), never
guessed: a missing fact can make a property not observable, a guessed one can make a false alarm.

Every fact carries its node, the node's incarnation (how many times it had started), and the
file and line that it was read from. A ballot is anything hashable that can be ordered against
the other ballots of the log: an integer, or a tuple such as (number, node). A value is a text:
the value itself or a digest of it; only equality is ever asked.

Two kinds of facts must not be mixed. *Said*: the node answered or acted (Promised, VoteCast,
VoteGranted). *Held*: a line shows the node's state (PromiseHeld, TermHeld, VoteHeld). A node that
says a promise below an earlier vote breaks a rule; a state that merely still shows an old number
does not.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from paxcheck.clock import Clock

if TYPE_CHECKING:
    Ballot: TypeAlias = Any
else:  # what a file of facts may hold; checked when it is read
    Ballot = int | str | tuple[int | str, ...] | None
"""A hashable value, totally ordered among the ballots of one log. In Raft, the term (int)."""

AnswerKind = Literal["promise", "accepted", "vote", "append"]
Source = Literal["message", "state", "event"]


class Config(msgspec.Struct, frozen=True):
    """Who counts for a quorum.

    `sets`: the voters; two sets during a joint change (Raft, Ongaro's thesis, section 4.3), then a
    quorum needs a majority of each. `size`: how many of them make a quorum, where it is not a
    majority. `partial`: these are voters, and others may be too; then whoever answered may be one.
    """

    sets: tuple[frozenset[str], ...]
    size: int | None = None
    partial: bool = False

    def is_quorum(self, names: AbstractSet[str]) -> bool:
        """Whether these nodes are a quorum of every set; of some larger set, where it may be."""
        for voters in self.sets:
            if self.partial:
                enough = len(names) > len(voters | names) // 2
            else:
                enough = len(names & voters) >= (self.size or len(voters) // 2 + 1)
            if not enough:
                return False
        return True

    def everyone(self) -> frozenset[str]:
        """All voters of all sets."""
        return frozenset[str]().union(*self.sets)

    def __str__(self) -> str:
        return " and ".join("{" + ", ".join(sorted(voters)) + "}" for voters in self.sets)


def config(*sets: Any, size: int | None = None, partial: bool = False) -> Config:
    """A Config of any iterables of names; empty sets are left out."""
    return Config(tuple([frozenset(names) for names in sets if names]), size, partial)


class Fact(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag=True,
    tag_field="fact",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """What all facts have.

    `node`: who did it. `line`: from 1, in the recording's own numbers (of a state sequence: the
    number of the state). `file`: a path, or "-". `inc`: the incarnation, from 1; 0 where the log
    does not number them (then every Booted counts one up). `seq`: the node's own sequence number.
    `mid`: the identity of the message that the fact is about. `time`: seconds on a clock.
    """

    node: str
    line: int
    file: str = ""
    inc: int = 0
    seq: int | None = None
    time: float | None = None
    mid: str | int | None = None


# --- life of a node -------------------------------------------------------------------------


class Booted(Fact, frozen=True, kw_only=True, gc=False):
    """The node started. `first`: True when this is the first start of its life.

    The durable state that it loaded follows as PromiseHeld, TermHeld, VoteHeld, EntryWritten.
    """

    first: bool | None = None


class Crashed(Fact, frozen=True, kw_only=True, gc=False):
    """The node stopped, by itself or by force."""


class LinesLost(Fact, frozen=True, kw_only=True, gc=False):
    """Lines of this node are missing before this one (its sequence numbers jump, say).

    From here to its next start, a quorum that is not seen proves nothing. `somewhere`: it is not
    known where before this line; then it proves nothing earlier in this life either.
    """

    somewhere: bool = False


class Members(Fact, frozen=True, kw_only=True, gc=False):
    """From here on the node counts quorums in this configuration; node "" speaks for all.

    `members` None: from here on the log does not show in which.
    """

    members: Config | None


# --- Paxos ----------------------------------------------------------------------------------


class PromiseHeld(Fact, frozen=True, kw_only=True, gc=False):
    """State: the node's promise is this ballot; None: its state shows that it has no promise.

    `slot` None: one promise for all slots.
    """

    ballot: Ballot
    slot: int | str | None = None


class VoteReported(msgspec.Struct, frozen=True, gc=False):
    """A vote inside an answer: what a promise reports for one slot."""

    ballot: Ballot
    value: str | None
    slot: int | str | None = None


class Promised(Fact, frozen=True, kw_only=True, gc=False):
    """The node answered a prepare with yes.

    `votes`: the votes that the answer reports; empty: it reports that there is none; None: the
    log does not show what it reports.
    """

    ballot: Ballot
    slot: int | str | None = None
    to: str | None = None
    votes: tuple[VoteReported, ...] | None = None


class Proposed(Fact, frozen=True, kw_only=True, gc=False):
    """The node asked for votes for a value in a ballot (sent Accept, 2a), once per message.

    `owner`: the proposer whose name is part of the ballot, in protocols where one is.
    """

    ballot: Ballot
    value: str | None
    slot: int | str | None = None
    owner: str | None = None


class VoteCast(Fact, frozen=True, kw_only=True, gc=False):
    """The node voted for (accepted) a value in a ballot. `value` None: not recorded.

    `source` "state": a line shows that this is its present vote (this may be repeated).
    """

    ballot: Ballot
    value: str | None
    slot: int | str | None = None
    source: Source = "event"


class Decided(Fact, frozen=True, kw_only=True, gc=False):
    """The node holds this value as the decision of the slot (learned, committed, executed).

    `ballot`, `voters`: where the log says in which ballot, and whose votes the node counted.
    """

    value: str | None
    slot: int | str | None = None
    ballot: Ballot = None
    voters: frozenset[str] | None = None


class Valid(Fact, frozen=True, kw_only=True, gc=False):
    """A client gave this value to the node: it may be chosen (for `validity`)."""

    value: str


# --- answers received (both families) -------------------------------------------------------


class AnswerHeard(Fact, frozen=True, kw_only=True, gc=False):
    """The node received an answer to its own request.

    `kind`: to a prepare, an accept, a request for a vote, an append. `ballot`: the ballot or term
    *that it answers* (None where the answer does not say: then it counts for the node's present
    one). `granted`: yes or no. `index`: of an append, up to which entry the sender matches;
    `slot`: of Paxos. `votes`: what a promise reports (see Promised).
    """

    kind: AnswerKind
    sender: str
    ballot: Ballot
    granted: bool
    slot: int | str | None = None
    index: int | None = None
    votes: tuple[VoteReported, ...] | None = None


# --- Raft -----------------------------------------------------------------------------------


class TermHeld(Fact, frozen=True, kw_only=True, gc=False):
    """State: the node's current term."""

    term: int


class VoteHeld(Fact, frozen=True, kw_only=True, gc=False):
    """State: the node's vote of this term; None: its state shows no vote."""

    term: int
    candidate: str | None


class Stored(Fact, frozen=True, kw_only=True, gc=False):
    """The node has this term and its vote in it on disk by now. `candidate` None: no vote.

    Where a log shows a term or a vote before it is stored (see Declaration), this proves it.
    """

    term: int
    candidate: str | None


class Campaigned(Fact, frozen=True, kw_only=True, gc=False):
    """The node became candidate in this term (and votes for itself where `self_vote`).

    In Paxos: it began to prepare this ballot. Quorum checks need it: without it the log may have
    started late, and answers before the start are unknown.
    """

    term: Ballot
    self_vote: bool = True
    slot: int | str | None = None


class VoteGranted(Fact, frozen=True, kw_only=True, gc=False):
    """The node answered a request for its vote with yes."""

    term: int
    candidate: str


class Tally(Fact, frozen=True, kw_only=True, gc=False):
    """A candidate says how many votes and refusals it has counted so far in its term.

    Where the log shows fewer answers than that, their lines are missing.
    """

    term: int
    granted: int
    refused: int


class Led(Fact, frozen=True, kw_only=True, gc=False):
    """The node became leader of the term. `members`: the configuration that it counted in.

    `inferred`: True where the log only shows that it acts as leader (so the moment is late).
    `last_index`: of its log, where the line says so.
    """

    term: Ballot
    members: Config | None = None
    inferred: bool = False
    last_index: int | None = None


class Followed(Fact, frozen=True, kw_only=True, gc=False):
    """The node is a follower (or no leader any more), in whatever term."""


class EntryWritten(Fact, frozen=True, kw_only=True, gc=False):
    """The node's log has this entry at this index; entries from the index on are replaced.

    `digest` None: the content was not recorded. `loaded`: read back at a start, not written now.
    """

    index: int
    term: int
    digest: str | None = None
    loaded: bool = False


class LogTruncated(Fact, frozen=True, kw_only=True, gc=False):
    """The node dropped its entries from this index on."""

    index: int


class SnapshotInstalled(Fact, frozen=True, kw_only=True, gc=False):
    """The node replaced its log up to this index by a snapshot."""

    index: int
    term: int | None = None


class Acked(Fact, frozen=True, kw_only=True, gc=False):
    """The node answered an append with yes: it holds the log of `to` up to this index.

    Optional. It lets a lost receive line be told from an acknowledgement that never was.
    """

    to: str
    index: int
    term: int | None = None


class CommitAdvanced(Fact, frozen=True, kw_only=True, gc=False):
    """The node's commit index is now this.

    `leader`: True when it advanced as leader, by counting answers (then a quorum is needed).
    `own_index`: the last index of its own log, where the line says so.
    """

    index: int
    term: int | None = None
    leader: bool = False
    own_index: int | None = None
    members: Config | None = None


class Applied(Fact, frozen=True, kw_only=True, gc=False):
    """The node applied this entry to its state machine."""

    index: int
    digest: str | None
    term: int | None = None


# --- leases ---------------------------------------------------------------------------------


class LeaseHeld(Fact, frozen=True, kw_only=True, gc=False):
    """The node takes it that `holder` has the lease from `time` (of the fact) until `until`.

    Times in seconds on clocks that may be compared up to the stated error. holder == node: it may
    act; holder != node: it refuses others until then. A longer lease of one holder replaces the
    shorter.
    """

    holder: str
    until: float


class LeaseEnded(Fact, frozen=True, kw_only=True, gc=False):
    """The node's lease is void from here on (an election, a crash, a release)."""


# --- messages -------------------------------------------------------------------------------


class Sent(Fact, frozen=True, kw_only=True, gc=False):
    """The node sent the message `mid`. `content`: a digest of it, to compare both ends."""

    to: str
    content: str | None = None


class Received(Fact, frozen=True, kw_only=True, gc=False):
    """The node received the message `mid`."""

    sender: str
    content: str | None = None


class Dropped(Fact, frozen=True, kw_only=True, gc=False):
    """The network (node "") lost a message with this content."""

    sender: str
    to: str
    content: str


class Doubled(Fact, frozen=True, kw_only=True, gc=False):
    """The network (node "") delivers a message with this content once more."""

    sender: str
    to: str
    content: str


class ClockRead(Fact, frozen=True, kw_only=True, gc=False):
    """The node's logical clock at an event; `of`: whether it sent or received the message `mid`."""

    clock: Clock
    of: Literal["send", "receive", "event"] = "event"


# --- the log itself ---------------------------------------------------------------------------


class Unread(Fact, frozen=True, kw_only=True, gc=False):
    """This line, or what follows it, was not judged. `why`: in words; the verdict says it.

    No property looks at it. Where the node's own lines are not read, LinesLost goes with it.
    """

    why: str


FACTS: tuple[type[Fact], ...] = tuple(
    [kind for kind in list(globals().values()) if isinstance(kind, type) and Fact in kind.__bases__]
)
"""All kinds of facts."""


# --- what an adapter says of its source -----------------------------------------------------


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """What a log format can show, said by its adapter and printed with every verdict.

    `name`: of the adapter; `family`: which properties apply. `state_taken`: when a line's state is
    read, against the handler. `promise`: what one promise covers; `reports_all`: where it covers
    all slots, it also reports the latest vote of every slot with a vote. `self_messages`: whether a
    node's messages to itself are in the log. `duplicates`: whether one message may be received
    twice. `membership`: whether it may change. `starts_late`: whether the log may begin after the
    nodes did. `order`: which order is true: each node's own, or that of the file too; only each
    node's own is ever used. `entries`: whether EntryWritten shows a node's log as it acts on it, or
    its writes to disk, which lag behind. `dense_seq`: each node's sequence numbers go up by one;
    the adapter says LinesLost where they jump. `stored_first`: whether a term and a vote are on
    disk before a line shows them; else a node that dies in between may come back without them.
    `accounted`: Sent and Received tell of both ends of every message, and all copies have lines: a
    message that comes and was not sent shows that lines are missing. `unsent`: answers that have no
    line where they are sent. `clock_error`: how far two clocks may differ, in seconds, for leases;
    None: no trust at all.
    `unit`: what `line` counts. `cannot`: property name -> why this source cannot decide it.
    """

    name: str
    family: frozenset[Literal["paxos", "raft", "lease"]]
    state_taken: Literal["before", "after", "during", "loading", "none"] = "after"
    promise: Literal["slot", "all", "none"] = "slot"
    reports_all: bool = False
    self_messages: bool = True
    duplicates: bool = False
    membership: bool = False
    starts_late: bool = True
    order: Literal["node", "file"] = "node"
    entries: Literal["memory", "disk"] = "memory"
    dense_seq: bool = False
    stored_first: bool = True
    accounted: bool = False
    unsent: frozenset[AnswerKind] = frozenset()
    clock_error: float | None = None
    unit: Literal["line", "state"] = "line"
    cannot: dict[str, str] = {}
    notes: tuple[str, ...] = ()
