"""Runs the monitors over the facts of a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from paxcheck.paxos.facts import FACTS, Booted, Declaration, Fact, LinesLost, Members, Unread
from paxcheck.paxos.monitor import Breach, Handler, Monitor, Observed
from paxcheck.protocol.errors import Where
from paxcheck.trace.observe.catalogue import RULES, Rule, rules_for
from paxcheck.trace.observe.verdict import (
    Answer,
    Mention,
    PropertyAnswer,
    TraceVerdict,
    Violation,
)
from paxcheck.trace.observe.words import in_words
from paxcheck.trace.read import TraceError

KEPT = 1000
"""How many violations of one property are kept in full; the rest is only counted."""

FIRST = 10
"""How many violations of one property a verdict has, when not all are asked for."""

SHOWN = 8
"""How many lines of evidence one violation shows: the first ones, and the line itself."""

_LIFE = (Booted, Members, LinesLost)
_INCOMPARABLE = ("not supported between instances", "unhashable type")


class Observer:
    """Judges one log, fact by fact: `take` facts, then ask for the `verdict`.

    `tell` is called with each violation as soon as it is found. `breaches`: what is broken so far,
    in the order of reading; a quorum that was not seen is judged only when all is read. Memory
    grows with slots, terms and entries, not with lines.
    """

    def __init__(
        self,
        declaration: Declaration,
        only: Iterable[str] = (),
        tell: Callable[[Breach], None] | None = None,
    ) -> None:
        self.declaration = declaration
        self.tell = tell
        self.world = Observed(declaration)
        wanted = set(only)
        families = declaration.family | {"clock"}
        self.rules = [r for r in rules_for(families) if not wanted or r.name in wanted]
        self.monitors: dict[str, Monitor] = {
            rule.name: rule.monitor(self.world)
            for rule in self.rules
            if rule.name not in declaration.cannot
        }
        self.table: dict[type[Fact], list[Handler]] = {kind: [] for kind in FACTS}
        for taker in (*self.world.indexes.values(), *self.monitors.values()):
            handlers = taker.handlers()
            for kind in FACTS:
                if kind.__name__ in handlers:
                    self.table[kind].append(handlers[kind.__name__])
        self.breaches: dict[str, list[Breach]] = {}
        self.counts: dict[str, int] = {}
        self.files: dict[str, None] = {}
        self.unread: dict[str, tuple[Fact, int]] = {}
        self.facts = 0
        self.configs = 0  # how many of the facts only say who the members are
        self.events = 0
        self.whole = True
        self.started = time.perf_counter()

    def take(
        self, facts: Iterable[Fact], progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Read facts. `progress(events, line)` is called about every 50,000 facts."""
        table, nodes, world = self.table, self.world.nodes, self.world
        number_life = msgspec.structs.force_setattr
        file: str | None = None
        line = -1
        count = events = 0
        fact: Fact | None = None
        try:
            for fact in facts:
                kind = type(fact)
                if kind is Unread:
                    self._unread(fact)
                    continue
                count += 1
                if fact.line != line or fact.file != file:
                    events += 1
                    line = fact.line
                    if fact.file != file:
                        file = fact.file
                        self.files[file] = None
                    if progress is not None and not events & 0xFFFF:
                        progress(self.events + events, line)
                view, inc = nodes.get(fact.node), fact.inc
                if inc and view is not None and inc != view.inc and fact.node:
                    self._other_life(fact, view.inc)
                if view is None or kind in _LIFE:
                    view = world.take(fact)
                    self.configs += kind is Members
                if not inc:
                    # The log does not number lives: the starts that it shows are counted instead.
                    number_life(fact, "inc", view.inc or 1)
                for handle in table[kind]:
                    found = handle(fact)
                    if found is not None:
                        self._keep(found)
                if fact.time is not None:
                    view.last_time = fact.time
        except TypeError as problem:
            if fact is None or not any(sign in str(problem) for sign in _INCOMPARABLE):
                raise
            raise TraceError(
                f"this does not compare with what came before: {problem}",
                where=Where(fact.file, fact.line),
                hint="all ballots of one log must be of one kind: numbers, or lists alike",
            ) from None
        finally:
            self.facts += count
            self.events += events

    def _other_life(self, fact: Fact, known: int) -> None:
        """A fact of another incarnation than the last one of its node."""
        if fact.inc < known:
            raise TraceError(
                f"{fact.node}'s incarnation {fact.inc} comes after its incarnation {known}",
                where=Where(fact.file, fact.line),
                hint="the events of one node must be in its own order",
            )
        if isinstance(fact, Booted):
            return
        # It started, and that line is lost: what it forgot then, the monitors must forget too.
        boot = Booted(node=fact.node, file=fact.file, line=fact.line, inc=fact.inc)
        lost = LinesLost(node=fact.node, file=fact.file, line=fact.line, inc=fact.inc)
        for hidden in (boot, lost):
            self.world.take(hidden)
            for handle in self.table[type(hidden)]:
                handle(hidden)

    def _unread(self, fact: Any) -> None:
        first, count = self.unread.get(fact.why, (fact, 0))
        self.unread[fact.why] = first, count + 1

    def _keep(self, breach: Breach) -> None:
        count = self.counts.get(breach.name, 0)
        self.counts[breach.name] = count + 1
        if count < KEPT:
            self.breaches.setdefault(breach.name, []).append(breach)
        if self.tell is not None:
            self.tell(breach)

    def finish(self, whole: bool = True) -> None:
        """Nothing more can be read: judge what had to wait. `whole`: the log was read to its end.

        Where it was not, what is missing may be just what makes it right.
        """
        for monitor in self.monitors.values():
            for breach in monitor.end() if whole else monitor.cut():
                self._keep(breach)
        self.whole = whole

    def verdict(self, all_of_them: bool = False) -> TraceVerdict:
        """The answer. `all_of_them`: keep every violation, not only the first ones."""
        # Few logs have logical clocks: of the others nothing needs to be said.
        rules = [r for r in self.rules if r.family != "clock" or self.monitors[r.name].checks]
        answers = tuple([self._answer(rule, all_of_them) for rule in rules or self.rules])
        verdicts = {answer.verdict for answer in answers}
        verdict: Answer = "not_observable"
        if "violated" in verdicts:
            verdict = "violated"
        elif "ok" in verdicts:
            verdict = "ok"
        # A member of whom the log tells nothing has no incarnation.
        nodes = {n: view.inc for n, view in sorted(self.world.nodes.items()) if n and view.inc}
        notes = [*self.declaration.notes, *self._what_was_not_read()]
        if not self.facts:
            notes.append("no line of the input told anything: it is empty, or not of this format")
        return TraceVerdict(
            verdict=verdict,
            format=self.declaration.name,
            files=tuple(self.files),
            events=self.events,
            facts=self.facts,
            checks=sum([answer.checks for answer in answers]),
            quorums=sum([answer.quorums for answer in answers]),
            nodes=nodes,
            seconds=time.perf_counter() - self.started,
            properties=answers,
            declaration=self.declaration,
            notes=tuple(notes),
            complete=self.whole and not self.unread,
        )

    def _answer(self, rule: Rule, all_of_them: bool) -> PropertyAnswer:
        monitor = self.monitors.get(rule.name)
        breaches = self.breaches.get(rule.name, [])
        verdict: Answer = "ok"
        reason = ""
        if breaches:
            verdict = "violated"
        elif monitor is None:
            verdict, reason = "not_observable", self.declaration.cannot[rule.name]
        elif not monitor.checks:
            verdict, reason = "not_observable", self._missing(monitor)
        elif not self.whole:
            reason = "in part: not all of the log was read"
        elif monitor.unsure:
            reason = "in part: " + _doubts(monitor)
        position = {name: i for i, name in enumerate(self.files)}
        ordered = sorted(breaches, key=lambda b: (position.get(b.fact.file, 0), b.fact.line))
        return PropertyAnswer(
            name=rule.name,
            verdict=verdict,
            rule=rule.text,
            source=rule.source,
            checks=monitor.checks if monitor else 0,
            quorums=monitor.quorums if monitor else 0,
            count=self.counts.get(rule.name, 0),
            reason=reason,
            violations=tuple([violation(b) for b in (ordered if all_of_them else ordered[:FIRST])]),
        )

    def _what_was_not_read(self) -> list[str]:
        return [
            f"{fact.file}:{fact.line}: {why}" + (f" ({count:,} such lines)" if count > 1 else "")
            for why, (fact, count) in self.unread.items()
        ]

    def _missing(self, monitor: Monitor) -> str:
        if monitor.unsure:
            return _doubts(monitor)
        if monitor.alone:
            return f"nothing to compare: {monitor.lacks}"
        takes = f"; it takes {monitor.takes}" if monitor.takes else ""
        return f"the log does not show {monitor.needs}{takes}"


