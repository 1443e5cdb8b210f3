"""A verdict for machines: JSON, JUnit XML, SARIF, and GitHub's annotations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import msgspec

from paxcheck.trace.observe.text import explain, lint_grade
from paxcheck.trace.observe.verdict import TraceVerdict, Violation

# XML has no other characters, not even written as numbers (XML 1.0, section 2.2).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(verdict: TraceVerdict) -> dict[str, Any]:
    """One object, documented and stable: see docs. A violated property repeats its first line."""
    found: dict[str, Any] = msgspec.to_builtins(verdict, order="deterministic")
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
        "lines": verdict.lines,
        "declaration": msgspec.to_builtins(verdict.declaration, order="deterministic"),
        "properties": [
            {"name": a.name, "grade": lint_grade(a).replace(" ", "_"), "reason": a.reason}
            for a in verdict.properties
        ],
        "notes": list(verdict.notes),
    }


def as_junit(verdict: TraceVerdict) -> str:
    """JUnit XML: a test case per property; not observable is `skipped`, notes are `system-out`."""
    answers = verdict.properties
    suite = ElementTree.Element(
        "testsuite",
        name=_clean(f"paxcheck validate ({verdict.format})"),
        tests=str(len(answers)),
        failures=str(sum([a.verdict == "violated" for a in answers])),
        skipped=str(sum([a.verdict == "not_observable" for a in answers])),
        time=f"{verdict.seconds:.3f}",
    )
    for answer in answers:
        case = ElementTree.SubElement(
            suite, "testcase", name=answer.name, classname=_clean("paxcheck." + verdict.format)
        )
        if answer.violations:
            first = answer.violations[0]
            failure = ElementTree.SubElement(
                case, "failure", message=_clean(first.message), type=answer.name
            )
            failure.text = _clean("\n".join(["\n".join(explain(v)) for v in answer.violations]))
        elif answer.verdict == "not_observable":
            ElementTree.SubElement(case, "skipped", message=_clean(answer.reason))
    if verdict.notes:
        ElementTree.SubElement(suite, "system-out").text = _clean("\n".join(verdict.notes))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def as_sarif(verdict: TraceVerdict, version: str = "") -> str:
    """SARIF 2.1.0: a violation shows at the log's line, the earlier lines as related places."""
    rules: list[dict[str, Any]] = [
        {
            "id": a.name,
            "shortDescription": {"text": a.rule},
            "fullDescription": {"text": f"{a.rule} Source: {a.source}."},
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
    level = "note" if verdict.complete else "warning"
    notes = [{"level": level, "message": {"text": note}} for note in verdict.notes]
    driver: dict[str, Any] = {"name": "paxcheck", "rules": rules}
    if version:
        driver["version"] = version
    return json.dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": driver},
                    "invocations": [
                        {
                            "executionSuccessful": verdict.complete,
                            "toolExecutionNotifications": notes,
                        }
                    ],
                    "results": results,
                }
            ],
        },
        ensure_ascii=False,
        indent=1,
    )


def as_github(verdict: TraceVerdict) -> str:
    """One workflow command a violation: `::error file=…,line=…::…`; unknown ones as notices.

    Notes are notices too; warnings, where lines had to be left out.
    """
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
    level, title = ("notice", "note") if verdict.complete else ("warning", "not all was read")
    lines += [f"::{level} title={title}::{_data(note)}" for note in verdict.notes]
    return "\n".join(lines)


def _sentence(violation: Violation) -> str:
    earlier = [f"{m.file}:{m.line}: {m.says}" for m in violation.evidence[:-1]]
    return "\n".join([violation.message, f"rule: {violation.rule}", *earlier])


def _place(file: str, line: int) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(file)},
            "region": {"startLine": max(line, 1)},
        }
    }


def _uri(file: str) -> str:
    """A path as a URI: relative to the current folder when inside it, as viewers expect."""
    path = Path(file)
    if not path.is_absolute():
        return quote(path.as_posix())
    try:
        return quote(path.relative_to(Path.cwd()).as_posix())
    except ValueError:
        return path.as_uri()


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
