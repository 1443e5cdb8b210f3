"""A conformance check as text for a terminal."""

from __future__ import annotations

from paxcheck.plain import count
from paxcheck.trace.conform.result import Conformance, PropertyResult, Refusal

SHOWN = 10
"""How many of the lines of one kind are listed; the rest is counted."""


def as_text(result: Conformance, model: str, all_of_them: bool = False) -> str:
    """What a replay in the model of that name says. `all_of_them`: list every hidden step and every
    message that nobody sent, not only the first ones."""
    most = None if all_of_them else SHOWN
    lines: list[str] = []
    if result.refusal is not None:
        verb = "cannot follow" if result.undecided else "refuses"
        lines += _refused(result.refusal, f"{model} {verb}")
    links = result.causality
    for file, line in links.cycle:
        lines.append(f"  {file}:{line}: is in a cycle: it would have to happen before itself")
    for prop in result.broken:
        lines += _broken(prop)
    lines += [f"{file}:{line}: no line sends this message" for file, line in links.unsent[:most]]
    if most and len(links.unsent) > most:
        lines.append(f"    and {len(links.unsent) - SHOWN:,} more that no line sends")
    for hidden in result.hidden[:most]:
        ways = " or: ".join(hidden.ways)
        lines.append(f"{hidden.file}:{hidden.line}: before this, and not in the trace: {ways}")
    if most and len(result.hidden) > most:
        lines.append(f"    and before {len(result.hidden) - SHOWN:,} more lines")
    lines += _unjudged(result)
    lines.append(f"{result.replayed:,} of {result.events:,} events are steps of {model}")
    held = sum([prop.verdict == "holds" for prop in result.properties])
    if held:
        lines.append(
            f"{count(held, 'property', 'properties')} judged and not broken, "
            f"in {count(sum([p.checks for p in result.properties]), 'check')}"
        )
    if result.without_state or result.without_sent:
        lines.append(
            f"not compared: the state after {count(result.without_state, 'event')}, "
            f"what {count(result.without_sent, 'event')} sent: the trace does not say it"
        )
    lines.append(
        f"{count(links.delivered, 'delivery', 'deliveries')} of known messages, "
        f"{links.again:,} of them again, {count(links.in_transit, 'message')} never delivered, "
        f"{len(links.unsent):,} never sent"
    )
    lines += [f"note: {note}" for note in result.notes]
    if result.stopped:
        lines.append(f"not all was read: {result.stopped}")
    if result.undecided:
        lines.append(result.undecided)
    elif result.verdict == "undetermined":
        lines.append("nothing was checked: the trace has no events")
    lines.append(f"verdict: {'valid' if result.verdict == 'holds' else result.verdict}")
    return "\n".join(lines)


def _unjudged(result: Conformance) -> list[str]:
    """What was not judged, or not to the end, and why; of one reason in one line."""
    names: dict[str, list[str]] = {}
    for prop in result.properties:
        if prop.reason and prop.verdict != "violated":
            names.setdefault(prop.reason, []).append(prop.name)
    return [f"{', '.join(who)}: {reason}" for reason, who in names.items()]


def _refused(refusal: Refusal, what: str) -> list[str]:
    """The refusal: the rule and where it stands, the lines that contradict each other."""
    lines = [f"{refusal.file}:{refusal.line}: {what} step {refusal.event}: {refusal.reason}"]
    sources = refusal.sources or ("",) * len(refusal.rules)
    for (call, doc), source in zip(refusal.rules, sources, strict=True):
        lines.append(f"    rule {call}")
        lines.append(f"      {doc}")
        if source:
            lines.append(f"      ({source})")
    if refusal.node is not None:
        lines.append(f"  node {refusal.node}, incarnation {refusal.incarnation}")
    if refusal.across_restart:
        lines.append(
            f"  {refusal.node} restarted in between: it lost something that had to be durable"
        )
    if refusal.before:
        lines.append(f"  before: {refusal.before}")
    if refusal.after:
        lines.append(f"  after:  {refusal.after}")
    for mention in refusal.evidence:
        lines.append(f"  {mention.file}:{mention.line}: {mention.says}")
        if mention.text:
            lines.append(f"    | {mention.text}")
    if refusal.nearest:
        lines.append("  steps of the model that come nearest:")
        lines += [f"    {step}" for step in refusal.nearest]
    return lines + [f"  {explanation}" for explanation in refusal.explanations]


def _broken(prop: PropertyResult) -> list[str]:
    lines = [
        f"{prop.file}:{prop.line}: {prop.name} is broken: {prop.reason}",
        f"  rule: {prop.rule}",
    ]
    if prop.source:
        lines.append(f"        ({prop.source})")
    if prop.node:
        lines.append(f"  node {prop.node}, incarnation {prop.incarnation}")
    for mention in prop.evidence:
        if (mention.file, mention.line) != (prop.file, prop.line):
            lines.append(f"  {mention.file}:{mention.line}: {mention.says}")
        if mention.text:
            lines.append(f"    | {mention.text}")
    return lines
