"""Frozen values as JSON: messages carry their type and sender, records only their fields."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from paxcheck.protocol.messages import Message
from paxcheck.protocol.values import DICT, Record, Tag, Value, order_key

Json = Any

_AS_THEY_ARE: Final = frozenset([type(None), bool, int, str])


def encode(value: Value) -> Json:
    """The value as None, bool, int, str, list or dict; equal values give equal JSON."""
    if value.__class__ in _AS_THEY_ARE:
        return value
    if isinstance(value, Record):
        fields: dict[str, Any] = {}
        if isinstance(value, Message):
            fields = {"type": type(value).__name__, "sender": value.sender}
        for name in value._fields:  # pyright: ignore[reportPrivateUsage]
            part = getattr(value, name)
            fields[name] = part if part.__class__ in _AS_THEY_ARE else encode(part)
        return fields
    if isinstance(value, tuple):
        items: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
        if items and isinstance(items[0], Tag):
            return _dict(items[1:]) if items[0] is DICT else [encode(v) for v in items[1:]]
        return [encode(v) for v in items]
    if isinstance(value, frozenset):
        return [encode(v) for v in sorted(value, key=order_key)]  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    return value


def _dict(items: tuple[tuple[Value, Value], ...]) -> Json:
    if all(isinstance(key, str) for key, _ in items):
        return {key: encode(v) for key, v in items}
    return [[encode(key), encode(v)] for key, v in items]
