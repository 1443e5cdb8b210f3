"""Values that a state may hold: immutable, compared by class, ordered without hash order.

A state must be hashable and must look the same on every run. So every value that a node
stores or sends is *frozen* here: atoms stay as they are, a `Record` is frozen by nature, and
the mutable containers of a node's fields (dict, set, list) become tagged tuples in a canonical
order. `thaw` gives a handler a fresh mutable copy back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from paxcheck.protocol.errors import ModelError, where_in_model
from paxcheck.protocol.order import (
    DICT,
    FROZENSETS,
    LIST,
    SET,
    FrozenOrderedSet,
    OrderedSet,
    Tag,
    Value,
    order_key,
    ordered,
    show,
)
from paxcheck.protocol.records import Record, copied, put
from paxcheck.protocol.recordtype import RecordType, note

ATOMS: Final = frozenset([type(None), bool, int, str, bytes])
"""The classes of values that hold nothing else."""


EMPTY_DICT: Final = (DICT,)


def freeze(value: Any, what: str) -> Value:
    """The frozen form of a field's value; containers are copied in canonical order.

    `what` names the value in the error. Raises ModelError for a type that cannot be frozen.
    """
    if value.__class__ in ATOMS:
        return value
    try:
        return _frozen(value, what)
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
    if kind.__class__ is RecordType:
        if not getattr(value, "_key", False):
            (kind._checked or _checked(kind))(value)
        return value
    if kind is tuple:
        return tuple([_frozen(item, what) for item in value])
    if isinstance(value, dict):
        if not value:
            return EMPTY_DICT
        items = [(_frozen(k, what), _frozen(v, what)) for k, v in value.items()]  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
        if len(items) > 1:
            items.sort(key=_by_key)
        return (DICT, *items)
    if kind in FROZENSETS:
        return FrozenOrderedSet([_frozen(item, what) for item in value])  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, set):
        return (SET, *sorted((_frozen(item, what) for item in value), key=order_key))  # pyright: ignore[reportUnknownVariableType]
    if kind is list:
        return (LIST, *(_frozen(item, what) for item in value))
    return check_immutable(value, what)


def _by_key(item: tuple[Value, Value]) -> tuple[Any, ...]:
    return order_key(item[0])


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


def is_frozen_record(value: Any) -> bool:
    """Whether a value is a record of which it is known that nothing in it can change."""
    return value.__class__.__class__ is RecordType and getattr(value, "_key", False) is not False


def check_immutable(value: Any, what: str) -> Value:
    """`value` itself, when nothing in it can change; else ModelError with the model's line."""
    kind = value.__class__
    if kind in ATOMS:
        return value
    if kind.__class__ is RecordType:
        if not getattr(value, "_key", False):
            (kind._checked or _checked(kind))(value)
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
    if kind is tuple or kind in FROZENSETS:
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


def _checked(kind: RecordType) -> Callable[[Any], object]:
    """Makes the check of a class of records: written out, because there are very many of them."""
    parts = [
        f"((v := r.{name}).__class__ in atoms or part(r, {name!r}, v))"
        for name in kind._fields  # pyright: ignore[reportPrivateUsage]
    ]
    text = f"lambda r: {' and '.join([*parts, 'note(r, True)'])}"
    kind._checked = made = eval(text, {"atoms": ATOMS, "part": _check_part, "note": note})  # pyright: ignore[reportPrivateUsage]
    return made


def _check_part(record: Record, name: str, part: Any) -> bool:
    kind = part.__class__
    if kind.__class__ is RecordType:
        if not getattr(part, "_key", False):
            (kind._checked or _checked(kind))(part)
    else:
        check_immutable(part, f"{record.__class__.__name__}.{name}")
        if kind is frozenset:
            put(record, name, _in_order(part))  # equal, but in order
    return True


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
    put_part: Any = put if kind.__class__ is RecordType else object.__setattr__
    for name in _names_of(kind):
        part = getattr(value, name)
        if isinstance(part, (set, frozenset, tuple)):
            put_part(value, name, settled(part, what))  # equal, but in order
    return value


def _names_of(kind: Any) -> list[str]:
    """The fields of a record or of a frozen dataclass."""
    return [field.name for field in dataclasses.fields(kind)] if is_frozen(kind) else []


def is_frozen(kind: Any) -> bool:
    """Whether a class is a frozen dataclass."""
    return dataclasses.is_dataclass(kind) and getattr(kind, "__dataclass_params__").frozen  # noqa: B009


def rename(value: Value, names: Mapping[Any, Any]) -> Value:
    """The value with every name replaced as `names` says, also inside records and containers.

    Containers are put back into canonical order: renaming is a symmetry of frozen values.
    """
    kind = value.__class__
    if kind is str or kind is int:
        return names.get(value, value)
    if kind.__class__ is RecordType:
        copy = copied(value)
        for name in kind.__struct_fields__:  # of a message also its sender
            put(copy, name, rename(getattr(value, name), names))
        if getattr(value, "_key", False):
            note(copy, True)
        return copy
    if kind is tuple and value:
        first = value[0]
        if first is SET:
            return (SET, *sorted((rename(v, names) for v in value[1:]), key=order_key))
        if first is DICT:
            items = [(rename(k, names), rename(v, names)) for k, v in value[1:]]
            return (DICT, *sorted(items, key=lambda pair: order_key(pair[0])))
        return tuple([rename(item, names) for item in value])
    if kind in FROZENSETS:
        return FrozenOrderedSet([rename(item, names) for item in value])
    return value


__all__ = [
    "ATOMS",
    "DICT",
    "FROZENSETS",
    "LIST",
    "SET",
    "FrozenOrderedSet",
    "OrderedSet",
    "Record",
    "Tag",
    "Value",
    "check_immutable",
    "freeze",
    "is_frozen",
    "order_key",
    "ordered",
    "rename",
    "settled",
    "show",
    "thaw",
]
