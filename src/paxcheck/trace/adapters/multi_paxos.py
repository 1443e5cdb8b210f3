"""Recordings of multi-paxos-example: a chain of Paxos instances, and a master with leases.

A ballot is [number, node]: it names its proposer. Under a master's lease phase 1 is left out by
design: after each decision every node behaves as if it had promised ballot [1, master], and no
message says so. Only ballots whose phase 1 is seen to begin are judged by their promises. A master
that gets no answer sends a prepare of the ballot that it leads: that begins nothing.

A promise is durable as `disk_promised`; the one in memory runs ahead. Who the members are, the log
does not say: they are those to whom a node sends the same message. A node decides by counting
votes; a value that it catches up with has another event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Crashed,
    Decided,
    Declaration,
    Fact,
    LeaseEnded,
    LeaseHeld,
    LinesLost,
    Members,
    Promised,
    PromiseHeld,
    Proposed,
    Received,
    Sent,
    VoteCast,
    VoteReported,
    config,
)
from paxcheck.trace.adapters.base import Line, Numbers, json_facts, peek

NAME = "multi-paxos-example"
DECLARATION = Declaration(
    name=NAME,
    family=frozenset(["paxos", "lease"]),
    state_taken="after",
    promise="slot",
    duplicates=True,
    order="node",
    dense_seq=True,
    clock_error=0.001,  # one monotonic clock of one machine
    cannot={"validity": "the servers propose grants of the lease by themselves"},
    notes=("times are those of one monotonic clock, as this recorder writes them",),
)

_BROADCAST = ("prepare", "accept", "accepted")


def recognises(first: list[bytes]) -> bool:
    """Lines with t_ns, node, inc, seq and ev, and a state with an instance and a master."""
    lines = peek(first)
    if not lines or not {"t_ns", "node", "inc", "seq", "ev"} <= lines[0].keys():
        return False
    states = [line["state"] for line in lines if isinstance(line.get("state"), dict)]
    return any({"instance", "master", "disk_promised"} <= state.keys() for state in states)


class _Node:
    """What the reader remembers of one node in one incarnation."""

    def __init__(self, booted: bool) -> None:
        self.numbers = Numbers(0 if booted else None)
        self.held: Any = None
        self.asked: Any = None
        # A log that begins later than the node: what it asked before, and who answered, is unknown
        # of the slot and ballot that it had then.
        self.late = not booted
        self.joined: Any = None
        # The message that it sends to one after the other. Torn: who got it before is unknown.
        self.sending = b""
        self.receivers: set[str] | None = set()
        self.torn = not booted
        # Of its present slot: its own proposal, and the votes that it heard.
        self.proposed: Any = None
        self.heard: dict[Any, tuple[Any, str]] = {}
        self.votes: dict[Any, set[str]] = {}


class _Reader:
    def __init__(self) -> None:
        self._nodes: dict[tuple[str, int], _Node] = {}
        self._members: set[str] = set()
        self.numbers: list[Numbers] = []

    def read(self, at: dict[str, Any], line: Line) -> Iterator[Fact]:
        name, inc, what, seq = str(line["node"]), int(line["inc"]), line["ev"], int(line["seq"])
        at = {**at, "node": name, "inc": inc, "seq": seq, "time": line["t_ns"] / 1e9}
        node = self._nodes.get((name, inc))
        if node is None:
            node = self._nodes[name, inc] = _Node(what == "boot")
            self.numbers.append(node.numbers)
        if node.numbers.lost_before(at, line):
            node.torn, node.receivers = True, None
            yield LinesLost(**at)
        if what == "stop":
            node.receivers = None  # in the middle of a broadcast, perhaps
        if what != "send":
            yield from self._broadcast_ended(at, node)
        state: Line = line.get("state")
        if state and node.late:
            node.late, node.joined = False, (state["instance"], _named(state.get("proposal")))
        if what == "boot":
            yield Booted(first=True if inc == 1 else None, **at)
        elif what == "stop":
            yield Crashed(**at)
        elif what == "lease_expired":
            yield LeaseEnded(**at)
        elif what == "lease":
            if line["holder"] is None:
                yield LeaseEnded(**at)
            else:
                yield LeaseHeld(holder=str(line["holder"]), until=line["until_ns"] / 1e9, **at)
        if state and what != "recv":
            yield from self._held(at, node, state)
        if what in ("decide", "catchup"):
            if what == "decide":
                yield self._decided(at, node, line["instance"], str(line["value"]))
            node.heard.clear()  # it counts from anew in the next slot
            node.votes.clear()
        elif what == "send":
            yield from self._sent(at, node, line)
        elif what == "recv":
            yield from self._heard(at, node, line)

    def _held(self, at: dict[str, Any], node: _Node, state: Line) -> Iterator[Fact]:
        slot, disk = state["instance"], _named(state["disk_promised"])
        now = (slot, disk, _named(state["accepted"]), state["accepted_value"])
        if now == node.held:
            return
        node.held = now
        if disk is not None:
            yield PromiseHeld(slot=slot, ballot=disk, **at)
        if now[2] is not None:
            yield VoteCast(slot=slot, ballot=now[2], value=str(now[3]), source="state", **at)

    def _decided(self, at: dict[str, Any], node: _Node, slot: Any, value: str) -> Fact:
        """In the ballot of the last vote that it heard; in its own, when it heard none."""
        own = node.proposed[1:] if node.proposed and node.proposed[0] == slot else (None, None)
        ballot, voted = node.heard.get(slot, own)
        if voted != value or node.joined == (slot, ballot):
            ballot = None
        voters = frozenset(node.votes.get((slot, ballot), ()))
        return Decided(value=value, slot=slot, ballot=ballot, voters=voters, **at)

    def _sent(self, at: dict[str, Any], node: _Node, line: Line) -> Iterator[Fact]:
        kind, msg, to = line["type"], line["msg"], str(line["to"])
        content = _content(line)
        if node.torn:
            node.torn, node.sending, node.receivers = False, content, None
        elif content != node.sending:
            yield from self._broadcast_ended(at, node)
            node.sending = content
        if kind in _BROADCAST and node.receivers is not None:
            node.receivers.add(to)
        yield Sent(to=to, mid=line["mid"], content=content.decode(), **at)
        if kind not in (*_BROADCAST, "promise"):
            return
        ballot, slot = _ballot(msg["proposal_id"]), msg["instance_number"]
        if kind == "prepare":
            state: Line = line.get("state")
            known = (node.asked, node.joined, node.proposed and node.proposed[:2])
            if not (state and state.get("leader")) and (slot, ballot) not in known:
                yield Campaigned(term=ballot, slot=slot, self_vote=False, **at)
            node.asked = (slot, ballot)
        elif kind == "promise":
            yield Promised(ballot=ballot, slot=slot, to=to, votes=_reported(msg, slot), **at)
        elif kind == "accept":
            value, owner = str(msg["proposal_value"]), ballot and ballot[1]
            node.proposed = (slot, ballot, value)
            yield Proposed(ballot=ballot, slot=slot, value=value, owner=owner, **at)
        elif kind == "accepted":
            value = str(msg["proposal_value"])
            yield VoteCast(ballot=ballot, slot=slot, value=value, source="message", **at)

    def _heard(self, at: dict[str, Any], node: _Node, line: Line) -> Iterator[Fact]:
        kind, msg, sender = line["type"], line["msg"], str(line["frm"])
        yield Received(sender=sender, mid=line["mid"], content=_content(line).decode(), **at)
        if kind not in ("promise", "accepted", "nack"):
            return
        ballot, slot = _ballot(msg["proposal_id"]), msg["instance_number"]
        answer: dict[str, Any] = {"sender": sender, "ballot": ballot, "slot": slot, **at}
        if kind == "promise":
            votes = _reported(msg, slot)
            yield AnswerHeard(kind="promise", granted=True, votes=votes, **answer)
        elif kind == "accepted":
            node.heard[slot] = (ballot, str(msg["proposal_value"]))
            node.votes.setdefault((slot, ballot), set()).add(sender)
            yield AnswerHeard(kind="accepted", granted=True, **answer)
        else:  # it refuses a prepare or an accept; neither counts
            yield AnswerHeard(kind="promise", granted=False, **answer)

    def _broadcast_ended(self, at: dict[str, Any], node: _Node) -> Iterator[Fact]:
        """A whole broadcast shows all the members; one that a crash cut off never gets here."""
        receivers = node.receivers or set()
        node.sending, node.receivers, node.torn = b"", set(), False
        if len(receivers) > 1 and not receivers <= self._members:
            self._members |= receivers
            here: dict[str, Any] = {**at, "node": ""}
            yield Members(members=config(sorted(self._members)), **here)


def _content(line: Line) -> bytes:
    return msgspec.json.encode([line["type"], line["msg"]], order="sorted")


def _ballot(pair: Line) -> tuple[int, str] | None:
    return None if pair is None else (int(pair[0]), str(pair[1]))


def _named(pair: Line) -> tuple[int, str] | None:
    return None if pair is None else (int(pair["n"]), str(pair["by"]))


def _reported(msg: Line, slot: Any) -> tuple[VoteReported, ...]:
    last = _ballot(msg["last_accepted_id"])
    return () if last is None else (VoteReported(last, str(msg["last_accepted_value"]), slot),)


facts = json_facts(NAME, _Reader)
