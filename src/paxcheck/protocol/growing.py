"""Histories: what ghost fields remember for the properties. They only grow.

In a search a ghost field is a frozen set. In the replay of a long run it is a `Growing`, which is
never copied. A property that goes through all of a history at every step needs time that grows
with the square of the run; one that asks for a `fold` looks at each item once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from paxcheck.protocol.errors import PaxcheckError
from paxcheck.protocol.values import ordered

F = TypeVar("F")
T = TypeVar("T", covariant=True)

LONGEST: Final = 2_000
"""The longest history of a run that is gone through as a whole."""


class LongHistory(PaxcheckError):
    """A property wants to go through a whole history that has become too long for that."""


class _Line:
    """One line of history: its items as they came, and the folds that have seen them."""

    __slots__ = ("folds", "items", "known")

    def __init__(self, items: Sequence[Any] = ()) -> None:
        self.items = list(items)
        self.known = set(items)
        self.folds: dict[Any, _Fold] = {}


class Growing:
    """An immutable set in many versions: the first `len(self)` items of a line of history.

    The newest version adds to its line; an older one that adds something else begins a line of
    its own. Equal versions hold the same items.
    """

    __slots__ = ("length", "line")

    def __init__(self, line: _Line | None = None, length: int = 0) -> None:
        self.line = line or _Line()
        self.length = length

    def plus(self, items: Collection[Any]) -> Growing:
        """The set with these items; the very same one when it has them all."""
        line, before = self.line, self.length
        if len(line.items) == before:  # the newest version
            new = [item for item in items if item not in line.known]
        else:
            new = [item for item in items if item not in self]
        if not new:
            return self
        new = new if len(new) == 1 else ordered(new)
        length = before + len(new)
        if len(line.items) > before:
            if line.items[before:length] == new:
                return Growing(line, length)  # the same step, taken once more
            line = _Line(line.items[:before])
        line.items += new
        line.known.update(new)
        return Growing(line, length)

    def since(self, length: int) -> list[Any]:
        """The items after the first `length`, as they came."""
        return self.line.items[length : self.length]

    def __contains__(self, item: object) -> bool:
        return item in self.line.known and item not in self.line.items[self.length :]

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        if self.length > LONGEST:
            raise LongHistory(f"its history has more than {LONGEST:,} items")
        return iter(self.since(0))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Growing) or self.length != other.length:
            return False
        return self.line is other.line or set(self.since(0)) == set(other.since(0))

    def __hash__(self) -> int:
        return hash(self.length)


class History(Struct, Generic[T], frozen=True, eq=False):
    """The items of some ghost fields, in one sequence."""

    _parts: Sequence[Collection[T]]

    __repr__ = object.__repr__

    def __iter__(self) -> Iterator[T]:
        return iter(self.items())

    def items(self) -> list[T]:
        """All items, in order. Raises LongHistory where a run remembers too many."""
        items: list[T] = []
        for part in self._parts:
            if part:  # in a search most are empty
                items += ordered(part) if part.__class__ is frozenset else part
        return items

    @property
    def grows(self) -> bool:
        """Whether this is the history of a run, which goes on, and not that of one state."""
        return len(self._parts) > 0 and isinstance(self._parts[0], Growing)

    def everything(self) -> list[T]:
        """All items, however many: for the words of what is wrong."""
        parts = self._parts
        return [
            item
            for part in parts
            for item in (part.since(0) if isinstance(part, Growing) else ordered(part))
        ]

    def __len__(self) -> int:
        return sum([len(part) for part in self._parts])

    def __add__(self, other: History[Any]) -> History[Any]:
        return History([*self._parts, *other._parts])

    def fold(self, kind: type[F], *args: Any) -> F:
        """`kind(*args)` after `add(item)` of each item; it goes on where it was, if it can."""
        return fold(self, kind, *args)


class _Fold:
    """A fold of some lines of history, and the versions of them that it has seen."""

    __slots__ = ("_add", "_args", "seen", "state")

    def __init__(self, state: Any, args: tuple[Any, ...], parts: Sequence[Any]) -> None:
        self.state = state
        self._add = state.add
        self._args = args
        self.seen: Sequence[Any] = [Growing(part.line) for part in parts]

    def takes(self, parts: Sequence[Any]) -> bool:
        """Add what is new, if these are later versions of the same histories. If they are not, the
        fold is of no use any more."""
        seen = self.seen
        self.seen = ()  # of no use, should an item be refused half-way
        if len(parts) != len(seen):
            return False
        for part, last in zip(parts, seen):  # noqa: B905  (`strict` takes time)
            if part is not last:
                line, first = part.line, last.length
                if line is not last.line or part.length < first:
                    return False
                if part.length == first + 1:
                    self._add(line.items[first])
                    continue
                for item in line.items[first : part.length]:
                    self._add(item)
        self.seen = parts
        return True


def fold(items: Iterable[Any], kind: type[F], *args: Any) -> F:
    """`kind(*args)` after `add(item)` of each item.

    Of a `History` that grows it is the same object each time, and sees each item once: so `add`
    must take them in any order, and whoever asks must not change it.
    """
    if not isinstance(items, History):
        return _added(kind(*args), items)
    parts: Sequence[Any] = items._parts  # pyright: ignore[reportPrivateUsage]
    first = parts[0] if parts else None
    if not isinstance(first, Growing):
        return _added(kind(*args), items)
    folds = first.line.folds
    key: Any = (kind, len(parts))
    if len(args) == 1:  # for most: this is faster
        key = (kind, len(parts), id(args[0]))
    elif args:
        key = (kind, len(parts), *map(id, args))
    known = folds.get(key)
    if known is None or (known.seen is not parts and not known.takes(parts)):
        # The arguments are kept with it, so that no other object gets their ids.
        known = folds[key] = _Fold(kind(*args), args, parts)
        known.takes(parts)
    return known.state


def _added(state: F, items: Iterable[Any]) -> F:
    add: Any = state.add  # type: ignore[attr-defined]
    for item in items:
        add(item)
    return state
