"""A small Raft, written as an implementer would; it runs on the network of mini_multipaxos.

It knows nothing of paxcheck: `recorded_cluster.py` wraps it.
"""

from __future__ import annotations

from typing import Any

Msg = dict[str, Any]
Entry = tuple[int, str]


class Server:
    """One server: elections, replication, commit; no snapshots, no membership changes."""

    def __init__(self, name: str, peers: list[str], net: Any) -> None:
        self.name, self.peers, self.net = name, peers, net
        # on disk
        self.term = 0
        self.voted_for: str | None = None
        self.log: list[Entry] = []
        self.restart()

    def restart(self) -> None:
        self.role = "follower"
        self.commit = 0
        self.applied = 0
        self.heard: set[str] = set()
        self.match: dict[str, int] = {}

    def send(self, to: str, message: Msg) -> None:
        self.net.send(self.name, to, message)

    def others(self) -> list[str]:
        return [peer for peer in self.peers if peer != self.name]

    def start_election(self) -> None:
        self.term += 1
        self.role, self.voted_for, self.heard = "candidate", self.name, {self.name}
        for peer in self.others():
            self.send(peer, {"kind": "request_vote", "term": self.term, "last": self.last()})

    def last(self) -> tuple[int, int]:
        return (self.log[-1][0] if self.log else 0, len(self.log))

    def propose(self, value: str) -> None:
        if self.role == "leader":
            self.append(len(self.log) + 1, (self.term, value))
            self.replicate()

    def append(self, index: int, entry: Entry) -> None:
        self.log[index - 1 :] = [entry]

    def truncate(self, index: int) -> None:
        del self.log[index - 1 :]

    def apply(self, index: int, entry: Entry) -> None:
        self.applied = index

    def replicate(self) -> None:
        for peer in self.others():
            before = self.match.get(peer, 0)
            self.send(
                peer,
                {
                    "kind": "append",
                    "term": self.term,
                    "index": before,
                    "before": self.log[before - 1][0] if before else 0,
                    "entries": list(self.log[before:]),
                    "commit": self.commit,
                },
            )

    def on_message(self, sender: str, m: Msg) -> None:
        if m["term"] > self.term:
            self.term, self.voted_for, self.role = m["term"], None, "follower"
        getattr(self, "on_" + m["kind"])(sender, m)
        while self.applied < self.commit:
            self.apply(self.applied + 1, self.log[self.applied])

    def on_request_vote(self, sender: str, m: Msg) -> None:
        fits = m["term"] == self.term and self.voted_for in (None, sender)
        granted = fits and tuple(m["last"]) >= self.last()
        if granted:
            self.voted_for = sender
        self.send(sender, {"kind": "vote", "term": self.term, "granted": granted})

    def on_vote(self, sender: str, m: Msg) -> None:
        if self.role == "candidate" and m["term"] == self.term and m["granted"]:
            self.heard.add(sender)
            if len(self.heard) > len(self.peers) // 2:
                self.become_leader()

    def become_leader(self) -> None:
        self.role, self.match = "leader", {}
        self.append(len(self.log) + 1, (self.term, "noop"))
        self.replicate()

    def on_append(self, sender: str, m: Msg) -> None:
        answer = {"kind": "appended", "term": self.term, "granted": False, "index": 0}
        if m["term"] == self.term:
            self.role = "follower"
            fits = m["index"] <= len(self.log)
            if fits and (m["index"] == 0 or self.log[m["index"] - 1][0] == m["before"]):
                for index, entry in enumerate(m["entries"], m["index"] + 1):
                    if index <= len(self.log) and self.log[index - 1][0] != entry[0]:
                        self.truncate(index)
                    if index > len(self.log):
                        self.append(index, entry)
                match = m["index"] + len(m["entries"])
                self.commit = max(self.commit, min(m["commit"], match))
                answer |= {"granted": True, "index": match}
        self.send(sender, answer)

    def on_appended(self, sender: str, m: Msg) -> None:
        if self.role != "leader" or m["term"] != self.term or not m["granted"]:
            return
        self.match[sender] = max(self.match.get(sender, 0), m["index"])
        held = sorted([len(self.log), *(self.match.get(p, 0) for p in self.others())])
        index = held[len(self.peers) // 2 - (0 if len(self.peers) % 2 else 1)]
        if index > self.commit and self.log[index - 1][0] == self.term:
            self.commit = index
