"""The facts of a log, sorted by slot: what each acceptor, proposer and learner did there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from paxcheck.paxos.facts import (
    AnswerHeard,
    Booted,
    Campaigned,
    Config,
    Decided,
    Fact,
    LinesLost,
    Members,
    Promised,
    PromiseHeld,
    Proposed,
    Unread,
    VoteCast,
)
from paxcheck.protocol.errors import Where
from paxcheck.trace.lines import TraceError

Slot: TypeAlias = int | str | None
Paxos: TypeAlias = (
    Campaigned | Promised | Proposed | VoteCast | AnswerHeard | PromiseHeld | Decided | Booted
)
OF_A_SLOT = (Campaigned, Promised, Proposed, VoteCast, AnswerHeard, PromiseHeld, Decided)


@dataclass
class Log:
    """A log as the bridge sees it.

    `slots`: the facts of each slot, in the order of reading; a restart stands in every slot in
    which its node did something before. `whole`: the nodes whose log begins with their first start
    and has no holes, and who do nothing without a line. `files`: in the order of reading.
    `shows`: what each node tells at all, in words; `lives`: how often each node started; `unread`:
    what was not read, and why.
    """

    slots: dict[Slot, list[Paxos]] = field(default_factory=dict[Slot, list[Paxos]])
    members: Config | None = None
    whole: dict[str, bool] = field(default_factory=dict[str, bool])
    files: dict[str, int] = field(default_factory=dict[str, int])
    shows: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    lives: dict[str, int] = field(default_factory=dict[str, int])
    unread: list[str] = field(default_factory=list[str])

    @property
    def mark(self) -> str:
        """What stands in no name: it sets apart the nodes of the model in one process."""
        mark = "@"
        while any(mark in name for name in self.acceptors | self.lives.keys()):
            mark += "@"
        return mark

    @property
    def kinds(self) -> set[str]:
        """What the log tells of anybody."""
        return set[str]().union(*self.shows.values())

    def shown(self, node: str) -> set[str]:
        """What the log tells of one node."""
        return self.shows.get(node, set())

    @property
    def acceptors(self) -> frozenset[str]:
        """Who votes: the members, and whoever else promises or votes."""
        assert self.members is not None
        others = {
            node
            for node, kinds in self.shows.items()
            if kinds & {"promise sent", "promise held", "vote sent", "vote held"}
        }
        return self.members.everyone() | others


def sort(facts: Iterable[Fact], starts_late: bool) -> Log:
    """Sort the facts of a log. Raises TraceError for a log whose members change."""
    log = Log()
    active: dict[str, dict[Slot, None]] = {}
    for fact in facts:
        log.files.setdefault(fact.file, len(log.files))
        if isinstance(fact, Unread):
            log.unread.append(f"{fact.file}:{fact.line}: {fact.why}")
            continue
        if isinstance(fact, Members):
            _members(log, fact)
            continue
        if _started_unseen(log, fact):
            log.whole[fact.node] = False
            for slot in active.get(fact.node, ()):
                at = Booted(node=fact.node, file=fact.file, line=fact.line, inc=fact.inc)
                log.slots[slot].append(at)
        _number(log, fact)
        known = log.whole.get(fact.node)
        if known is None and fact.node:
            first = isinstance(fact, Booted) and fact.first is True
            log.whole[fact.node] = first or not starts_late
        if isinstance(fact, LinesLost):
            log.whole |= dict.fromkeys(log.whole if not fact.node else [fact.node], False)
            starts_late = starts_late or not fact.node  # nor is anybody's whole who comes later
        elif isinstance(fact, Booted):
            for slot in active.get(fact.node, ()) if known is not None else ():
                log.slots[slot].append(fact)
        elif isinstance(fact, OF_A_SLOT):
            _keep(log, fact)
            active.setdefault(fact.node, {})[fact.slot] = None
    return log


def _started_unseen(log: Log, fact: Fact) -> bool:
    """Whether the line of a node's start is lost. Raises TraceError for a life before the last."""
    life = log.lives.get(fact.node, 0)
    if 0 < fact.inc < life:
        raise TraceError(
            f"{fact.node}'s incarnation {fact.inc} comes after its incarnation {life}",
            where=Where(fact.file, fact.line),
            hint="the events of one node must be in its own order",
        )
    return 0 < life < fact.inc and not isinstance(fact, Booted)


def _number(log: Log, fact: Fact) -> None:
    """Give a fact its incarnation, where the log does not number them."""
    life = log.lives.get(fact.node, 0)
    if isinstance(fact, Booted) or not life:
        life += 1
    log.lives[fact.node] = life = fact.inc or life
    msgspec.structs.force_setattr(fact, "inc", life)


def _members(log: Log, fact: Members) -> None:
    unknown = fact.members is None or len(fact.members.sets) != 1
    if unknown or (log.members or fact.members) != fact.members:
        raise TraceError(
            "the members change here; one run of synod has the same members to its end",
            where=Where(fact.file, fact.line),
            hint="judge this log without --model",
        )
    log.members = fact.members


def _keep(log: Log, fact: Any) -> None:
    log.slots.setdefault(fact.slot, []).append(fact)
    kinds = log.shows.setdefault(fact.node, set())
    match fact:
        case Promised():
            kinds.add("promise sent")
        case PromiseHeld():
            kinds.add("promise held")
        case VoteCast():
            kinds.add("vote held" if fact.source == "state" else "vote sent")
        case Proposed() | Campaigned():
            kinds.add("proposal sent" if isinstance(fact, Proposed) else "prepare sent")
        case AnswerHeard():
            kinds |= {f"{fact.kind} heard", *(["itself heard"] if fact.sender == fact.node else ())}
        case _:
            pass
    if isinstance(fact, Campaigned) and fact.self_vote:
        log.whole[fact.node] = False  # it answers itself, and that has no line of its own
