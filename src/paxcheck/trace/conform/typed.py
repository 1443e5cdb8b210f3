"""The events of a trace with their messages as the model's own: compared in C, and not as text.

A message of a class whose fields are whole numbers, texts, truth values, None, and records and
tuples of such, is read as what it is. Whatever does not fit is read as JSON (`paxcheck.trace.read`
sees to that), and `plain` makes JSON of an event again: the long way of a replay knows only that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Union

import msgspec
from msgspec import inspect as types

from paxcheck.protocol.records import Record
from paxcheck.protocol.system import System
from paxcheck.trace.conform.wording import messages_of
from paxcheck.trace.encode import encode
from paxcheck.trace.events import Event, Sent
from paxcheck.trace.read import Events, Trace

_ATOMS = (types.IntType, types.StrType, types.BoolType, types.NoneType)


def decoder_of(system: System) -> msgspec.json.Decoder[Event] | None:
    """Reads events whose messages are those of a system; None where its messages are of no use."""
    kinds = list(messages_of(system).values())
    try:
        if not kinds or not all(_is_plain(types.type_info(kind)) for kind in kinds):
            return None
        any_of: Any = Union
        message = any_of[tuple(kinds)]
        options: dict[str, Any] = {
            "frozen": True,
            "omit_defaults": True,
            "forbid_unknown_fields": True,
        }
        sent: Any = msgspec.defstruct("TypedSent", [("message", message)], bases=(Sent,), **options)
        fields: list[Any] = [("message", message | None, None), ("sent", list[sent] | None, None)]
        event: Any = msgspec.defstruct("TypedEvent", fields, bases=(Event,), **options)
        return msgspec.json.Decoder(event)
    except (NameError, TypeError):  # a type that is not known by its name, or that no JSON has
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


def _is_plain(info: types.Type) -> bool:
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
    return all(_is_plain(field.type) for field in info.fields)
