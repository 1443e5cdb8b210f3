"""What a class of records is: its fields, read when it is made, and what it must not declare.

A record is a struct of msgspec: it is made, compared, hashed and copied in C, which a search and
the replay of a long run do millions of times. To a model's author it looks like a frozen
dataclass; what a struct would take in another sense is refused with its line.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import typing
from abc import ABCMeta
from collections.abc import Callable
from functools import cached_property
from types import MemberDescriptorType
from typing import Any, Final, Literal, NoReturn

import msgspec
from msgspec import StructMeta

from paxcheck.protocol.errors import ModelError, where_of, where_of_class

SENDER: Final = "_sender"
"""The field of a message that is read as `sender`: no argument of a constructor has that name."""

_NAMES: Final = ("_fields", "_defaults", "_checked", "_keyed", "_key", "__eq__", "__hash__")
_COMPARE: Final = "records compare field by field; a field may have any other name"
_OURS: Final = {
    **dict.fromkeys(_NAMES, _COMPARE),
    **dict.fromkeys(
        ("__init__", "__new__"), "give fields defaults, or make the record in a class method"
    ),
    **dict.fromkeys(("__setattr__", "__delattr__"), "a record never changes"),
    "__slots__": "a record has a slot for each field",
}
_COMPARISONS: Final = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}

_NONE: Final = object()  # no default
_FIRST_NAME: Final = re.compile(r"\s*(?:(\w+)\s*\.)?\s*(\w+)")
_NO_FIELDS: Final = (typing.ClassVar, dataclasses.InitVar, dataclasses.KW_ONLY)


class Noted:
    """What was computed of a record. It stands apart from the fields: none of it is compared."""

    __slots__ = ("_key",)
    _key: tuple[Any, ...] | Literal[True]  # its sort key; True: only that nothing in it can change


note: Final = vars(Noted)["_key"].__set__
"""Note of a record that nothing in it can change (True), or its sort key."""


class RecordType(ABCMeta, StructMeta):  # ABCMeta: a record may have abstract methods
    """The class of all classes of records.

    `_checked` and `_keyed` are written out when they are first asked for: what sees to it that
    nothing in a record can change, and what makes its sort key.
    """

    _fields: tuple[str, ...]
    _defaults: dict[str, Any]
    _checked: Callable[[Any], object] | None
    _keyed: Callable[[Any], tuple[Any, ...]] | None

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        names: dict[str, Any],
        *,
        order: bool = False,
        **unknown: Any,
    ) -> RecordType:
        """Make the class; `order`: its records compare field by field."""
        body = _Body(name, bases, names)
        body.refuse_options(unknown)
        body.refuse_ours(order)
        defaults = body.read()
        options: dict[str, Any] = {"frozen": True}
        if SENDER in body.annotations:  # in JSON a message says which one it is
            options |= {"kw_only": True, "tag_field": "type", "tag": True}
        elif "type" in body.annotations:
            options["tag"] = False  # it has a field of that name: no trace can hold it
        if any(isinstance(value, cached_property) for value in names.values()):
            options["dict"] = True
        try:
            # A hash is kept: a record may hold a long log, and is looked up again and again.
            cls = super().__new__(mcs, name, bases, names, cache_hash=True, **options)
        except TypeError as problem:
            if "lay-out conflict" in str(problem):
                body.refuse_two_bases()
            raise
        cls._fields = tuple([field for field in cls.__struct_fields__ if field != SENDER])
        cls._defaults = defaults
        cls._checked = cls._keyed = None
        _refuse_hidden(cls)
        # Without these a struct says "immutable type", and not which field.
        type.__setattr__(cls, "__setattr__", _no_assignment)
        type.__setattr__(cls, "__delattr__", _no_deletion)
        if order:
            _add_order(cls)
        return cls

    # Those of ABCMeta are slow, and nobody registers a class as one of records.
    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__


class _Body:
    """What the body of a class says, before there is the class."""

    def __init__(self, name: str, bases: tuple[type, ...], names: dict[str, Any]) -> None:
        self.name = name
        self.bases = bases
        self.names = names
        self.annotations: dict[str, Any] = names.get("__annotations__", {})

    def refuse_options(self, unknown: dict[str, Any]) -> None:
        """Raise ModelError for what stands beside the bases of the class."""
        if unknown:
            raise ModelError(
                f"{self.name} is declared with {', '.join(unknown)}, which no record knows",
                where=where_of_class(self._stand_in()),
                hint="class Ballot(Record, order=True) is all that there is",
            )

    def refuse_ours(self, order: bool) -> None:
        """Raise ModelError for a name that has its meaning in every record."""
        for name in (*_OURS, *(_COMPARISONS if order else ())):
            if name in self.names or name in self.annotations:
                told = f" defines {name}, which every record has already"
                self._refuse(told, _OURS.get(name, _COMPARE), name)
        if any(SENDER in getattr(base, "__struct_fields__", ()) for base in self.bases):
            for name in ("sender", SENDER):
                if name in self.annotations:
                    raise TypeError(f"{self.name}.{name}: every message has its sender already")

    def refuse_two_bases(self) -> NoReturn:
        """Raise ModelError for bases that both have fields."""
        told = [base.__name__ for base in self.bases if getattr(base, "__struct_fields__", ())]
        raise ModelError(
            f"{self.name} has the fields of {' and of '.join(told)}: a record inherits from one",
            where=where_of_class(self._stand_in()),
            hint="let one of the two inherit from the other, or write its fields out",
        )

    def read(self) -> dict[str, Any]:
        """The defaults of all fields. What a dataclass understands is said to a struct in its way.

        Raises ModelError, or what a dataclass raises.
        """
        defaults: dict[str, Any] = {}
        for base in reversed(self.bases):
            defaults |= getattr(base, "_defaults", {})
        for name, annotation in self.annotations.items():
            kind = self._special(annotation)
            if kind is typing.ClassVar:
                self.annotations[name] = kind  # a struct knows it by this name only
            elif kind is not None:
                told = f".{name} is {getattr(kind, '__name__', 'KW_ONLY')}, and no field"
                self._refuse(told, "a field is name: type, with a default or without", name)
            elif name != SENDER:
                default = defaults[name] = self._default(name, defaults.get(name, _NONE))
                if default is not _NONE:
                    self.names[name] = default
                else:
                    self.names.pop(name, None)
        optional = False
        for name, default in defaults.items():
            if optional and default is _NONE:
                raise TypeError(f"non-default argument {name!r} follows default argument")
            optional = default is not _NONE
        return defaults

    def _default(self, name: str, inherited: Any) -> Any:
        default = self.names.get(name, inherited)
        if isinstance(default, dataclasses.Field):
            field: dataclasses.Field[Any] = default  # pyright: ignore[reportUnknownVariableType]
            if not field.init or field.kw_only is True:
                told = f".{name} is no plain argument of the constructor"
                self._refuse(told, "field() of a record takes default or default_factory", name)
            if field.default_factory is not dataclasses.MISSING:
                return msgspec.field(default_factory=field.default_factory)
            default = _NONE if field.default is dataclasses.MISSING else field.default
        if default.__class__.__hash__ is None:
            raise ValueError(
                f"mutable default {default.__class__} for field {name} is not allowed: "
                "use default_factory"
            )
        return default

    def _special(self, annotation: Any) -> Any:
        """ClassVar, InitVar or KW_ONLY if the annotation is one. It is not evaluated."""
        found: Any
        if isinstance(annotation, str):
            match = _FIRST_NAME.match(annotation)
            if match is None:
                return None
            known = vars(sys.modules.get(self.names.get("__module__", ""), typing))
            if match[1]:
                module = known.get(match[1])
                known = vars(module) if module is typing or module is dataclasses else {}
            found = known.get(match[2])
        elif isinstance(annotation, dataclasses.InitVar):
            found = dataclasses.InitVar
        else:
            found = typing.get_origin(annotation) or annotation
        return found if any(found is special for special in _NO_FIELDS) else None

    def _refuse(self, what: str, hint: str, name: str) -> NoReturn:
        where = where_of(self.names.get(name)) or where_of_class(self._stand_in(), name)
        raise ModelError(f"{self.name}{what}", where=where, hint=hint)

    def _stand_in(self) -> type:
        """A class at the same place in the same file."""
        place = ("__module__", "__qualname__", "__firstlineno__")
        return type(self.name, (), {key: self.names[key] for key in place if key in self.names})


def _refuse_hidden(cls: RecordType) -> None:
    """Raise ModelError where something else would be found by the name of a field."""
    shown = ("sender",) if SENDER in cls.__struct_fields__ else ()
    for name in cls._fields + shown:  # pyright: ignore[reportPrivateUsage]
        for base in cls.__mro__:
            value = vars(base).get(name, _NONE)
            if isinstance(value, MemberDescriptorType):
                break
            if value is not _NONE:
                raise ModelError(
                    f"{base.__name__}.{name} hides the field `{name}` of its base class",
                    where=where_of(value) or where_of_class(base, name),
                    hint="give one of the two another name",
                )


def _no_assignment(self: Any, name: str, value: Any) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_deletion(self: Any, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _add_order(cls: RecordType) -> None:
    """Comparisons field by field, as those of tuples.

    Those of a struct compare equal fields, too, which may have no order, as None has none.
    """
    for name, sign in _COMPARISONS.items():
        compare = str("=" in sign)  # all fields are equal
        for n in reversed(cls._fields):  # pyright: ignore[reportPrivateUsage]
            one, two = f"self.{n}", f"other.{n}"
            compare = f"{one} {sign} {two} if {one} != {two} else {compare}"
        same = "other.__class__ is self.__class__"
        written = f"lambda self, other: ({compare}) if {same} else NotImplemented"
        type.__setattr__(cls, name, eval(written))
