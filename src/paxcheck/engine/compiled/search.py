"""The compiled engine's door: tables, the tiers that search by them, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from paxcheck.engine.compiled.findings import Findings, coverage_of, steps_between
from paxcheck.engine.compiled.python_tier import PythonTier
from paxcheck.engine.compiled.tables import Regroup, Tables
from paxcheck.engine.judge import property_verdicts
from paxcheck.engine.limits import Limits, Report, Watch
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step, System


def explore(
    system: System,
    *,
    properties: Sequence[Property] | None = None,
    limits: Limits | None = None,
    report: Report | None = None,
    stop_at_first: bool = False,
) -> Verdict:
    """Explore as the reference engine does, by tables: the same counts, verdicts and lengths.

    Raises Unsupported, before anything was explored, where the tables cannot hold the system.
    """
    wanted = tuple(properties or system.protocol.properties())
    watch = Watch(limits or Limits(), report)
    try:
        return _explore(Tables(system), wanted, watch, stop_at_first)
    except Regroup:
        return _explore(Tables(system, grouped=False), wanted, watch, stop_at_first)


def _explore(
    tables: Tables, properties: Sequence[Property], watch: Watch, stop_at_first: bool
) -> Verdict:
    findings = Findings(tables, properties)
    tier = PythonTier(tables, findings, watch.limits, watch)
    try:
        _, stopped = tier.run(most=None, stop_at_first=stop_at_first)
    except KeyboardInterrupt:
        stopped = "it was interrupted"
    except MemoryError:
        stopped = "the machine has no more memory"
    behaviors: dict[str, tuple[Step, ...]] = {}
    for name, ((state, step), _) in findings.found.items():
        steps = steps_between(tables.system, tier.path(state))
        behaviors[name] = steps if step is None else (*steps, step)
    return Verdict(
        engine="compiled",
        distinct_states=len(tier.parents),
        generated_states=tier.generated,
        depth=len(tier.levels) - 1,
        seconds=watch.seconds,
        properties=property_verdicts(properties, findings.found, behaviors, stopped),
        levels=tuple(tier.levels),
        terminal_states=tier.terminal,
        stopped=stopped,
        coverage=coverage_of(tables),
        notes=(f"{tables.calls:,} handler calls",),
    )
