"""A conformance check for machines: the same verdict as of a log, and more in the JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import msgspec

from paxcheck.engine.verdict import Answer as Verdict
from paxcheck.trace.conform.result import Conformance, PropertyResult, Refusal
from paxcheck.trace.observe.outputs import as_json as verdict_json
from paxcheck.trace.observe.texts import lines_of, with_texts
from paxcheck.trace.observe.verdict import Answer, PropertyAnswer, TraceVerdict, Violation

CONFORMANCE: Final = "conformance"
RULE: Final = "Every event is a step of the model."
_WORDS: Final[dict[Verdict, Answer]] = {
    "holds": "ok",
    "violated": "violated",
    "undetermined": "not_observable",
}


def as_verdict(result: Conformance, model: str, seconds: float = 0.0) -> TraceVerdict:
    """The answer as that on a log: first whether every event is a step, then the properties."""
    answers = (_conformance(result, model), *[_answer(p) for p in result.properties])
    notes = [*result.notes, *([f"not all was read: {result.stopped}"] if result.stopped else [])]
    return TraceVerdict(
        verdict=_WORDS[result.verdict],
        format=result.declaration.name,
        files=result.files,
        events=result.events,
        facts=result.events,
        checks=result.replayed,
        quorums=0,
        nodes=result.nodes,
        seconds=seconds,
        properties=answers,
        declaration=result.declaration,
        notes=tuple(notes),
        lines=result.lines,
        complete=result.complete and not result.stopped,
    )


def as_json(result: Conformance, model: str, seconds: float = 0.0) -> dict[str, Any]:
    """One object, documented and stable: see docs/json.md."""
    found = verdict_json(as_verdict(result, model, seconds))
    refusal = result.refusal
    if refusal is not None:
        more: dict[str, Any] = {
            "file": refusal.file,
            "line": refusal.line,
            "node": refusal.node,
            "incarnation": refusal.incarnation,
            "rule": refusal.rules[0][0].rule if refusal.rules else RULE,
            "message": refusal.reason,
            "rules": [
                {"rule": call.rule, "said": str(call), "about": doc, "source": source}
                for (call, doc), source in zip(refusal.rules, refusal.sources, strict=True)
            ],
            "nearest": list(refusal.nearest),
            "explanations": list(refusal.explanations),
        }
        found["properties"][0].update(more)
    links = result.causality
    return found | {
        "model": model,
        "hidden": [
            {"file": h.file, "line": h.line, "node": h.node, "ways": list(h.ways)}
            for h in result.hidden
        ],
        "causality": {
            "delivered": links.delivered,
            "again": links.again,
            "in_transit": links.in_transit,
            "unsent": [{"file": file, "line": line} for file, line in links.unsent],
            "cycle": [{"file": file, "line": line} for file, line in links.cycle],
        },
        "not_compared": {"state": result.without_state, "sent": result.without_sent},
        "undecided": result.undecided,
    }


def quoted(
    result: Conformance, model: str, open_lines: Callable[[str], Iterable[bytes]] = lines_of
) -> Conformance:
    """The same result, where each line of the evidence has its original text."""
    verdict = with_texts(as_verdict(result, model), open_lines)
    texts = {
        (mention.file, mention.line): mention.text
        for answer in verdict.properties
        for violation in answer.violations
        for mention in violation.evidence
    }

    def fill(evidence: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(
            [msgspec.structs.replace(m, text=texts.get((m.file, m.line), m.text)) for m in evidence]
        )

    refusal = result.refusal
    return replace(
        result,
        refusal=replace(refusal, evidence=fill(refusal.evidence)) if refusal else None,
        properties=tuple([replace(p, evidence=fill(p.evidence)) for p in result.properties]),
    )


def _conformance(result: Conformance, model: str) -> PropertyAnswer:
    refusal = result.refusal
    verdict: Answer = "ok"
    if result.refused:
        verdict = "violated"
    elif result.undecided or not result.replayed:
        verdict = "not_observable"
    nothing = "" if result.replayed or refusal else "nothing was checked: the trace has no events"
    shown = (_violation(refusal),) if refusal is not None else ()
    return PropertyAnswer(
        name=CONFORMANCE,
        verdict=verdict,
        rule=RULE,
        source=f"the model {model}",
        checks=result.replayed,
        quorums=0,
        count=int(result.refused),
        reason=result.undecided or nothing,
        violations=shown if result.refused else (),
    )


def _violation(refusal: Refusal) -> Violation:
    rules = "; ".join([f"{call.rule}: {doc}" for call, doc in refusal.rules])
    return Violation(
        property=CONFORMANCE,
        file=refusal.file,
        line=refusal.line,
        node=refusal.node or "",
        incarnation=refusal.incarnation,
        rule=rules or RULE,
        source="; ".join(refusal.sources),
        message=refusal.reason,
        before=refusal.before,
        after=refusal.after,
        across_restart=refusal.across_restart,
        evidence=refusal.evidence,
    )


def _answer(prop: PropertyResult) -> PropertyAnswer:
    violations: tuple[Violation, ...] = ()
    if prop.verdict == "violated":
        violations = (
            Violation(
                property=prop.name,
                file=prop.file,
                line=prop.line,
                node=prop.node,
                incarnation=prop.incarnation,
                rule=prop.rule,
                source=prop.source,
                message=prop.reason,
                before="",
                after="",
                across_restart=False,
                evidence=prop.evidence,
            ),
        )
    return PropertyAnswer(
        name=prop.name,
        verdict=_WORDS[prop.verdict],
        rule=prop.rule,
        source=prop.source,
        checks=prop.checks,
        quorums=0,
        count=len(violations),
        reason="" if violations else prop.reason,
        violations=violations,
    )
