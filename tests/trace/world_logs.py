"""Prints what happened in a small world as logs of several formats, and loses parts of them."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from paxcheck.paxos import facts as f

Row = dict[str, Any]


@dataclass
class Item:
    """One line: of which node, of which row of the world, whether something was received."""

    node: str
    row: int
    heard: bool
    line: Row


Items = list[Item]


def as_bytes(items: Items, head: Row | None = None) -> bytes:
    rows = ([head] if head else []) + [item.line for item in items]
    return "".join([json.dumps(row) + "\n" for row in rows]).encode()


def _items(rows: list[Row], tell: Any) -> Items:
    found: Items = []
    for number, row in enumerate(rows):
        heard = row["kind"] in ("recv", "got", "answer", "ack")
        found += [Item(row["node"], number, heard, line) for line in tell(row)]
    return found


# --- parts of a log -------------------------------------------------------------------------


def late(items: Items, chance: random.Random) -> Items:
    """The log begins somewhere in the middle."""
    return items[chance.randrange(len(items)) :]


def without_receives(items: Items, chance: random.Random) -> Items:
    """Some lines are missing that tell of a message received."""
    return [item for item in items if not item.heard or chance.random() < 0.6]


def with_holes(items: Items, chance: random.Random) -> Items:
    """Any lines are missing."""
    return [item for item in items if chance.random() < 0.93]


def merged(items: Items, chance: random.Random) -> Items:
    """Another order of the nodes; each node's own order is kept, causes come after effects."""
    queues = {item.node: [i for i in items if i.node == item.node] for item in items}
    found: Items = []
    while queues:
        name = chance.choice(sorted(queues))
        count = chance.randrange(1, 30)
        found += queues[name][:count]
        del queues[name][:count]
        if not queues[name]:
            del queues[name]
    return found


# --- Paxos ----------------------------------------------------------------------------------

ANSWERS = ("promise", "accepted")


