"""Frozen values as JSON: messages carry their type and sender, records only their fields."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, Final

from paxcheck.protocol.messages import Message
from paxcheck.protocol.recordtype import RecordType
from paxcheck.protocol.values import DICT, Tag, Value, order_key

Json = Any

PLAIN: Final = frozenset([type(None), bool, int, str])
"""The classes of values that JSON has as they are."""


def encode(value: Value) -> Json:
    """The value as None, bool, int, str, list or dict; equal values give equal JSON."""
    kind = value.__class__
    if kind in PLAIN:
        return value
    if kind.__class__ is RecordType:
        return _encoder(kind)(value)
    if kind is tuple:
        if value and value[0].__class__ is Tag:
            return _dict(value[1:]) if value[0] is DICT else [encode(v) for v in value[1:]]
        return [encode(v) for v in value]
    if isinstance(value, frozenset):
        return [encode(v) for v in sorted(value, key=order_key)]  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    return value


@cache
def _encoder(kind: RecordType) -> Callable[[Any], Json]:
    """Encodes the records of a class: written out, because a long trace has very many of them."""
    told = [f"'type': {kind.__name__!r}, 'sender': r.sender"] if issubclass(kind, Message) else []
    for name in kind._fields:  # pyright: ignore[reportPrivateUsage]
        told.append(f"{name!r}: v if (v := r.{name}).__class__ in plain else encode(v)")
    names = {"plain": PLAIN, "encode": encode}
    return eval(f"lambda r: {{{', '.join(told)}}}", names)


def _dict(items: tuple[tuple[Value, Value], ...]) -> Json:
    if all(isinstance(key, str) for key, _ in items):
        return {key: encode(v) for key, v in items}
    return [[encode(key), encode(v)] for key, v in items]
