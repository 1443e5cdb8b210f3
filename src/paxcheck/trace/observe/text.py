"""A verdict as text for a terminal."""

from __future__ import annotations

from paxcheck.plain import count, printable
from paxcheck.trace.observe.declared import in_short, rows
from paxcheck.trace.observe.verdict import PropertyAnswer, TraceVerdict, Violation

_MARK = {"ok": "ok", "violated": "VIOLATED", "not_observable": "not observable"}
_SAY = {
    "ok": "valid: nothing that could be checked is broken",
    "violated": "violated",
    "not_observable": "not valid: nothing could be checked",
}


def as_text(verdict: TraceVerdict, all_of_them: bool = False) -> str:
    """The first violation in full, then one line per property, then what was read."""
    lines: list[str] = []
    first = verdict.first
    if first is not None:
        lines += explain(first)
        lines.append("")
        others = len(lines)
        for answer in verdict.properties:
            shown = answer.violations if all_of_them else answer.violations[:1]
            for violation in shown:
                if violation is not first:
                    lines.append(
                        f"{violation.file}:{violation.line}: {answer.name}: {violation.message}"
                    )
            rest = answer.count - len(shown)
            if rest > 0 and answer.violations:
                lines.append(f"    and {rest:,} more of {answer.name}")
        if len(lines) > others:
            lines.append("")
    width = max([len(a.name) for a in verdict.properties], default=0)
    marks = max([8, *[len(_MARK[a.verdict]) for a in verdict.properties]])
    for answer in verdict.properties:
        mark = _MARK[answer.verdict]
        lines.append(f"{mark:<{marks}}  {answer.name:<{width}}  {_about(answer)}".rstrip())
    lines.append("")
    lives = sum(verdict.nodes.values())
    lines.append(
        f"{_read(verdict)} ({count(lives, 'incarnation')}), {count(verdict.checks, 'check')}, "
        f"{count(verdict.quorums, 'quorum')}, {verdict.seconds:.2f} s{_passed_over(verdict)}"
    )
    lines.append(in_short(verdict.declaration))
    lines += [f"note: {note}" for note in verdict.notes]
    lines.append(f"verdict: {_SAY[verdict.verdict]}")
    return "\n".join(map(printable, lines))


def explain(violation: Violation) -> list[str]:
    """One violation in full: the rule, the lines that contradict each other, before and after."""
    lines = [
        f"{violation.file}:{violation.line}: {violation.property} is violated",
        f"  {violation.message}",
        f"  rule: {violation.rule}",
        f"        ({violation.source})",
        f"  node {violation.node}, incarnation {violation.incarnation}",
    ]
    if violation.across_restart:
        lines.append(
            f"  {violation.node} restarted in between: it lost something that had to be durable"
        )
    if violation.before:
        lines.append(f"  before: {violation.before}")
        lines.append(f"  after:  {violation.after}")
    for mention in violation.evidence:
        lines.append(f"  {mention.file}:{mention.line}: {mention.says}")
        if mention.text:
            lines.append(f"    | {mention.text}")
    return [printable(line) for line in lines]


def lint_text(verdict: TraceVerdict) -> str:
    """What the log can decide, cannot decide, and why."""
    lines: list[str] = []
    width = max([len(a.name) for a in verdict.properties], default=0)
    for answer in verdict.properties:
        grade = lint_grade(answer)
        lines.append(f"{grade:<14}  {answer.name:<{width}}  {answer.reason}".rstrip())
    lines.append("")
    lines.append(_read(verdict) + _passed_over(verdict))
    lines += [f"  {what}: {how}" for what, how in rows(verdict.declaration)]
    lines += [f"note: {note}" for note in verdict.notes]
    return "\n".join(map(printable, lines))


def _passed_over(verdict: TraceVerdict) -> str:
    rest = verdict.lines - verdict.events
    return f"; {rest:,} of {verdict.lines:,} lines told nothing new" if rest > 0 else ""


def lint_grade(answer: PropertyAnswer) -> str:
    """`decidable`, `partly` or `not observable`: what the log can say of a property at all."""
    if not answer.checks:
        return "not observable"
    return "partly" if answer.reason else "decidable"


def _read(verdict: TraceVerdict) -> str:
    events, nodes = count(verdict.events, "event"), count(len(verdict.nodes), "node")
    return f"read as {verdict.format}: {events} of {nodes}"


def _about(answer: PropertyAnswer) -> str:
    if answer.verdict == "not_observable":
        return answer.reason
    parts = [count(answer.checks, "check")]
    if answer.quorums:
        parts.append(count(answer.quorums, "quorum"))
    if answer.count:
        parts.insert(0, count(answer.count, "violation"))
    text = ", ".join(parts)
    return f"{text}; {answer.reason}" if answer.reason else text
