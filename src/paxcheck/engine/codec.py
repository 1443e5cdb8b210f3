"""Frozen values as plain JSON and back, for checkpoints. Reading it executes nothing.

None, bool, int and str stand for themselves; everything else is a list that begins with its kind.
Classes are named; only records, messages and enums that the model defines already are found again.
Values that come often (envelopes, local states, networks) are written once, in a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, TypeVar

from paxcheck.protocol.messages import Envelope, Message, stamped
from paxcheck.protocol.values import (
    DICT,
    LIST,
    SET,
    FrozenOrderedSet,
    Record,
    Tag,
    Value,
    order_key,
)

Json = Any
R = TypeVar("R", bound=Record)
_TAGS = {tag.name: tag for tag in (DICT, SET, LIST)}


class Encoder:
    """Writes values; `table` has those that others refer to by number."""

    def __init__(self) -> None:
        self.table: list[Json] = []
        self._numbers: dict[Any, int] = {}

    def known(self, value: Value) -> None:
        """Take note of a value that the table has already, at the next place."""
        self._numbers[value] = len(self.table)
        self.table.append(None)

    def number(self, value: Value) -> int:
        """The place of a value in the table."""
        number = self._numbers.get(value)
        if number is None:
            coded = self.encode(value)
            number = self._numbers[value] = len(self.table)
            self.table.append(coded)
        return number

    def encode(self, value: Value) -> Json:
        """The value as JSON."""
        if value is None or value.__class__ in (bool, int, str):
            return value
        if isinstance(value, Record):
            parts = [self.encode(getattr(value, name)) for name in value._fields]  # pyright: ignore[reportPrivateUsage]
            if isinstance(value, Message):
                return ["message", _name(type(value)), value.sender, *parts]
            return ["record", _name(type(value)), *parts]
        if isinstance(value, Envelope):
            return ["envelope", value.to, self.encode(value.message)]
        if isinstance(value, Tag):
            return ["tag", value.name]
        if isinstance(value, Enum):
            return ["enum", _name(type(value)), value.name]
        if isinstance(value, bytes):
            return ["bytes", value.hex()]
        if isinstance(value, tuple):
            items: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
            return ["tuple", *[self._inside(item) for item in items]]
        if isinstance(value, frozenset):
            parts: list[Any] = sorted(value, key=_key)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
            kind = "ordered" if isinstance(value, FrozenOrderedSet) else "set"
            return [kind, *[self._inside(item) for item in parts]]
        raise TypeError(f"{type(value).__name__} cannot be part of a checkpoint")

    def _inside(self, value: Value) -> Json:
        return ["at", self.number(value)] if isinstance(value, Envelope) else self.encode(value)


class Decoder:
    """Reads values; `table` has those that were read so far. Raises ValueError for what is none."""

    def __init__(self) -> None:
        self.table: list[Value] = []
        self._classes: dict[str, type[Any] | None] = {}
        for base in (Record, Enum):
            for found in _below(base):
                name = _name(found)
                other = self._classes.setdefault(name, found)
                if other is not found:
                    self._classes[name] = None  # two classes have this name: which was meant?

    def extend(self, coded: list[Json]) -> None:
        """Read the next values of the table."""
        for item in coded:
            self.table.append(self.decode(item))

    def decode(self, coded: Json) -> Value:
        """The value."""
        if not isinstance(coded, list):
            return coded
        kind: str
        parts: list[Any]
        kind, *parts = coded  # pyright: ignore[reportUnknownVariableType]
        if kind == "at":
            return self.table[parts[0]]
        if kind == "record":
            return self._record(parts[0], parts[1:], Record)
        if kind == "message":
            return stamped(self._record(parts[0], parts[2:], Message), parts[1])
        if kind == "envelope":
            return Envelope(parts[0], self.decode(parts[1]))
        if kind == "tag":
            return _TAGS[parts[0]]
        if kind == "enum":
            return self._class(parts[0], Enum)[parts[1]]
        if kind == "bytes":
            return bytes.fromhex(parts[0])
        items = map(self.decode, parts)
        if kind == "tuple":
            return tuple(items)
        if kind == "ordered":
            return FrozenOrderedSet(items)
        if kind == "set":
            return frozenset(items)
        raise ValueError(f"{kind!r} is no kind of value")

    def _record(self, name: str, parts: list[Json], base: type[R]) -> R:
        cls = self._class(name, base)
        if len(parts) != len(cls._fields):
            raise ValueError(f"a {name} has {len(cls._fields)} fields, and not {len(parts)}")
        return cls(*map(self.decode, parts))

    def _class(self, name: str, base: type[Any]) -> Any:
        cls = self._classes.get(name)
        if cls is None or not issubclass(cls, base):
            raise ValueError(f"the model has no class {name}, or two")
        return cls


def _key(value: Any) -> Any:
    return value.key if isinstance(value, Envelope) else order_key(value)


def _name(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _below(cls: type[Any]) -> Iterator[type[Any]]:
    for found in cls.__subclasses__():
        yield found
        yield from _below(found)
