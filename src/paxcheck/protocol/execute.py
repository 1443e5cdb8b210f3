"""One step of one node: run a handler, an action or a fault, and record all that it did.

This is the semantics of a local step. It depends only on the node's local state, the trigger
and the sent messages that the step asked for; it changes nothing outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from paxcheck.protocol.errors import ModelError, Where, model_lines, where_in_model, where_of_code
from paxcheck.protocol.fields import Field
from paxcheck.protocol.messages import PUBLISHED, Envelope, Message, stamped
from paxcheck.protocol.node import Node, Rule, handlers_of
from paxcheck.protocol.values import Value, check_immutable, freeze, order_key, thaw

Local: TypeAlias = tuple[Value, ...]
"""A node's local state: its durable, volatile and ghost fields in order of declaration, then
hidden parts that faults need (see `NodeShape`)."""

SentMessages: TypeAlias = Callable[[type[Message]], tuple[Message, ...]]


@dataclass(frozen=True, slots=True)
class RuleCall:
    """One question put to a rule: with which values, and what it said."""

    rule: str
    args: tuple[Any, ...]
    allowed: bool
    switched_off: bool = False

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.args))
        return f"{self.rule}({inside}) said {'yes' if self.allowed else 'no'}"


@dataclass(frozen=True, slots=True)
class HandlerError:
    """An exception that a handler let escape; the lines are the model's own."""

    type: str
    message: str
    lines: tuple[tuple[Where, str], ...]

    def __str__(self) -> str:
        where = f" at {self.lines[-1][0]} in {self.lines[-1][1]}" if self.lines else ""
        return f"{self.type}: {self.message}{where}" if self.message else f"{self.type}{where}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One branch of a step: the new local state and what was sent, in order of sending."""

    local: Local
    sent: tuple[Envelope, ...] = ()
    choices: tuple[Value, ...] = ()
    rules: tuple[RuleCall, ...] = ()
    error: HandlerError | None = None

    def _result(self) -> tuple[Any, ...]:
        return (self.local, self.sent, self.choices, self.error)


@dataclass(frozen=True, slots=True)
class Reaction:
    """All branches of a step, and the classes of sent messages that it asked for."""

    outcomes: tuple[Outcome, ...]
    reads: frozenset[type[Message]] = frozenset()


@dataclass(frozen=True, slots=True)
class Act:
    """A step that a node takes by itself."""

    node: str
    action: str


@dataclass(frozen=True, slots=True)
class NodeFault:
    """A fault that hits one node: crash, stop, amnesia, torn or corrupt."""

    node: str
    kind: str


class _NoBranch(Exception):
    """Raised by `choose` when there is nothing to choose: the step is off."""


