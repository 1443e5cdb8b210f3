"""Replays the log of an implementation of Paxos in the model, slot by slot."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import msgspec

from paxcheck.paxos.facts import Booted, Campaigned, Config, Declaration, Fact, Proposed
from paxcheck.paxos.monitor import ballot_text, where
from paxcheck.plain import count
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.execute import RuleCall
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.quorums import QuorumSystem, any_of, majority
from paxcheck.protocol.system import System
from paxcheck.trace.conform.bridge.events import Translator, ballots_of, values_of
from paxcheck.trace.conform.bridge.roles import Roles, owners, slot_protocol
from paxcheck.trace.conform.bridge.slots import Log, Paxos, Slot, sort
from paxcheck.trace.conform.result import Causality, Conformance, Hidden, Refusal
from paxcheck.trace.conform.run import conform
from paxcheck.trace.events import Event, Header
from paxcheck.trace.observe.verdict import Mention
from paxcheck.trace.observe.words import in_words
from paxcheck.trace.read import Trace

MOST_OPEN: Final = 5
"""For so many slots that the search leaves open a proof is tried that no run allows them; each may
take seconds."""

MOST_TOLD: Final = 3
"""Of so many other slots that are not replayed to their end a note says where."""

MOST_MEMBERS: Final = 15
"""All quorums are listed."""


def conform_log(
    facts: Iterable[Fact], declaration: Declaration, model: type[Protocol]
) -> Conformance:
    """Replay what a log tells of each slot in a model that is built on `synod`.

    Raises UsageError for another model and for a log that is not of Paxos, TraceError for what
    cannot be read and for members that change.
    """
    parts = _parts(model)
    if "paxos" not in declaration.family:
        raise UsageError(
            f"this log is of {', '.join(sorted(declaration.family))}; "
            f"{model.name()} is single-decree Paxos",
            hint="judge the log without --model",
        )
    if declaration.promise != "slot":
        raise UsageError(
            "in this log one promise covers all slots; in synod each slot has its own",
            hint="judge the log without --model",
        )
    log = sort(facts, declaration.starts_late)
    quorums = _quorums(log.members)
    found: list[Conformance] = []
    again = open_slots = 0
    for name, told in log.slots.items():
        if quorums is None:
            break
        slot = _Slot(log, name, told)
        found.append(slot.conformance(model, parts, quorums, open_slots < MOST_OPEN))
        open_slots += bool(found[-1].undecided)
        again += slot.again
    return _joined(log, declaration, found, again)


def _quorums(members: Config | None) -> QuorumSystem | None:
    """The quorums of a log; None where it does not say who the members are."""
    if members is None:
        return None
    names = sorted(members.everyone())
    if len(names) > MOST_MEMBERS:
        raise UsageError(
            f"the log has {len(names)} members; {MOST_MEMBERS} are the most for a replay",
            hint="judge the log without --model",
        )
    return majority(names) if members.size is None else any_of(names, members.size)


def _parts(model: type[Protocol]) -> Any:
    """The module of `synod`, whose classes of nodes the model uses."""
    base = next((c for c in model.__mro__ if c.__module__ == "synod"), None)
    if base is None:
        raise UsageError(
            f"a log cannot be replayed in {model.name()}",
            hint="logs of single-decree Paxos are replayed in synod, and in models built on it",
        )
    return sys.modules[base.__module__]


class _Slot:
    """One slot: its facts, and how they are replayed."""

    def __init__(self, log: Log, slot: Slot, facts: list[Paxos]) -> None:
        self.log = log
        self.slot = slot
        self.facts = facts
        self.owners, self.intruder = owners(facts)
        self.roles = Roles(ballots_of(facts), self.owners, log)
        self.again = 0

    def conformance(
        self, model: type[Protocol], parts: Any, quorums: QuorumSystem, proving: bool
    ) -> Conformance:
        """The answer for this slot, in the names of the log. `proving`: see `conform`."""
        if self.intruder is not None:
            return self._shared_ballot(self.intruder)
        roles, log = self.roles, self.log
        translator = Translator(log, roles, self.facts)
        events = translator.run()
        self.again = translator.again
        learners = tuple(sorted([roles.learner(node) for node in translator.hears]))
        restarts = sum([isinstance(fact, Booted) for fact in self.facts])
        values = values_of(self.facts)
        protocol = slot_protocol(model, parts, roles, values, learners, quorums, restarts)
        traces = self._traces(events, protocol)
        result = conform(traces, System(protocol), whole=self._whole(), proving=proving)
        return self._in_real_names(result, events)

    def _traces(self, events: list[tuple[Paxos, Event]], protocol: Protocol) -> list[Trace]:
        """The events of each file: only the order within a node is trusted."""
        header = Header(paxcheck=1, kind="trace", model=protocol.name())
        files: dict[str, list[tuple[int, Event]]] = {}
        for fact, event in events:
            files.setdefault(fact.file, []).append((fact.line, event))
        return [Trace(file, header, rows) for file, rows in files.items()]

    def _whole(self) -> set[str]:
        """The nodes of the model of which no step is missing.

        The log of their process must be whole, and must show what such a node does at all. A
        process that never hears itself may answer itself without a line.
        """
        log, roles, told = self.log, self.roles, self.log.kinds
        whole = {name for name in log.whole if log.whole[name]}
        silent = {name for name in roles.acceptors if "itself heard" not in log.shown(name)}
        talking = whole - silent
        found: set[str] = set()
        if {"promise sent", "vote sent"} <= told:
            asks = {name for name in silent if {"prepare sent", "proposal sent"} & log.shown(name)}
            found |= (whole - asks) & set(roles.acceptors)
        if {"promise heard", "proposal sent"} <= told:
            found |= {roles.proposer(b) for b in self._asked() if roles.owners[b] in talking}
        if "accepted heard" in told:
            found |= {roles.learner(name) for name in talking}
        return found

    def _asked(self) -> set[Any]:
        """The ballots whose first phase is in the log. A leader may have done it for all slots."""
        asked: set[Any] = set()
        proposed: set[Any] = set()
        for fact in self.facts:
            if isinstance(fact, Campaigned) and fact.term not in proposed:
                asked.add(fact.term)
            elif isinstance(fact, Proposed):
                proposed.add(fact.ballot)
        return asked

    def _in_real_names(self, result: Conformance, events: list[tuple[Paxos, Event]]) -> Conformance:
        roles, real = self.roles, self.roles.real
        refusal = result.refusal
        slot = "" if self.slot is None else f"in slot {self.slot}: "
        if refusal is not None:
            at = {(fact.file, fact.line): fact for fact, _ in reversed(events)}
            evidence = tuple([self._mention(m, at[m.file, m.line]) for m in refusal.evidence])
            refusal = replace(
                refusal,
                incarnation=at[refusal.file, refusal.line].inc,
                across_restart=len({m.incarnation for m in evidence}) > 1,
                node=roles.process(refusal.node or ""),
                reason=slot + real(refusal.reason),
                rules=tuple([(self._call(call), doc) for call, doc in refusal.rules]),
                nearest=tuple([real(text) for text in refusal.nearest]),
                explanations=tuple([real(text) for text in refusal.explanations]),
                before=real(refusal.before),
                after=real(refusal.after),
                evidence=evidence,
            )
        hidden = [
            Hidden(h.file, h.line, roles.process(h.node), tuple([real(way) for way in h.ways]))
            for h in result.hidden
        ]
        undecided = slot + real(result.undecided) if result.undecided else ""
        return replace(result, refusal=refusal, hidden=tuple(hidden), undecided=undecided)

    def _call(self, call: RuleCall) -> RuleCall:
        return call._replace(args=tuple([self.roles.real(str(arg)) for arg in call.args]))

    def _mention(self, mention: Mention, fact: Paxos) -> Mention:
        """A line of the evidence in the words of the log, and what followed in the model."""
        _, since, told = mention.says.partition(": since then ")
        return msgspec.structs.replace(
            mention,
            says=in_words(fact) + since + self.roles.real(told),
            node=fact.node,
            incarnation=fact.inc,
        )

    def _shared_ballot(self, fact: Campaigned | Proposed) -> Conformance:
        """Two proposers use one ballot: in the model the name is a part of it."""
        ballot = fact.term if isinstance(fact, Campaigned) else fact.ballot
        owner = self.owners[ballot]
        first = next(
            f
            for f in self.facts
            if isinstance(f, Campaigned | Proposed)
            and (f.term if isinstance(f, Campaigned) else f.ballot) == ballot
        )
        evidence = [Mention(f.file, f.line, f.node, in_words(f), f.inc) for f in (first, fact)]
        refusal = Refusal(
            event=self.facts.index(fact) + 1,
            line=fact.line,
            node=fact.node,
            reason=f"{fact.node} uses ballot {ballot_text(ballot)}{where(self.slot)}, which is "
            f"{owner}'s: no two proposers share a ballot",
            file=fact.file,
            incarnation=fact.inc,
            evidence=tuple(evidence),
        )
        return Conformance((), len(self.facts), 0, refusal)


def _joined(
    log: Log, declaration: Declaration, found: list[Conformance], again: int
) -> Conformance:
    """The answer for all slots: the first refusal in the order of reading, and all counts."""

    def place(result: Conformance) -> tuple[bool, int, int]:
        assert result.refusal is not None
        return bool(result.undecided), log.files[result.refusal.file], result.refusal.line

    refused = sorted([r for r in found if r.refusal is not None], key=place)
    first = refused[0] if refused else None
    links = [result.causality for result in found]
    notes = [*declaration.notes, *log.unread]
    undecided = first.undecided if first else ""
    if log.members is None:
        undecided = "the log does not say who the members are, so quorums are not known"
    else:
        notes.append(
            f"read as {declaration.name}: {count(len(found), 'slot')}; "
            f"acceptors {', '.join(sorted(log.acceptors))}; each ballot is a proposer of its own"
        )
    if again:
        notes.append(f"{count(again, 'answer')} only repeated what was said before")
    if len(refused) > 1:
        others = [r.refusal for r in refused[1:] if r.refusal]
        told = [f"{r.file}:{r.line}: {r.reason}" for r in others[:MOST_TOLD]]
        if len(others) > MOST_TOLD:
            told.append(f"and {len(others) - MOST_TOLD:,} more")
        notes.append(f"other slots are not replayed to their end either: {'; '.join(told)}")
    return Conformance(
        files=tuple(log.files),
        events=sum([len(told) for told in log.slots.values()])
        if log.members is None
        else sum([result.events for result in found]),
        replayed=sum([result.replayed for result in found]),
        refusal=first.refusal if first else None,
        hidden=tuple([h for result in found for h in result.hidden]),
        causality=Causality(
            delivered=sum([link.delivered for link in links]),
            unsent=tuple([at for link in links for at in link.unsent]),
            again=sum([link.again for link in links]),
            in_transit=sum([link.in_transit for link in links]),
            cycle=first.causality.cycle if first else (),
        ),
        undecided=undecided,
        nodes={name: log.lives[name] for name in sorted(log.lives) if name},
        notes=tuple(notes),
        declaration=declaration,
        complete=not log.unread,
    )
