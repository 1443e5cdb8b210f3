"""Quorum systems: which sets of acceptors may act for all of them.

Paxos needs that every quorum of phase 1 (asking) shares an acceptor with every quorum of phase 2
(voting): property B2 of *The Part-Time Parliament* (section 2.1), in the weaker form of *Flexible
Paxos* (Howard, Malkhi and Spiegelman, 2016). Majorities do; some systems below do not, on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

from paxcheck.protocol.errors import UsageError

Names = frozenset[str]


@dataclass(frozen=True)
class QuorumSystem:
    """The minimal quorums of each phase; every superset of one is a quorum too."""

    text: str
    members: tuple[str, ...]
    minimal1: tuple[Names, ...]
    minimal2: tuple[Names, ...]

    def phase1(self, names: Iterable[str]) -> bool:
        """Whether these acceptors are enough to ask (to become leader)."""
        answered = frozenset(names)
        return any(quorum <= answered for quorum in self.minimal1)

    def phase2(self, names: Iterable[str]) -> bool:
        """Whether these acceptors are enough to choose a value."""
        voted = frozenset(names)
        return any(quorum <= voted for quorum in self.minimal2)

    is_quorum = phase2

    def disjoint(self) -> tuple[Names, Names] | None:
        """A quorum of phase 1 and one of phase 2 with no common member, if there are such."""
        for one in self.minimal1:
            for two in self.minimal2:
                if not one & two:
                    return one, two
        return None

    def __str__(self) -> str:
        return self.text


def _of_size(members: tuple[str, ...], size: int) -> tuple[Names, ...]:
    return tuple([frozenset(c) for c in combinations(members, size)])


def majority(members: Iterable[str]) -> QuorumSystem:
    """More than half of the members, in both phases."""
    who = tuple(members)
    sets = _of_size(who, len(who) // 2 + 1)
    return QuorumSystem("majority", who, sets, sets)


def flexible(members: Iterable[str], phase1: int, phase2: int) -> QuorumSystem:
    """Any `phase1` members may ask, any `phase2` may choose; safe when phase1 + phase2 > all."""
    who = tuple(members)
    _in_range(phase1, who)
    _in_range(phase2, who)
    text = f"flexible:{phase1},{phase2}"
    return QuorumSystem(text, who, _of_size(who, phase1), _of_size(who, phase2))


def grid(members: Iterable[str], rows: int, columns: int) -> QuorumSystem:
    """The members in a grid: a full row asks, a full column chooses; they always cross."""
    who = tuple(members)
    if rows < 1 or columns < 1 or rows * columns != len(who):
        raise UsageError(f"a grid of {rows}x{columns} needs {rows * columns} acceptors")
    lines = [frozenset(who[r * columns : (r + 1) * columns]) for r in range(rows)]
    posts = [frozenset(who[c::columns]) for c in range(columns)]
    return QuorumSystem(f"grid:{rows}x{columns}", who, tuple(lines), tuple(posts))


def any_of(members: Iterable[str], size: int) -> QuorumSystem:
    """Any `size` members, in both phases: wrong when `size` is half or less."""
    who = tuple(members)
    _in_range(size, who)
    sets = _of_size(who, size)
    return QuorumSystem(f"any:{size}", who, sets, sets)


def everyone(members: Iterable[str]) -> QuorumSystem:
    """All members: safe, and one crash stops it."""
    who = tuple(members)
    return QuorumSystem("all", who, (frozenset(who),), (frozenset(who),))


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
