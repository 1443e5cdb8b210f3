"""Counts how often each handler, action and rule ran and how often it refused."""

from __future__ import annotations

from collections import Counter

from paxcheck.engine.verdict import Count, Coverage
from paxcheck.protocol.execute import NodeFault, Outcome
from paxcheck.protocol.system import System, Trigger


class Counting:
    """The observer that a system calls for every local step it tries.

    `before`: what was counted before the search was resumed.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._seen: dict[tuple[str, int], list[int]] = {}
        self._outcomes: dict[int, Outcome] = {}
        self.before = Coverage()

    def tried(self, trigger: Trigger, outcome: Outcome | None, ran: bool) -> None:
        """One try of a step; `outcome` is None when no branch was open."""
        name = self._system.handler_name(trigger)
        if isinstance(trigger, NodeFault) and not ran:
            return
        counts = self._seen.get((name, id(outcome)))
        if counts is None:
            counts = self._seen[(name, id(outcome))] = [0, 0]
            if outcome is not None:
                self._outcomes[id(outcome)] = outcome  # kept alive, so that its id stays its own
        counts[0 if ran else 1] += 1

    def coverage(self) -> Coverage:
        """The counts so far; what never ran is there with zeros."""
        handlers, rules = self.before.handlers, self.before.rules
        ran = Counter({name: count.ran for name, count in handlers.items()})
        refused = Counter({name: count.refused for name, count in handlers.items()})
        allowed = Counter({name: count.ran for name, count in rules.items()})
        denied = Counter({name: count.refused for name, count in rules.items()})
        for (name, key), (did, did_not) in self._seen.items():
            ran[name] += did
            refused[name] += did_not
            outcome = self._outcomes.get(key)
            for call in outcome.rules if outcome else ():
                (allowed if call.allowed else denied)[call.rule] += did + did_not
        names = dict.fromkeys([*self._system.all_handlers(), *sorted(ran)])
        return Coverage(
            {name: Count(ran[name], refused[name]) for name in names},
            {name: Count(allowed[name], denied[name]) for name in self._system.all_rules()},
        )
