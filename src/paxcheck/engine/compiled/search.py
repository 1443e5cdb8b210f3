"""The compiled engine's door: tables, the tiers that search by them, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Final

from paxcheck.engine.compiled.findings import Findings, coverage_of, steps_between
from paxcheck.engine.compiled.how import How
from paxcheck.engine.compiled.inbox_tables import InboxLens, InboxTables
from paxcheck.engine.compiled.inbox_tier import InboxTier
from paxcheck.engine.compiled.python_tier import PythonTier, Tier
from paxcheck.engine.compiled.tables import Regroup, Tables, Unsupported
from paxcheck.engine.judge import property_verdicts
from paxcheck.engine.limits import Limits, Report, Watch
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step, System

HAND_OVER: Final = 60_000
"""From so many states on, the native tier takes over."""


def explore(
    system: System,
    *,
    properties: Sequence[Property] | None = None,
    limits: Limits | None = None,
    report: Report | None = None,
    stop_at_first: bool = False,
    digest: bool = False,
    symmetric: bool = False,
) -> Verdict:
    """Explore as the reference engine does, by tables: the same counts, verdicts and lengths.

    `digest`: compute that of the set of states. `symmetric`: look at one state of each orbit only,
    where the protocol declares a symmetry. Raises Unsupported, before anything was explored, where
    the tables cannot hold the system.
    """
    wanted = tuple(properties or system.protocol.properties())
    watch = Watch(limits or Limits(), report)
    how = How(stop_at_first, digest)
    if any(budget > 255 for budget in system.budgets.values()):
        raise Unsupported("a fault's budget above 255")
    if system.network != "set" or "partition" in system.budgets:
        inboxes = InboxTables(system)
        findings = Findings(inboxes, wanted, InboxLens)
        return _run(InboxTier(inboxes, findings, watch.limits, watch), how)
    how = replace(how, hand_over=HAND_OVER, symmetric=symmetric)
    try:
        return _by_rows(Tables(system), wanted, watch, how)
    except Regroup:
        return _by_rows(Tables(system, grouped=False), wanted, watch, how)


def _by_rows(tables: Tables, properties: Sequence[Property], watch: Watch, how: How) -> Verdict:
    findings = Findings(tables, properties)
    return _run(PythonTier(tables, findings, watch.limits, watch), how)


def _run(tier: Tier, how: How) -> Verdict:
    findings, watch, tables = tier.findings, tier.watch, tier.tables
    try:
        ended, stopped = tier.run(most=how.hand_over, stop_at_first=how.stop_at_first)
        if not ended:
            # The native tier is loaded only now: a small scope is answered before it could start.
            native = import_module("paxcheck.engine.compiled.native")
            verdict = native.go_on(tier, _behaviors(tier), how)
            if verdict is not None:
                return verdict
            _, stopped = tier.run(most=None, stop_at_first=how.stop_at_first)
    except KeyboardInterrupt:
        stopped = "it was interrupted"
    except MemoryError:
        stopped = "the machine has no more memory"
    behaviors = _behaviors(tier)
    return Verdict(
        engine="compiled",
        distinct_states=len(tier.parents),
        generated_states=tier.generated,
        depth=len(tier.levels) - 1,
        seconds=watch.seconds,
        properties=property_verdicts(findings.properties, findings.found, behaviors, stopped),
        levels=tuple(tier.levels),
        terminal_states=tier.terminal,
        stopped=stopped,
        coverage=coverage_of(tables),
        notes=(f"{tables.calls:,} handler calls",),
        digest=tier.digest() if how.digest else None,
    )


def _behaviors(tier: Tier) -> dict[str, tuple[Step, ...]]:
    """A shortest run to each breach or witness that was found."""
    behaviors: dict[str, tuple[Step, ...]] = {}
    for name, ((state, step), _) in tier.findings.found.items():
        steps = steps_between(tier.tables.system, tier.path(state))
        behaviors[name] = steps if step is None else (*steps, step)
    return behaviors
