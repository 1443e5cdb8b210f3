"""Messages and changes of a state in a few words."""

from __future__ import annotations

from paxcheck.protocol.messages import Message
from paxcheck.protocol.system import System
from paxcheck.protocol.values import Value, show


def describe(message: Message) -> str:
    """A message with the names of its fields: `Promise(ballot 1.p1, vote nothing)`."""
    fields = [f"{name} {show(getattr(message, name))}" for name in message._fields]  # pyright: ignore[reportPrivateUsage]
    return f"{type(message).__name__}({', '.join(fields)})"


def changed_fields(
    system: System, i: int, before: tuple[Value, ...], after: tuple[Value, ...]
) -> list[tuple[str, Value, Value]]:
    """The fields of node `i` that differ, without ghosts: (name, before, after)."""
    shape = system.shapes[i]
    rows = zip(shape.names, shape.kinds, before, after, strict=False)
    return [(name, a, b) for name, kind, a, b in rows if a != b and kind != "ghost"]
