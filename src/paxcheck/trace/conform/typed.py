"""The events of a trace with their messages as the model's own: compared in C, and not as text.

A message of a class whose fields are whole numbers, texts, truth values, None, and records and
tuples of such, is read as what it is. Whatever does not fit is read as JSON (`paxcheck.trace.read`
sees to that), and `plain` makes JSON of an event again: the long way of a replay knows only that.

Nothing may be made up: a field with a default would be there although the trace does not say it,
and a `__post_init__` may put another value in its place. Classes with such are read as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Union

import msgspec
from msgspec import inspect as types

from paxcheck.protocol.messages import Message
from paxcheck.protocol.records import Record
from paxcheck.protocol.recordtype import SENDER
from paxcheck.protocol.system import System
from paxcheck.trace.conform.wording import messages_of
from paxcheck.trace.encode import encode
from paxcheck.trace.events import Event, Sent
from paxcheck.trace.read import Events, Trace

_ATOMS = (types.IntType, types.StrType, types.BoolType, types.NoneType)


class _Nobodys(msgspec.Struct, tag_field="type", tag=""):
    """One class more: of a single one msgspec does not ask that the message says its type."""

    sender: str = ""


def decoder_of(system: System) -> msgspec.json.Decoder[Event] | None:
    """Reads events whose messages are those of a system; None where its messages are of no use."""
    kinds = list(messages_of(system).values())
    try:
        if not kinds or not all(_is_plain(types.type_info(kind), False) for kind in kinds):
            return None
        if any("type" in kind.__struct_fields__ for kind in kinds):
            return None  # it would be taken for the name of the class
        any_of: Any = Union
        message = any_of[(*kinds, _Nobodys)]
        options: dict[str, Any] = {
            "frozen": True,
            "omit_defaults": True,
            "forbid_unknown_fields": True,
        }
        sent: Any = msgspec.defstruct("TypedSent", [("message", message)], bases=(Sent,), **options)
        fields: list[Any] = [("message", message | None, None), ("sent", list[sent] | None, None)]
        event: Any = msgspec.defstruct("TypedEvent", fields, bases=(Event,), **options)
        return msgspec.json.Decoder(event)
    except Exception:  # a type that no JSON has, or that holds itself; or its text fails
        return None


def read_as_typed(traces: Iterable[Trace], system: System) -> None:
    """See to it that the messages of these traces are read as those of a system, where that can
    be. Their events must not have been asked for yet."""
    decoder = decoder_of(system)
    for trace in traces:
        if isinstance(trace.events, Events):
            trace.events.typed = decoder


def plain(event: Event) -> Event:
    """The event with its messages as JSON."""
    if event.__class__ is Event:
        return event
    values = {name: getattr(event, name) for name in Event.__struct_fields__}
    if event.message is not None:
        values["message"] = encode(event.message)
    if event.sent is not None:
        values["sent"] = [Sent(one.to, encode(one.message), one.mid) for one in event.sent]
    return Event(**values)


def _is_plain(info: types.Type, inside: bool = True) -> bool:
    if isinstance(info, _ATOMS):
        return True
    if isinstance(info, types.UnionType):
        return all(map(_is_plain, info.types))
    if isinstance(info, types.VarTupleType):
        return _is_plain(info.item_type)
    if isinstance(info, types.TupleType):
        return all(map(_is_plain, info.item_types))
    if not isinstance(info, types.StructType) or not issubclass(info.cls, Record):
        return False
    if hasattr(info.cls, "__post_init__") or (inside and issubclass(info.cls, Message)):
        return False
    fields = [field for field in info.fields if field.name != SENDER]
    return all(field.required and _is_plain(field.type) for field in fields)
