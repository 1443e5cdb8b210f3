"""Two-phase commit, as specified by Gray and Lamport (*Consensus on Transaction Commit*, 2004).

The transaction manager's and the resource managers' steps are those of TwoPhase.tla in the TLA+
examples: a message set, resource managers that may prepare or abort by themselves, a manager that
may abort at any time while it is undecided.
"""

from paxcheck import (
    Message,
    Node,
    Protocol,
    WorldView,
    action,
    durable,
    invariant,
    param,
    reachable,
)


class Prepared(Message):
    pass


class Commit(Message):
    pass


class Abort(Message):
    pass


class ResourceManager(Node):
    state: str = durable("working")

    @action
    def prepare(self) -> None:
        if self.state == "working":
            self.state = "prepared"
            self.broadcast(Prepared())

    @action
    def choose_to_abort(self) -> None:
        if self.state == "working":
            self.state = "aborted"

    def on_commit(self, msg: Commit) -> None:
        self.state = "committed"

    def on_abort(self, msg: Abort) -> None:
        self.state = "aborted"


class TransactionManager(Node):
    state: str = durable("init")
    prepared: set[str] = durable(set())

    managers: int = durable(0)

    def on_prepared(self, msg: Prepared) -> None:
        if self.state == "init":
            self.prepared.add(msg.sender)

    @action
    def commit(self) -> None:
        if self.state == "init" and len(self.prepared) == self.managers:
            self.state = "done"
            self.broadcast(Commit())

    @action
    def abort(self) -> None:
        if self.state == "init":
            self.state = "done"
            self.broadcast(Abort())


class TwoPhaseCommit(Protocol):
    managers: int = param(3, "number of resource managers", least=1)

    def nodes(self) -> list[Node]:
        return [
            TransactionManager("tm", managers=self.managers),
            *(ResourceManager(f"rm{i}") for i in range(1, self.managers + 1)),
        ]

    @invariant
    def consistent(self, world: WorldView) -> bool:
        """No manager has committed while another has aborted."""
        states = {rm.state for rm in world.nodes(ResourceManager)}
        return not {"committed", "aborted"} <= states

    @reachable
    def all_commit(self, world: WorldView) -> bool:
        """All managers can commit."""
        return all(rm.state == "committed" for rm in world.nodes(ResourceManager))

    @reachable
    def all_abort(self, world: WorldView) -> bool:
        """All managers can abort."""
        return all(rm.state == "aborted" for rm in world.nodes(ResourceManager))
