"""Chooses the engine of a run, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from paxcheck.engine import reference
from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.engine.compiled import search as compiled
from paxcheck.engine.compiled.tables import Unsupported
from paxcheck.engine.ending import concluded
from paxcheck.engine.limits import Limits, Report
from paxcheck.engine.resume import KIND as REFERENCE
from paxcheck.engine.verdict import Verdict
from paxcheck.garbage import seldom_collected
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import System

EngineName = Literal["auto", "reference", "compiled"]
ENGINES: tuple[EngineName, ...] = ("auto", "reference", "compiled")


class _Asked(TypedDict):
    """What both engines are asked."""

    properties: Sequence[Property] | None
    limits: Limits | None
    report: Report | None
    stop_at_first: bool
    digest: bool
    checkpoint: Checkpoint | None


def explore(
    system: System,
    *,
    engine: EngineName = "auto",
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
    """Explore a system with the engine asked for; `notes` of the verdict explain the choice.

    `auto` takes the compiled engine where it can run the system, else the reference engine.
    `digest`: compute that of the set of states. `symmetric`: the compiled engine may look at one
    state of each orbit only; the counts stay those of all states. `threads`: how many the
    compiled engine may use in a large search; `reduced`: whether it may follow only one order of
    two steps that commute; the result is the same. Raises UsageError when the compiled engine is
    asked for and cannot.
    """
    why = "asked for"
    asked = _Asked(
        properties=properties,
        limits=limits,
        report=report,
        stop_at_first=stop_at_first,
        digest=digest,
        checkpoint=checkpoint,
    )
    saved = checkpoint.saved if checkpoint is not None else None
    if engine == "auto" and saved is not None and saved.kind == REFERENCE:
        why = "the search that goes on was one of this engine"
    elif engine != "reference":
        try:
            with seldom_collected():
                verdict = compiled.explore(
                    system, symmetric=symmetric, threads=threads, reduced=reduced, **asked
                )
            why = "the fastest for this system" if engine == "auto" else why
            return concluded(system, verdict, f"engine compiled: {why}")
        except Unsupported as problem:
            if engine == "compiled":
                raise UsageError(
                    f"the compiled engine does not support {problem}",
                    hint="use --engine auto or --engine reference",
                ) from None
            why = f"the compiled engine does not support {problem}"
            if checkpoint is not None:
                checkpoint.begin()  # what was saved on the way is of no use for the other engine
    verdict = reference.explore(system, **asked)
    return concluded(system, verdict, f"engine reference: {why}")
