"""The compiled engine's door: tables, the tiers that search by them, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.engine.compiled.findings import Findings, coverage_of
from paxcheck.engine.compiled.how import How
from paxcheck.engine.compiled.inbox_tables import InboxLens, InboxTables
from paxcheck.engine.compiled.inbox_tier import InboxTier
from paxcheck.engine.compiled.python_tier import PythonTier, Tier
from paxcheck.engine.compiled.saving import KIND, TierSaver
from paxcheck.engine.compiled.tables import Regroup, Tables, Unsupported
from paxcheck.engine.ending import interrupted
from paxcheck.engine.judge import property_verdicts
from paxcheck.engine.limits import Limits, Report, Watch
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import System

HAND_OVER: Final = 3_000
"""From so many states on, the native tier takes over; sooner where the levels double."""
UNTIL_MADE: Final = 100_000
"""The same while its machine code is not made: that takes longer than so many states in Python."""


def explore(
    system: System,
    *,
    properties: Sequence[Property] | None = None,
    limits: Limits | None = None,
    report: Report | None = None,
    stop_at_first: bool = False,
    digest: bool = False,
    symmetric: bool = False,
    checkpoint: Checkpoint | None = None,
    threads: int = 1,
    reduced: bool = True,
) -> Verdict:
    """Explore as the reference engine does, by tables: the same counts, verdicts and lengths.

    `digest`: compute that of the set of states. `symmetric`: look at one state of each orbit only,
    where the protocol declares a symmetry. `checkpoint`: go on from what it has, and save there.
    `threads`: how many the native tier may use; `reduced`: whether it may follow one order of two
    steps that commute. Both change nothing in the result.
    Raises Unsupported where the tables cannot hold the system (perhaps on the way), and
    CheckpointError where the checkpoint is not of this search.
    """
    wanted = tuple(properties or system.protocol.properties())
    watch = Watch(limits or Limits(), report)
    how = How(stop_at_first, digest, symmetric, HAND_OVER, checkpoint, threads, reduced)
    if any(budget > 255 for budget in system.budgets.values()):
        raise Unsupported("a fault's budget above 255")
    if system.network != "set" or "partition" in system.budgets:
        inboxes = InboxTables(system)
        findings = Findings(inboxes, wanted, InboxLens)
        return _run(InboxTier(inboxes, findings, watch.limits, watch), how)
    saved = checkpoint.load(KIND) if checkpoint is not None else None
    try:
        grouped = saved is None or bool(saved.state["grouped"])
        return _by_rows(Tables(system, grouped=grouped), wanted, watch, how)
    except Regroup:
        if checkpoint is not None:
            checkpoint.begin()  # what was saved is of no use for tables of another kind
        return _by_rows(Tables(system, grouped=False), wanted, watch, how)


def _by_rows(tables: Tables, properties: Sequence[Property], watch: Watch, how: How) -> Verdict:
    findings = Findings(tables, properties)
    return _run(PythonTier(tables, findings, watch.limits, watch), how)


def _run(tier: Tier, how: How) -> Verdict:
    findings, watch, tables = tier.findings, tier.watch, tier.tables
    saved = None
    if how.checkpoint is not None:
        saved = how.checkpoint.load(KIND)
        _saver(tier, how.checkpoint).restore()
    waited = False
    try:
        ended, stopped = False, None
        if saved is None or saved.state["tier"] == "python":
            ended, stopped = tier.run(most=how.hand_over, stop_at_first=how.stop_at_first)
            waited = not ended and _waits(tier, how)
            if waited:
                ended, stopped = tier.run(most=UNTIL_MADE, stop_at_first=how.stop_at_first)
        if not ended:
            verdict, stopped = _native().go_on(tier, tier.behaviors(), how)
            if verdict is not None:
                return verdict
    except KeyboardInterrupt as stop:
        stopped = interrupted(tables.system, stop)
    except MemoryError:
        stopped = "the machine has no more memory"
    behaviors = tier.behaviors()
    verdict = Verdict(
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
    if waited and stopped is None:
        _native().check_symmetry(tier, how)
    return verdict


def _waits(tier: Tier, how: How) -> bool:
    """Whether the search goes on in Python for a while, because machine code would have to be made.

    Not with a limit of states: what is counted then (with symmetry, orbits) depends on the tier.
    """
    return tier.limits.states is None and not _native().is_made(tier, how)


def _native() -> Any:
    """The native tier, loaded only when it is needed: a small scope is answered before."""
    return import_module("paxcheck.engine.compiled.native")


def _saver(tier: Tier, checkpoint: Checkpoint) -> TierSaver:
    saver = TierSaver(checkpoint, tier)
    tier.after_level = saver.after_level
    return saver
