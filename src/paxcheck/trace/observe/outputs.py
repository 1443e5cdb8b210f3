"""A verdict for machines: JSON, JUnit XML, SARIF, and GitHub's annotations."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import msgspec

from paxcheck.trace.observe.text import explain, lint_grade
from paxcheck.trace.observe.verdict import TraceVerdict, Violation


def as_json(verdict: TraceVerdict) -> dict[str, Any]:
    """One object, documented and stable: see docs. A violated property repeats its first line."""
    found: dict[str, Any] = msgspec.to_builtins(verdict)
    for plain, answer in zip(found["properties"], verdict.properties, strict=True):
        first = answer.first
        if first is not None:
            plain |= {
                "file": first.file,
                "line": first.line,
                "node": first.node,
                "incarnation": first.incarnation,
                "message": first.message,
            }
    return found


def lint_json(verdict: TraceVerdict) -> dict[str, Any]:
    """What the log can decide: per property `decidable`, `partly` or `not observable`, and why."""
    return {
        "format": verdict.format,
        "files": list(verdict.files),
        "events": verdict.events,
        "properties": [
            {"name": a.name, "grade": lint_grade(a).replace(" ", "_"), "reason": a.reason}
            for a in verdict.properties
        ],
        "notes": list(verdict.notes),
    }


def as_junit(verdict: TraceVerdict) -> str:
    """JUnit XML: a test case per property; not observable is `skipped`."""
    answers = verdict.properties
    suite = ElementTree.Element(
        "testsuite",
        name=f"paxcheck validate ({verdict.format})",
        tests=str(len(answers)),
        failures=str(sum([a.verdict == "violated" for a in answers])),
        skipped=str(sum([a.verdict == "not_observable" for a in answers])),
        time=f"{verdict.seconds:.3f}",
    )
    for answer in answers:
        case = ElementTree.SubElement(
            suite, "testcase", name=answer.name, classname="paxcheck." + verdict.format
        )
        if answer.violations:
            first = answer.violations[0]
            failure = ElementTree.SubElement(
                case, "failure", message=_clean(first.message), type=answer.name
            )
            failure.text = _clean("\n".join(["\n".join(explain(v)) for v in answer.violations]))
        elif answer.verdict == "not_observable":
            ElementTree.SubElement(case, "skipped", message=_clean(answer.reason))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def as_sarif(verdict: TraceVerdict, version: str = "") -> str:
    """SARIF 2.1.0: a violation shows at the log's line, the earlier lines as related places."""
    rules: list[dict[str, Any]] = [
        {
            "id": a.name,
            "shortDescription": {"text": a.rule},
            "help": {"text": f"{a.rule} Source: {a.source}."},
        }
        for a in verdict.properties
    ]
    results = [
        {
            "ruleId": answer.name,
            "ruleIndex": index,
            "level": "error",
            "message": {"text": violation.message},
            "locations": [_place(violation.file, violation.line)],
            "relatedLocations": [
                {**_place(m.file, m.line), "id": number, "message": {"text": m.says}}
                for number, m in enumerate(violation.evidence)
            ],
        }
        for index, answer in enumerate(verdict.properties)
        for violation in answer.violations
    ]
    driver: dict[str, Any] = {"name": "paxcheck", "rules": rules}
    if version:
        driver["version"] = version
    return json.dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": results}],
        },
        ensure_ascii=False,
        indent=1,
    )


def as_github(verdict: TraceVerdict) -> str:
    """One workflow command a violation: `::error file=…,line=…::…`; unknown ones as notices."""
    lines = [
        f"::error file={_property(v.file)},line={v.line},title={_property(v.property)}::"
        + _data(_sentence(v))
        for answer in verdict.properties
        for v in answer.violations
    ]
    unknown = [a for a in verdict.properties if a.verdict == "not_observable"]
    if unknown:
        names = ", ".join([a.name for a in unknown])
        lines.append(f"::notice title=not observable::{_data(names)}")
    return "\n".join(lines)


def _sentence(violation: Violation) -> str:
    earlier = [f"{m.file}:{m.line}: {m.says}" for m in violation.evidence[:-1]]
    return "\n".join([violation.message, f"rule: {violation.rule}", *earlier])


def _place(file: str, line: int) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": file.replace("\\", "/")},
            "region": {"startLine": max(line, 1)},
        }
    }


def _clean(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join([c if c in "\n\t" or c >= " " else "�" for c in text])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
