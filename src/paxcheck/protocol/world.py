"""The state of a whole system, and what properties see of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from types import new_class
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from msgspec import Struct

from paxcheck.protocol.errors import ModelError, where_in_model, where_of
from paxcheck.protocol.execute import Act, Local, NodeFault, NodeShape
from paxcheck.protocol.growing import History
from paxcheck.protocol.messages import Envelope, Message, check_message_class
from paxcheck.protocol.network import State
from paxcheck.protocol.node import Node
from paxcheck.protocol.values import OrderedSet, Value, ordered, show, thaw

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


_NONE: Final = object()
_LOOK: Final = "only handlers and actions change a node; a property looks"


class Seat:
    """All that views of one node share: its shape, its place, and the class of these views.

    Looking is what properties do most. A class for each node finds a field at once, where
    `__getattr__` is asked only after Python has looked everywhere else.
    """

    __slots__ = ("_ghosts", "index", "shape", "view")

    def __init__(self, shape: NodeShape, index: int) -> None:
        self.shape, self.index = shape, index
        self._ghosts: dict[tuple[str, ...], tuple[tuple[int, ...], list[Part]]] = {}
        looks: dict[str, Any] = {"__module__": __name__}
        for name, declared in shape.declared.items():
            if not hasattr(NodeView, name):
                constant = declared.kind == "constant"
                looks[name] = _constant(shape, name) if constant else _field(self, name)
        looks["name"], looks["kind"] = shape.name, type(shape.prototype)
        self.view: type[NodeView] = new_class(
            "NodeView", (NodeView,), {}, lambda n: n.update(looks)
        )

    def ghosts(self, fields: tuple[str, ...]) -> tuple[tuple[int, ...], list[Part]]:
        """Where these ghost fields are in a local state, and what is read with them."""
        found = self._ghosts.get(fields)
        if found is None:
            places = tuple([self.shape.ghost(field) for field in fields])
            found = self._ghosts[fields] = (places, [(self.index, field) for field in fields])
        return found


def _constant(shape: NodeShape, name: str) -> property:
    memory = shape.prototype.__dict__
    return property(lambda view: memory[name])


def _field(seat: Seat, name: str) -> property:
    """How a view of a node looks at one of its fields."""
    shape, at, part = seat.shape, seat.shape.places[name], (seat.index, name)
    plain = shape.kinds[at] != "ghost"

    def look(view: NodeView) -> Any:
        _, local, reads, held = view._of  # pyright: ignore[reportPrivateUsage]
        if reads is not None:
            reads.add(part)
        value = local[at]
        if plain and value.__class__ is not tuple:
            return value
        if held is None:
            return _thawed(shape, at, value)
        if name not in held:
            held[name] = _thawed(shape, at, value)
        return held[name]

    return property(look)


class NodeView(Struct, eq=False):
    """A node as properties see it: its fields, also the ghosts, and what its class makes of them.

    Nothing can change. Every look is recorded in `reads`, so that an answer can be kept for all
    states that look the same: also what a method or a property of the node's class looks at.
    """

    # The node's seat, its state; where looks are recorded; and inside of a method the values that
    # it was given: the same objects each time. One name, because a model may use all others.
    _of: tuple[Seat, Local, set[Part] | None, dict[str, Any] | None]

    # For `isinstance(view, Acceptor)`, and for `super()` in a method of the node's class.
    @property
    def __class__(self) -> type[Node]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.kind

    @property
    def name(self) -> str:
        """The node's name."""
        return self._of[0].shape.name

    @property
    def kind(self) -> type[Node]:
        """The node's class."""
        return type(self._of[0].shape.prototype)

    @property
    def stopped(self) -> bool:
        """Whether the node is down for ever."""
        seat, local, reads, _ = self._of
        if reads is not None:
            reads.add((seat.index, "stopped"))
        return seat.shape.stopped(local)

    def __getattr__(self, name: str) -> Any:
        # No field: those are members of the class of the view (see `Seat`).
        if name == "_of" or name.startswith("__"):
            raise AttributeError(name)  # Python looks for what is not there
        member = inspect.getattr_static(self.kind, name, _NONE)
        if member is _NONE:
            declared = ", ".join(self._of[0].shape.declared)
            raise AttributeError(
                f"{self.kind.__name__} has no field {name}; its fields: {declared}"
            )
        return self._member(name, member)

    def __setattr__(self, name: str, value: Any) -> None:
        raise ModelError(
            f"{self.kind.__name__}.{name} is set while a property is asked",
            where=where_in_model(),
            hint=_LOOK,
        )

    def _member(self, name: str, member: Any) -> Any:
        """A member of the node's class, with this state in the place of `self`."""
        seat, local, reads, held = self._of
        if not hasattr(member, "__get__"):
            return member
        if held is not None:  # asked by a method, which is watched already
            return member.__get__(self, self.kind)
        state = seat.view((seat, local, reads, {}))
        value = member.__get__(state, self.kind)
        if isinstance(member, property):
            state._check_unchanged(name)
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            state._check_unchanged(name)
            return result

        return call

    def _check_unchanged(self, method: str) -> None:
        seat, local, _, held = self._of
        for name, value in (held or {}).items():
            at = seat.shape.places[name]
            if value != _thawed(seat.shape, at, local[at]):
                raise ModelError(
                    f"{self.kind.__name__}.{method} changes {name} while a property is asked",
                    where=where_of(inspect.getattr_static(self.kind, method)) or where_in_model(),
                    hint=_LOOK,
                )

    def _all(self) -> tuple[Any, ...]:
        """All that can be seen of the node's state; recorded."""
        seat, local, reads, _ = self._of
        if reads is not None:
            reads.update([(seat.index, name) for name in seat.shape.names])
        return (*local[: len(seat.shape.names)], self.stopped)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same node in the same state."""
        if not issubclass(type(other), NodeView):
            return NotImplemented
        one: Any = other
        return self._of[0].index == one._of[0].index and self._all() == one._all()

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __hash__(self) -> int:
        return hash(self.name)

    def remembered(self, *fields: str) -> History[Any]:
        """What the node remembers in these ghost fields, as one history that only grows."""
        seat, local, reads, _ = self._of
        places, parts = seat.ghosts(fields)
        if reads is not None:
            reads.update(parts)
        return History([local[at] for at in places])

    def __repr__(self) -> str:
        pairs = zip(self._of[0].shape.names, self._all(), strict=False)
        return f"{self.name}({', '.join(f'{name}={show(value)}' for name, value in pairs)})"


def _thawed(shape: NodeShape, at: int, value: Value) -> Any:
    return OrderedSet(value) if shape.kinds[at] == "ghost" else thaw(value)


class WorldView(Struct, eq=False):
    """What a property sees: `world.nodes(Acceptor)`, `world["a1"].vote`, `world.sent(Accepted)`.

    Every look is recorded, so that a verdict can be kept for all states that look the same.
    """

    _system: System
    _world: World
    _reads: set[Part] | None = None
    _histories: dict[Any, tuple[Any, History[Any]]] = {}

    __repr__ = object.__repr__

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a property only looks: it cannot set {name!r}")

    def nodes(self, kind: type[N]) -> list[Any]:
        """The nodes of a class (or of its subclasses), in the protocol's order."""
        seats, look, reads = self._system.seats, self._local, self._reads
        places = self._system.nodes_of(kind)
        return [seats[i].view((seats[i], look(i), reads, None)) for i in places]

    def __getitem__(self, name: str) -> Any:
        index = self._system.index.get(name)
        if index is None:
            raise ModelError(
                f"there is no node {name!r}",
                where=where_in_model(),
                hint=f"the nodes are {', '.join(self._system.names)}",
            )
        return self._view(index)

    def remembered(self, kind: type[N], *fields: str) -> History[Any]:
        """What all nodes of a class remember in these ghost fields: see `NodeView.remembered`."""
        known = self._histories.get((kind, fields))
        if known is None:
            ghosts = self._system.ghosts_of(kind, fields)
            history: History[Any] = History(self._values(ghosts.places))
            known = self._histories[kind, fields] = (ghosts.parts, history)
        if self._reads is not None:
            self._reads.update(known[0])
        return known[1]

    def sent(self, kind: type[M]) -> list[M]:
        """The messages of a class in the network, each once, in canonical order.

        In a `set` network these are all that were ever sent; elsewhere those in transit.
        """
        check_message_class(kind)
        if self._reads is not None:
            self._reads.add(kind)
        copies = self._system.net.copies(self._world.network)
        return ordered({e.message for e in copies if isinstance(e.message, kind)})

    def _view(self, index: int) -> NodeView:
        seat = self._system.seats[index]
        return seat.view((seat, self._local(index), self._reads, None))

    def _local(self, index: int) -> Local:
        return self._world.locals[index]

    def _values(self, places: Iterable[tuple[int, int]]) -> list[Any]:
        locals_ = self._world.locals
        return [locals_[i][at] for i, at in places]


class StepView(Struct, frozen=True, eq=False):
    """One step of one node, as a step invariant sees it."""

    before: NodeView
    trigger: Any
    after: NodeView
    sent: tuple[Envelope, ...]

    __repr__ = object.__repr__

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a property only looks: it cannot set {name!r}")

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
