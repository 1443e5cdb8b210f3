"""How tables came to be, as data: the ordered list of the calls that filled them.

The tables call pure handlers, and number rows and messages in the order of these calls. So the same
calls, made again, give the same tables with the same numbers. A checkpoint stores the calls and a
digest of the rows, not the Python objects in the rows; a model that does something else now is
found by that digest.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from paxcheck.engine.compiled.inbox_tables import InboxTables
from paxcheck.engine.compiled.tables import Tables
from paxcheck.engine.fingerprint import Fingerprint
from paxcheck.protocol.execute import Act
from paxcheck.protocol.system import Trigger

Call = list[Any]
"""The name of a method and its arguments, as JSON."""

_OF_TABLES = ("fill", "fill_acts", "fill_fault")
_OF_INBOXES = ("acts", "delivery", "fault", "add")
_OF_SYMMETRY = ("close", "bit_image", "place_image")


def replay(tables: Tables | InboxTables, calls: list[Call], symmetry: Any = None) -> None:
    """Make the calls again, in order. Raises ValueError for one that is none of ours.

    `symmetry`: the `Symmetry` over these tables whose calls are in the list too, or None.
    """
    for name, *args in calls:
        if symmetry is not None and name in _OF_SYMMETRY:
            getattr(symmetry, name)(*args)
        elif isinstance(tables, Tables):
            _replay_rows(tables, name, args)
        else:
            _replay_inboxes(tables, name, args)


def _replay_rows(tables: Tables, name: str, args: list[Any]) -> None:
    if name in _OF_TABLES:
        getattr(tables, name)(*args)
    elif name == "ask":
        node: int = args[0]
        tables.ask(node, args[1], Act(tables.system.names[node], args[2]), args[3])
    elif name == "effects":
        node, place, what = args
        tables.effects(node, place, what if what >= 0 else _trigger(tables, node, -1 - what))
    else:
        raise ValueError(f"{name!r} is no call of these tables")


def _trigger(tables: Tables, node: int, number: int) -> Trigger:
    return tables.system.triggers(node)[number]


def _replay_inboxes(tables: InboxTables, name: str, args: list[Any]) -> None:
    if name not in _OF_INBOXES:
        raise ValueError(f"{name!r} is no call of these tables")
    getattr(tables, name)(*args)


def counts(tables: Tables | InboxTables) -> list[int]:
    """How many rows each component has."""
    return [len(rows) for rows in tables.rows]


def digest_of_rows(tables: Tables | InboxTables, first: list[int], end: list[int]) -> str:
    """A digest of the rows of each component from `first` on, up to `end`, in their order."""
    prints = Fingerprint(tables.system.network)
    total = sha256()
    for c, (start, stop) in enumerate(zip(first, end, strict=True)):
        for number in range(start, stop):
            total.update(repr((c, tables.fingerprint(prints, c, number))).encode())
    return total.hexdigest()
