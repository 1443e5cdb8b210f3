"""Chooses the engine of a run, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from paxcheck.engine import reference
from paxcheck.engine.limits import Limits, Report
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import System

EngineName = Literal["auto", "reference"]
ENGINES: tuple[EngineName, ...] = ("auto", "reference")


def explore(
    system: System,
    *,
    engine: EngineName = "auto",
    properties: Sequence[Property] | None = None,
    limits: Limits | None = None,
    report: Report | None = None,
    stop_at_first: bool = False,
) -> Verdict:
    """Explore a system with the engine asked for; `notes` of the verdict explain the choice."""
    verdict = reference.explore(
        system, properties=properties, limits=limits, report=report, stop_at_first=stop_at_first
    )
    note = "it is the only engine" if engine == "auto" else "asked for"
    return replace(verdict, notes=(f"engine reference: {note}", *verdict.notes))
