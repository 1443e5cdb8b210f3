"""Sets of names, for millions of ballots: equal ones are one object."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TypeAlias

SMALL = 16
"""Groups of more names are sets of their own."""

MOST = 10_000
"""So many different groups are shared; after them each is an object of its own."""

Group: TypeAlias = AbstractSet[str]

NOBODY: frozenset[str] = frozenset()


class Groups:
    """Makes groups of names larger, one name at a time.

    A set of five names takes 700 bytes, and nearly all quorums of a log are some few groups. A log
    with many different groups, or large ones, takes no more time and little more memory than sets.
    """

    def __init__(self) -> None:
        self._larger: dict[tuple[Group, str], Group] = {}
        self._known: dict[Group, Group] = {}

    def add(self, group: Group, name: str) -> Group:
        """The group with one name more. Do not use the old one after that."""
        if name in group:
            return group
        if len(group) >= SMALL:
            large = group if isinstance(group, set) else set(group)
            large.add(name)
            return large
        larger = self._larger.get((group, name))
        if larger is None:
            larger = group | {name}
            if len(self._larger) < MOST:
                larger = self._known.setdefault(larger, larger)
                self._larger[group, name] = larger
        return larger
