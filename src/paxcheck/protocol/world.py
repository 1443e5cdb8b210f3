"""The state of a whole system, and what properties see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from paxcheck.protocol.execute import Act, Local, NodeFault, NodeShape
from paxcheck.protocol.growing import History
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.network import State
from paxcheck.protocol.node import Node
from paxcheck.protocol.values import OrderedSet, ordered, show, thaw

if TYPE_CHECKING:
    from paxcheck.protocol.system import System

N = TypeVar("N", bound=Node)
M = TypeVar("M", bound=Message)
Part = tuple[int, str] | type[Message]
"""What a property read: one field of one node, or the messages of one class."""


class World(NamedTuple):
    """One global state: local states, network, what is left of each fault's budget, the cut."""

    locals: tuple[Local, ...]
    network: State
    budgets: tuple[int, ...]
    cut: frozenset[str] | None = None


class NodeView:
    """A node as properties see it: its fields by name, also the ghosts; nothing can change."""

    __slots__ = ("_index", "_local", "_reads", "_shape")

    def __init__(
        self, shape: NodeShape, index: int, local: Local, reads: set[Part] | None = None
    ) -> None:
        self._shape = shape
        self._index = index
        self._local = local
        self._reads = reads

    @property
    def name(self) -> str:
        """The node's name."""
        return self._shape.name

    @property
    def kind(self) -> type[Node]:
        """The node's class."""
        return type(self._shape.prototype)

    @property
    def stopped(self) -> bool:
        """Whether the node is down for ever."""
        if self._reads is not None:
            self._reads.add((self._index, "stopped"))
        return self._shape.stopped(self._local)

    def __getattr__(self, field: str) -> Any:
        shape = self._shape
        if field in shape.names:
            if self._reads is not None:
                self._reads.add((self._index, field))
            value = self._local[shape.names.index(field)]
            return OrderedSet(value) if shape.declared[field].kind == "ghost" else thaw(value)
        return getattr(shape.prototype, field)

    def remembered(self, *fields: str) -> History[Any]:
        """What the node remembers in these ghost fields, as one history that only grows."""
        if self._reads is not None:
            self._reads.update([(self._index, field) for field in fields])
        return History([self._local[self._shape.names.index(field)] for field in fields])

    def __repr__(self) -> str:
        inside = ", ".join(
            f"{n}={show(v)}" for n, v in zip(self._shape.names, self._local, strict=False)
        )
        return f"{self.name}({inside})"


class WorldView:
    """What a property sees: `world.nodes(Acceptor)`, `world["a1"].vote`, `world.sent(Accepted)`.

    Every look is recorded, so that a verdict can be kept for all states that look the same.
    """

    def __init__(self, system: System, world: World, reads: set[Part] | None = None) -> None:
        self._system = system
        self._world = world
        self._reads = reads

    def nodes(self, kind: type[N]) -> list[Any]:
        """The nodes of a class (or of its subclasses), in the protocol's order."""
        return [
            self._view(i) for i, node in enumerate(self._system.nodes) if isinstance(node, kind)
        ]

    def __getitem__(self, name: str) -> Any:
        return self._view(self._system.index[name])

    def remembered(self, kind: type[N], *fields: str) -> History[Any]:
        """What all nodes of a class remember in these ghost fields: see `NodeView.remembered`."""
        places = self._system.ghosts_of(kind, fields)
        if self._reads is not None:
            self._reads.update(places)
        locals_ = self._world.locals
        return History([locals_[i][at] for (i, _), at in places.items()])

    def sent(self, kind: type[M]) -> list[M]:
        """The messages of a class in the network, each once, in canonical order.

        In a `set` network these are all that were ever sent; elsewhere those in transit.
        """
        if self._reads is not None:
            self._reads.add(kind)
        copies = self._system.net.copies(self._world.network)
        return ordered({e.message for e in copies if isinstance(e.message, kind)})

    def _view(self, index: int) -> NodeView:
        return NodeView(self._system.shapes[index], index, self._world.locals[index], self._reads)


class StepView:
    """One step of one node, as a step invariant sees it."""

    __slots__ = ("after", "before", "sent", "trigger")

    def __init__(
        self, before: NodeView, trigger: Any, after: NodeView, sent: tuple[Envelope, ...]
    ) -> None:
        self.before = before
        self.trigger = trigger
        self.after = after
        self.sent = sent

    @property
    def node(self) -> str:
        """The name of the node that takes the step."""
        return self.before.name

    @property
    def message(self) -> Message | None:
        """The delivered message, if the step is a delivery."""
        return self.trigger.message if isinstance(self.trigger, Envelope) else None

    @property
    def action(self) -> str | None:
        """The name of the action, if the step is one."""
        return self.trigger.action if isinstance(self.trigger, Act) else None

    @property
    def fault(self) -> str | None:
        """The name of the fault, if the step is one."""
        return self.trigger.kind if isinstance(self.trigger, NodeFault) else None

    def sends(self, kind: type[M]) -> list[M]:
        """The messages of a class that the step sent, each once."""
        return list(dict.fromkeys(e.message for e in self.sent if isinstance(e.message, kind)))
