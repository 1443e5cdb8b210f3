"""The recorder around the two small implementations: nothing in them is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mini_multipaxos import Network, Replica, run
from mini_raft import Server

from paxcheck.record import NodeLog, Recorder

NAMES = ["n1", "n2", "n3"]


def record_paxos(path: Path, seed: int, kind: type[Replica] = Replica) -> Path:
    """A run of Multi-Paxos, recorded."""
    net = Network(seed)
    with Recorder(
        path,
        ["paxos", "lease"],
        NAMES,
        clock=lambda: net.now,
        clock_error=0.0,
        promise="all",
        reports_all=True,
        self_messages=True,
        complete=True,
    ) as log:
        client = log.node("client")
        for slot in range(1, 40):  # what the implementation fills holes with is valid too
            client.request(f"noop-{slot}")
        replicas = {name: kind(name, NAMES, net) for name in NAMES}
        for name, replica in replicas.items():
            _watch_replica(log.node(name, state=_acceptor(replica)), replica, net)
        run(replicas, net)
    return path


def _acceptor(replica: Replica) -> Any:
    def state() -> list[dict[str, Any]]:
        votes = [{"slot": slot, "vote": vote} for slot, vote in replica.votes.items()]
        return [{"promised": replica.promised if replica.promised[0] else None}, *votes]

    return state


def _watch_replica(node: NodeLog, replica: Replica, net: Network) -> None:
    node.boot(first=True)

    def sends(to: str, message: dict[str, Any]) -> Any:
        net.mid += 1
        return to, paxos_words(message), net.mid

    node.wrap_send(replica, "send", sends)
    node.wrap_receive(
        replica, "on_message", lambda sender, m: (sender, paxos_words(m), net.in_hand)
    )
    wrap = node.recorder.wrap
    wrap(replica, "propose", before=node.request)
    wrap(
        replica,
        "choose",
        before=lambda slot, value: node.decide(value, slot=slot, ballot=replica.ballot),
    )
    wrap(replica, "decide", before=lambda slot, value: node.decide(value, slot=slot))
    wrap(replica, "hold_lease", before=lambda until: node.lease(replica.name, until))
    wrap(replica, "restart", after=lambda result: node.boot(first=False))


def paxos_words(message: dict[str, Any]) -> dict[str, Any]:
    """A message in the words of the format."""
    words = {k: v for k, v in message.items() if k in ("ballot", "slot", "value")}
    if message["kind"] == "promise":
        words["votes"] = [(*vote, slot) for slot, vote in sorted(message["votes"].items())]
    return {"type": message["kind"], **words}


def record_raft(path: Path, seed: int, kind: type[Server] = Server) -> Path:
    """A run of Raft, recorded."""
    net = Network(seed)
    with Recorder(path, "raft", NAMES, clock=None, complete=True) as log:
        servers = {name: kind(name, NAMES, net) for name in NAMES}
        for name, server in servers.items():
            _watch_server(log.node(name, state=_server(server)), server, net)
        run(servers, net)
    return path


def _server(server: Server) -> Any:
    return lambda: {
        "term": server.term,
        "voted_for": server.voted_for,
        "role": server.role,
        "commit": server.commit,
        "last_index": len(server.log),
    }


def _watch_server(node: NodeLog, server: Server, net: Network) -> None:
    node.boot(first=True)

    def sends(to: str, message: dict[str, Any]) -> Any:
        net.mid += 1
        return to, raft_words(message), net.mid

    def booted(result: Any) -> None:
        node.boot(first=False)
        for index, (term, value) in enumerate(server.log, 1):
            node.write(index, term, value, loaded=True)

    node.wrap_send(server, "send", sends)
    node.wrap_receive(server, "on_message", lambda sender, m: (sender, raft_words(m), net.in_hand))
    node.wrap_state(server, "start_election")
    wrap = node.recorder.wrap
    wrap(server, "restart", after=booted)
    wrap(server, "append", before=lambda index, entry: node.write(index, *entry))
    wrap(server, "truncate", before=node.truncate)
    wrap(server, "apply", before=lambda index, e: node.apply(index, e[1], term=e[0]))
    wrap(server, "become_leader", before=lambda: node.lead(server.term, len(server.log)))


def raft_words(message: dict[str, Any]) -> dict[str, Any]:
    """A message in the words of the format; what it has no word for goes into `content`."""
    words = {k: v for k, v in message.items() if k in ("term", "granted", "index")}
    rest = {k: v for k, v in message.items() if k not in words}
    return {"type": message["kind"], **words, "content": f"{words} {rest}"}
