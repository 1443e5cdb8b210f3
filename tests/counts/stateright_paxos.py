"""Stateright's Paxos example: servers that are proposer and acceptor at once, and clients that
write once and then read.

Its count includes the history that it records for its linearizability check: for each read, which
operations of the other clients had returned before it was invoked, and each value read. That
needs knowledge of all clients at once, so the clients are one node here. What it remembers for
the check alone is in ghost fields.
"""

from paxcheck import (
    Message,
    Node,
    Protocol,
    Record,
    WorldView,
    constant,
    durable,
    ghost,
    invariant,
    param,
    reachable,
)


class Ballot(Record, order=True):
    round: int
    server: str


class Proposal(Record, order=True):
    client: int
    value: str


class Last(Record, order=True):
    ballot: Ballot
    proposal: Proposal


class Put(Message):
    client: int
    value: str


class PutOk(Message):
    client: int


class Get(Message):
    client: int


class GetOk(Message):
    client: int
    value: str


class Prepare(Message):
    ballot: Ballot


class Prepared(Message):
    ballot: Ballot
    last: Last | None


class Accept(Message):
    ballot: Ballot
    proposal: Proposal


class Accepted(Message):
    ballot: Ballot


class Decided(Message):
    ballot: Ballot
    proposal: Proposal


class Invoked(Record):
    """A client invoked its read when each other client had so many operations behind it."""

    client: int
    returned: tuple[int, ...]


class Read(Record):
    client: int
    value: str


class Clients(Node):
    count: int = constant()
    servers: tuple[str, ...] = constant()
    recorded: bool = constant()

    returned: dict[int, int] = durable({})
    history: set[Invoked | Read] = ghost()

    def on_start(self) -> None:
        for client in range(self.count):
            self.returned[client] = 0
            self.send(self.server(client, 0), Put(client, "AB"[client]))

    def server(self, client: int, operation: int) -> str:
        """Stateright numbers servers from 0 and clients after them."""
        many = len(self.servers)
        return self.servers[(many + client + operation) % many]

    def on_put_ok(self, msg: PutOk) -> None:
        if self.returned[msg.client] == 0:
            self.returned[msg.client] = 1
            if self.recorded:
                others = tuple(n for c, n in self.returned.items() if c != msg.client)
                self.history.add(Invoked(msg.client, others))
            self.send(self.server(msg.client, 1), Get(msg.client))

    def on_get_ok(self, msg: GetOk) -> None:
        if self.returned[msg.client] == 1:
            self.returned[msg.client] = 2
            if self.recorded:
                self.history.add(Read(msg.client, msg.value))


class Server(Node):
    peers: tuple[str, ...] = constant()

    ballot: Ballot = durable(Ballot(0, ""))
    proposal: Proposal | None = durable(None)
    prepares: dict[str, Last | None] = durable({})
    accepts: set[str] = durable(set())
    accepted: Last | None = durable(None)
    decided: bool = durable(False)

    @property
    def majority(self) -> int:
        return (len(self.peers) + 1) // 2 + 1

    def on_put(self, msg: Put) -> None:
        if not self.decided and self.proposal is None:
            self.proposal = Proposal(msg.client, msg.value)
            self.ballot = Ballot(self.ballot.round + 1, self.name)
            self.prepares = {self.name: self.accepted}
            self.accepts = set()
            self.send(self.peers, Prepare(self.ballot))

    def on_get(self, msg: Get) -> None:
        if self.decided and self.accepted is not None:
            self.send(msg.sender, GetOk(msg.client, self.accepted.proposal.value))

    def on_prepare(self, msg: Prepare) -> None:
        if not self.decided and self.ballot < msg.ballot:
            self.ballot = msg.ballot
            self.send(msg.sender, Prepared(msg.ballot, self.accepted))

    def on_prepared(self, msg: Prepared) -> None:
        if self.decided or msg.ballot != self.ballot:
            return
        self.prepares[msg.sender] = msg.last
        if len(self.prepares) == self.majority:
            known = [last for last in self.prepares.values() if last is not None]
            proposal = max(known).proposal if known else self.proposal
            self.proposal = proposal
            self.accepted = Last(msg.ballot, proposal)
            self.accepts.add(self.name)
            self.send(self.peers, Accept(msg.ballot, proposal))

    def on_accept(self, msg: Accept) -> None:
        if not self.decided and self.ballot <= msg.ballot:
            self.ballot = msg.ballot
            self.accepted = Last(msg.ballot, msg.proposal)
            self.send(msg.sender, Accepted(msg.ballot))

    def on_accepted(self, msg: Accepted) -> None:
        if self.decided or msg.ballot != self.ballot:
            return
        self.accepts.add(msg.sender)
        if len(self.accepts) == self.majority:
            self.decided = True
            self.send(self.peers, Decided(msg.ballot, self.proposal))
            self.send("clients", PutOk(self.proposal.client))

    def on_decided(self, msg: Decided) -> None:
        if not self.decided:
            self.ballot = msg.ballot
            self.accepted = Last(msg.ballot, msg.proposal)
            self.decided = True


class StaterightPaxos(Protocol):
    network = "bag"
    clients: int = param(2, "number of clients", least=1, most=2)
    servers: int = param(3, "number of servers", least=2)
    recorded: bool = param(True, "whether the clients' history is part of the state")

    def nodes(self) -> list[Node]:
        names = tuple(f"s{i}" for i in range(self.servers))
        return [
            *(Server(name, peers=tuple(n for n in names if n != name)) for name in names),
            Clients("clients", count=self.clients, servers=names, recorded=self.recorded),
        ]

    @invariant
    def servers_agree(self, world: WorldView) -> bool:
        """No two servers decide different proposals."""
        return len({s.accepted.proposal for s in world.nodes(Server) if s.decided}) <= 1

    @reachable
    def value_chosen(self, world: WorldView) -> bool:
        """A client can be sent the value."""
        return bool(world.sent(GetOk))
