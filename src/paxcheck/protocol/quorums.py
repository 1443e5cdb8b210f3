"""Quorum systems: which sets of acceptors may act for all of them.

Paxos needs that every quorum of phase 1 (asking) shares an acceptor with every quorum of phase 2
(voting): property B2 of *The Part-Time Parliament* (section 2.1), in the weaker form of *Flexible
Paxos* (Howard, Malkhi and Spiegelman, 2016). Majorities do; some systems below do not, on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice

from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.values import FrozenOrderedSet

Names = frozenset[str]


@dataclass(frozen=True)
class AtLeast:
    """Any `size` of the members are enough: decided by counting, however many there are."""

    members: tuple[str, ...]
    size: int

    def enough(self, names: Names) -> bool:
        """Whether these are enough."""
        few = len(names) < self.size  # so it is nearly always
        return not few and len(names.intersection(self.members)) >= self.size

    def inside(self, names: Names) -> Names | None:
        """The first minimal quorum that lies in these names."""
        found = [name for name in self.members if name in names][: self.size]
        return FrozenOrderedSet(found) if len(found) == self.size else None

    def minimal(self) -> Iterator[Names]:
        """The quorums that cannot be smaller; there may be very many."""
        return map(FrozenOrderedSet, combinations(self.members, self.size))


@dataclass(frozen=True)
class OneOf:
    """All of one of these sets are enough."""

    sets: tuple[Names, ...]

    def enough(self, names: Names) -> bool:
        """Whether these are enough."""
        return any(quorum <= names for quorum in self.sets)

    def inside(self, names: Names) -> Names | None:
        """The first of the sets that lies in these names."""
        return next((quorum for quorum in self.sets if quorum <= names), None)

    def minimal(self) -> Iterator[Names]:
        """The sets."""
        return iter(self.sets)


@dataclass(frozen=True)
class QuorumSystem:
    """Who is enough in each phase; every superset of a quorum is a quorum too.

    `asking`: to become leader; `choosing`: to choose a value.
    """

    text: str
    members: tuple[str, ...]
    asking: AtLeast | OneOf
    choosing: AtLeast | OneOf

    def phase1(self, names: Iterable[str]) -> bool:
        """Whether these acceptors are enough to ask (to become leader)."""
        return self.asking.enough(frozenset(names))

    def phase2(self, names: Iterable[str]) -> bool:
        """Whether these acceptors are enough to choose a value."""
        return self.choosing.enough(frozenset(names))

    is_quorum = phase2

    @cached_property
    def minimal1(self) -> tuple[Names, ...]:
        """The minimal quorums of phase 1, all of them: for small systems."""
        return tuple(self.asking.minimal())

    @cached_property
    def minimal2(self) -> tuple[Names, ...]:
        """The minimal quorums of phase 2, all of them: for small systems."""
        return tuple(self.choosing.minimal())

    def disjoint(self) -> tuple[Names, Names] | None:
        """A quorum of phase 1 and one of phase 2 with no common member, if there are such."""
        # Where only numbers count, what holds of one quorum holds of all.
        only_counted = isinstance(self.asking, AtLeast) and isinstance(self.choosing, AtLeast)
        everyone = frozenset(self.members)
        for one in islice(self.asking.minimal(), 1 if only_counted else None):
            two = self.choosing.inside(everyone - one)
            if two is not None:
                return one, two
        return None

    def __str__(self) -> str:
        return self.text


def majority(members: Iterable[str]) -> QuorumSystem:
    """More than half of the members, in both phases."""
    who = tuple(members)
    more_than_half = AtLeast(who, len(who) // 2 + 1)
    return QuorumSystem("majority", who, more_than_half, more_than_half)


def flexible(members: Iterable[str], phase1: int, phase2: int) -> QuorumSystem:
    """Any `phase1` members may ask, any `phase2` may choose; safe when phase1 + phase2 > all."""
    who = tuple(members)
    _in_range(phase1, who)
    _in_range(phase2, who)
    text = f"flexible:{phase1},{phase2}"
    return QuorumSystem(text, who, AtLeast(who, phase1), AtLeast(who, phase2))


def grid(members: Iterable[str], rows: int, columns: int) -> QuorumSystem:
    """The members in a grid: a full row asks, a full column chooses; they always cross."""
    who = tuple(members)
    if rows < 1 or columns < 1:
        raise UsageError(f"a grid has at least one row and one column, not {rows}x{columns}")
    if rows * columns != len(who):
        raise UsageError(
            f"a grid of {rows}x{columns} needs {rows * columns} acceptors, and there are {len(who)}"
        )
    lines = [FrozenOrderedSet(who[r * columns : (r + 1) * columns]) for r in range(rows)]
    posts = [FrozenOrderedSet(who[c::columns]) for c in range(columns)]
    return QuorumSystem(f"grid:{rows}x{columns}", who, OneOf(tuple(lines)), OneOf(tuple(posts)))


def any_of(members: Iterable[str], size: int) -> QuorumSystem:
    """Any `size` members, in both phases: wrong when `size` is half or less."""
    who = tuple(members)
    _in_range(size, who)
    enough = AtLeast(who, size)
    return QuorumSystem(f"any:{size}", who, enough, enough)


def everyone(members: Iterable[str]) -> QuorumSystem:
    """All members: safe, and one crash stops it."""
    who = tuple(members)
    return QuorumSystem("all", who, AtLeast(who, len(who)), AtLeast(who, len(who)))


def quorum_system(text: str, members: Iterable[str]) -> QuorumSystem:
    """The system that a text names: majority, all, any:K, flexible:P1,P2 or grid:RxC.

    Raises UsageError, with the forms that exist, for any other text.
    """
    who = tuple(members)
    kind, _, rest = text.partition(":")
    makers: dict[str, tuple[int, Callable[..., QuorumSystem]]] = {
        "majority": (0, majority),
        "all": (0, everyone),
        "any": (1, any_of),
        "flexible": (2, flexible),
        "grid": (2, grid),
    }
    if kind in makers:
        count, make = makers[kind]
        try:
            sizes = [int(n) for n in rest.replace("x", ",").split(",") if n]
        except ValueError:
            sizes = [-1] * 99
        if len(sizes) == count:
            return make(who, *sizes)
    raise UsageError(
        f"no quorum system is called {text!r}",
        hint="use majority, all, any:K, flexible:P1,P2 (sizes of phase 1 and 2) or grid:RxC",
    )


def _in_range(size: int, members: tuple[str, ...]) -> None:
    if not 1 <= size <= len(members):
        raise UsageError(f"a quorum of {size} cannot be made of {len(members)} acceptors")
