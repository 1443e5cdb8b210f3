"""Values that a state may hold: immutable, compared by class, ordered without hash order.

A state must be hashable and must look the same on every run. So every value that a node
stores or sends is *frozen* here: atoms stay as they are, a `Record` is frozen by nature, and
the mutable containers of a node's fields (dict, set, list) become tagged tuples in a canonical
order. `thaw` gives a handler a fresh mutable copy back.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Literal, dataclass_transform

from paxcheck.protocol.errors import ModelError, where_in_model, where_of, where_of_class

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
_TAGS: Final = (DICT, SET, LIST)
ATOMS: Final = frozenset([type(None), bool, int, str, bytes])
"""The classes of values that hold nothing else."""


_OF_RECORDS: Final = ("_compare_by", "_fields", "_hash", "_key", "_parts", "__eq__", "__hash__")
_COMPARISONS: Final = ("__lt__", "__le__", "__gt__", "__ge__")

_set = object.__setattr__  # a record is frozen for everybody else


@dataclass_transform(frozen_default=True, eq_default=True, field_specifiers=(dataclasses.field,))
class Record:
    """A frozen value class: write fields with types, get a constructor, equality and hash.

    Two records are equal when they have the same *class* and equal fields. (Named tuples of one
    shape are equal across classes: `{Prepare(1), Decide(1)}` would have one element.)
    With `order=True` records of the class compare field by field, as a ballot needs.
    """

    # What was computed of it stands apart from its fields: then an instance needs no dict, and a
    # long run has very many of them.
    __slots__ = ("_hash", "_key")
    _fields: tuple[str, ...] = ()
    _hash: int
    _key: tuple[Any, ...] | Literal[True]  # its sort key; True: only that nothing in it can change

    def __init_subclass__(cls, *, order: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _OF_RECORDS + _COMPARISONS * order:
            if name in vars(cls) or name in inspect.get_annotations(cls):
                raise ModelError(
                    f"{cls.__name__} defines {name}, which every record has already",
                    where=where_of(vars(cls).get(name)) or where_of_class(cls, name),
                    hint="records compare field by field; a field may have any other name",
                )
        dataclasses.dataclass(frozen=True, eq=False, order=False, repr=False)(cls)
        cls._fields = tuple(f.name for f in dataclasses.fields(cls))  # type: ignore[arg-type]
        cls._compare_by(cls._fields)
        if order:
            _add_order(cls)

    @classmethod
    def _compare_by(cls, names: tuple[str, ...]) -> None:
        """Two records of the class are equal when these attributes are."""
        name, parts = cls.__name__, parts_getter(names)

        def hashed(self: Record) -> int:
            try:
                return self._hash
            except AttributeError:
                value = hash((name, *parts(self)))
                _set(self, "_hash", value)
                return value

        cls._parts = lambda self: parts(self)  # type: ignore[method-assign]
        cls.__hash__ = hashed  # type: ignore[method-assign]
        same = " and ".join([f"self.{n} == other.{n}" for n in names]) or "True"
        cls.__eq__ = _written(  # type: ignore[method-assign]
            f"self is other or (self.__class__ is other.__class__ and {same})"
        )

    def _parts(self) -> tuple[Value, ...]:
        """The fields' values; each class has its own, made of its fields."""
        return ()

    def __getstate__(self) -> dict[str, Any]:
        # A hash depends on the process's hash seed: it must not travel.
        return dict(self.__dict__)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{self.__class__.__name__}({inside})"

    def __str__(self) -> str:
        inside = ", ".join(show(part) for part in self._parts())
        return f"{self.__class__.__name__}({inside})"


def parts_getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Value, ...]]:
    """A function that gives these attributes as a tuple, as fast as Python can."""
    if len(names) > 1:
        return attrgetter(*names)
    if names:
        one = attrgetter(*names)
        return lambda self: (one(self),)
    return lambda self: ()


