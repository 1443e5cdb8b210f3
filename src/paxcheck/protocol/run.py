"""One run of a handler: what it sends, chooses, asks and remembers, recorded as it happens.

What ends a step here ends it, whatever the handler catches: a mistake in a model must not be
swallowed by an `except` of the model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias, TypeVar

from msgspec import Struct

from paxcheck.protocol.errors import ModelError, where_in_model, where_of
from paxcheck.protocol.growing import Growing
from paxcheck.protocol.messages import (
    PUBLISHED,
    Envelope,
    Message,
    Sought,
    check_message_class,
    stamped,
)
from paxcheck.protocol.node import Node, Rule
from paxcheck.protocol.values import (
    ATOMS,
    FrozenOrderedSet,
    Value,
    check_immutable,
    freeze,
    is_frozen_record,
    order_key,
)

if TYPE_CHECKING:
    from paxcheck.protocol.execute import NodeShape

F = TypeVar("F", bound=Callable[..., Any])
SentMessages: TypeAlias = Callable[[type[Message]], tuple[Message, ...]]
_SETS = (set, frozenset)


class NoBranch(BaseException):
    """Raised by `choose` when there is nothing to choose: the step is off.

    No Exception, so that the handler's `except Exception` lets it pass.
    """


class RuleCall(NamedTuple):
    """One question put to a rule: with which values, and what it said."""

    rule: str
    args: tuple[Any, ...]
    allowed: bool
    switched_off: bool = False

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.args))
        return f"{self.rule}({inside}) said {'yes' if self.allowed else 'no'}"


_rule_call: Callable[[tuple[Any, ...]], RuleCall] = functools.partial(
    tuple[Any, ...].__new__, RuleCall
)
"""The fast way to make one: every step asks rules."""

_ENDS = (ModelError, NoBranch, KeyboardInterrupt)
"""What ends a step, whoever catches it."""


def _ending(method: F) -> F:
    """Note what ends the step, so that it ends it even if the handler catches it."""

    @functools.wraps(method)
    def noting(self: Run, *args: Any) -> Any:
        try:
            return method(self, *args)
        except _ENDS as problem:
            self.ended = problem
            raise

    return noting  # type: ignore[return-value]


class Run(Struct):
    """The ends of `send`, `choose`, `sent` and of rules.

    `prefix`: the choices to follow; `again`: the second run of the same step, which looks closer;
    `rule`: the rule that is being asked; `ended`: what ended the step.
    """

    shape: NodeShape
    method: str
    prefix: Sequence[int] = ()
    asking: SentMessages | None = None
    again: bool = False
    sends: list[Envelope] = []
    taken: list[tuple[int, int, Value]] = []
    rules: list[RuleCall] = []
    reads: set[Sought] = set()
    rule: str | None = None
    ended: BaseException | None = None

    @property
    def where(self) -> str:
        """What runs, as `Class.method`."""
        return f"{type(self.shape.prototype).__name__}.{self.method}"

    def refuse(self, problem: ModelError) -> NoReturn:
        """End the step with an error of the model."""
        self.ended = problem
        raise problem

    def send(self, receivers: Iterable[str], message: Message) -> None:
        """Put one copy for each receiver into the network; a set of them in canonical order."""
        try:
            message = self._checked(message)
            kind, takes = message.__class__, self.shape.receivers
            names = sorted(receivers, key=order_key) if isinstance(receivers, _SETS) else receivers
            for to in names:
                if to not in takes or kind not in takes[to]:
                    self._not_taken(to, kind)
                self.sends.append(Envelope(to, message))
        except _ENDS as problem:  # what `_ending` does, without one more call
            self.ended = problem
            raise

    def _not_taken(self, to: str, kind: type[Message]) -> NoReturn:
        takes = self.shape.receivers
        if to not in takes:
            raise ModelError(
                f"{self.shape.name} sends {kind.__name__} to {to!r}, and there is no such node",
                where=where_in_model(),
                hint=f"the nodes are {', '.join(takes)}",
            )
        raise ModelError(
            f"{to} has no handler for {kind.__name__}, sent by {self.shape.name}",
            where=where_in_model(),
            hint=f"add to its class: def on_{_snake(kind.__name__)}(self, msg: {kind.__name__})",
        )

    @_ending
    def broadcast(self, message: Message) -> None:
        """One copy for every other node with a handler for the message."""
        kind = type(message)
        others = self.shape.others_that_take(kind)
        if not others:
            raise ModelError(
                f"{self.shape.name} broadcasts {kind.__name__}, which no other node handles",
                where=where_in_model(),
                hint="add a handler, or publish() it if only properties ask for it",
            )
        message = self._checked(message)
        self.sends += [Envelope(to, message) for to in others]

    @_ending
    def publish(self, message: Message) -> None:
        """A message for actions and properties alone."""
        if self.shape.network != "set":
            raise ModelError(
                "publish() needs a set network, where a message stays for ever",
                where=where_in_model(),
                hint="in another network keep it in a ghost field",
            )
        self.sends.append(Envelope(PUBLISHED, self._checked(message)))

    @_ending
    def choose(self, options: Iterable[Any]) -> Any:
        """Follow the branch that is being explored, or the first one beyond it."""
        self._not_in_a_rule("chooses")
        alternatives = list(options)
        if isinstance(options, _SETS):
            alternatives.sort(key=order_key)
        if not alternatives:
            raise NoBranch
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

    @_ending
    def sent_messages(self, kind: type[Message], fields: Mapping[str, Any]) -> tuple[Message, ...]:
        """Answer `sent`, and record the question."""
        check_message_class(kind)
        known = ("sender", *kind._fields)  # pyright: ignore[reportPrivateUsage]
        for name in fields:
            if name not in known:
                raise ModelError(
                    f"{self.where} asks for {kind.__name__} messages by their {name!r}, and they "
                    "have no such field",
                    where=where_in_model(),
                    hint=f"their fields: {', '.join(known)}",
                )
        wanted = [(k, freeze(v, f"{k} of {kind.__name__}")) for k, v in sorted(fields.items())]
        sought = Sought(kind, tuple(wanted))
        if self.asking is None:
            raise ModelError(
                f"{self.where} asks which {kind.__name__} messages were sent",
                where=where_in_model(),
                hint="only an action may ask, and only in a set network (network = 'set')",
            )
        self.reads.add(sought)
        try:
            return tuple([m for m in self.asking(kind) if sought.fits(m)])
        except BaseException as problem:  # an engine that does not tell now
            self.ended = problem
            raise

    def ask_rule(self, asked: Rule, node: Node, args: tuple[Any, ...]) -> bool:
        """Ask a rule, or let pass where it is switched off (what it would say is kept)."""
        name = asked.name
        off = name in self.shape.without
        before = _containers(node) if self.again else None
        outer, self.rule = self.rule, name
        try:
            allowed = asked.method(node, *args)
            if allowed is not True and allowed is not False:
                raise asked.no_answer(allowed)
        except _ENDS as problem:
            self.ended = problem
            raise
        except Exception:
            if not off:
                raise
            allowed = True
        finally:
            self.rule = outer
        if before is not None:
            for field, value in _containers(node).items():
                if value != before.get(field):
                    self.refuse(
                        ModelError(
                            f"rule {asked.name} changes {type(node).__name__}.{field}, "
                            "and a rule only looks",
                            where=where_of(asked.method),
                            hint="let the handler change the field",
                        )
                    )
        for arg in args:
            if arg.__class__ not in ATOMS and not is_frozen_record(arg):
                args = self._frozen(name, args)
                break
        self.rules.append(_rule_call((name, args, allowed, off)))
        return allowed or off

    def _frozen(self, rule: str, args: tuple[Any, ...]) -> tuple[Value, ...]:
        try:
            return tuple([freeze(a, f"an argument of rule {rule}") for a in args])
        except ModelError as problem:
            self.refuse(problem)

    def _checked(self, message: Message) -> Message:
        if self.rule is not None:
            self._not_in_a_rule("sends")
        if not isinstance(message, Message):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ModelError(
                f"{self.where} sends {message!r}, which is not a Message",
                where=where_in_model(),
                hint="class Something(Message): ...",
            )
        check_immutable(message, type(message).__name__)
        return stamped(message, self.shape.name)

    def _not_in_a_rule(self, what: str) -> None:
        if self.rule is not None:
            raise ModelError(
                f"rule {self.rule} {what}, and a rule only looks",
                where=where_in_model(),
                hint="let the handler do it",
            )


class GhostSet:
    """What a handler sees of a ghost field: it may add, and nothing else."""

    __slots__ = ("_added", "_before", "_name", "_run")

    def __init__(self, name: str, items: frozenset[Value] | Growing, run: Run) -> None:
        self._name = name
        self._before = items
        self._added: set[Value] | None = None
        self._run = run

    def add(self, item: Any) -> None:
        """Remember an item for the properties."""
        if self._run.rule is not None:
            self._invisible()
        try:
            frozen = freeze(item, f"an item of {self._name}")
        except ModelError as problem:
            self._run.refuse(problem)
        if self._added is None:
            self._added = set()
        self._added.add(frozen)

    def frozen(self) -> frozenset[Value] | Growing:
        """The whole history, for the state."""
        before, added = self._before, self._added
        if added is None:
            return before
        if isinstance(before, Growing):
            return before.plus(added)
        return FrozenOrderedSet([*before, *added])

    def _invisible(self, *_: Any) -> Any:
        self._run.refuse(
            ModelError(
                f"{self._name} is a ghost field: handlers may only add to it",
                where=where_in_model(),
                hint="a value that the protocol needs is durable(...) or volatile(...)",
            )
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # Python looks for what is not there
        return self._invisible()

    __iter__ = __len__ = __contains__ = __bool__ = __repr__ = __str__ = __format__ = _invisible
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _invisible
    __or__ = __and__ = __sub__ = __xor__ = __ror__ = __rand__ = __rsub__ = __rxor__ = _invisible
    __ior__ = __iand__ = __isub__ = __ixor__ = _invisible
    __hash__ = None  # type: ignore[assignment]


def _containers(node: Node) -> dict[str, Value]:
    """The fields of a node that can change without an assignment, as they are now."""
    return {
        name: freeze(value, name)
        for name, value in node.__dict__.items()
        if isinstance(value, (dict, list, set)) and name in node._fields  # pyright: ignore[reportPrivateUsage]
    }


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
