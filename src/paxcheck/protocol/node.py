"""Nodes: fields, handlers, actions and rules, written as an implementer would write them."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from paxcheck.protocol.errors import ModelError, Where, where_in_model, where_of_code
from paxcheck.protocol.fields import Field
from paxcheck.protocol.messages import Message

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

        def ask(*args: Any) -> bool:
            run = node._run  # pyright: ignore[reportPrivateUsage]
            if run is None:
                return bool(self.method(node, *args))
            return run.ask_rule(self, node, args)

        return ask


def rule(method: Callable[..., bool]) -> Rule:
    """Make a named guard of a method; see `Rule`."""
    return Rule(method)


@dataclass(frozen=True, slots=True)
class Handler:
    """The method that takes a message: stored by name, so that a subclass may override it."""

    name: str
    where: Where


class Node:
    """A server, client or process of the protocol.

    A subclass declares fields (`durable`, `volatile`, `ghost`, `constant`), handlers
    (`on_...(self, msg: SomeMessage)`), actions and rules. A handler sees its own fields and one
    message, nothing else; it is plain Python and must be deterministic except for `choose`.
    """

    name: str
    _fields: typing.ClassVar[dict[str, Field]] = {}
    _actions: typing.ClassVar[tuple[str, ...]] = ()
    _rules: typing.ClassVar[dict[str, Rule]] = {}
    _handlers: typing.ClassVar[dict[type[Message], Handler] | None] = None
    _run: Run | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._fields = _collect_fields(cls)
        cls._actions = tuple(
            name for name in _member_names(cls) if hasattr(getattr(cls, name), "_paxcheck_action")
        )
        cls._rules = {
            name: value
            for name in _member_names(cls)
            if isinstance(value := inspect.getattr_static(cls, name), Rule)
        }
        for found in cls._rules.values():
            if not found.doc:
                raise ModelError(
                    f"rule {cls.__name__}.{found.name} has no docstring",
                    where=where_of_code(found.method.__code__),
                    hint="state the rule in one sentence: it is what a refusal prints",
                )
        cls._handlers = None
        try:
            handlers_of(cls)
        except NameError:
            cls._handlers = None  # a message class that is defined further down: asked again later

    def __init__(self, name: str, **values: Any) -> None:
        self.__dict__["name"] = name
        for field, declared in self._fields.items():
            if field in values:
                self.__dict__[field] = values.pop(field)
            elif declared.required:
                raise ModelError(
                    f"{type(self).__name__}({name!r}) needs its constant `{field}`",
                    where=where_in_model(),
                    hint=f"{type(self).__name__}({name!r}, {field}=...)",
                )
            else:
                self.__dict__[field] = declared.default
        if values:
            raise ModelError(
                f"{type(self).__name__} has no field `{next(iter(values))}`",
                where=where_in_model(),
                hint=f"its fields: {', '.join(self._fields) or 'none'}",
            )

    def __setattr__(self, name: str, value: Any) -> None:
        declared = self._fields.get(name)
        if declared is None:
            raise ModelError(
                f"{type(self).__name__} has no field `{name}`",
                where=where_in_model(),
                hint=f"declare it in the class: {name}: ... = durable(...) or volatile(...)",
            )
        if declared.kind == "constant":
            raise ModelError(
                f"{type(self).__name__}.{name} is a constant and cannot change",
                where=where_in_model(),
                hint="a value that changes is durable(...) or volatile(...)",
            )
        if declared.kind == "ghost":
            raise ModelError(
                f"{type(self).__name__}.{name} is a ghost field: handlers may only add to it",
                where=where_in_model(),
                hint=f"self.{name}.add(...)",
            )
        self.__dict__[name] = value

    # What a handler may do -------------------------------------------------------------------

    def send(self, to: str | Iterable[str], message: Message) -> None:
        """Send a message to one node, or to each of several."""
        self._running().send((to,) if isinstance(to, str) else to, message)

    def broadcast(self, message: Message) -> None:
        """Send a message to every other node that has a handler for it."""
        self._running().broadcast(message)

    def publish(self, message: Message) -> None:
        """Put a message where actions and properties can ask for it; no node receives it.

        Only in a `set` network, where a message stays for ever.
        """
        self._running().publish(message)

    def choose(self, options: Iterable[T]) -> T:
        """One of the options; the checker takes every branch. No option: the step is off."""
        return self._running().choose(options)

    def sent(self, kind: type[M]) -> tuple[M, ...]:
        """All messages of a class that were ever sent, in canonical order.

        Only in an action, and only in a `set` network, where a message stays for ever: as the
        guard of Lamport's Phase2a asks for the 1b messages of a quorum.
        """
        return self._running().sent_messages(kind)  # type: ignore[return-value]

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
    if cls._handlers is not None:  # pyright: ignore[reportPrivateUsage]
        return cls._handlers  # pyright: ignore[reportPrivateUsage]
    table: dict[type[Message], Handler] = {}
    for name in _member_names(cls):
        if not name.startswith("on_") or name in ("on_start", "on_restart"):
            continue
        function = inspect.getattr_static(cls, name)
        if not isinstance(function, types.FunctionType):
            continue
        where = where_of_code(function.__code__)
        for kind in _handled_messages(cls, function, where):
            if kind in table:
                raise ModelError(
                    f"{cls.__name__} has two handlers for {kind.__name__}: "
                    f"{table[kind].name} and {name}",
                    where=where,
                    hint="keep one of them, or let one call the other",
                )
            table[kind] = Handler(name, where)
    cls._handlers = table  # pyright: ignore[reportPrivateUsage]
    return table


def _handled_messages(
    cls: type[Node], function: types.FunctionType, where: Where
) -> tuple[type[Message], ...]:
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != 2:
        raise ModelError(
            f"{cls.__name__}.{function.__name__} must take self and one message",
            where=where,
            hint=f"def {function.__name__}(self, msg: SomeMessage) -> None",
        )
    hint = _annotation(function, parameters[1])
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Message)) or kind is Message:
            raise ModelError(
                f"{cls.__name__}.{function.__name__} does not say which message it handles",
                where=where,
                hint=f"def {function.__name__}(self, {parameters[1]}: SomeMessage) -> None",
            )
    return kinds


def _annotation(function: types.FunctionType, parameter: str) -> Any:
    """The type of one parameter; a name in quotes is looked up in the model's module."""
    hint = function.__annotations__.get(parameter)
    if isinstance(hint, str):
        return eval(hint, function.__globals__)
    return hint


