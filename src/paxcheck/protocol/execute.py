"""One step of one node: run a handler, an action or a fault, and record all that it did.

This is the semantics of a local step. It depends only on the node's local state, the trigger
and the sent messages that the step asked for; it changes nothing outside.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from msgspec import Struct

from paxcheck.protocol.errors import (
    NOT_THE_MODELS,
    ModelError,
    Where,
    in_one_line,
    model_lines,
    where_in_model,
    where_of,
)
from paxcheck.protocol.fields import Field
from paxcheck.protocol.messages import Envelope, Message, Sought
from paxcheck.protocol.node import Node, handlers_of
from paxcheck.protocol.run import GhostSet, NoBranch, RuleCall, Run, SentMessages
from paxcheck.protocol.values import ATOMS, Value, freeze, thaw

Local: TypeAlias = tuple[Value, ...]
"""A node's local state: its durable, volatile and ghost fields in order of declaration, then
hidden parts that faults need (see `NodeShape`)."""


class HandlerError(Struct, frozen=True):
    """An exception that a handler let escape, in words; the lines are the model's own."""

    told: str
    lines: tuple[tuple[Where, str], ...]

    def __str__(self) -> str:
        return self.told + (f" at {self.lines[-1][0]} in {self.lines[-1][1]}" if self.lines else "")


class Outcome(Struct, frozen=True):
    """One branch of a step: the new local state and what was sent, in order of sending."""

    local: Local
    sent: tuple[Envelope, ...] = ()
    choices: tuple[Value, ...] = ()
    rules: tuple[RuleCall, ...] = ()
    error: HandlerError | None = None

    def _result(self) -> tuple[Any, ...]:
        return (self.local, self.sent, self.choices, self.error)


class Reaction(Struct, frozen=True):
    """All branches of a step, and the classes of sent messages that it asked for.

    `closed`: the rules that were asked in branches which then had nothing to choose.
    """

    outcomes: tuple[Outcome, ...]
    reads: frozenset[Sought] = frozenset()
    closed: tuple[RuleCall, ...] = ()


class Act(Struct, frozen=True):
    """A step that a node takes by itself."""

    node: str
    action: str


class NodeFault(Struct, frozen=True):
    """A fault that hits one node: crash, stop, amnesia, torn or corrupt."""

    node: str
    kind: str


