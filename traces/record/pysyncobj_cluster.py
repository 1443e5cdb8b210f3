"""Records PySyncObj (PyPI `pysyncobj`), unmodified: five processes on loopback.

The driver starts one process for each node, gives them commands, cuts the network in two, kills
processes with SIGKILL and starts them again. Each node writes its own native log over all its
lives, with `paxcheck.record` around the library's transport and journal.

    pip install pysyncobj==0.3.17
    python traces/record/pysyncobj_cluster.py traces/pysyncobj

Real time and real sockets: no two recordings are the same.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from pysyncobj import SyncObj, SyncObjConf, replicated
from pysyncobj.syncobj import _RAFT_STATE

from paxcheck.record import Recorder

NODES = ["n1", "n2", "n3", "n4", "n5"]


class Store(SyncObj):
    """The replicated object: what a user of the library writes."""

    def __init__(self, me: str, others: list[str], conf: SyncObjConf) -> None:
        super().__init__(me, others, conf)
        self.values: dict[str, str] = {}

    @replicated
    def put(self, key: str, value: str) -> None:
        """Put a value under a key."""
        self.values[key] = value


def digest(data: Any) -> str:
    """A short digest of a command or an entry."""
    return hashlib.sha256(repr(data).encode()).hexdigest()[:12]


class Node:
    """One process: the library, and the recorder around it."""

    def __init__(self, name: str, life: int, folder: Path, base: int) -> None:
        self.name = name
        self.life = life
        self.sent = 0
        self.cut: set[str] = set()
        self.address = {n: f"127.0.0.1:{base + i}" for i, n in enumerate(NODES)}
        self.names = {address: n for n, address in self.address.items()}
        journal = folder / f"{name}.journal"
        first = not journal.exists()
        conf = SyncObjConf(
            autoTick=False,
            journalFile=str(journal),
            commandsWaitLeader=True,
            dynamicMembershipChange=False,
            logCompactionMinEntries=10**9,  # one log from the first entry on
            logCompactionMinTime=10**9,
            onStateChanged=self.changed,
            raftMinTimeout=0.5,
            raftMaxTimeout=1.2,
            appendEntriesPeriod=0.15,
            leaderFallbackTimeout=3.0,
        )
        self.recorder = Recorder(
            folder / f"{name}.jsonl", "raft", NODES, clock=time.monotonic, note="PySyncObj 0.3.17"
        )
        self.log = self.recorder.node(name, state=self.state)
        others = [a for n, a in self.address.items() if n != name]
        self.store = Store(self.address[name], others, conf)
        self.journal = self.private("raftLog")
        self.watch(first)

    def private(self, field: str) -> Any:
        """A private field of the library's object: it is read, never changed."""
        return getattr(self.store, f"_SyncObj__{field}")

    def state(self) -> dict[str, Any]:
        """What the node holds. Its role is left out: the library changes it apart from the term."""
        return {
            "term": self.private("raftCurrentTerm"),
            "voted_for": self.names.get(self.private("votedForNodeId")),
            "commit": self.private("raftCommitIndex"),
            "last_index": self.journal[-1][1],
        }

    def changed(self, old: int, new: int) -> None:
        """The library's own callback: the role changed."""
        if new == _RAFT_STATE.LEADER:
            self.log.lead(self.private("raftCurrentTerm"), last_index=self.journal[-1][1])
        elif new == _RAFT_STATE.FOLLOWER:
            self.log.follow()

    def watch(self, first: bool) -> None:
        """Wrap the transport, the journal and the state machine."""
        log, journal, transport = self.log, self.journal, self.private("transport")
        log.boot(first=first)
        for command, index, term in journal[:]:
            log.write(index, term, digest(command), loaded=True)
        really_send = transport.send

        def send(node: Any, message: Any) -> bool:
            # A partition: the message is lost, as the network may lose it.
            return True if self.names[node.id] in self.cut else really_send(node, message)

        transport.send = send
        log.wrap_send(transport, "send", self.sends)
        log.wrap_receive(
            transport,
            "_onMessageReceivedCallback",
            lambda node, message: (
                self.names[node.id],
                self.told(message),
                message.get("_mid"),
            ),
        )
        wrap = self.recorder.wrap
        wrap(journal, "add", lambda command, index, term: log.write(index, term, digest(command)))
        wrap(journal, "deleteEntriesFrom", lambda at: log.truncate(journal[0][1] + at))
        log.wrap_state(journal, "setCurrentTerm")
        log.wrap_state(journal, "setRaftCommitIndex")
        wrap(
            self.store,
            "_SyncObj__doApplyCommand",
            lambda command: log.apply(self.private("raftLastApplied") + 1, digest(command)),
        )

    def sends(self, node: Any, message: dict[str, Any]) -> tuple[Any, ...]:
        """A message on its way: it gets an identity, which the receiver's log shows too."""
        self.sent += 1
        message["_mid"] = f"{self.name}.{self.life}.{self.sent}"
        return self.names[node.id], self.told(message), message["_mid"]

    def told(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message of the library in the words of the native log."""
        kind = message["type"]
        rest = {k: v for k, v in message.items() if k != "_mid"}
        if kind == "request_vote":
            return {"type": kind, "term": message["term"], "content": digest(rest)}
        if kind == "response_vote":
            return {"type": "vote", "term": message["term"]}
        if kind == "append_entries":
            return {"type": "append", "term": message["term"], "content": digest(rest)}
        if kind == "next_node_idx":
            # It acknowledges all before next_node_idx; it does not say in which term.
            index = message["next_node_idx"] - 1
            return {"type": "appended", "granted": message["success"], "index": index}
        return {"type": kind, "content": digest(rest)}

    def run(self) -> None:
        """Tick, and obey the driver's commands on standard input."""
        commands: list[str] = []
        threading.Thread(target=self._listen, args=(commands,), daemon=True).start()
        while True:
            self.store.doTick(0.02)
            while commands:
                word, *rest = commands.pop(0).split()
                if word == "put":
                    self.store.put(*rest)
                elif word == "cut":
                    self.cut = set(rest)
                elif word == "stop":
                    self.log.crash()
                    return

    @staticmethod
    def _listen(commands: list[str]) -> None:
        for line in sys.stdin:
            commands.append(line)


class Cluster:
    """The driver: five processes and what happens to them."""

    def __init__(self, folder: Path, base: int, seed: int) -> None:
        self.folder = folder
        self.base = base
        self.random = random.Random(seed)
        self.lives = dict.fromkeys(NODES, 0)
        self.running: dict[str, subprocess.Popen[str]] = {}
        self.puts = 0

    def start(self, name: str) -> None:
        """Start a process: the next life of its node."""
        self.lives[name] += 1
        words = [sys.executable, __file__, "--node", name, "--life", str(self.lives[name])]
        words += ["--base", str(self.base), str(self.folder)]
        self.running[name] = subprocess.Popen(words, stdin=subprocess.PIPE, text=True)

    def kill(self, name: str) -> None:
        """SIGKILL: the process has no time for anything."""
        child = self.running.pop(name)
        child.kill()
        child.wait()

    def tell(self, name: str, words: str) -> None:
        """Give a node a command, if it runs."""
        child = self.running.get(name)
        if child is not None and child.stdin is not None:
            child.stdin.write(words + "\n")
            child.stdin.flush()

    def cut(self, side: list[str]) -> None:
        """Cut these nodes off from all others; an empty list heals the network."""
        for name in NODES:
            other = [n for n in NODES if (n in side) != (name in side)] if side else []
            self.tell(name, " ".join(["cut", *other]))

    def work(self, seconds: float) -> None:
        """Give values to the nodes for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.puts += 1
            name = self.random.choice(NODES)
            self.tell(name, f"put k{self.puts % 7} v{self.puts}")
            time.sleep(0.2)

    def leader(self) -> str:
        """The node whose log last says that it leads."""
        best: tuple[float, str] = (-1.0, NODES[0])
        for name in self.running:
            for line in (self.folder / f"{name}.jsonl").read_text().splitlines():
                if '"event":"lead"' in line:
                    when = float(line.split('"time":')[1].split(",")[0])
                    best = max(best, (when, name))
        return best[1]

    def run(self) -> None:
        """What happens, from the start to the end."""
        for name in NODES:
            self.start(name)
        self.work(3)
        for _ in range(2):  # the leader dies, and comes back
            victim = self.leader()
            self.kill(victim)
            self.work(2.5)
            self.start(victim)
            self.work(1.5)
        leader = self.leader()  # the leader is cut off, with one other node
        other = next(n for n in NODES if n != leader)
        self.cut([leader, other])
        self.work(3.5)
        self.cut([])
        self.work(2)
        victims = self.random.sample(NODES, 3)  # the majority dies
        for name in victims:
            self.kill(name)
        self.work(1.5)
        for name in victims:
            self.start(name)
        self.work(3.5)
        for name, child in self.running.items():
            self.tell(name, "stop")
            child.wait(10)


def main() -> None:
    """The driver, or (with --node) one node."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--node")
    parser.add_argument("--life", type=int, default=1)
    parser.add_argument("--base", type=int, default=24100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.node:
        Node(given.node, given.life, given.folder, given.base).run()
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        Cluster(Path(scratch), given.base, given.seed).run()
        for name in NODES:
            lines = (Path(scratch) / f"{name}.jsonl").read_bytes()
            (given.folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines, 9, mtime=0))


if __name__ == "__main__":
    main()