@dataclass(slots=True)
class Run:
    """One run of a handler: the ends of `send`, `choose`, `sent` and of rules."""

    shape: NodeShape
    where: str
    prefix: Sequence[int] = ()
    asking: SentMessages | None = None
    sends: list[Envelope] = field(default_factory=list[Envelope])
    taken: list[tuple[int, int, Value]] = field(default_factory=list[tuple[int, int, Value]])
    rules: list[RuleCall] = field(default_factory=list[RuleCall])
    reads: set[type[Message]] = field(default_factory=set[type[Message]])

    def send(self, receivers: Iterable[str], message: Message) -> None:
        """Put one copy for each receiver into the network."""
        message = self._checked(message)
        for to in receivers:
            if to not in self.shape.receivers:
                raise ModelError(
                    f"{self.shape.name} sends {type(message).__name__} to {to!r}, "
                    "and there is no such node",
                    where=where_in_model(),
                    hint=f"the nodes are {', '.join(self.shape.receivers)}",
                )
            if type(message) not in self.shape.receivers[to]:
                raise ModelError(
                    f"{to} has no handler for {type(message).__name__}, sent by {self.shape.name}",
                    where=where_in_model(),
                    hint=f"add to its class: def on_{_snake(type(message).__name__)}"
                    f"(self, msg: {type(message).__name__})",
                )
            self.sends.append(Envelope(to, message))

    def broadcast(self, message: Message) -> None:
        """One copy for every other node with a handler for the message."""
        kind = type(message)
        others = [
            name
            for name, kinds in self.shape.receivers.items()
            if name != self.shape.name and kind in kinds
        ]
        if not others:
            raise ModelError(
                f"{self.shape.name} broadcasts {kind.__name__}, which no other node handles",
                where=where_in_model(),
                hint="add a handler, or publish() it if only properties ask for it",
            )
        self.send(others, message)

    def publish(self, message: Message) -> None:
        """A message for actions and properties alone."""
        if self.shape.network != "set":
            raise ModelError(
                "publish() needs a set network, where a message stays for ever",
                where=where_in_model(),
                hint="in another network keep it in a ghost field",
            )
        self.sends.append(Envelope(PUBLISHED, self._checked(message)))

    def choose(self, options: Iterable[Any]) -> Any:
        """Follow the branch that is being explored, or the first one beyond it."""
        alternatives = list(options)
        if isinstance(options, (set, frozenset)):
            alternatives.sort(key=order_key)
        if not alternatives:
            raise _NoBranch
        depth = len(self.taken)
        index = self.prefix[depth] if depth < len(self.prefix) else 0
        if index >= len(alternatives):
            raise ModelError(
                f"{self.where} offered another choice when it was run again",
                where=where_in_model(),
                hint="a handler must depend on its fields and its message only",
            )
        picked = alternatives[index]
        self.taken.append((index, len(alternatives), freeze(picked, "an option of choose()")))
        return picked

    def sent_messages(self, kind: type[Message]) -> tuple[Message, ...]:
        """Answer `sent`, and record the question."""
        if self.asking is None:
            raise ModelError(
                f"{self.where} asks which {kind.__name__} messages were sent",
                where=where_in_model(),
                hint="only an action may ask, and only in a set network (network = 'set')",
            )
        self.reads.add(kind)
        return self.asking(kind)

    def ask_rule(self, asked: Rule, node: Node, args: tuple[Any, ...]) -> bool:
        """Ask a rule, or let pass where it is switched off (what it would say is kept)."""
        off = asked.name in self.shape.without
        try:
            allowed = bool(asked.method(node, *args))
        except ModelError:
            raise
        except Exception:
            if not off:
                raise
            allowed = True
        frozen = tuple([freeze(a, f"an argument of rule {asked.name}") for a in args])
        self.rules.append(RuleCall(asked.name, frozen, allowed, off))
        return allowed or off

    def _checked(self, message: Message) -> Message:
        if not isinstance(message, Message):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ModelError(
                f"{self.where} sends {message!r}, which is not a Message",
                where=where_in_model(),
                hint="class Something(Message): ...",
            )
        check_immutable(message, type(message).__name__)
        return stamped(message, self.shape.name)


