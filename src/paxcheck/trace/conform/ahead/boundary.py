"""Where the later part of a trace begins, and what each node holds there, as the trace shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec

from paxcheck.protocol.execute import Local
from paxcheck.protocol.messages import Message
from paxcheck.protocol.values import freeze
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.possible import known_in_full
from paxcheck.trace.conform.wording import type_of
from paxcheck.trace.encode import encode
from paxcheck.trace.events import Event

WINDOW: Final = 4_000_000
"""So many bytes before the boundary are searched for the latest state of each node."""

_EVENT: Final = msgspec.json.Decoder(Event)
_BLOCK: Final = 1 << 20


class Boundary(NamedTuple):
    """Between two lines of a file. `start`: the byte where the later part begins; `line`: the last
    line before it; `locals`: what each node holds there, without its history."""

    start: int
    line: int
    locals: tuple[Local, ...]


def boundary_of(path: Path, system: Handlers, share: float) -> Boundary | None:
    """The boundary after about this share of a file; None where not all nodes show what they hold.

    It is a guess: who uses it must compare it with what the replay of the first part leads to.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(int(size * share))
        if not file.readline().endswith(b"\n"):
            return None  # nothing is behind the last line, and it has no end that could be counted
        start = file.tell()
        begin = max(0, start - WINDOW)
        file.seek(begin)
        lines = file.read(start - begin).split(b"\n")
        locals_ = _latest(system, lines[:0:-1])
        return Boundary(start, _lines(file, start), locals_) if locals_ else None


def _latest(system: Handlers, lines: list[bytes]) -> tuple[Local, ...] | None:
    """What each node holds after these lines, the last one first."""
    found: dict[int, Local] = {}
    for line in lines:
        if not line:
            continue
        try:
            event = _EVENT.decode(line)
        except (ValueError, RecursionError):
            return None
        i = system.index.get(event.node or "")
        if i is None or i in found:
            continue
        local = _local(system, i, event) if known_in_full(system, event) else None
        if local is None:
            return None
        found[i] = local
        if len(found) == len(system.names):
            break
    # Who does nothing for so long has perhaps done nothing at all.
    first = system.initial().locals
    rows = enumerate(first)
    return tuple([found[i] if i in found else system.bare(i, local) for i, local in rows])


def _local(system: Handlers, i: int, event: Event) -> Local | None:
    """The local state that an event shows; None where its fields cannot be read back."""
    shape, state = system.shapes[i], event.state or {}
    values: list[Any] = []
    try:
        kind = type(shape.prototype)
        for name, how, first in zip(shape.names, shape.kinds, shape.initial, strict=True):
            values.append(first if how == "ghost" else read_back(state[name], type_of(kind, name)))
    except Exception:  # also what the model's own code raises, where a record is made
        return None
    return system.bare(i, tuple(values))


def read_back(told: Any, kind: Any) -> Any:
    """The value of a type that is written so. Raises ValueError or TypeError where there is none
    (msgspec's errors are ValueErrors)."""
    value = freeze(msgspec.convert(told, kind), "a value of a trace")
    if encode(value) != told:
        raise ValueError(told)
    return value


def message_of(told: dict[str, Any], kinds: dict[str, type[Message]]) -> Message | None:
    """The message that is written so; None where it cannot be read back."""
    kind = kinds.get(told.get("type", ""))
    if kind is None:
        return None
    try:
        return read_back(told, kind)
    except Exception:  # the same
        return None


def _lines(file: BinaryIO, end: int) -> int:
    """How many lines there are before a byte."""
    file.seek(0)
    count = left = 0
    left = end
    while left and (block := file.read(min(_BLOCK, left))):
        count += block.count(b"\n")
        left -= len(block)
    return count
