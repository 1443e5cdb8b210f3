"""The transition system of a protocol: the meaning of a model, in one place.

All engines, the replay of counterexamples and the validator stand on `initial`, `react` and
`successors`. They are written to be read: nothing here is clever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from paxcheck.protocol.errors import ModelError, Where, where_of
from paxcheck.protocol.execute import (
    Act,
    Local,
    NodeFault,
    NodeShape,
    Outcome,
    Reaction,
    SentMessages,
    receivers_of,
    shape_of,
)
from paxcheck.protocol.faults import NODE_FAULTS
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.network import NETWORKS
from paxcheck.protocol.node import Node, Rule, handlers_of
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.surroundings import Surroundings
from paxcheck.protocol.values import ordered
from paxcheck.protocol.world import Seat, StepView, World


class NetworkFault(Struct, frozen=True):
    """A fault of the network: loss or duplicate of one envelope, partition, or its heal."""

    kind: str
    envelope: Envelope | None = None
    side: frozenset[str] | None = None


Trigger: TypeAlias = Envelope | Act | NodeFault
"""What makes one node take a step: the delivery of an envelope, an action, a fault."""

Tried: TypeAlias = Callable[[Trigger, Outcome | None, bool], None]
"""An observer of local steps: the trigger, the outcome (None: no branch was open), did it run."""


class Step(Struct, frozen=True):
    """One step of the system: what happened, and which branch of its choices was taken."""

    trigger: Trigger | NetworkFault
    branch: int = 0

    @property
    def node(self) -> str | None:
        """The node that takes the step; None for a fault of the network."""
        if isinstance(self.trigger, Envelope):
            return self.trigger.to
        return None if isinstance(self.trigger, NetworkFault) else self.trigger.node

    @property
    def is_fault(self) -> bool:
        """Whether a fault strikes. It may, but it need not: a run can end without it."""
        if isinstance(self.trigger, NetworkFault):
            return self.trigger.kind != "heal"
        return isinstance(self.trigger, NodeFault)


class Ghosts(Struct, frozen=True):
    """Ghost fields of some nodes: (node, field) of each, and (node, place in its local state)."""

    parts: frozenset[tuple[int, str]]
    places: tuple[tuple[int, int], ...]


class Transition(Struct, frozen=True):
    """A step out of a world; `world` is None when the handler raised an exception."""

    step: Step
    world: World | None
    outcome: Outcome | None = None


class System:
    """The transition system that a protocol defines in one configuration.

    `names`, `index`: the nodes; `budgets`: the faults with how often each may strike;
    `surroundings`: what no step may change; `closed`: how often a rule said yes or no in a branch
    that then had nothing to choose; `interrupted`: the line of the model at which an interrupt
    ended a search.
    """

    def __init__(self, protocol: Protocol, *, memo: bool = True) -> None:
        self.protocol = protocol
        self.nodes = protocol.node_list()
        self.names = tuple([node.name for node in self.nodes])
        self.index = {name: i for i, name in enumerate(self.names)}
        self.network = protocol.network
        self.net = NETWORKS[protocol.network]
        self.budgets = dict(protocol.faults)
        self.fault_names = tuple(self.budgets)
        receivers = receivers_of(self.nodes)
        faults = frozenset(self.budgets)
        self.shapes = tuple(
            [
                shape_of(
                    node,
                    network=self.network,
                    without=protocol.without,
                    receivers=receivers,
                    faults=faults,
                )
                for node in self.nodes
            ]
        )
        self.seats = tuple([Seat(shape, i) for i, shape in enumerate(self.shapes)])
        protocol.groups()  # a mistake in them is told now, before the search
        self.surroundings = Surroundings(protocol, self.nodes)
        self.interrupted: tuple[Where, str] | None = None
        self.closed: Counter[tuple[str, bool]] = Counter()
        self._triggers = tuple([self._triggers_of(i) for i in range(len(self.nodes))])
        self._memo: dict[tuple[int, Local, Trigger], Reaction] | None = {} if memo else None
        # Equal local states and envelopes become one object: comparing them is then instant.
        self._one: dict[Any, Any] = {}
        self._ghosts_of: dict[Any, Ghosts] = {}
        self._nodes_of: dict[type[Node], tuple[int, ...]] = {}

    def initial(self) -> World:
        """The state before the first step: every node has run its `on_start`."""
        locals_: list[Local] = []
        network = self.net.empty
        for shape in self.shapes:
            outcomes = self._act(shape, shape.initial, "on_start", None, None).outcomes
            if len(outcomes) != 1 or outcomes[0].error is not None:
                what = outcomes[0].error if outcomes else "no outcome"
                raise ModelError(
                    f"{type(shape.prototype).__name__}.on_start of {shape.name} must have exactly "
                    f"one outcome: {what if len(outcomes) < 2 else 'it has a choice'}",
                    where=where_of(type(shape.prototype).on_start),
                    hint="what a node does at the start is fixed: let an action choose",
                )
            locals_.append(outcomes[0].local)
            network = self.net.send(network, outcomes[0].sent)
        return World(tuple(locals_), network, tuple(self.budgets.values()))

    def triggers(self, i: int) -> tuple[Act | NodeFault, ...]:
        """What node `i` may do besides taking a message: its actions, then the faults."""
        return self._triggers[i]

    def react(
        self, i: int, local: Local, trigger: Trigger, sent: SentMessages | None = None
    ) -> Reaction:
        """Every outcome of one step of node `i`; pure, and it depends on nothing else.

        `sent` answers which messages were ever sent (set network, actions only); the classes
        that were asked for are in the result's `reads`. Raises ModelError where the model breaks
        a rule of the language.
        """
        if self._memo is None:
            return self._react(i, local, trigger, sent)
        key = (i, local, trigger)
        known = self._memo.get(key)
        if known is None:
            known = self._shared(self._react(i, local, trigger, sent))
            if not known.reads:  # what other messages decide is not kept here
                self._memo[key] = known
        return known

    def successors(self, world: World, tried: Tried | None = None) -> Iterator[Transition]:
        """All steps out of a world, in canonical order: node by node, then the network.

        A step that changes nothing is not a step. `tried` is told of every local step, also of
        those that changed nothing.
        """
        sent = self._sent_in(world)
        arriving: dict[str, list[Envelope]] = {name: [] for name in self.names}
        for envelope in self.net.deliverable(world.network):
            arriving[envelope.to].append(envelope)
        for i, name in enumerate(self.names):
            for trigger in self._triggers[i]:
                yield from self.local_steps(world, i, trigger, sent, tried)
            for envelope in arriving[name]:
                if not _is_cut(world.cut, envelope):
                    yield from self.local_steps(world, i, envelope, sent, tried)
        yield from self._network_steps(world)

    def is_terminal(self, world: World) -> bool:
        """Whether a run can end in a state: no step but a fault is possible."""
        return all(transition.step.is_fault for transition in self.successors(world))

    def local_steps(
        self,
        world: World,
        i: int,
        trigger: Trigger,
        sent: SentMessages | None = None,
        tried: Tried | None = None,
    ) -> Iterator[Transition]:
        """The steps of node `i` on one trigger."""
        local, shape = world.locals[i], self.shapes[i]
        if shape.stoppable and shape.stopped(local):
            return
        budgets = world.budgets
        if isinstance(trigger, NodeFault):
            spent = self._spend(budgets, trigger.kind)
            if spent is None:
                return
            budgets = spent
        asking = sent or self._sent_in(world)
        outcomes = self.react(i, local, trigger, asking).outcomes
        if tried and not outcomes:
            tried(trigger, None, False)
        for branch, outcome in enumerate(outcomes):
            step = Step(trigger, branch)
            if outcome.error is not None:
                if tried:
                    tried(trigger, outcome, True)
                yield Transition(step, None, outcome)
                continue
            network = world.network
            same = outcome.local == local
            if isinstance(trigger, Envelope) and self.net.consumes(same and not outcome.sent):
                network = self.net.take(network, trigger)
            if outcome.sent:
                network = self.net.send(network, outcome.sent)
            ran = not same or network != world.network
            if tried:
                tried(trigger, outcome, ran)
            if not ran:
                continue
            locals_ = (*world.locals[:i], outcome.local, *world.locals[i + 1 :])
            yield Transition(step, World(locals_, network, budgets, world.cut), outcome)

    def step_view(self, before: World, transition: Transition) -> StepView | None:
        """The step as a step invariant sees it; None for a step of the network."""
        node, outcome = transition.step.node, transition.outcome
        if node is None or outcome is None:
            return None
        return self.local_view(
            self.index[node], before.locals[self.index[node]], transition.step.trigger, outcome
        )

    def local_view(self, i: int, local: Local, trigger: object, outcome: Outcome) -> StepView:
        """One outcome of a local step, as a step invariant sees it."""
        seat = self.seats[i]
        before, after = (seat, local, None, None), (seat, outcome.local, None, None)
        return StepView(seat.view(before), trigger, seat.view(after), outcome.sent)

    def nodes_of(self, kind: type[Node]) -> tuple[int, ...]:
        """The places of the nodes of a class."""
        found = self._nodes_of.get(kind)
        if found is None:
            found = tuple([i for i, node in enumerate(self.nodes) if isinstance(node, kind)])
            self._nodes_of[kind] = found
        return found

    def ghosts_of(self, kind: type[Node], fields: tuple[str, ...]) -> Ghosts:
        """Where these fields of all nodes of a class are."""
        found = self._ghosts_of.get((kind, fields))
        if found is None:
            parts = [(i, field) for i in self.nodes_of(kind) for field in fields]
            places = tuple([(i, self.shapes[i].ghost(field)) for i, field in parts])
            found = self._ghosts_of[kind, fields] = Ghosts(frozenset(parts), places)
        return found

    def handler_name(self, trigger: Trigger) -> str:
        """`Class.method` that runs on a trigger, for coverage and for stories."""
        if isinstance(trigger, NodeFault):
            return f"fault {trigger.kind}"
        if isinstance(trigger, Act):
            return f"{type(self.nodes[self.index[trigger.node]]).__name__}.{trigger.action}"
        cls = type(self.nodes[self.index[trigger.to]])
        return f"{cls.__name__}.{handlers_of(cls)[type(trigger.message)].name}"

    def all_handlers(self) -> list[str]:
        """`Class.method` of every handler and action of the protocol."""
        names: dict[str, None] = {}
        for node in self.nodes:
            cls = type(node)
            for name in cls._actions:  # pyright: ignore[reportPrivateUsage]
                names.setdefault(f"{cls.__name__}.{name}")
            for handler in handlers_of(cls).values():
                names.setdefault(f"{cls.__name__}.{handler.name}")
        return list(names)

    def all_rules(self) -> dict[str, Rule]:
        """The rules by name."""
        return {name: rule for name, (_, rule) in self.protocol.rules().items()}

    # ------------------------------------------------------------------------------------------

    def _triggers_of(self, i: int) -> tuple[Act | NodeFault, ...]:
        node = self.nodes[i]
        actions = [Act(node.name, name) for name in node._actions]  # pyright: ignore[reportPrivateUsage]
        faults = [NodeFault(node.name, kind) for kind in self.fault_names if kind in NODE_FAULTS]
        return (*actions, *faults)

    def _react(self, i: int, local: Local, trigger: Trigger, sent: SentMessages | None) -> Reaction:
        shape = self.shapes[i]
        if isinstance(trigger, NodeFault):
            return self._watched(shape, "on_restart", shape.fault, local, trigger.kind)
        if shape.stoppable and shape.stopped(local):
            return Reaction(())
        if isinstance(trigger, Act):
            asking = sent if self.network == "set" else None
            return self._act(shape, local, trigger.action, None, asking)
        name, message = shape.methods[type(trigger.message)], trigger.message
        return self._watched(shape, name, shape.act, local, name, message, None)

    def _act(
        self,
        shape: NodeShape,
        local: Local,
        method: str,
        message: Message | None,
        sent: SentMessages | None,
    ) -> Reaction:
        return self._watched(shape, method, shape.act, local, method, message, sent)

    def _watched(
        self, shape: NodeShape, method: str, act: Callable[..., Reaction], *args: Any
    ) -> Reaction:
        """What a method of a node does, with an eye on what surrounds the node."""
        surroundings = self.surroundings
        surroundings.before_call()
        try:
            reaction = act(*args)
        except ModelError:
            surroundings.after_call(type(shape.prototype), method)  # it may know a better reason
            raise
        surroundings.after_call(type(shape.prototype), method)
        if reaction.closed:
            self.closed.update([(call.rule, call.allowed) for call in reaction.closed])
        return reaction

    def _shared(self, reaction: Reaction) -> Reaction:
        one = self._one.setdefault
        outcomes = [
            replace(o, local=one(o.local, o.local), sent=tuple([one(e, e) for e in o.sent]))
            for o in reaction.outcomes
        ]
        return Reaction(tuple(outcomes), reaction.reads)

    def _sent_in(self, world: World) -> SentMessages:
        def sent(kind: type[Message]) -> tuple[Message, ...]:
            return tuple(ordered({e.message for e in world.network if isinstance(e.message, kind)}))

        return sent

    def _spend(self, budgets: tuple[int, ...], fault: str) -> tuple[int, ...] | None:
        at = self.fault_names.index(fault)
        if not budgets[at]:
            return None
        return (*budgets[:at], budgets[at] - 1, *budgets[at + 1 :])

    def _network_steps(self, world: World) -> Iterator[Transition]:
        for kind in ("loss", "duplicate"):
            spent = self._spend(world.budgets, kind) if kind in self.budgets else None
            if spent is None:
                continue
            change = self.net.lose if kind == "loss" else self.net.duplicate
            for envelope in self.net.copies(world.network):
                after = world._replace(network=change(world.network, envelope), budgets=spent)
                yield Transition(Step(NetworkFault(kind, envelope)), after)
        if "partition" in self.budgets:
            yield from self._partition_steps(world)

    def _partition_steps(self, world: World) -> Iterator[Transition]:
        if world.cut is not None:
            yield Transition(Step(NetworkFault("heal")), world._replace(cut=None))
            return
        spent = self._spend(world.budgets, "partition")
        if spent is None:
            return
        # Each cut once: the side without the first node names it.
        others = self.names[1:]
        for size in range(1, len(others) + 1):
            for chosen in combinations(others, size):
                side = frozenset(chosen)
                fault = NetworkFault("partition", side=side)
                yield Transition(Step(fault), world._replace(cut=side, budgets=spent))


def _is_cut(cut: frozenset[str] | None, envelope: Envelope) -> bool:
    return cut is not None and (envelope.sender in cut) != (envelope.to in cut)
