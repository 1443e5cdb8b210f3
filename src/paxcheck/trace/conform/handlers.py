"""The system whose handlers replay a trace: the same law, at the same price for each step.

A search over all worlds keeps what each handler did, and copies what a world holds. A replay goes
through one long run: nothing comes back, so nothing is kept, and what only grows is not copied.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec.structs import replace

from paxcheck.protocol.execute import Act, Local, NodeShape, SentMessages
from paxcheck.protocol.growing import Growing
from paxcheck.protocol.messages import Message
from paxcheck.protocol.node import handlers_of
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import System
from paxcheck.protocol.values import ordered
from paxcheck.protocol.world import World
from paxcheck.trace.conform.transit import TRANSITS, Transit


class _Forgotten(Growing):
    """No history at all: after a guess nothing is judged, so nothing needs to be remembered."""

    __slots__ = ()

    def plus(self, items: Collection[object]) -> Growing:
        return self


FORGOTTEN: Final = _Forgotten()


class NotAllKnown(Exception):
    """A step asks for the messages that were sent, and not all of them are known."""


class Handlers(System):
    """A system whose worlds hold a `Table` of what is in transit, and their ghosts `Growing` sets.

    `transit`: its network, that finds messages by key. `positions`: for each node where the fields
    that a trace may show stand in a local state (all but the ghosts). `takes`: the messages that
    each node handles, with their fields; `acts`: its actions by name. `shown`: for each node and
    field its latest value, and what that is in JSON. `docs`: each rule in one sentence. `memo`:
    keep what handlers did, for a search around one place; leave it off for a long run. `knows_all`:
    the worlds hold all that was sent.
    """

    knows_all = True

    def __init__(self, protocol: Protocol, *, memo: bool = False) -> None:
        super().__init__(protocol, memo=memo)
        self.surroundings.look_rarely()
        # That handlers are deterministic is found out where a model is checked.
        self.shapes = tuple([replace(shape, twice=False) for shape in self.shapes])
        self.transit: Transit = TRANSITS[protocol.network]
        self.net = TRANSITS[protocol.network]
        self.positions: tuple[dict[str, int], ...] = tuple([_places(s, True) for s in self.shapes])
        self._ghosts = tuple([tuple(_places(s, False).values()) for s in self.shapes])
        self.takes: dict[str, dict[str, frozenset[str]]] = {
            node.name: {
                kind.__name__: frozenset(["sender", *kind._fields])  # pyright: ignore[reportPrivateUsage]
                for kind in handlers_of(type(node))
            }
            for node in self.nodes
        }
        self.shown: tuple[list[tuple[Any, Any]], ...] = tuple(
            [[(None, None)] * len(shape.names) for shape in self.shapes]
        )
        self.acts = tuple(
            [
                {t.action: t for t in self.triggers(i) if isinstance(t, Act)}
                for i in range(len(self.nodes))
            ]
        )
        self.docs = {name: rule.doc.splitlines()[0] for name, rule in self.all_rules().items()}

    def initial(self) -> World:
        """The first world; what its ghosts hold begins their history."""
        world = super().initial()
        return world._replace(
            locals=tuple(
                [
                    self._with_ghosts(i, local, [Growing().plus(local[at]) for at in ghosts])
                    for i, (local, ghosts) in enumerate(
                        zip(world.locals, self._ghosts, strict=True)
                    )
                ]
            )
        )

    def asking(self, world: World) -> SentMessages | None:
        """The messages that an action may ask for."""
        return self._sent_in(world) if self.network == "set" else None

    def _sent_in(self, world: World) -> SentMessages:
        # A table of what is in transit is asked for its messages, not gone through.
        def sent(kind: type[Message]) -> tuple[Message, ...]:
            if not self.knows_all:
                raise NotAllKnown
            copies = self.net.copies(world.network)
            return tuple(ordered({e.message for e in copies if isinstance(e.message, kind)}))

        return sent

    def forgetful(self, world: World) -> World:
        """The same world without its history: where a guess begins, and nothing is judged."""
        return world._replace(
            locals=tuple([self.bare(i, local) for i, local in enumerate(world.locals)])
        )

    def bare(self, i: int, local: Local) -> Local:
        """A local state without its history."""
        return self._with_ghosts(i, local, [FORGOTTEN] * len(self._ghosts[i]))

    def _with_ghosts(self, i: int, local: Local, values: Sequence[object]) -> Local:
        fields = list(local)
        for at, value in zip(self._ghosts[i], values, strict=True):
            fields[at] = value
        return tuple(fields)


def _places(shape: NodeShape, shown: bool) -> dict[str, int]:
    """The places of the fields that a trace may show, or of the ghosts."""
    rows = enumerate(zip(shape.names, shape.kinds, strict=True))
    return {name: at for at, (name, kind) in rows if (kind != "ghost") == shown}