class NodeShape(Struct, frozen=True):
    """All that is fixed about one node: how a local state is laid out and what surrounds it.

    `methods`: which one takes each class of messages. `places`: where each field stands in a local
    state; `plain` and `ghosts`: the fields with their places; `fixed`: the attributes that no step
    changes.
    `twice`: run each handler a second time, to see that it does the same again. `heard`: the other
    nodes that take a message, as far as it was asked.
    """

    prototype: Node
    network: str
    without: frozenset[str]
    receivers: dict[str, frozenset[type[Message]]]
    stoppable: bool
    tearable: bool
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    initial: Local
    methods: dict[type[Message], str]
    places: dict[str, int]
    plain: tuple[tuple[str, int], ...]
    ghosts: tuple[tuple[str, int], ...]
    fixed: dict[str, Any]
    twice: bool = True
    heard: dict[type[Message], tuple[str, ...]] = {}

    @property
    def name(self) -> str:
        """The node's name."""
        return self.prototype.name

    @property
    def declared(self) -> dict[str, Field]:
        """The declaration of each field."""
        return self.prototype._fields  # pyright: ignore[reportPrivateUsage]

    def stopped(self, local: Local) -> bool:
        """Whether the node is down for ever."""
        return self.stoppable and local[len(self.names)]

    def others_that_take(self, kind: type[Message]) -> tuple[str, ...]:
        """The other nodes with a handler for a class of messages."""
        found = self.heard.get(kind)
        if found is None:
            rows = self.receivers.items()
            found = tuple([name for name, kinds in rows if name != self.name and kind in kinds])
            self.heard[kind] = found
        return found

    def ghost(self, field: str) -> int:
        """The place of a ghost field in a local state. Raises ModelError for any other name."""
        if field not in self.places or self.declared[field].kind != "ghost":
            kind = type(self.prototype).__name__
            ghosts = [name for name in self.names if self.declared[name].kind == "ghost"]
            raise ModelError(
                f"{kind}.{field} is asked for what it remembers, and is no ghost field",
                where=where_in_model(),
                hint=f"the ghost fields of {kind}: {', '.join(ghosts) or 'none'}",
            )
        return self.places[field]

    def act(
        self, local: Local, method: str, message: Message | None, sent: SentMessages | None
    ) -> Reaction:
        """Every branch of one handler or action."""
        outcomes: list[Outcome] = []
        reads: set[Sought] = set()
        closed: list[RuleCall] = []
        prefix: list[int] = []
        while True:
            run = Run(self, method, prefix, sent)
            outcome = self._run_once(run, local, method, message)
            if self.twice:
                again = Run(self, method, prefix, sent, again=True)
                second = self._run_once(again, local, method, message)
                self._same(outcome, second, run.where, method)
            if not prefix and not run.taken and outcome is not None:
                return Reaction((outcome,), frozenset(run.reads))  # nothing was chosen
            reads |= run.reads
            if outcome is not None:
                outcomes.append(outcome)
            else:
                closed += run.rules
            prefix = _next_branch(run.taken)
            if not prefix:
                return Reaction(tuple(outcomes), frozenset(reads), tuple(closed))

    def fault(self, local: Local, kind: str) -> Reaction:
        """What a fault does to the node; several outcomes where the fault has a choice."""
        if self.stopped(local):
            return Reaction(())
        fields, hidden = local[: len(self.names)], local[len(self.names) :]
        if kind == "stop":
            return Reaction((Outcome((*fields, True, *hidden[1:])),))
        if kind == "corrupt":
            return Reaction(tuple(self._corruptions(fields, hidden)))
        if kind == "torn":
            before = hidden[-1]
            if before is None:
                return Reaction(())
            values = iter(before)
            fields = tuple(
                [
                    next(values) if k == "durable" else v
                    for k, v in zip(self.kinds, fields, strict=True)
                ]
            )
        lost = {"volatile", "durable"} if kind == "amnesia" else {"volatile"}
        reset = tuple(
            [
                first if k in lost else v
                for k, v, first in zip(self.kinds, fields, self.initial, strict=False)
            ]
        )
        if self.tearable:
            hidden = (*hidden[:-1], None)
        return self.act((*reset, *hidden), "on_restart", None, None)

    def _corruptions(self, fields: Local, hidden: Local) -> Iterator[Outcome]:
        for position, name in enumerate(self.names):
            declared = self.declared[name]
            if declared.kind != "durable":
                continue
            values = (self.initial[position],)
            if declared.corrupt is not None:
                values = tuple([freeze(v, f"a corrupt value of {name}") for v in declared.corrupt])
            for value in values:
                if value != fields[position]:
                    changed = (*fields[:position], value, *fields[position + 1 :])
                    yield Outcome((*changed, *hidden), (), (name, value))

    def _run_once(
        self, run: Run, local: Local, method: str, message: Message | None
    ) -> Outcome | None:
        node = object.__new__(type(self.prototype))
        memory = node.__dict__
        memory.update(self.fixed)
        for name, at in self.plain:
            value = local[at]
            memory[name] = thaw(value) if value.__class__ is tuple else value
        for name, at in self.ghosts:
            memory[name] = GhostSet(name, local[at], run)
        memory["_run"] = run
        try:
            called = getattr(node, method)
            returned = called() if message is None else called(message)
            if run.ended is not None:
                raise run.ended  # the handler caught what ends its step
        except BaseException as problem:
            if isinstance(run.ended, NoBranch):
                return None
            if run.ended is not None:
                raise run.ended from None
            if isinstance(problem, NOT_THE_MODELS):
                raise
            return self._failed(run, local, problem)
        finally:
            run.ended = None  # it knows its frames, and they know the run
        if returned is not None:
            self._check_returned(returned, run.where, method)
        try:
            fields = self._frozen(node, local)
        except ModelError as problem:
            # The assignment is over when the value is looked at: name the method.
            problem.where = where_of(getattr(type(node), method))
            raise
        except KeyError as problem:
            raise ModelError(
                f"{run.where} removes the field {problem}",
                where=where_of(getattr(type(node), method)),
                hint="a field always has a value, which may be None",
            ) from None
        choices = tuple([value for _, _, value in run.taken]) if run.taken else ()
        if len(local) > len(fields):
            fields = self._with_hidden(local, fields)
        return Outcome(fields, tuple(run.sends), choices, tuple(run.rules))

    def _frozen(self, node: Node, local: Local) -> Local:
        """The fields as a handler left them."""
        memory = node.__dict__
        fields = list(local[: len(self.names)])
        for name, at in self.plain:
            value = memory[name]
            if value is not fields[at]:
                if value.__class__ not in ATOMS:
                    value = freeze(value, f"{type(node).__name__}.{name}")
                fields[at] = value
        for name, at in self.ghosts:
            fields[at] = memory[name].frozen()
        return tuple(fields)

    def _with_hidden(self, local: Local, fields: Local) -> Local:
        """Keep the hidden parts; a torn write needs the durable fields before the last change."""
        hidden = local[len(self.names) :]
        if self.tearable:
            before = self._durable(local)
            if before != self._durable(fields):
                hidden = (*hidden[:-1], before)
        return (*fields, *hidden)

    def _durable(self, local: Local) -> tuple[Value, ...]:
        return tuple([v for k, v in zip(self.kinds, local, strict=False) if k == "durable"])

    def _failed(self, run: Run, local: Local, problem: BaseException) -> Outcome:
        error = HandlerError(in_one_line(problem), model_lines(problem.__traceback__))
        choices = tuple([value for _, _, value in run.taken])
        return Outcome(local, (), choices, tuple(run.rules), error)

    def _check_returned(self, returned: Any, where: str, method: str) -> None:
        """A decorator can hide from us that a call runs nothing of the body."""
        if inspect.isgenerator(returned) or inspect.iscoroutine(returned):
            raise ModelError(
                f"{where} returned a {type(returned).__name__}: nothing of it ran",
                where=where_of(getattr(type(self.prototype), method)),
                hint="write a plain function: steps are atomic, and nothing waits in them",
            )

    def _same(self, one: Outcome | None, two: Outcome | None, where: str, method: str) -> None:
        first = one._result() if one else None  # pyright: ignore[reportPrivateUsage]
        second = two._result() if two else None  # pyright: ignore[reportPrivateUsage]
        if first != second:
            raise ModelError(
                f"{where} is not deterministic: run twice on the same state it did two things",
                where=where_of(getattr(type(self.prototype), method)),
                hint="random numbers, clocks, global variables and the order of a set must not "
                "decide a step; use self.choose(...) for a free choice",
            )


