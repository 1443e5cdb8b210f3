"""What a trace says in the model's own words: `1.p1`, not `{"round": 1, "proposer": "p1"}`.

For texts only: nothing is judged by it. What the model's types cannot hold is shown as it stands.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import msgspec

from paxcheck.protocol.messages import Message
from paxcheck.protocol.node import handlers_of
from paxcheck.protocol.system import System
from paxcheck.protocol.values import show
from paxcheck.trace.describe import describe
from paxcheck.trace.events import Sent

Json = Any


def sent_texts(system: System, theirs: Sequence[Sent], mine: Sequence[Sent]) -> tuple[str, str]:
    """What the trace sends, and what the model sends, so that one sees the difference."""
    told = [_sent(theirs, partial(_message, system)), _sent(mine, partial(_message, system))]
    if told[0] == told[1]:
        told = [_sent(theirs, _plain_message), _sent(mine, _plain_message)]
    return told[0], told[1]


def field_texts(system: System, node: str, field: str, theirs: Json, mine: Json) -> tuple[str, str]:
    """The value of a node's field in the trace and in the model."""
    kind = type_of(type(system.nodes[system.index[node]]), field)
    told = [_words(kind, value, show, _plain) for value in (theirs, mine)]
    return (told[0], told[1]) if told[0] != told[1] else (json.dumps(theirs), json.dumps(mine))


def _sent(sent: Sequence[Sent], words: Callable[[dict[str, Json]], str]) -> str:
    return "; ".join(
        sorted(f"{words(s.message)} to {', '.join(sorted(s.to)) or 'nobody'}" for s in sent)
    ) or ("nothing")


def _message(system: System, message: dict[str, Json]) -> str:
    """`Promise(ballot 1.p1, vote nothing)`."""
    kind = messages_of(system).get(str(message.get("type")))
    if kind is None or message.keys() - {"type", "sender"} != set(kind._fields):  # pyright: ignore[reportPrivateUsage]
        return _plain_message(message)
    return _words(kind, message, describe, _plain_message)


def _words(kind: Any, value: Json, words: Callable[[Any], str], plain: Callable[[Any], str]) -> str:
    try:
        return words(msgspec.convert(value, kind))
    except (msgspec.ValidationError, TypeError, NameError):
        return plain(value)


def _plain_message(message: dict[str, Json]) -> str:
    inside = [f"{k} {_plain(v)}" for k, v in message.items() if k not in ("type", "sender")]
    return f"{message.get('type')}({', '.join(inside)})"


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=16)
def messages_of(system: System) -> dict[str, type[Message]]:
    """The classes of the messages that nodes handle, by name."""
    return {kind.__name__: kind for node in system.nodes for kind in handlers_of(type(node))}


@lru_cache(maxsize=1024)
def type_of(kind: type, field: str) -> Any:
    """The declared type of a node's field; Any when it cannot be found out."""
    for base in kind.__mro__:
        try:
            found = inspect.get_annotations(base, eval_str=True)
        except NameError:
            continue
        if field in found:
            return found[field]
    return Any
