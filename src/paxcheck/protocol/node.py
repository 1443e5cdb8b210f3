"""Nodes: fields, handlers, actions and rules, written as an implementer would write them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import MethodType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, overload

from paxcheck.protocol.declare import (
    Handler,
    NotYet,
    check_members,
    fields_of,
    handlers_in,
    member_names,
)
from paxcheck.protocol.errors import ModelError, where_in_model, where_of
from paxcheck.protocol.fields import Field
from paxcheck.protocol.messages import Message
from paxcheck.protocol.values import freeze, settled

if TYPE_CHECKING:
    from paxcheck.protocol.execute import Run

M = TypeVar("M", bound=Message)
T = TypeVar("T")
Method = Callable[..., Any]


def action(method: Method) -> Method:
    """Mark a step that a node may take by itself: start a ballot, time out, serve a client.

    The guard is an ordinary `if`: an action that changes nothing and sends nothing is no step.
    """
    method.__dict__["_paxcheck_action"] = True
    return method


class Rule:
    """A named guard. `check MODEL --without NAME` runs the protocol with the rule switched off.

    The method's docstring states the rule in one sentence. It returns True when the rule allows
    the step; it must not change anything. Every question put to a rule is recorded, so that a
    refused step can be explained.
    """

    def __init__(self, method: Callable[..., bool]) -> None:
        self.method = method
        self.name = method.__name__
        self.doc = inspect.getdoc(method) or ""

    @overload
    def __get__(self, node: None, owner: type) -> Rule: ...
    @overload
    def __get__(self, node: Node, owner: type) -> Callable[..., bool]: ...
    def __get__(self, node: Node | None, owner: type) -> Rule | Callable[..., bool]:
        if node is None:
            return self

        return MethodType(self._ask, node)

    def _ask(self, node: Node, *args: Any, **named: Any) -> bool:
        if named:  # recorded by their places
            args = inspect.signature(self.method).bind(node, *args, **named).args[1:]
        run = node._run  # pyright: ignore[reportPrivateUsage]
        return self.answer(node, args) if run is None else run.ask_rule(self, node, args)

    def answer(self, node: Node, args: tuple[Any, ...]) -> bool:
        """What the rule says, switched off or not. Raises ModelError for anything but a bool."""
        said = self.method(node, *args)
        if said is not True and said is not False:
            raise self.no_answer(said)
        return said

    def no_answer(self, said: object) -> ModelError:
        """The error for what is neither True nor False."""
        return ModelError(
            f"rule {self.name} returned {said!r}",
            where=where_of(self.method),
            hint="return True when the rule allows the step, and False when it does not",
        )


def rule(method: Callable[..., bool]) -> Rule:
    """Make a named guard of a method; see `Rule`."""
    return Rule(method)


class Node:
    """A server, client or process of the protocol.

    A subclass declares fields (`durable`, `volatile`, `ghost`, `constant`), handlers
    (`on_...(self, msg: SomeMessage)`), actions and rules. A handler sees its own fields and one
    message, nothing else; it is plain Python and must be deterministic except for `choose`.
    """

    name: str
    _fields: ClassVar[dict[str, Field]] = {}
    _state: ClassVar[frozenset[str]] = frozenset()  # the fields that handlers may set
    _actions: ClassVar[tuple[str, ...]] = ()
    _rules: ClassVar[dict[str, Rule]] = {}
    _handlers: ClassVar[dict[type[Message], Handler] | None] = None
    _run: Run | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._fields = fields_of(cls, Node)
        cls._state = frozenset(
            [name for name, field in cls._fields.items() if field.kind in ("durable", "volatile")]
        )
        check_members(cls, Node)
        names = member_names(cls)
        cls._actions = tuple(n for n in names if hasattr(getattr(cls, n), "_paxcheck_action"))
        members = {name: inspect.getattr_static(cls, name) for name in names}
        cls._rules = {name: found for name, found in members.items() if isinstance(found, Rule)}
        for found in cls._rules.values():
            if not found.doc:
                raise ModelError(
                    f"rule {cls.__name__}.{found.name} has no docstring",
                    where=where_of(found.method),
                    hint="state the rule in one sentence: it is what a refusal prints",
                )
        cls._handlers = None
        with suppress(NotYet):  # a message class that is defined further down: asked again later
            handlers_of(cls)

    def __init__(self, name: str, **values: Any) -> None:
        kind = type(self).__name__
        if not (isinstance(name, str) and re.fullmatch(r"[\w.:@/-]+", name)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ModelError(
                f"{kind}: a node cannot be called {name!r}",
                where=where_in_model(),
                hint="a name is made of letters, digits and any of _ . : @ / -",
            )
        self.__dict__["name"] = name
        for field, declared in self._fields.items():
            if field not in values and declared.required:
                raise ModelError(
                    f"{kind}({name!r}) needs its constant `{field}`",
                    where=where_in_model(),
                    hint=f"{kind}({name!r}, {field}=...)",
                )
            value = values.pop(field, declared.default)
            if declared.kind == "constant":
                value = settled(value, f"{kind}.{field}")
            else:
                freeze(value, f"{kind}.{field}")  # refused here, where its line is known
            self.__dict__[field] = value
        if values:
            raise ModelError(
                f"{kind} has no field `{next(iter(values))}`",
                where=where_in_model(),
                hint=f"its fields: {', '.join(self._fields) or 'none'}",
            )

    def __setattr__(self, name: str, value: Any) -> None:
        run = self._run
        if name in self._state and (run is None or run.rule is None):
            self.__dict__[name] = value
        else:
            self._refuse_to_set(name)

    def _refuse_to_set(self, name: str) -> NoReturn:
        declared = self._fields.get(name)
        kind = type(self).__name__
        if declared is None:
            self._refuse(
                f"{kind} has no field `{name}`",
                f"declare it in the class: {name}: ... = durable(...) or volatile(...)",
            )
        if declared.kind == "constant":
            self._refuse(
                f"{kind}.{name} is a constant and cannot change",
                "a value that changes is durable(...) or volatile(...)",
            )
        if declared.kind == "ghost":
            self._refuse(
                f"{kind}.{name} is a ghost field: handlers may only add to it",
                f"self.{name}.add(...)",
            )
        rule = self._run.rule if self._run else None
        self._refuse(
            f"rule {rule} sets {kind}.{name}, and a rule only looks",
            "let the handler change the field",
        )

    def __delattr__(self, name: str) -> None:
        self._refuse(
            f"{type(self).__name__}.{name} is deleted",
            "a field always has a value, which may be None",
        )

    def _refuse(self, what: str, hint: str) -> NoReturn:
        problem = ModelError(what, where=where_in_model(), hint=hint)
        if self._run is not None:
            self._run.refuse(problem)
        raise problem

    # What a handler may do -------------------------------------------------------------------

    def send(self, to: str | Iterable[str], message: Message) -> None:
        """Send a message to one node, or to each of several."""
        run = self._run or self._running()
        run.send((to,) if isinstance(to, str) else to, message)

    def broadcast(self, message: Message) -> None:
        """Send a message to every other node that has a handler for it."""
        (self._run or self._running()).broadcast(message)

    def publish(self, message: Message) -> None:
        """Put a message where actions and properties can ask for it; no node receives it.

        Only in a `set` network, where a message stays for ever.
        """
        self._running().publish(message)

    def choose(self, options: Iterable[T]) -> T:
        """One of the options; the checker takes every branch. No option: the step is off."""
        return self._running().choose(options)

    def sent(self, kind: type[M], /, **fields: Any) -> tuple[M, ...]:
        """All messages of a class that were ever sent, with these values in their fields.

        They come in canonical order. Only in an action, and only in a `set` network, where a
        message stays for ever: as the guard of Lamport's Phase2a asks for the 1b messages of its
        ballot. What is asked for is recorded: the less it is, the faster is the search.
        """
        return self._running().sent_messages(kind, fields)  # type: ignore[return-value]

    def on_start(self) -> None:
        """Run once, before the first step: what a node sends here is there from the beginning."""

    def on_restart(self) -> None:
        """Run after a crash, when the durable fields are back; the default does nothing."""

    def _running(self) -> Run:
        if self._run is None:
            raise ModelError(
                "messages can be sent only while a handler or an action runs",
                where=where_in_model(),
            )
        return self._run


def handlers_of(cls: type[Node]) -> dict[type[Message], Handler]:
    """The handler of each message class that a node class takes; checked when first asked."""
    if cls._handlers is None:  # pyright: ignore[reportPrivateUsage]
        cls._handlers = handlers_in(cls)  # pyright: ignore[reportPrivateUsage]
    return cls._handlers  # pyright: ignore[reportPrivateUsage]
