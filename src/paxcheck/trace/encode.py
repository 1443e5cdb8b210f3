"""Frozen values as JSON: messages carry their type and sender, records only their fields."""

from __future__ import annotations

from enum import Enum
from typing import Any

from paxcheck.protocol.messages import Message
from paxcheck.protocol.values import DICT, Record, Tag, Value, order_key

Json = Any


def encode(value: Value) -> Json:
    """The value as None, bool, int, str, list or dict; equal values give equal JSON."""
    if isinstance(value, Record):
        fields = {name: encode(getattr(value, name)) for name in value._fields}  # pyright: ignore[reportPrivateUsage]
        if isinstance(value, Message):
            return {"type": type(value).__name__, "sender": value.sender, **fields}
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
