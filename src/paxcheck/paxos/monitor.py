"""Monitors: properties that are judged fact by fact, while a log is read.

A monitor keeps an index of the few facts that a later one could contradict. What counts as a
contradiction is said by the property functions (`paxcheck.paxos.properties`,
`paxcheck.raft.properties`), the same that judge the worlds of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar, cast

import msgspec

from paxcheck.paxos.facts import Booted, Config, Declaration, Fact, LinesLost, Members
from paxcheck.paxos.groups import Groups


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that breaks a property, and the earlier facts that it contradicts.

    `evidence`: the facts, oldest first; the last is the one that broke the property. `before` and
    `after`: what the node held, in words. `uncertain`: not empty where the log itself shows that
    lines are missing which could make it right: then it is no violation, and this says why.
    """

    name: str
    reason: str
    evidence: tuple[Fact, ...]
    before: str = ""
    after: str = ""
    uncertain: str = ""

    @property
    def fact(self) -> Fact:
        """The fact that broke the property."""
        return self.evidence[-1]


Handler = Callable[[Any], Breach | None]
SomeIndex = TypeVar("SomeIndex", bound="Index")


class NodeView:
    """What the log has told about one node so far."""

    __slots__ = ("config", "gap", "hidden", "holed", "inc", "last_time", "starts", "whole")

    def __init__(self) -> None:
        self.inc = 0
        self.starts = 0
        self.config: Config | None = None
        self.hidden = False  # the log does not show its present configuration
        self.whole = False  # its log begins with its first start, and no lines are known lost
        self.gap: Fact | None = None  # where lines were lost, in this incarnation
        self.holed: set[int] = set()  # incarnations in which lines were lost, nobody knows where
        self.last_time: float | None = None


class Observed:
    """The world that the log tells of: what several monitors need to know of the nodes."""

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.nodes: dict[str, NodeView] = {}
        self.config: Config | None = None
        self.lost = False  # lines of some node are missing
        self.holes: dict[str, Fact] = {}  # where lines of a node were first found missing
        self.indexes: dict[type[Index], Index] = {}
        self.groups = Groups()

    def node(self, name: str) -> NodeView:
        """The view of a node, made when it is first asked for."""
        view = self.nodes.get(name)
        if view is None:
            view = self.nodes[name] = NodeView()
        return view

    def members(self, node: str, said: Config | None = None) -> Config | None:
        """The configuration in which a node counts quorums: said by the event, its own, all's."""
        if said is not None:
            return said
        view = self.nodes.get(node)
        if view is None:
            return self.config
        return None if view.hidden else view.config or self.config

    def take(self, fact: Fact) -> NodeView:
        """Take what a fact says of the nodes themselves, before the monitors judge it."""
        view = self.nodes.get(fact.node)
        new = view is None
        view = view or self.node(fact.node)
        if isinstance(fact, Booted):
            view.starts += 1
            view.inc = fact.inc or view.inc + 1
            view.gap = None
            view.whole = (new and fact.first is True) or (view.whole and not new)
            return view
        view.inc = fact.inc or view.inc or 1
        if isinstance(fact, Members):
            if fact.node:
                view.config, view.hidden = fact.members, fact.members is None
            else:
                self.config = fact.members
        elif isinstance(fact, LinesLost):
            view.gap, view.whole = fact, False
            if fact.somewhere:
                view.holed.add(view.inc)
            self.holes.setdefault(fact.node, fact)
            self.lost = True
        return view

    def share(self, kind: type[SomeIndex]) -> SomeIndex:
        """The one index of a class in this world, made when a monitor first asks for it."""
        index = self.indexes.get(kind)
        if index is None:
            index = self.indexes[kind] = kind(self)
        return cast(SomeIndex, index)

    def numbered(self, fact: Fact) -> bool:
        """Whether a line of this node that is missing would show as a gap in its numbers.

        Then an answer whose receipt is not in the log was not received before this fact.
        """
        return self.declaration.dense_seq and fact.seq is not None

    def excused(self, fact: Fact) -> bool:
        """Whether the receipt that this fact misses may be in a hole that showed only later."""
        return fact.inc in self.node(fact.node).holed

    def lost_lines(self, node: str) -> str:
        """Why the node's log is known to have holes in this incarnation, or nothing."""
        gap = self.node(node).gap
        if gap is None:
            return ""
        return f"lines of {node} are missing before {gap.file}:{gap.line}"


class Index:
    """What several monitors of one log ask. Methods named `on_<Fact>` take the facts of that class,
    before any monitor does."""

    def __init__(self, world: Observed) -> None:
        self.world = world

    def handlers(self) -> dict[str, Handler]:
        """Fact class name -> the method that takes such facts."""
        return {name[3:]: getattr(self, name) for name in dir(type(self)) if name.startswith("on_")}


class Monitor(Index):
    """Judges one property. Methods named `on_<Fact>` receive the facts of that class.

    `checks`: how often the property could be judged; `quorums`: how many quorums were counted.
    `needs`: the evidence without which nothing can be judged, in words; `takes`: all that a
    judgement takes, where that is more. `alone`: how often there
    was some, and nothing to compare it with; `lacks`: what was missing for that, in words.
    `memory`: it is about what one node must remember, so a restart between two contradicting facts
    is a durability fault. `unsure` collects what the log could not decide.
    """

    name: ClassVar[str] = ""
    needs: ClassVar[str] = ""
    takes: ClassVar[str] = ""
    lacks: ClassVar[str] = ""
    memory: ClassVar[bool] = False

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.checks: int = 0
        self.quorums: int = 0
        self.alone: int = 0
        self.unsure: dict[str, int] = {}

    def end(self) -> Iterable[Breach]:
        """Breaches that could only be judged when the whole log was read."""
        return ()

    def cut(self) -> Iterable[Breach]:
        """The same where the rest of the log cannot be read, and may be what makes it right."""
        return ()

    def doubt(self, why: str) -> None:
        """Count a case that the log cannot decide."""
        self.unsure[why] = self.unsure.get(why, 0) + 1

    def breach(self, reason: str, *evidence: Fact, before: str = "", after: str = "") -> Breach:
        """A Breach of this monitor's property."""
        return Breach(name=self.name, reason=reason, evidence=evidence, before=before, after=after)


def ballot_text(ballot: Any) -> str:
    """A ballot as people write it: 3.p1 for (3, "p1")."""
    if isinstance(ballot, tuple):
        parts = cast(tuple[Any, ...], ballot)
        return ".".join([str(part) for part in parts])
    return str(ballot)


def where(slot: int | str | None) -> str:
    """' in slot 3', or nothing for a protocol without slots."""
    return "" if slot is None else f" in slot {slot}"
