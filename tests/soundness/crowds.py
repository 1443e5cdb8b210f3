"""Random protocols in larger systems: more nodes than a vector has lanes, more messages than a word
has bits, and properties that look at more as the search goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from random_protocols import M0, M1, TOP, Random, Spec, Tabled, specs

from paxcheck.protocol import Message, Node, WorldView, action, durable, invariant, reachable

FEW, MANY = 3, 70  # messages at once: both fit into a word, and together they do not


class Talk(Message):
    n: int


class Idle(Node):
    """A node that does nothing by itself: it only takes a place."""

    d: int = durable(0)


class Talker(Node):
    """Sends some messages, and then very many."""

    d: int = durable(0)

    @action
    def talk(self) -> None:
        if self.d < 2:
            first, last = [(0, FEW), (FEW, MANY)][self.d]
            self.d += 1
            for n in range(first, last):
                self.broadcast(Talk(n))


class Listener(Tabled):
    """Takes most of the talk as nothing, and some as a message of the table."""

    def on_talk(self, msg: Talk) -> None:
        if msg.n in (1, FEW + 1, MANY - 1):
            self.follow(("msg", msg.n % 2, 0))


Sight = tuple[str, int, int, int]
"""What a property looks at, one after the other: what, of which node, and which value goes on."""


@dataclass(frozen=True)
class Crowd:
    """A spec, with idle nodes before and after its own, maybe a talker, and more properties."""

    spec: Spec
    before: int = 0
    after: int = 0
    talks: bool = False
    sights: tuple[tuple[bool, tuple[Sight, ...]], ...] = ()

    def protocol(self) -> Random:
        """A protocol of our language."""
        methods = {
            f"sees_{k}": _looker(wanted, sights) for k, (wanted, sights) in enumerate(self.sights)
        }
        bound = type("Crowded", (_Crowded,), {"spec": self.spec, "crowd": self, **methods})
        return bound(network=self.spec.network, faults=self.spec.faults)


class _Crowded(Random):
    crowd: Any

    def nodes(self) -> list[Node]:
        crowd, kind = self.crowd, Listener if self.crowd.talks else Tabled
        return [
            *[Idle(f"i{k}") for k in range(crowd.before)],
            *[kind(f"n{i}", me=i, spec=self.spec) for i in range(self.spec.nodes)],
            *[Talker("t") for _ in range(crowd.talks)],
            *[Idle(f"j{k}") for k in range(crowd.after)],
        ]


def _looker(wanted: bool, sights: tuple[Sight, ...]) -> Any:
    """It looks at one thing after the other, as long as it sees what it waits for.

    An invariant is broken, and a witness is found, where all is seen.
    """

    def look(self: Random, world: WorldView) -> bool:
        """One sight leads to the next."""
        return all(_sees(self.spec.nodes, world, *sight) for sight in sights) == wanted

    return reachable(look) if wanted else invariant(look)


def _sees(nodes: int, world: WorldView, what: str, i: int, value: int) -> bool:
    if what == "sent":
        return any(m.n == value % 2 for m in world.sent((M0, M1)[i % 2]))
    node = world[f"n{i % nodes}"]
    return len(node.seen) >= value if what == "seen" else getattr(node, what) == value


@st.composite
def crowds(draw: st.DrawFn, networks: tuple[str, ...] = ("set", "bag", "fifo")) -> Crowd:
    """Random specs among idle nodes and talk, with up to a dozen properties more."""
    spec = draw(specs(networks))
    talks = spec.network == "set" and "partition" not in spec.faults and draw(st.booleans())
    room = st.sampled_from([0, 0, 1, 4, 8 - spec.nodes - talks])
    sight = st.tuples(
        st.sampled_from(["d", "v", "seen", "sent"]), st.integers(0, 2), st.integers(0, TOP)
    )
    sights = st.lists(sight, min_size=1, max_size=5).map(tuple)
    return Crowd(
        spec=spec,
        before=draw(room),
        after=draw(room),
        talks=talks,
        sights=tuple(draw(st.lists(st.tuples(st.booleans(), sights), max_size=12))),
    )
