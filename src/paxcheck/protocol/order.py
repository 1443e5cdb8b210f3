"""The canonical order of values: it depends neither on their types nor on the hash seed.

With it a set is walked in the same order on every run, and a value is shown in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, Final

from paxcheck.protocol.recordtype import SENDER, RecordType, note

Value = Any
"""A frozen value: None, bool, int, str, bytes, Enum, Record, or a tuple / frozenset of such."""


class Tag:
    """The first element of a frozen container: tells what it thaws to."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __reduce__(self) -> str:
        return self.name


DICT: Final = Tag("DICT")
SET: Final = Tag("SET")
LIST: Final = Tag("LIST")


class FrozenOrderedSet(frozenset[Any]):
    """A frozenset that iterates in canonical order, so that no result depends on hash seeds."""

    __slots__ = ("_order",)  # found at the first walk: one set is in very many states
    _order: tuple[Any, ...]

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(self._order)
        except AttributeError:
            self._order = tuple(sorted(super().__iter__(), key=order_key))
            return iter(self._order)


class OrderedSet(set[Any]):
    """A set that iterates in canonical order."""

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=order_key))

    def pop(self) -> Any:
        """Remove and return the first element in canonical order."""
        for item in self:
            self.remove(item)
            return item
        raise KeyError("pop from an empty set")


FROZENSETS: Final = (frozenset, FrozenOrderedSet)


def _keep_order(cls: type[Any], base: type[Any]) -> None:
    """What is computed from an ordered set is an ordered set (Python would give a plain one)."""

    def closed(name: str) -> Callable[..., Any]:
        plain = getattr(base, name)

        def operation(self: Any, *others: Any) -> Any:
            result = plain(self, *others)
            return result if result is NotImplemented else cls(result)

        return operation

    for symbol in ("or", "and", "sub", "xor"):
        setattr(cls, f"__{symbol}__", closed(f"__{symbol}__"))
        setattr(cls, f"__r{symbol}__", closed(f"__r{symbol}__"))
    for name in ("union", "intersection", "difference", "symmetric_difference", "copy"):
        setattr(cls, name, closed(name))


_keep_order(FrozenOrderedSet, frozenset)
_keep_order(OrderedSet, set)


def order_key(value: Value) -> tuple[Any, ...]:
    """A sort key that orders any two frozen values, whatever their types and the hash seed."""
    kind = value.__class__
    if kind is str:
        return (3, value)
    if kind is int:
        return (2, value)
    if value is None:
        return (0,)
    if kind is bool:
        return (1, value)
    if kind.__class__ is RecordType:
        known = getattr(value, "_key", False)
        if known.__class__ is tuple:
            return known  # type: ignore[return-value]
        key = (kind._keyed or _keyed(kind))(value)
        if known:
            note(value, key)
        return key
    if kind is tuple:
        return (7, *map(order_key, value))
    if kind in FROZENSETS:
        return (8, *sorted(map(order_key, value)))
    if kind is bytes:
        return (4, value)
    if isinstance(value, Enum):
        return (5, kind.__name__, value.name)
    if kind is Tag:
        return (-1, value.name)
    if isinstance(value, set):
        return (8, *sorted(order_key(item) for item in value))  # pyright: ignore[reportUnknownVariableType]
    return (9, kind.__name__, repr(value))


def _keyed(kind: RecordType) -> Callable[[Any], tuple[Any, ...]]:
    """Makes the sort keys of a class of records: written out, because there are very many."""
    names = [name for name in kind.__struct_fields__ if name == SENDER] + [*kind._fields]  # pyright: ignore[reportPrivateUsage]
    keys = [
        f"(3, v) if (c := (v := r.{name}).__class__) is str else (2, v) if c is int else key(v)"
        for name in names
    ]
    text = f"lambda r: (6, {kind.__name__!r}, {', '.join(keys)})"
    kind._keyed = made = eval(text, {"key": order_key})  # pyright: ignore[reportPrivateUsage]
    return made


def ordered(items: Iterable[Any]) -> list[Any]:
    """The items in canonical order."""
    if items.__class__ is FrozenOrderedSet:
        return list(items)
    return sorted(items, key=order_key)


def show(value: Value) -> str:
    """The value in words, as a story or a diagram prints it."""
    kind = value.__class__
    if kind is str:
        return value
    if kind is tuple and value and value[0].__class__ is Tag:
        tag, rest = value[0], value[1:]
        if tag is DICT:
            return "{" + ", ".join(f"{show(k)}: {show(v)}" for k, v in rest) + "}"
        opening, closing = ("{", "}") if tag is SET else ("[", "]")
        return opening + ", ".join(map(show, rest)) + closing
    if kind is tuple:
        return "(" + ", ".join(map(show, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{show(k)}: {show(v)}" for k, v in value.items()) + "}"  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(show(v) for v in ordered(value)) + "}"  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    if isinstance(value, list):
        return "[" + ", ".join(show(v) for v in value) + "]"  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, Enum):
        return value.name
    return "nothing" if value is None else str(value)