def _add_order(cls: type[Record]) -> None:
    """Comparisons field by field, as those of tuples."""
    names = cls._fields  # pyright: ignore[reportPrivateUsage]
    for name, sign in zip(_COMPARISONS, ("<", "<=", ">", ">="), strict=True):
        compare = str("=" in sign)  # all fields are equal
        for n in reversed(names):
            # Equal fields are not compared further: they may have no order, as None has none.
            one, two = f"self.{n}", f"other.{n}"
            compare = f"{one} {sign} {two} if {one} != {two} else {compare}"
        same = "other.__class__ is self.__class__"
        setattr(cls, name, _written(f"({compare}) if {same} else NotImplemented"))


def _written(expression: str) -> Any:
    """A method of `self` and `other`, written out: records are compared very often."""
    return eval(f"lambda self, other: {expression}")


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


_FROZENSETS: Final = (frozenset, FrozenOrderedSet)


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


def freeze(value: Any, what: str) -> Value:
    """The frozen form of a field's value; containers are copied in canonical order.

    `what` names the value in the error. Raises ModelError for a type that cannot be frozen.
    """
    if value.__class__ in ATOMS:
        return value
    try:
        return check_immutable(value, what) if isinstance(value, Record) else _frozen(value, what)
    except RecursionError:
        raise ModelError(
            f"{what} is nested too deeply, or holds itself",
            where=where_in_model(),
            hint="a state is a finite value: None, int, str, records, tuples and the like",
        ) from None


def _frozen(value: Any, what: str) -> Value:
    kind = value.__class__
    if kind in ATOMS:
        return value
    if isinstance(value, Record):
        return check_immutable(value, what)
    if kind is tuple:
        return tuple([_frozen(item, what) for item in value])
    if isinstance(value, dict):
        items = [(_frozen(k, what), _frozen(v, what)) for k, v in value.items()]  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
        return (DICT, *sorted(items, key=lambda pair: order_key(pair[0])))
    if kind in _FROZENSETS:
        return FrozenOrderedSet([_frozen(item, what) for item in value])  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, set):
        return (SET, *sorted((_frozen(item, what) for item in value), key=order_key))  # pyright: ignore[reportUnknownVariableType]
    if kind is list:
        return (LIST, *(_frozen(item, what) for item in value))
    return check_immutable(value, what)


def thaw(value: Value) -> Any:
    """The value as a handler sees it: a fresh mutable copy of every container."""
    if value.__class__ is tuple and value:
        first = value[0]
        if first is DICT:
            return {k: thaw(v) for k, v in value[1:]}
        if first is SET:
            return OrderedSet(value[1:])
        if first is LIST:
            return [thaw(item) for item in value[1:]]
        return tuple([thaw(item) for item in value])
    return value


def check_immutable(value: Any, what: str) -> Value:
    """`value` itself, when nothing in it can change; else ModelError with the model's line."""
    kind = value.__class__
    if kind in ATOMS:
        return value
    if isinstance(value, Record):
        if not getattr(value, "_key", False):
            _check_parts(value)
        return value
    if isinstance(value, Enum):
        if isinstance(value, (str, int, float, bytes, tuple)):
            # Two states that hold the one and the other would be one state.
            raise ModelError(
                f"{what} is {kind.__name__}.{value.name}, which equals the plain {value.value!r}",
                where=where_in_model(),
                hint=f"make it a plain enum: class {kind.__name__}(Enum)",
            )
        return value
    if kind is tuple or kind in _FROZENSETS:
        for item in value:
            check_immutable(item, what)
        return value
    where = where_in_model()
    name = kind.__name__
    if isinstance(value, (list, set, dict, bytearray)):
        instead = {"list": "a tuple", "set": "a frozenset", "dict": "a tuple of pairs"}
        raise ModelError(
            f"{what} is a {name}, which can change after it was sent or stored",
            where=where,
            hint=f"use {instead.get(name, 'bytes')} instead",
        )
    if isinstance(value, tuple):
        raise ModelError(
            f"{what} is a named tuple ({name}): it equals every other tuple with the same parts",
            where=where,
            hint=f"make it a record: class {name}(Record)",
        )
    raise ModelError(
        f"{what} is a {name}, which cannot be part of a state",
        where=where,
        hint="use None, bool, int, str, bytes, an Enum, a Record, a tuple or a frozenset",
    )


