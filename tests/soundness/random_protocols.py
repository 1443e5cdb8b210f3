"""Random small protocols as tables, for Hypothesis.

A `Spec` is data: for each node, trigger and local state the branches of the step. `build` makes a
protocol of our language of it; `oracle.enumerate_all` reads the same data in its own way. An
engine is right when both find the same. State spaces are finite: a step sends only when it
increases the durable field, and only faults, whose budgets are finite, set it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from paxcheck.protocol import (
    Message,
    Node,
    Protocol,
    StepView,
    WorldView,
    action,
    at_end,
    constant,
    durable,
    ghost,
    invariant,
    reachable,
    step_invariant,
    volatile,
)

TOP = 2  # the largest value of a field
Send = tuple[int, int, int]  # receiver, message class, payload


@dataclass(frozen=True)
class Branch:
    """One outcome of a step: the fields after it, what a ghost remembers, what is sent."""

    d: int
    v: int
    ghost: int | None = None
    sends: tuple[Send, ...] = ()


Trigger = tuple[str, int, int]  # ("act", number, 0) or ("msg", class, payload)
Key = tuple[int, Trigger, int, int]  # node, trigger, d, v


@dataclass(frozen=True)
class Spec:
    """A random protocol in a random configuration, with random properties."""

    nodes: int
    table: dict[Key, tuple[Branch, ...]]
    network: str
    faults: dict[str, int] = field(default_factory=dict)
    asks: bool = False  # whether action 1 needs a message of class 0 with payload 1
    bad: tuple[int, int] = (0, 0)  # invariant: never node 0 with d and the last node with v
    bad_step: tuple[int, int] = (0, 0)  # step invariant: d never goes from .. to ..
    end: int = 0  # at the end node 0 has this d
    goal: tuple[int, int] = (0, 0)  # reachable: the last node with this d, and its ghost's size


class M0(Message):
    n: int


class M1(Message):
    n: int


CLASSES = (M0, M1)


class Tabled(Node):
    """A node that does what the table says."""

    me: int = constant()
    spec: Any = constant()
    d: int = durable(0, corrupt=(0, 1))
    v: int = volatile(0)
    seen: set[int] = ghost()

    @action
    def act0(self) -> None:
        self.follow(("act", 0, 0))

    @action
    def act1(self) -> None:
        if not self.spec.asks or any(m.n == 1 for m in self.sent(M0)):
            self.follow(("act", 1, 0))

    def on_m0(self, msg: M0) -> None:
        self.follow(("msg", 0, msg.n))

    def on_m1(self, msg: M1) -> None:
        self.follow(("msg", 1, msg.n))

    def follow(self, trigger: Trigger) -> None:
        branches = self.spec.table.get((self.me, trigger, self.d, self.v), ())
        if not branches:
            return
        branch = branches[self.choose(range(len(branches)))] if len(branches) > 1 else branches[0]
        self.d, self.v = branch.d, branch.v
        if branch.ghost is not None:
            self.seen.add(branch.ghost)
        for to, kind, n in branch.sends:
            self.send(f"n{to}", CLASSES[kind](n))


class Random(Protocol):
    """A protocol made of a Spec."""

    spec: Spec

    def nodes(self) -> list[Node]:
        return [Tabled(f"n{i}", me=i, spec=self.spec) for i in range(self.spec.nodes)]

    @invariant
    def never_bad(self, world: WorldView) -> bool:
        """Never the bad pair of fields."""
        last = world[f"n{self.spec.nodes - 1}"]
        return (world["n0"].d, last.v) != self.spec.bad

    @step_invariant
    def never_bad_step(self, step: StepView) -> bool:
        """Never the bad change of a durable field."""
        return (step.before.d, step.after.d) != self.spec.bad_step

    @at_end
    def good_end(self, world: WorldView) -> bool:
        """At the end node 0 has the right field."""
        return world["n0"].d == self.spec.end

    @reachable
    def goal(self, world: WorldView) -> bool:
        """The goal can be reached."""
        last = world[f"n{self.spec.nodes - 1}"]
        return (last.d, len(last.seen)) == self.spec.goal


def build(spec: Spec, more: int = 0) -> Random:
    """The protocol of a spec; with so many properties more, each about one node and one value."""
    methods = {f"never_{k}": _never(k) for k in range(more)}
    bound = type("Bound", (Random,), {"spec": spec, **methods})
    return bound(network=spec.network, faults=spec.faults)


def _never(k: int) -> Any:
    def never(self: Random, world: WorldView) -> bool:
        """One node never has one value in one of its fields."""
        node = world[f"n{k % self.spec.nodes}"]
        return (node.d if k % 2 else node.v) != k // 2 % (TOP + 1)

    return invariant(never)


@st.composite
def specs(
    draw: st.DrawFn,
    networks: tuple[str, ...] = ("set", "bag", "fifo"),
    *,
    sends_again: bool = False,
) -> Spec:
    """Random protocols in random configurations, all networks, all faults.

    `sends_again`: in a set network a step may do no more than send what was sent before. There are
    very many states then.
    """
    nodes = draw(st.integers(1, 3))
    network = draw(st.sampled_from(networks))
    triggers: list[Trigger] = [("act", 0, 0), ("act", 1, 0)]
    triggers += [("msg", kind, n) for kind in (0, 1) for n in (0, 1)]
    values = st.integers(0, TOP)
    sends = st.lists(
        st.tuples(st.integers(0, nodes - 1), st.integers(0, 1), st.integers(0, 1)),
        min_size=1,
        max_size=3,
    )
    keys = st.tuples(st.integers(0, nodes - 1), st.sampled_from(triggers), values, values)
    table: dict[Key, tuple[Branch, ...]] = {}
    # A first step of each node and an answer to each message are always there, so that most
    # protocols do something.
    start = [(i, trigger, 0, 0) for i in range(nodes) for trigger in triggers if trigger[1] == 0]
    for key in start + draw(st.lists(keys, min_size=4, max_size=20)):
        branches: list[Branch] = []
        for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
            up = min(key[2] + 1, TOP)
            d = draw(st.sampled_from([up, up, up, key[2], 0]))
            # In another network what is sent for ever makes states without end.
            speaks = d > key[2] or (sends_again and network == "set" and draw(st.booleans()))
            out = tuple(draw(sends)) if speaks else ()
            branches.append(Branch(d, draw(values), draw(st.none() | st.integers(0, 1)), out))
        table[key] = tuple(branches)
    names = ["crash", "stop", "amnesia", "torn", "corrupt", "partition"]
    if network != "set":
        names += ["loss", "duplicate"]
    chosen = draw(
        st.lists(st.sampled_from(names), max_size=2, min_size=draw(st.integers(0, 1)), unique=True)
    )
    if sends_again and nodes > 1 and draw(st.booleans()):
        chosen = ["partition"]
    return Spec(
        nodes=nodes,
        table=table,
        network=network,
        faults=dict.fromkeys(chosen, 1),
        asks=network == "set" and draw(st.booleans()),
        bad=(draw(values), draw(values)),
        bad_step=(draw(values), draw(values)),
        end=draw(values),
        goal=(draw(values), draw(st.integers(0, 2))),
    )