def _collect_fields(cls: type[Node]) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for base in reversed(cls.__mro__):
        if not issubclass(base, Node) or base is Node:
            continue
        annotations = inspect.get_annotations(base)
        for name, value in vars(base).items():
            if isinstance(value, Field):
                fields[name] = value
            elif name in fields and name not in ("name",):
                raise ModelError(f"{base.__name__}.{name} hides the field `{name}`")
        for name in annotations:
            value = vars(base).get(name)
            is_class_constant = name.isupper() or "ClassVar" in str(annotations[name])
            if name not in fields and name != "name" and not is_class_constant:
                raise ModelError(
                    f"{base.__name__}.{name} does not say how it is remembered",
                    where=_class_line(base, name),
                    hint=f"{name}: ... = durable(...), volatile(...), ghost() or constant()",
                )
    return fields


def _class_line(cls: type, name: str) -> Where | None:
    """The line of a field in a class body, for an error."""
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    try:
        lines, first = inspect.getsourcelines(cls)
    except (OSError, TypeError):
        return Where(file, 1) if file else None
    for offset, line in enumerate(lines):
        if line.strip().startswith((f"{name}:", f"{name} ")):
            return Where(file or "?", first + offset)
    return Where(file or "?", first)


def _member_names(cls: type) -> list[str]:
    """Names of all members, base classes first, each in the order of the source text."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        for name in vars(base):
            names.setdefault(name)
    return [name for name in names if not name.startswith("__")]