def composable(rows: list[Row], names: list[str]) -> tuple[Row, Items]:
    """The format of the recordings of python-composable-paxos: meta line, and lines."""
    seq = iter(range(10**6))

    def ballot(value: Any) -> Row | None:
        return None if value is None else {"n": value[0], "by": value[1]}

    def tell(row: Row) -> Iterator[Row]:
        kind, held = row["kind"], row["held"]
        if kind == "boot" and row["first"]:
            return
        line: Row = {"seq": next(seq), "node": row["node"], "inc": row["inc"]}
        if row["slot"] is not None:
            line["slot"] = row["slot"]
        if held is not None:
            vote = held["vote"] or (None, None)
            line["state"] = {
                "promised": ballot(held["promised"]),
                "accepted": ballot(vote[0]),
                "accepted_value": vote[1],
            }
        line["ev"] = {"boot": "restart", "request": "propose"}.get(kind, kind)
        if kind == "request":
            line["value"] = row["value"]
        elif kind == "decide":
            line |= {"value": row["value"], "proposal": ballot(row["ballot"])}
        elif kind in ("send", "recv"):
            message = row["message"]
            line |= {"to": message["to"], "frm": message["sender"], "mid": message["mid"]}
            msg = {"type": message["what"], "from_uid": message["sender"]}
            msg["proposal_id"] = ballot(message["ballot"])
            if message["what"] == "promise":
                vote = message["vote"] or (None, None)
                msg |= {"last_accepted_id": ballot(vote[0]), "last_accepted_value": vote[1]}
            elif "value" in message:
                msg["proposal_value"] = message["value"]
            line["msg"] = msg
        yield line

    return {"meta": {}, "nodes": names, "quorum": len(names) // 2 + 1}, _items(rows, tell)


def native_paxos(rows: list[Row], names: list[str]) -> tuple[Row, Items]:
    """The native log."""

    def vote_of(vote: Any) -> Row | None:
        return None if vote is None else {"ballot": list(vote[0]), "value": vote[1]}

    def tell(row: Row) -> Iterator[Row]:
        kind, slot = row["kind"], row["slot"]
        line: Row = {"node": row["node"], "inc": row["inc"], "seq": row["seq"]}
        line["event"] = {"recv": "receive"}.get(kind, kind)
        if kind == "boot":
            line["first"] = row["first"]
        elif kind == "request":
            line["value"] = row["value"]
        elif kind == "decide":
            line |= {"value": row["value"], "slot": slot, "ballot": list(row["ballot"])}
        elif kind in ("send", "recv"):
            message = row["message"]
            what = message["what"]
            msg: Row = {"type": what, "ballot": list(message["ballot"]), "slot": slot}
            if what == "promise":
                msg["votes"] = [vote_of(message["vote"])] if message["vote"] else []
            elif what == "nack":
                msg |= {"type": "promise", "granted": False}
            elif "value" in message:
                msg["value"] = message["value"]
            line |= {"mid": message["mid"], "message": msg}
            line |= {"to": message["to"]} if kind == "send" else {"sender": message["sender"]}
        if row["held"] is not None and kind != "recv":
            held = row["held"]
            promised = held["promised"] and list(held["promised"])
            line["state"] = {"slot": slot, "promised": promised, "vote": vote_of(held["vote"])}
        yield line

    head: Row = {"paxcheck": 1, "kind": "log", "family": ["paxos"], "members": names}
    return {**head, "self_messages": True}, _items(rows, tell)


PAXOS = f.Declaration(name="world", family=frozenset(["paxos"]), duplicates=True)


def paxos_facts(items: Items, names: list[str]) -> Iterator[f.Fact]:
    """The facts, from the lines of `native_paxos` (so what was lost there is lost here)."""
    yield f.Members(node="", line=0, members=f.config(names))
    last: dict[tuple[str, int], int] = {}
    asked: set[Any] = set()
    for number, item in enumerate(items, 1):
        line = item.line
        at: Row = {"node": line["node"], "inc": line["inc"], "line": number}
        life = (line["node"], line["inc"])
        if life in last and line["seq"] != last[life] + 1:
            yield f.LinesLost(**at)
        last[life] = line["seq"]
        if line["event"] == "boot":
            yield f.Booted(first=line["first"], **at)
        elif line["event"] == "crash":
            yield f.Crashed(**at)
        elif line["event"] == "decide":
            ballot = tuple(line["ballot"])
            yield f.Decided(value=line["value"], slot=line["slot"], ballot=ballot, **at)
        elif line["event"] in ("send", "receive"):
            yield from _paxos_message(line, at, asked)
        if "state" in line:
            yield from _paxos_state(line["state"], at)


def _paxos_state(held: Row, at: Row) -> Iterator[f.Fact]:
    slot, promised, vote = held["slot"], held["promised"], held["vote"]
    yield f.PromiseHeld(ballot=promised and tuple(promised), slot=slot, **at)
    if vote:
        now = tuple(vote["ballot"])
        yield f.VoteCast(ballot=now, value=vote["value"], slot=slot, source="state", **at)


def _paxos_message(line: Row, at: Row, asked: set[Any]) -> Iterator[f.Fact]:
    message = line["message"]
    what, slot, ballot = message["type"], message["slot"], tuple(message["ballot"])
    votes = None
    if "votes" in message:
        votes = tuple(
            [f.VoteReported(tuple(v["ballot"]), v["value"], slot) for v in message["votes"]]
        )
    granted = message.get("granted", True)
    if line["event"] == "receive":
        if what in ANSWERS:
            sender: Row = {"sender": line["sender"], "ballot": ballot, "slot": slot}
            yield f.AnswerHeard(kind=what, granted=granted, votes=votes, **sender, **at)
    elif what == "prepare" and (line["node"], slot, ballot) not in asked:
        asked.add((line["node"], slot, ballot))
        yield f.Campaigned(term=ballot, slot=slot, self_vote=False, **at)
    elif what == "promise" and granted:
        yield f.Promised(ballot=ballot, slot=slot, votes=votes, **at)
    elif what == "accept":
        yield f.Proposed(ballot=ballot, slot=slot, value=message["value"], **at)
    elif what == "accepted":
        yield f.VoteCast(ballot=ballot, slot=slot, value=message["value"], source="message", **at)


# --- Raft -----------------------------------------------------------------------------------

NETWORK = ("sent", "got", "lost", "twice")


def native_raft(rows: list[Row], names: list[str]) -> tuple[Row, Items]:
    """The native log."""

    def tell(row: Row) -> Iterator[Row]:
        kind = row["kind"]
        if kind in NETWORK:
            return
        line: Row = {"node": row["node"], "inc": row["inc"], "seq": row["seq"], "event": kind}
        line["state"] = {"term": row["term"], "voted_for": row["vote"]}
        if kind == "boot":
            line["first"] = row["first"]
        elif kind in ("campaign", "lead"):
            line["term"] = row["term"]
            if kind == "lead":
                line["last_index"] = row["last"]
        elif kind == "grant":
            line |= {"event": "send", "to": row["to"]}
            line["message"] = {"type": "vote", "term": row["term"], "granted": True}
        elif kind == "answer":
            line |= {"event": "receive", "sender": row["sender"]}
            line["message"] = {"type": "vote", "term": row["of"], "granted": row["granted"]}
        elif kind == "acked":
            line |= {"event": "send", "to": row["to"]}
            line["message"] = {"type": "appended", "term": row["term"], "index": row["index"]}
        elif kind == "ack":
            line |= {"event": "receive", "sender": row["sender"]}
            line["message"] = {"type": "appended", "term": row["of"], "index": row["index"]}
            line["message"]["granted"] = row["good"]
        elif kind == "write":
            line |= {"index": row["index"], "term": row["of"], "digest": row["value"]}
        elif kind == "commit":
            line |= {"index": row["index"], "leader": row["leader"]}
        elif kind == "apply":
            line |= {"index": row["index"], "term": row["of"], "digest": row["value"]}
        yield line

    head: Row = {"paxcheck": 1, "kind": "log", "family": ["raft"], "members": names}
    return head, _items(rows, tell)


def etcd_raft(rows: list[Row], names: list[str]) -> tuple[None, Items]:
    """The format of the trace points of etcd-io/raft."""
    roles = {"follower": "StateFollower", "candidate": "StateCandidate", "leader": "StateLeader"}

    shown: dict[str, tuple[int, str]] = {}

    def trace(name: str, row: Row, msg: Row | None = None, blank: bool = False) -> Row:
        me, term, vote = row["node"], row["term"], row["vote"] or "0"
        if name == "SendRequestVoteResponse" and me in shown and shown[me][0] == term:
            vote = shown[me][1]  # the answer is sent before the vote is stored
        shown[me] = (term, vote)
        state = {"term": term, "vote": vote, "commit": row["commit"]}
        if blank:
            state = {"term": 0, "vote": "0", "commit": 0}
        told = {"name": name, "nid": row["node"], "state": state, "role": roles[row["role"]]}
        told |= {"log": row["last"], "conf": [names, []]}
        if msg is not None:
            told["msg"] = msg
        return {"event": told, "tag": "trace"}

    def sim(name: str, row: Row, **more: Any) -> Row:
        return {"event": {"name": name, "nid": row["node"], **more}, "tag": "sim"}

    def hard(row: Row) -> Row:
        return sim("PersistHardState", row, term=row["term"], vote=row["vote"] or "0", commit=0)

    def message(kind: str, sender: str, to: str, term: int, good: bool, index: int = 0) -> Row:
        ends = {"type": kind, "from": sender, "to": to, "term": term}
        return {**ends, "index": index, "reject": not good}

    points = {
        "ask": ("RequestVoteRequest", "MsgVote"),
        "answer": ("RequestVoteResponse", "MsgVoteResp"),
        "append": ("AppendEntriesRequest", "MsgApp"),
        "ack": ("AppendEntriesResponse", "MsgAppResp"),
    }

    def network(row: Row) -> Iterator[Row]:
        told = row["message"]
        point, kind = points[told["what"]]
        good, index = told.get("granted", told.get("good", True)), told.get("index", 0)
        msg = message(kind, told["sender"], told["to"], told["term"], good, index)
        if row["kind"] in ("sent", "got"):
            yield trace(("Send" if row["kind"] == "sent" else "Receive") + point, row, msg)
            return
        ends = {key: msg[key] for key in ("type", "from", "to", "term")}
        name = {"lost": "Drop", "twice": "Duplicate"}[row["kind"]]
        yield {"event": {"name": name, **ends}, "tag": "sim"}

    def tell(row: Row) -> Iterator[Row]:
        kind, me, term = row["kind"], row["node"], row["term"]
        if kind in NETWORK:
            yield from network(row)
        elif kind == "boot":
            yield trace("InitState", row, blank=True)
            yield trace("ApplyConfChange", row, blank=True)
            yield trace("BecomeFollower", row)
        elif kind == "crash":
            yield sim("Crash", row)
        elif kind == "follow":
            yield trace("BecomeFollower", row)
            yield hard(row)
        elif kind == "campaign":
            own = message("MsgVoteResp", me, me, term, True)
            yield trace("BecomeCandidate", row)
            yield trace("SendRequestVoteResponse", row, own)
            yield hard(row)
            yield trace("ReceiveRequestVoteResponse", row, own)
        elif kind == "grant":
            yield hard(row)
        elif kind == "lead":
            yield trace("BecomeLeader", row)
        elif kind == "write":
            entry = {"index": row["index"], "term": row["of"], "sha": row["value"]}
            yield sim("Persist", row, entries=[entry])
            if row["role"] == "leader":
                own = message("MsgAppResp", me, me, term, True, row["index"])
                yield trace("SendAppendEntriesResponse", row, own)
                yield trace("ReceiveAppendEntriesResponse", row, own)
        elif kind == "commit":
            yield trace("Commit" if row["leader"] else "Ready", row)
        elif kind == "apply":
            yield sim("Apply", row, index=row["index"], term=row["of"], sha=row["value"])

    return None, _items(rows, tell)


def pysyncobj(rows: list[Row], names: list[str]) -> tuple[None, Items]:
    """The format of the recordings of PySyncObj."""
    seqs: dict[tuple[str, int], int] = {}
    lasts: dict[str, int] = {}

    def line(row: Row, ev: str, **more: Any) -> Row:
        life = row["node"], row["inc"]
        seqs[life] = seqs.get(life, -1) + 1
        state = {"role": row["role"], "term": row["term"], "voted_for": row["vote"]}
        state |= {"commit": row["commit"], "last_index": row["last"]}
        start = {"node": row["node"], "inc": row["inc"], "seq": seqs[life], "ev": ev}
        return {**start, **more, "state": None if ev == "boot" else state}

    def match(row: Row, good: bool) -> Row:
        return {"type": "next_node_idx", "next_node_idx": row["index"] + 1, "success": good}

    def tell(row: Row) -> Iterator[Row]:
        kind, term = row["kind"], row["term"]
        vote = {"type": "response_vote", "term": term}
        if kind in NETWORK:
            told = row["message"]
            msg = {"type": "append_entries", "term": told["term"], "prevLogIdx": 0}
            if told["what"] == "append" and kind == "sent":
                yield line(row, "send", peer=told["to"], msg=msg)
            elif told["what"] == "append" and kind == "got":
                yield line(row, "recv", peer=told["sender"], msg=msg)
        elif kind == "boot":
            yield line(row, "boot", journal=True)
            yield line(row, "ready")
        elif kind == "campaign":
            yield line(row, "set_term_vote", term=term, vote=row["vote"])
            yield line(row, "set_state", old=0, new=1)
            for to in names:
                if to != row["node"]:
                    msg = {"type": "request_vote", "term": term}
                    yield line(row, "send", peer=to, msg=msg)
        elif kind == "grant":
            yield line(row, "set_term_vote", term=term, vote=row["vote"])
            yield line(row, "send", peer=row["to"], msg=vote)
        elif kind == "answer" and row["granted"]:
            yield line(row, "recv", peer=row["sender"], msg={**vote, "term": row["of"]})
        elif kind in ("lead", "follow"):
            yield line(row, "set_state", old=1, new=2 if kind == "lead" else 0)
        elif kind == "write":
            if row["index"] <= lasts.get(row["node"], 0):
                cut = {**row, "last": row["index"] - 1}
                yield line(cut, "log_truncate", from_index=row["index"])
            lasts[row["node"]] = row["index"]
            yield line(row, "log_append", index=row["index"], term=row["of"], sha=row["value"])
        elif kind == "acked":
            yield line(row, "send", peer=row["to"], msg=match(row, True))
        elif kind == "ack":
            yield line(row, "recv", peer=row["sender"], msg=match(row, row["good"]))
        elif kind in ("commit", "apply"):
            entry = {"sha": row.get("value")}
            yield line(row, kind, index=row["index"], entry=entry)

    return None, _items(rows, tell)
