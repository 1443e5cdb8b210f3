"""Broadcast: every server tells everyone its value, and retries for ever. They disagree.

One server was safe, but it was one. So take several, let each of them hear from every client,
and let each decide. Nobody waits for anybody, and a dead server stops no one. The network may
lose a message? Send it again, for ever, until it arrives.

What is wrong: the messages arrive in another order at every server. s1 hears x first, s2 hears y
first, and both have decided. Sending a message again makes sure that it arrives; it does not make
sure that it arrives *first*.

With a single value there is nothing to disagree on: the scope `alone` holds. Several values need
an order that all servers see the same. The next rung, rounds, gives every attempt a number.
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
)

VALUES = ("x", "y", "z", "u", "v", "w")


class Tell(Message):
    """A server tells its value."""

    value: str


class Server(Node):
    """Tells its own value, if it has one, and decides the first that it hears."""

    value: str | None = constant()

    told: bool = durable(False)
    decided: str | None = durable(None)

    @rule
    def decides_once(self) -> bool:
        """A server that has decided does not decide again."""
        return self.decided is None

    @action
    def tell(self) -> None:
        # In a set network a message stays deliverable for ever: sent once is "retried for ever".
        if self.value is not None and not self.told:
            self.told = True
            self.broadcast(Tell(self.value))
            self.decide(self.value)

    def on_tell(self, msg: Tell) -> None:
        self.decide(msg.value)

    def decide(self, value: str) -> None:
        if self.decides_once():
            self.decided = value


class Broadcast(Protocol):
    servers: int = param(3, "number of servers", least=1)
    values: int = param(2, "how many of them have a value to tell", least=0, most=len(VALUES))

    scopes = {
        "default": Scope("two values: two servers decide differently"),
        "alone": Scope("one value: nothing to disagree on", values=1),
        "twice": Scope("a server may decide again", without=["decides_once"]),
        "one-stops": Scope("one value, one server stops", values=1, faults={"stop": 1}),
    }

    def nodes(self) -> list[Node]:
        own = [*VALUES[: self.values], *[None] * self.servers]
        return [Server(f"s{i}", value=own[i - 1]) for i in range(1, self.servers + 1)]

    @invariant
    def agreement(self, world: WorldView) -> Broken | None:
        """No two servers decide different values."""
        decided = [(s.name, s.decided) for s in world.nodes(Server) if s.decided is not None]
        for name, value in decided[1:]:
            if value != decided[0][1]:
                return Broken(
                    f"{decided[0][0]} decided {decided[0][1]}, and {name} decided {value}"
                )
        return None

    @at_end
    def everyone_decides(self, world: WorldView) -> bool:
        """When nothing more can happen, every server that is alive has decided."""
        return all(s.decided is not None or s.stopped for s in world.nodes(Server))

    @reachable
    def all_have_decided(self, world: WorldView) -> bool:
        """All servers can decide."""
        return all(s.decided is not None for s in world.nodes(Server))