def _check_parts(record: Record) -> None:
    """Check all parts of a record, and note that it was done."""
    for name in record._fields:  # pyright: ignore[reportPrivateUsage]
        part = getattr(record, name)
        if part.__class__ not in ATOMS:
            check_immutable(part, f"{record.__class__.__name__}.{name}")
            if part.__class__ is frozenset:
                _set(record, name, _in_order(part))  # equal, but in order
    _set(record, "_key", True)


def _in_order(items: frozenset[Any]) -> FrozenOrderedSet:
    """The same set; of equal ones with names it is one object: a long run has very many."""
    if all(item.__class__ is str for item in items):
        return _of_names(items)
    return FrozenOrderedSet(items)


@lru_cache(maxsize=1024)
def _of_names(names: frozenset[str]) -> FrozenOrderedSet:
    return FrozenOrderedSet(names)


def settled(value: Any, what: str) -> Any:
    """A constant as its node keeps it: sets walk in canonical order, and nothing can change.

    An object of another class is kept as it is; `surroundings` sees to it that it stays so.
    Raises ModelError for a container that can change.
    """
    kind = value.__class__
    if isinstance(value, (set, frozenset)):
        return FrozenOrderedSet([settled(item, what) for item in value])  # pyright: ignore[reportUnknownVariableType]
    if kind is tuple:
        return tuple([settled(item, what) for item in value])
    if isinstance(value, (list, dict, bytearray, Iterator)):
        instead = {"list": "a tuple", "dict": "a tuple of pairs", "bytearray": "bytes"}
        raise ModelError(
            f"{what} is a {kind.__name__}, which can change, and a constant never does",
            where=where_in_model(),
            hint=f"use {instead.get(kind.__name__, 'a tuple')} instead",
        )
    if is_frozen(kind):
        for field in dataclasses.fields(value):
            part = getattr(value, field.name)
            if isinstance(part, (set, frozenset, tuple)):
                object.__setattr__(value, field.name, settled(part, what))  # equal, but in order
    return value


def is_frozen(kind: Any) -> bool:
    """Whether a class is a frozen dataclass."""
    return dataclasses.is_dataclass(kind) and getattr(kind, "__dataclass_params__").frozen  # noqa: B009


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
    if isinstance(value, Record):
        known = getattr(value, "_key", False)
        if known.__class__ is tuple:
            return known  # type: ignore[return-value]
        key = (6, kind.__name__, *map(order_key, value._parts()))  # pyright: ignore[reportPrivateUsage]
        if known:
            _set(value, "_key", key)
        return key
    if kind is tuple:
        return (7, *map(order_key, value))
    if kind in _FROZENSETS:
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


def rename(value: Value, names: Mapping[Any, Any]) -> Value:
    """The value with every name replaced as `names` says, also inside records and containers.

    Containers are put back into canonical order: renaming is a symmetry of frozen values.
    """
    kind = value.__class__
    if kind is str or kind is int:
        return names.get(value, value)
    if isinstance(value, Record):
        copy = object.__new__(kind)
        for name, part in value.__dict__.items():  # of a message also its sender
            _set(copy, name, rename(part, names))
        if getattr(value, "_key", False):
            _set(copy, "_key", True)
        return copy
    if kind is tuple and value:
        first = value[0]
        if first is SET:
            return (SET, *sorted((rename(v, names) for v in value[1:]), key=order_key))
        if first is DICT:
            items = [(rename(k, names), rename(v, names)) for k, v in value[1:]]
            return (DICT, *sorted(items, key=lambda pair: order_key(pair[0])))
        return tuple([rename(item, names) for item in value])
    if kind in _FROZENSETS:
        return FrozenOrderedSet([rename(item, names) for item in value])
    return value


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


def ordered(items: Iterable[Any]) -> list[Any]:
    """The items in canonical order."""
    if items.__class__ is FrozenOrderedSet:
        return list(items)
    return sorted(items, key=order_key)
