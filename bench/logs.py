"""Native logs of five nodes, made by a small simulation: the same seed gives the same bytes.

Messages are delayed, lost and doubled; leaders change now and then. No rule is broken, so every
monitor has to look at all of it. The simulation's clock is an integer and is not in the log.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

NODES = ["n1", "n2", "n3", "n4", "n5"]
QUORUM = 3
LOSS, TWICE, REIGN = 0.02, 0.01, 100  # of each message; slots of one leader


class _Network:
    """Messages under way, and the lines of the log."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = self.sent = 0
        self.under_way: list[tuple[int, int, str, str, str | int, dict[str, Any]]] = []
        self.seq = dict.fromkeys(NODES, 0)
        self.lines: list[str] = []

    def log(self, event: str, node: str, **fields: Any) -> None:
        self.seq[node] += 1
        line = {"event": event, "node": node, "seq": self.seq[node], **fields}
        self.lines.append(json.dumps(line, separators=(",", ":")))

    def send(self, node: str, to: list[str], message: dict[str, Any], **fields: Any) -> None:
        self.sent += 1
        mid = self.sent
        self.log("send", node, to=to if len(to) > 1 else to[0], message=message, mid=mid, **fields)
        for other in to:
            copies = 0 if self.random.random() < LOSS else 1 + (self.random.random() < TWICE)
            for _ in range(copies):
                at = self.now + self.random.randrange(1, 20)
                heapq.heappush(self.under_way, (at, len(self.lines), node, other, mid, message))

    def deliver(self) -> tuple[str, str, dict[str, Any]] | None:
        if not self.under_way:
            return None
        self.now, _, sender, node, mid, message = heapq.heappop(self.under_way)
        self.log("receive", node, sender=sender, message=message, mid=mid)
        return sender, node, message


def _written(network: _Network, step: Callable[[], None], events: int) -> Iterator[str]:
    count = 0
    while count < events:
        step()
        for line in network.lines[: events - count]:
            yield line
            count += 1
        network.lines.clear()


def _header(family: str, **more: Any) -> str:
    whole = {"paxcheck": 1, "kind": "log", "family": [family], "members": NODES, "complete": True}
    return json.dumps(whole | more, separators=(",", ":"))


