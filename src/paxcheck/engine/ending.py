"""What is left to do when an engine is done: a last look around, and what only the system knows."""

from __future__ import annotations

from msgspec.structs import replace

from paxcheck.engine.verdict import Count, Verdict
from paxcheck.protocol.errors import model_lines
from paxcheck.protocol.system import System


def interrupted(system: System, stop: KeyboardInterrupt) -> str:
    """The reason to stop, after Ctrl-C or a `TimeIsUp`; the model's line is kept, if it was in one.

    To be called where an engine catches it: the traceback must not have the lines of its caller.
    """
    lines = model_lines(stop.__traceback__)
    system.interrupted = lines[-1] if lines else None
    return str(stop) or "it was interrupted"


def concluded(system: System, verdict: Verdict, *notes: str) -> Verdict:
    """The verdict with these notes before its own.

    Rules that were asked in a branch which then had nothing to choose are counted, and the line of
    the model at which the search was ended is told. Raises ModelError if something that surrounds
    the nodes was changed.
    """
    system.surroundings.look()
    if system.interrupted is not None:
        where, name = system.interrupted
        notes = (*notes, f"interrupted at {where} in {name}")
    coverage = verdict.coverage
    if coverage is not None:
        closed = system.closed
        rules = {
            name: Count(count.ran + closed[name, True], count.refused + closed[name, False])
            for name, count in coverage.rules.items()
        }
        coverage = replace(coverage, rules=rules)
    return replace(verdict, coverage=coverage, notes=(*notes, *verdict.notes))
