"""A diagnosis for who has never read one: what is wrong, who says so, and how to read it."""

from __future__ import annotations

from paxcheck.plain import printable
from paxcheck.trace.observe.declared import in_short
from paxcheck.trace.observe.text import explain
from paxcheck.trace.observe.verdict import TraceVerdict, Violation


def reading(verdict: TraceVerdict) -> str:
    """The first violation with help to read it; the other broken rules; what was not judged."""
    lines: list[str] = []
    first = verdict.first
    if first is None:
        judged = [a.name for a in verdict.properties if a.verdict == "ok"]
        lines.append(
            f"nothing that could be judged is broken: {', '.join(judged)}"
            if judged
            else "nothing could be judged"
        )
    else:
        lines += [*explain(first), "", "How to read it:", *_help(first)]
        others = [a for a in verdict.properties if a.first not in (None, first)]
        if others:
            lines += ["", "Also broken, by the same lines or by others:"]
        for answer in others:
            found = answer.first
            assert found is not None
            lines.append(f"  {found.file}:{found.line}: {answer.name}: {found.message}")
            lines.append(f"    rule: {answer.rule} ({answer.source})")
    unknown = [a for a in verdict.properties if a.verdict == "not_observable"]
    if unknown:
        lines += ["", "Not judged, and so not known to be right:"]
        lines += [f"  {a.name}: {a.reason}" for a in unknown]
    lines += ["", in_short(verdict.declaration), *[f"note: {note}" for note in verdict.notes]]
    return "\n".join(map(printable, lines))


def _help(violation: Violation) -> list[str]:
    where = f"{violation.file}:{violation.line}"
    found = [f"  {where} is the line that breaks the rule; it alone need not be the mistake."]
    earlier = violation.evidence[:-1]
    if earlier:
        found.append("  The lines before it in the list are those that it contradicts.")
    if violation.before:
        found.append("  'before' and 'after' are what these lines say, in the words of the rule.")
    if {m.node for m in violation.evidence} == {violation.node}:
        if earlier:
            found.append(f"  All of them are of {violation.node}, in its own order.")
    else:
        found.append(
            "  They are of several nodes. In which order they happened does not matter: "
            "in none would the rule hold."
        )
    if violation.across_restart:
        found.append(
            f"  {violation.node} was started again in between: look at what it wrote to its disk, "
            "and what it read back."
        )
    elif violation.incarnation > 1:
        found.append(
            f"  'incarnation {violation.incarnation}' is its life after "
            f"{violation.incarnation - 1} restarts."
        )
    found.append(f"  Why the rule must hold is in {violation.source}.")
    return found