def _next_branch(taken: list[tuple[int, int, Value]]) -> list[int]:
    """The choices of the branch after this one, like an odometer; empty when all are done."""
    if not taken:
        return []
    digits = [(index, count) for index, count, _ in taken]
    while digits and digits[-1][0] + 1 >= digits[-1][1]:
        digits.pop()
    prefix = [index for index, _ in digits]
    if prefix:
        prefix[-1] += 1
    return prefix


def shape_of(
    node: Node,
    *,
    network: str,
    without: frozenset[str],
    receivers: dict[str, frozenset[type[Message]]],
    faults: frozenset[str],
) -> NodeShape:
    """The shape of a node in a system with these faults."""
    declared = node._fields  # pyright: ignore[reportPrivateUsage]
    names = tuple([name for name, f in declared.items() if f.kind != "constant"])
    kinds = tuple([declared[name].kind for name in names])
    values = [freeze(node.__dict__[name], f"{type(node).__name__}.{name}") for name in names]
    hidden = (*((False,) if "stop" in faults else ()), *((None,) if "torn" in faults else ()))
    return NodeShape(
        prototype=node,
        network=network,
        without=without,
        receivers=receivers,
        stoppable="stop" in faults,
        tearable="torn" in faults,
        names=names,
        kinds=kinds,
        initial=(*values, *hidden),
        methods={kind: handler.name for kind, handler in handlers_of(type(node)).items()},
        places={name: at for at, name in enumerate(names)},
        plain=tuple([(name, at) for at, name in enumerate(names) if kinds[at] != "ghost"]),
        ghosts=tuple([(name, at) for at, name in enumerate(names) if kinds[at] == "ghost"]),
        fixed={name: value for name, value in node.__dict__.items() if name not in names},
    )


def receivers_of(nodes: Iterable[Node]) -> dict[str, frozenset[type[Message]]]:
    """For each node the classes of messages that it handles."""
    return {node.name: frozenset(handlers_of(type(node))) for node in nodes}


__all__ = [
    "Act",
    "HandlerError",
    "Local",
    "NodeFault",
    "NodeShape",
    "Outcome",
    "Reaction",
    "RuleCall",
    "SentMessages",
    "receivers_of",
    "shape_of",
]