def observe(
    facts: Iterable[Fact],
    declaration: Declaration,
    *,
    only: Iterable[str] = (),
    all_of_them: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> TraceVerdict:
    """Judge a log: the shared properties over the facts that it tells.

    `only`: names of properties; all of the declaration's families without it. Texts of the lines
    are not in the answer yet: `with_texts` (see texts.py) adds them.
    """
    observer = Observer(declaration, only)
    observer.take(facts, progress)
    observer.finish()
    return observer.verdict(all_of_them)


def violation(breach: Breach) -> Violation:
    """A breach as it is reported."""
    rule = RULES[breach.name]
    fact = breach.fact
    mentions: list[Mention] = []
    evidence = breach.evidence
    if len(evidence) > SHOWN:
        evidence = (*evidence[: SHOWN - 1], evidence[-1])
    for item in evidence:
        mentions.append(_mention(item))
    return Violation(
        property=breach.name,
        file=fact.file,
        line=fact.line,
        node=fact.node,
        incarnation=fact.inc,
        rule=rule.text,
        source=rule.source,
        message=breach.reason,
        before=breach.before,
        after=breach.after,
        across_restart=rule.monitor.memory
        and any(f.node == fact.node and f.inc < fact.inc for f in breach.evidence),
        evidence=tuple(mentions),
    )


def _mention(fact: Fact) -> Mention:
    return Mention(fact.file, fact.line, fact.node, in_words(fact), fact.inc)


def _doubts(monitor: Monitor) -> str:
    told: list[Any] = sorted(monitor.unsure.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{why} ({count}x)" if count > 1 else why for why, count in told[:3])