class _GhostSet:
    """What a handler sees of a ghost field: it may add, and nothing else."""

    __slots__ = ("_items", "_name")

    def __init__(self, name: str, items: frozenset[Value]) -> None:
        self._name = name
        self._items = set(items)

    def add(self, item: Any) -> None:
        """Remember an item for the properties."""
        self._items.add(freeze(item, f"an item of {self._name}"))

    def frozen(self) -> frozenset[Value]:
        """The whole history, for the state."""
        return frozenset(self._items)

    def _invisible(self, *_: Any) -> Any:
        raise ModelError(
            f"{self._name} is a ghost field: handlers may only add to it",
            where=where_in_model(),
            hint="a value that the protocol needs is durable(...) or volatile(...)",
        )

    __iter__ = __len__ = __contains__ = __eq__ = __bool__ = __or__ = __and__ = _invisible
    __sub__ = __repr__ = __str__ = _invisible
    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class NodeShape:
    """All that is fixed about one node: how a local state is laid out and what surrounds it.

    `twice`: run each handler a second time, to see that it does the same again.
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
    twice: bool = True

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

    def act(
        self, local: Local, method: str, message: Message | None, sent: SentMessages | None
    ) -> Reaction:
        """Every branch of one handler or action."""
        where = f"{type(self.prototype).__name__}.{method}"
        outcomes: list[Outcome] = []
        reads: set[type[Message]] = set()
        for prefix in _branches():
            run = Run(self, where, prefix, sent)
            outcome = self._run_once(run, local, method, message)
            again = Run(self, where, prefix, sent)
            if self.twice and (outcome is not None or run.taken):
                self._same(outcome, self._run_once(again, local, method, message), where, method)
            reads |= run.reads
            if outcome is not None:
                outcomes.append(outcome)
            prefix.extend_from(run.taken)
        return Reaction(tuple(outcomes), frozenset(reads))

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
        memory.update(self.prototype.__dict__)
        for name, kind, value in zip(self.names, self.kinds, local, strict=False):
            memory[name] = _GhostSet(name, value) if kind == "ghost" else thaw(value)
        memory["_run"] = run
        try:
            if message is None:
                getattr(node, method)()
            else:
                getattr(node, method)(message)
        except _NoBranch:
            return None
        except ModelError:
            raise
        except RecursionError as problem:
            return self._failed(run, local, problem)
        except Exception as problem:
            return self._failed(run, local, problem)
        try:
            fields = tuple(
                [
                    memory[name].frozen()
                    if kind == "ghost"
                    else freeze(memory[name], f"{type(node).__name__}.{name}")
                    for name, kind in zip(self.names, self.kinds, strict=True)
                ]
            )
        except ModelError as problem:
            # The assignment is over when the value is looked at: name the method.
            problem.where = where_of_code(getattr(type(node), method).__code__)
            raise
        return Outcome(
            self._with_hidden(local, fields),
            tuple(run.sends),
            tuple([value for _, _, value in run.taken]),
            tuple(run.rules),
        )

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

    def _failed(self, run: Run, local: Local, problem: Exception) -> Outcome:
        text = str(problem).splitlines()
        error = HandlerError(
            type(problem).__name__, text[0] if text else "", model_lines(problem.__traceback__)
        )
        choices = tuple([value for _, _, value in run.taken])
        return Outcome(local, (), choices, tuple(run.rules), error)

    def _same(self, one: Outcome | None, two: Outcome | None, where: str, method: str) -> None:
        first = one._result() if one else None  # pyright: ignore[reportPrivateUsage]
        second = two._result() if two else None  # pyright: ignore[reportPrivateUsage]
        if first != second:
            code = getattr(type(self.prototype), method).__code__
            raise ModelError(
                f"{where} is not deterministic: run twice on the same state it did two things",
                where=where_of_code(code),
                hint="random numbers, clocks, global variables and the order of a set must not "
                "decide a step; use self.choose(...) for a free choice",
            )


class _Prefix(list[int]):
    """The choices of the branch that is explored next."""

    def extend_from(self, taken: list[tuple[int, int, Value]]) -> None:
        """Move to the next branch in order, like an odometer; empty when all are done."""
        digits = [(index, count) for index, count, _ in taken]
        while digits and digits[-1][0] + 1 >= digits[-1][1]:
            digits.pop()
        self[:] = [index for index, _ in digits]
        if self:
            self[-1] += 1
        self.done = not self

    done = False


def _branches() -> Iterator[_Prefix]:
    prefix = _Prefix()
    while not prefix.done:
        yield prefix


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
    )


def receivers_of(nodes: Iterable[Node]) -> dict[str, frozenset[type[Message]]]:
    """For each node the classes of messages that it handles."""
    return {node.name: frozenset(handlers_of(type(node))) for node in nodes}


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
