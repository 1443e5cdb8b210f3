"""Single server: one server decides. It is safe, and one crash stops everyone.

The task: several clients each propose a value, and all of them shall learn the same one. The
simplest answer is one server. The first value that reaches it is the decision; everybody who asks
later is told the same.

It is safe in every interleaving, whatever the network loses, doubles or reorders. It even
survives a crash, if the decision is on disk (scope `crash`). But:

- if the server stops for good, nobody will ever learn anything (scope `stop`);
- if its disk is lost, it decides a second time, and the clients disagree (scope `lost-disk`).

One server is one point of failure. The next rung, broadcast, takes several.
"""

from paxcheck import (
    Broken,
    Message,
    Node,
    Protocol,
    Scope,
    WorldView,
    action,
    at_end,
    constant,
    durable,
    invariant,
    param,
    reachable,
    rule,
    volatile,
)

VALUES = ("x", "y", "z", "u", "v", "w")


class Propose(Message):
    """A client asks for a value."""

    value: str


class Decided(Message):
    """The server tells what was decided."""

    value: str


class Client(Node):
    """Proposes a value once, and learns what was decided."""

    value: str = constant()

    asked: bool = volatile(False)  # after a crash it asks again
    learned: str | None = durable(None)

    @action
    def propose(self) -> None:
        if not self.asked:
            self.asked = True
            self.broadcast(Propose(self.value))

    def on_decided(self, msg: Decided) -> None:
        if self.learned is None:
            self.learned = msg.value


class Server(Node):
    """Decides the first value that arrives."""

    decided: str | None = durable(None)

    @rule
    def first_one_wins(self) -> bool:
        """The server decides once; whoever comes later is told the first decision."""
        return self.decided is None

    def on_propose(self, msg: Propose) -> None:
        if self.first_one_wins():
            self.decided = msg.value
        self.send(msg.sender, Decided(self.decided or msg.value))


class SingleServer(Protocol):
    clients: int = param(2, "number of clients, each with its own value", least=1, most=len(VALUES))

    scopes = {
        "default": Scope("two clients, nothing fails"),
        "crash": Scope("somebody restarts once: the disk remembers", faults={"crash": 1}),
        "stop": Scope("somebody stops for ever", faults={"stop": 1}),
        "lost-disk": Scope("one disk is lost", faults={"amnesia": 1}),
        "twice": Scope("the server decides again and again", without=["first_one_wins"]),
    }

    def nodes(self) -> list[Node]:
        clients = [Client(f"c{i + 1}", value=VALUES[i]) for i in range(self.clients)]
        return [*clients, Server("s")]

    @invariant
    def agreement(self, world: WorldView) -> Broken | None:
        """No two clients learn different values."""
        learned = [(c.name, c.learned) for c in world.nodes(Client) if c.learned is not None]
        for name, value in learned[1:]:
            if value != learned[0][1]:
                return Broken(
                    f"{learned[0][0]} learned {learned[0][1]}, and {name} learned {value}"
                )
        return None

    @invariant
    def validity(self, world: WorldView) -> bool:
        """Only a client's value is learned."""
        values = {c.value for c in world.nodes(Client)}
        return all(c.learned is None or c.learned in values for c in world.nodes(Client))

    @at_end
    def everyone_has_learned(self, world: WorldView) -> Broken | None:
        """When nothing more can happen, every client that is alive has learned."""
        for client in world.nodes(Client):
            if client.learned is None and not client.stopped:
                return Broken(f"{client.name} waits for ever")
        return None

    @reachable
    def all_learn(self, world: WorldView) -> bool:
        """All clients can learn."""
        return all(c.learned is not None for c in world.nodes(Client))
