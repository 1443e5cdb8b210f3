"""A map that remembers its earlier versions, at the price of a plain dict for the newest one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

ABSENT: Final[Any] = object()
"""The value of a cell that is not there."""


class Table(Generic[K]):
    """An immutable map: key -> (mark, what is kept there); equal cells have equal marks.

    What is no tuple is kept as it is, and has the mark 1.

    All versions share one dict, which is that of the newest one. An older version knows how it
    differs from the next; whoever asks it makes it the newest by undoing the changes in between
    (Baker, *Shallow Binding Makes Functional Arrays Fast*, 1991).
    """

    __slots__ = ("_cells", "_mix", "_newer", "_undo")

    def __init__(self, cells: dict[K, Any], mix: int = 0) -> None:
        self._cells = cells
        self._undo: list[tuple[K, Any]] = []
        self._newer: Table[K] | None = None
        self._mix = mix  # depends on what is in it, and not on the order in which it came

    def cells(self) -> dict[K, Any]:
        """What this version holds. Only to look at, and only until another version is asked."""
        if self._newer is not None:
            self._become_newest()
        return self._cells

    def changed(self, changes: Iterable[tuple[K, Any]]) -> Table[K]:
        """The version after these changes; `ABSENT` takes a cell away."""
        cells, mix = self.cells(), self._mix
        undo = self._undo  # that of the newest one is empty
        for key, value in changes:
            old = cells.get(key, ABSENT)
            undo.append((key, old))
            if old is not ABSENT:
                mix ^= hash((key, old[0])) if old.__class__ is tuple else hash(key)
            if value is ABSENT:
                del cells[key]
            else:
                cells[key] = value
                mix ^= hash((key, value[0])) if value.__class__ is tuple else hash(key)
        self._newer = newer = Table(cells, mix)
        return newer

    def _become_newest(self) -> None:
        chain: list[Table[K]] = [self]
        while (newer := chain[-1]._newer) is not None:
            chain.append(newer)
        newest, cells = chain.pop(), self._cells
        for version in reversed(chain):
            redo: list[tuple[K, Any]] = []
            for key, old in reversed(version._undo):
                redo.append((key, cells.get(key, ABSENT)))
                if old is ABSENT:
                    del cells[key]
                else:
                    cells[key] = old
            newest._undo, newest._newer = redo, version
            version._undo, version._newer = [], None
            newest = version

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Table) or self._mix != other._mix:
            return False
        cells = self.cells()
        theirs: dict[Any, Any] = {}  # where the other may differ from this one
        at: Table[Any] = other  # pyright: ignore[reportUnknownVariableType]
        while at is not self and at._newer is not None:
            for key, old in at._undo:
                theirs.setdefault(key, old)
            at = at._newer
        if at is not self:  # of another run
            return _marks(cells) == _marks(other.cells())  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]
        return all(_same(cells.get(key, ABSENT), old) for key, old in theirs.items())

    def __hash__(self) -> int:
        return hash(self._mix)


def _mark(cell: Any) -> Any:
    return cell[0] if cell.__class__ is tuple else 1


def _same(one: Any, two: Any) -> bool:
    if one is ABSENT or two is ABSENT:
        return one is two
    return _mark(one) == _mark(two)


def _marks(cells: dict[Any, Any]) -> dict[Any, Any]:
    return {key: _mark(value) for key, value in cells.items()}
