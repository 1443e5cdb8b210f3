"""Reads what a node class declares, and refuses what cannot mean what it says.

All of this is looked at once, when the class is made, so that a mistake has its line and not only
a wrong verdict.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from paxcheck.protocol.errors import ModelError, Where, in_one_line, where_of, where_of_class
from paxcheck.protocol.fields import Field
from paxcheck.protocol.messages import Message
from paxcheck.protocol.values import freeze, settled

VIEWED: Final = frozenset({"kind", "stopped", "remembered", "_of"})
"""The names that a property's view of a node has for itself."""

_OPERATORS: Final = frozenset(
    {"__eq__", "__hash__", "__bool__", "__len__", "__getattr__", "__getattribute__", "__setattr__"}
)
_STEPS: Final = ("on_start", "on_restart")


class Handler(Struct, frozen=True):
    """The method that takes a message: stored by name, so that a subclass may override it."""

    name: str
    where: Where | None


class NotYet(ModelError):
    """A handler's message class is not defined: not yet, while its module is being loaded."""


def member_names(cls: type) -> list[str]:
    """Names of all members, base classes first, each in the order of the source text."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        for name in vars(base):
            names.setdefault(name)
    return [name for name in names if not name.startswith("__")]


def fields_of(cls: type, root: type) -> dict[str, Field]:
    """The fields that a class below `root` declares and inherits. Raises ModelError."""
    fields: dict[str, Field] = {}
    taken = VIEWED | {"name", *dir(root)}
    for base in reversed(cls.__mro__):
        if not issubclass(base, root) or base is root:
            continue
        for name, value in vars(base).items():
            if isinstance(value, Field):
                _check_field(base, name, value, taken)
                fields[name] = value
            elif name in fields:
                raise ModelError(
                    f"{base.__name__}.{name} hides the field `{name}` of its base class",
                    where=where_of(value) or where_of_class(base, name),
                    hint="give one of the two another name",
                )
        for name, annotation in inspect.get_annotations(base).items():
            is_class_constant = name.isupper() or "ClassVar" in str(annotation)
            if name not in fields and name != "name" and not is_class_constant:
                raise ModelError(
                    f"{base.__name__}.{name} does not say how it is remembered",
                    where=where_of_class(base, name),
                    hint=f"{name}: ... = durable(...), volatile(...), ghost() or constant()",
                )
    return fields


def _check_field(base: type, name: str, field: Field, taken: frozenset[str]) -> None:
    # Where it is said is only looked up for an error: it takes longer than all that is checked.
    for other in base.__mro__[1:]:
        if name not in taken and not isinstance(vars(other).get(name, field), Field):
            raise ModelError(
                f"the field {base.__name__}.{name} hides {other.__name__}.{name}",
                where=where_of_class(base, name),
                hint="give one of the two another name",
            )
    if name in taken:
        raise ModelError(
            f"{base.__name__}.{name} cannot be a field: every node has a `{name}` of its own",
            where=where_of_class(base, name),
            hint="give the field another name",
        )
    if field.required:
        return
    check = settled if field.kind == "constant" else freeze
    try:
        check(field.default, f"the default of {base.__name__}.{name}")
        for value in field.corrupt or ():
            freeze(value, f"a corrupt value of {base.__name__}.{name}")
    except ModelError as problem:
        problem.where = where_of_class(base, name)
        raise


def check_members(cls: type, root: type) -> None:
    """Raise ModelError for a method of the class that would never run, or not as it seems."""
    mixed_in = [b for b in cls.__mro__ if not issubclass(b, root) and b is not object]
    for base in (cls, *mixed_in):
        _check_members(base)


def _check_members(cls: type) -> None:
    for name, member in vars(cls).items():
        function: Any = getattr(member, "method", member)  # a rule has its method inside
        if name in VIEWED:
            raise ModelError(
                f"{cls.__name__}.{name} would be hidden: a property's view of a node has a "
                f"`{name}` of its own",
                where=where_of(function) or where_of_class(cls, name),
                hint="give it another name",
            )
        if name in _OPERATORS and isinstance(member, types.FunctionType):
            raise ModelError(
                f"{cls.__name__} defines {name}, which properties would not use",
                where=where_of(function) or where_of_class(cls, name),
                hint="compare fields; a method with a plain name may help",
            )
        is_action = hasattr(member, "_paxcheck_action")
        if is_action or function is not member or name.startswith("on_"):
            check_plain(f"{cls.__name__}.{name}", function)
        if (is_action or name in _STEPS) and isinstance(member, types.FunctionType):
            _check_alone(f"{cls.__name__}.{name}", member)


def check_plain(name: str, function: Callable[..., Any]) -> None:
    """Raise ModelError for a generator or an async function: a call would not run its body."""
    function = inspect.unwrap(function)
    kind = ""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        kind = "an async function"
    elif inspect.isgeneratorfunction(function):
        kind = "a generator (there is a `yield` in it)"
    if kind:
        raise ModelError(
            f"{name} is {kind}: to call it runs nothing of it",
            where=where_of(function),
            hint="write a plain function: steps are atomic, and nothing waits in them",
        )


def _check_alone(name: str, function: types.FunctionType) -> None:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise ModelError(
            f"{name} must take self only",
            where=where_of(function),
            hint=f"def {function.__name__}(self) -> None",
        ) from None


def handlers_in(cls: type) -> dict[type[Message], Handler]:
    """The handler of each message class that a node class takes. Raises ModelError, and NotYet."""
    table: dict[type[Message], Handler] = {}
    for name in member_names(cls):
        if not name.startswith("on_") or name in _STEPS:
            continue
        function = inspect.getattr_static(cls, name)
        if not isinstance(function, types.FunctionType):
            continue
        where = where_of(function)
        for kind in _handled_messages(cls, function, where):
            if kind in table:
                raise ModelError(
                    f"{cls.__name__} has two handlers for {kind.__name__}: "
                    f"{table[kind].name} and {name}",
                    where=where,
                    hint="keep one of them, or let one call the other",
                )
            table[kind] = Handler(name, where)
    return table


def _handled_messages(
    cls: type, function: types.FunctionType, where: Where | None
) -> tuple[type[Message], ...]:
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != 2:
        raise ModelError(
            f"{cls.__name__}.{function.__name__} must take self and one message",
            where=where,
            hint=f"def {function.__name__}(self, msg: SomeMessage) -> None",
        )
    hint = _annotation(cls, function, parameters[1], where)
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    kinds = typing.get_args(hint) if is_union else (hint,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Message)) or kind is Message:
            raise ModelError(
                f"{cls.__name__}.{function.__name__} does not say which message it handles",
                where=where,
                hint=f"def {function.__name__}(self, {parameters[1]}: SomeMessage) -> None",
            )
    return kinds


def _annotation(
    cls: type, function: types.FunctionType, parameter: str, where: Where | None
) -> Any:
    """The type of one parameter; a name in quotes is looked up in the model's module."""
    function = typing.cast(types.FunctionType, inspect.unwrap(function))
    hint = function.__annotations__.get(parameter)
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, function.__globals__)
    except Exception as problem:
        kind = NotYet if isinstance(problem, NameError) else ModelError
        raise kind(
            f"{cls.__name__}.{function.__name__} handles {hint!r}: {in_one_line(problem)}",
            where=where,
            hint="name a message class that stands at the top level of the file",
        ) from None
