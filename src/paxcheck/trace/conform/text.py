"""A conformance check as text for a terminal."""

from __future__ import annotations

from paxcheck.plain import count
from paxcheck.trace.conform.result import Conformance


def as_text(result: Conformance, model: str) -> str:
    """What a replay in the model of that name says, in full."""
    lines: list[str] = []
    refusal = result.refusal
    if refusal is not None:
        lines.append(
            f"{refusal.file}:{refusal.line}: {model} refuses step {refusal.event}: {refusal.reason}"
        )
        for call, doc in refusal.rules:
            lines.append(f"    rule {call}")
            lines.append(f"      {doc}")
        if refusal.nearest:
            lines.append("  steps of the model that come nearest:")
            lines += [f"    {step}" for step in refusal.nearest]
        lines += [f"  {explanation}" for explanation in refusal.explanations]
        for file, line in result.causality.cycle:
            lines.append(f"  {file}:{line}: is in a cycle: it would have to happen before itself")
    for (name, line, reason), file in zip(result.broken, result.broken_files, strict=True):
        lines.append(f"{file}:{line}: {name} is broken: {reason}")
    for hidden in result.hidden:
        ways = " or: ".join(hidden.ways)
        lines.append(f"{hidden.file}:{hidden.line}: before this, and not in the trace: {ways}")
    lines.append(f"{result.replayed:,} of {result.events:,} events are steps of {model}")
    if result.without_state or result.without_sent:
        lines.append(
            f"not compared: the state after {count(result.without_state, 'event')}, "
            f"what {count(result.without_sent, 'event')} sent: the trace does not say it"
        )
    links = result.causality
    lines.append(
        f"{count(links.delivered, 'delivery', 'deliveries')} of known messages, "
        f"{links.again:,} of them again, {count(links.in_transit, 'message')} never delivered, "
        f"{len(links.unsent):,} never sent"
    )
    if result.undecided:
        lines.append(result.undecided)
    elif result.verdict == "undetermined":
        lines.append("nothing was checked: the trace has no events")
    lines.append(f"verdict: {'valid' if result.verdict == 'holds' else result.verdict}")
    return "\n".join(lines)