def paxos(events: int, seed: int = 1) -> Iterator[str]:
    """A log of Multi-Paxos: one promise for all slots, some slots at work at a time."""
    network = _Network(seed)
    promised: dict[str, list[Any]] = {}
    voted: dict[str, dict[int, tuple[list[Any], str]]] = {n: {} for n in NODES}
    heard: dict[int, set[str]] = {}
    proposed: dict[int, str] = {}
    done: set[int] = set()
    state: dict[str, Any] = {"slot": 0, "round": 0, "leader": "", "from": -1, "votes": {}}

    def campaign() -> None:
        state["round"] += 1
        state["leader"] = NODES[state["round"] % len(NODES)]
        state["ballot"] = [state["round"], state["leader"]]
        state["promises"], state["votes"], state["from"] = set(), {}, state["slot"]
        heard.clear()
        network.send(state["leader"], NODES, {"type": "prepare", "ballot": state["ballot"]})

    def propose(slot: int, value: str) -> None:
        proposed[slot] = value
        heard[slot] = set()
        message = {"type": "accept", "ballot": state["ballot"], "slot": slot, "value": value}
        network.send(state["leader"], NODES, message)

    def answered(sender: str, message: dict[str, Any]) -> None:
        if message["ballot"] != state["ballot"]:
            return
        if message["type"] == "promise":
            before = len(state["promises"])
            state["promises"].add(sender)
            for vote in message["votes"]:
                old = state["votes"].get(vote["slot"])
                if old is None or vote["ballot"] > old["ballot"]:
                    state["votes"][vote["slot"]] = vote
            if before < QUORUM <= len(state["promises"]):
                for slot, vote in sorted(state["votes"].items()):
                    propose(slot, vote["value"])
        elif message["slot"] in heard:
            who = heard[message["slot"]]
            who.add(sender)
            if len(who) == QUORUM:
                slot, value = message["slot"], proposed[message["slot"]]
                done.add(slot)
                network.log(
                    "decide", state["leader"], value=value, slot=slot, ballot=state["ballot"]
                )
                others = [n for n in NODES if n != state["leader"]]
                network.send(
                    state["leader"], others, {"type": "learn", "slot": slot, "value": value}
                )

    def take(sender: str, node: str, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind in ("promise", "accepted"):
            if node == state["leader"]:
                answered(sender, message)
        elif kind == "learn":
            network.log("decide", node, value=message["value"], slot=message["slot"])
            voted[node].pop(message["slot"], None)
        elif kind == "prepare" and message["ballot"] > promised.get(node, [0, ""]):
            promised[node] = message["ballot"]
            votes = [
                {"ballot": ballot, "value": value, "slot": slot}
                for slot, (ballot, value) in voted[node].items()
                if slot not in done
            ]
            answer = {"type": "promise", "ballot": message["ballot"], "votes": votes}
            network.send(node, [sender], answer, state={"promised": message["ballot"]})
        elif kind == "accept" and message["ballot"] >= promised.get(node, [0, ""]):
            promised[node] = message["ballot"]
            slot, value = message["slot"], message["value"]
            voted[node][slot] = (message["ballot"], value)
            answer = {"type": "accepted", "ballot": message["ballot"], "slot": slot}
            network.send(node, [sender], answer | {"value": value})

    def step() -> None:
        if state["leader"] and len(network.under_way) > 40:
            take(*network.deliver())  # type: ignore[misc]
            return
        leads = state["leader"] and len(state["promises"]) >= QUORUM
        if leads and state["slot"] < state["from"] + REIGN:
            slot = state["slot"] = state["slot"] + 1
            value = f"set x{slot % 97}={slot}"
            network.log("request", state["leader"], value=value)
            propose(slot, value)
        elif network.under_way:
            take(*network.deliver())  # type: ignore[misc]
        else:
            campaign()

    yield _header("paxos", promise="all", self_messages=True)
    for node in NODES:
        network.log("boot", node, first=True)
    yield from _written(network, step, events)


def raft(events: int, seed: int = 1) -> Iterator[str]:
    """A log of Raft: elections, entries written, acknowledged, committed and applied."""
    network = _Network(seed)
    logs: dict[str, list[tuple[int, str]]] = {n: [] for n in NODES}
    terms = dict.fromkeys(NODES, 0)
    commit = dict.fromkeys(NODES, 0)
    match: dict[str, int] = {}
    state: dict[str, Any] = {"term": 0, "leader": "", "votes": set(), "until": 0}

    def campaign() -> None:
        state["term"] += 1
        # The longest of the most advanced logs can win the votes of all.
        state["leader"] = max(
            NODES, key=lambda n: (logs[n][-1][0] if logs[n] else 0, len(logs[n]), n)
        )
        leader, term = state["leader"], state["term"]
        state["votes"], state["leads"] = {leader}, False
        terms[leader] = term
        network.log("campaign", leader, term=term, state={"term": term, "voted_for": leader})
        others = [n for n in NODES if n != leader]
        network.send(leader, others, {"type": "request_vote", "term": term})

    def write(node: str, index: int, term: int, value: str) -> None:
        log = logs[node]
        del log[index - 1 :]
        log.append((term, value))
        network.log("write", node, index=index, term=term, digest=value)

    def advance(node: str, index: int, leads: bool) -> None:
        if index <= commit[node]:
            return
        network.log("commit", node, index=index, leader=leads)
        for i in range(commit[node] + 1, index + 1):
            network.log("apply", node, index=i, digest=logs[node][i - 1][1])
        commit[node] = index

    def append(to: list[str], index: int) -> None:
        leader = state["leader"]
        term, value = logs[leader][index - 1]
        message = {"type": "append", "term": state["term"], "index": index, "value": value}
        before = logs[leader][index - 2][0] if index > 1 else 0
        content = json.dumps([term, before, commit[leader]])
        network.send(leader, to, message | {"content": content})

    def take(sender: str, node: str, message: dict[str, Any]) -> None:
        kind, term = message["type"], message["term"]
        if term < terms[node] or (node == state["leader"] and term != state["term"]):
            return
        if term > terms[node]:
            terms[node] = term
            if kind != "request_vote":
                network.log("state", node, state={"term": term, "role": "follower"})
        if kind == "request_vote":
            held = {"term": term, "voted_for": sender, "role": "follower"}
            network.send(node, [sender], {"type": "vote", "term": term}, state=held)
        elif kind == "vote" and node == state["leader"]:
            state["votes"].add(sender)
            if len(state["votes"]) >= QUORUM and not state["leads"]:
                state["leads"] = True
                match.clear()
                last = len(logs[node])
                state["until"] = last + REIGN
                network.log("lead", node, term=term, last_index=last)
                request()
        elif kind == "append":
            index, (of, before, committed) = message["index"], json.loads(message["content"])
            log = logs[node]
            fits = index == 1 or (len(log) >= index - 1 and log[index - 2][0] == before)
            if fits and (len(log) < index or log[index - 1][0] != of):
                write(node, index, of, message["value"])
            answer = {"type": "appended", "term": term}
            if fits:
                network.send(node, [sender], answer | {"index": index})
                advance(node, min(committed, index), False)
            else:
                last = min(index - 1, len(log))
                network.send(node, [sender], answer | {"granted": False, "index": last})
        elif kind == "appended" and state["leads"]:
            if not message.get("granted", True):
                append([sender], max(message["index"], 1))
                return
            match[sender] = max(match.get(sender, 0), message["index"])
            agreed = sorted([*match.values(), len(logs[node])], reverse=True)
            if len(agreed) >= QUORUM:
                index = agreed[QUORUM - 1]
                if logs[node][index - 1][0] == state["term"]:
                    advance(node, index, True)
            if match[sender] < len(logs[node]):
                append([sender], match[sender] + 1)

    def request() -> None:
        leader = state["leader"]
        index = len(logs[leader]) + 1
        value = f"set x{index % 97}={index}"
        write(leader, index, state["term"], value)
        append([n for n in NODES if n != leader], index)

    def step() -> None:
        if len(network.under_way) <= 12 and state.get("leads"):
            if len(logs[state["leader"]]) < state["until"]:
                request()
                return
            state["leads"] = False
        found = network.deliver()
        if found is None:
            campaign()
        else:
            take(*found)

    yield _header("raft", self_messages=False)
    for node in NODES:
        network.log("boot", node, first=True)
    yield from _written(network, step, events)
