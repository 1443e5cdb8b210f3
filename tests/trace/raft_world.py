"""A small Raft of its own, in one thread: an independent source of right and wrong executions.

It shares no code with the package. Messages are lost, doubled and reordered; servers crash and
come back with term, vote and log. `bug` breaks one rule, the way a real implementation would.
"""

import random
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

BUGS = (
    "forgets_vote",
    "forgets_term",
    "votes_twice",
    "leads_without_quorum",
    "commits_without_quorum",
    "commit_goes_back",
    "changes_own_entry",
    "no_log_check",
    "votes_for_anyone",
    "applies_other",
)


@dataclass
class Server:
    name: str
    inc: int = 1
    up: bool = True
    seq: int = 0
    term: int = 0  # durable, as are vote and log
    vote: str | None = None
    log: list[tuple[int, str]] = field(default_factory=list)
    role: str = "follower"
    commit: int = 0
    applied: int = 0
    votes: set[str] = field(default_factory=set)
    match: dict[str, int] = field(default_factory=dict)
    next: dict[str, int] = field(default_factory=dict)


class RaftWorld:
    """Runs at once; `rows` is what happened, in the true order."""

    def __init__(
        self, seed: int, nodes: int = 3, steps: int = 260, bug: str = "", doubled: float = 0.08
    ) -> None:
        self.chance = random.Random(seed)
        self.bug = bug
        self.doubled = doubled
        self.names = [f"n{n}" for n in range(1, nodes + 1)]
        self.servers = {name: Server(name) for name in self.names}
        self.quorum = nodes // 2 + 1
        self.network: list[Row] = []
        self.rows: list[Row] = []
        self.values = 0
        for name in self.names:
            self.log(self.servers[name], "boot", first=True)
        for _ in range(steps):
            self.step()

    def log(self, server: Server, kind: str, **more: Any) -> None:
        self.rows.append(self.row(server, kind, **more))
        server.seq += 1

    def row(self, server: Server, kind: str, **more: Any) -> Row:
        return {
            "kind": kind,
            "node": server.name,
            "inc": server.inc,
            "seq": server.seq,
            "term": server.term,
            "vote": server.vote,
            "role": server.role,
            "commit": server.commit,
            "last": len(server.log),
            **more,
        }

    def step(self) -> None:
        server = self.servers[self.chance.choice(self.names)]
        dice = self.chance.random()
        if dice < (0.008 if server.up else 0.3):
            self.crash_or_restart(server)
        elif dice < 0.02:
            if server.up and server.role != "leader":
                self.campaign(server)
        elif dice < 0.06:
            if server.up and server.role == "leader":
                self.client(server)
        elif dice < 0.24 or not self.network:
            if server.up and server.role == "leader":
                self.replicate(server)
        else:
            at = self.chance.randrange(len(self.network))
            fate = self.chance.random()
            message = self.network[at] if fate < self.doubled else self.network.pop(at)
            to = self.servers[message["to"]]
            if fate < self.doubled:
                self.note("twice", message, to)
            if fate < 0.95 and to.up:
                self.receive(to, message)
            else:
                self.note("lost", message, to)

    def send(self, server: Server, to: str, what: str, **more: Any) -> None:
        message = {"what": what, "sender": server.name, "to": to, "term": server.term, **more}
        self.network.append(message)
        self.note("sent", message, server)

    def note(self, kind: str, message: Row, server: Server) -> None:
        """What the network sees: a row without a number of the server's own."""
        row = self.row(server, kind, message=message)
        del row["seq"]
        self.rows.append(row)

    # --- life ---------------------------------------------------------------------------------

    def crash_or_restart(self, server: Server) -> None:
        if server.up:
            server.up = False
            self.log(server, "crash")
            return
        server.up, server.role = True, "follower"
        server.inc += 1
        server.seq = 0
        server.commit = server.applied = 0
        if self.bug == "forgets_vote":
            server.vote = None
        if self.bug == "forgets_term":
            server.term, server.vote = max(0, server.term - 1), None
        self.log(server, "boot", first=None)

    def step_down(self, server: Server, term: int) -> None:
        if term > server.term:
            server.term, server.vote = term, None
        if server.role != "follower":
            server.role = "follower"
        self.log(server, "follow")

    # --- elections ----------------------------------------------------------------------------

    def campaign(self, server: Server) -> None:
        server.term += 1
        server.role, server.vote, server.votes = "candidate", server.name, {server.name}
        self.log(server, "campaign")
        last = (server.log[-1][0] if server.log else 0, len(server.log))
        for to in self.names:
            if to != server.name:
                self.send(server, to, "ask", last=last)
        if self.bug == "leads_without_quorum" or len(self.names) == 1:
            self.lead(server)

    def lead(self, server: Server) -> None:
        server.role = "leader"
        server.match = dict.fromkeys(self.names, 0)
        server.next = dict.fromkeys(self.names, len(server.log) + 1)
        self.log(server, "lead")
        if self.bug == "changes_own_entry" and server.log and server.log[-1][0] != server.term:
            server.log.pop()
        self.client(server)

    def on_ask(self, server: Server, message: Row) -> None:
        mine = (server.log[-1][0] if server.log else 0, len(server.log))
        free = server.vote in (None, message["sender"]) or self.bug == "votes_twice"
        fresh = message["last"] >= mine or self.bug == "votes_for_anyone"
        granted = message["term"] == server.term and free and fresh
        granted = granted and server.role != "leader"
        if granted:
            server.vote = message["sender"]
            self.log(server, "grant", to=message["sender"])
        self.send(server, message["sender"], "answer", granted=granted)

    def on_answer(self, server: Server, message: Row) -> None:
        self.log(server, "answer", sender=message["sender"], granted=message["granted"],
                 of=message["term"])  # fmt: skip
        if server.role != "candidate" or message["term"] != server.term or not message["granted"]:
            return
        server.votes.add(message["sender"])
        if len(server.votes) == self.quorum:
            self.lead(server)

    # --- logs ---------------------------------------------------------------------------------

    def client(self, server: Server) -> None:
        self.values += 1
        self.write(server, len(server.log) + 1, (server.term, f"v{self.values}"))
        if len(self.names) == 1:
            self.advance(server)

    def write(self, server: Server, index: int, entry: tuple[int, str]) -> None:
        del server.log[index - 1 :]
        server.log.append(entry)
        self.log(server, "write", index=index, of=entry[0], value=entry[1])

    def replicate(self, server: Server) -> None:
        for to in self.names:
            if to == server.name:
                continue
            at = server.next[to]
            before = server.log[at - 2][0] if at > 1 else 0
            entries = server.log[at - 1 : at + 1]
            self.send(server, to, "append", at=at, before=before, entries=entries,
                      commit=server.commit)  # fmt: skip

    def on_append(self, server: Server, message: Row) -> None:
        if message["term"] < server.term:
            self.send(server, message["sender"], "ack", good=False, index=0)
            return
        if server.role != "follower":
            self.step_down(server, message["term"])
        at, previous = message["at"], message["at"] - 1
        known = previous == 0 or (
            len(server.log) >= previous and server.log[previous - 1][0] == message["before"]
        )
        if self.bug == "no_log_check":
            known = len(server.log) >= previous
        if not known:
            self.send(server, message["sender"], "ack", good=False, index=previous)
            return
        for index, entry in enumerate(message["entries"], at):
            have = server.log[index - 1] if len(server.log) >= index else None
            if have is None or have[0] != entry[0]:
                self.write(server, index, entry)
        last = previous + len(message["entries"])
        self.log(server, "acked", to=message["sender"], index=last)
        self.send(server, message["sender"], "ack", good=True, index=last)
        self.commit(server, min(message["commit"], last), False)

    def on_ack(self, server: Server, message: Row) -> None:
        sender, index = message["sender"], message["index"]
        self.log(server, "ack", sender=sender, good=message["good"], index=index,
                 of=message["term"])  # fmt: skip
        if server.role != "leader" or message["term"] != server.term:
            return
        if not message["good"]:
            server.next[sender] = max(1, min(index, server.next[sender] - 2))
            return
        server.match[sender] = max(server.match[sender], index)
        server.next[sender] = max(server.next[sender], index + 1)
        self.advance(server)

    def advance(self, server: Server) -> None:
        for index in range(len(server.log), server.commit, -1):
            holders = 1 + sum(
                1 for n in self.names if n != server.name and server.match[n] >= index
            )
            need = 1 if self.bug == "commits_without_quorum" else self.quorum
            if holders >= need and server.log[index - 1][0] == server.term:
                self.commit(server, index, True)
                return

    def commit(self, server: Server, index: int, leader: bool) -> None:
        if index > server.commit or (self.bug == "commit_goes_back" and index < server.commit):
            server.commit = index
            self.log(server, "commit", index=index, leader=leader)
        while server.applied < server.commit:
            server.applied += 1
            term, value = server.log[server.applied - 1]
            if self.bug == "applies_other" and server.name == self.names[0]:
                value += "z"
            self.log(server, "apply", index=server.applied, of=term, value=value)

    def receive(self, server: Server, message: Row) -> None:
        self.note("got", message, server)
        if message["term"] > server.term:
            self.step_down(server, message["term"])
        getattr(self, "on_" + message["what"])(server, message)
