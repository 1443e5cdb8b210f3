"""Puts the log's own lines into a verdict: what the engineer will search for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import msgspec

from paxcheck.trace.lines import TraceError, byte_lines
from paxcheck.trace.observe.verdict import Mention, TraceVerdict, Violation

LONGEST = 400
"""Characters of a line that a verdict quotes."""

Opener = Callable[[str], Iterable[bytes]]


def lines_of(file: str) -> Iterable[bytes]:
    """The lines of a plain or gzipped file; what cannot be read (again) is left out."""
    with contextlib.suppress(TraceError):
        yield from (line for _, line in byte_lines(file))


def with_texts(verdict: TraceVerdict, open_lines: Opener = lines_of) -> TraceVerdict:
    """The same verdict, where each mention has the text of its line.

    Each file is read once more, up to the last line that is needed.
    """
    wanted: dict[str, set[int]] = {}
    for answer in verdict.properties:
        for violation in answer.violations:
            for mention in violation.evidence:
                wanted.setdefault(mention.file, set()).add(mention.line)
    found: dict[tuple[str, int], str] = {}
    for file, numbers in wanted.items():
        last = max(numbers)
        for number, line in enumerate(open_lines(file), 1):
            if number in numbers:
                found[file, number] = _cut(line)
            if number >= last:
                break
    if not found:
        return verdict

    def quote(mention: Mention) -> Mention:
        text = found.get((mention.file, mention.line), "")
        return msgspec.structs.replace(mention, text=text)

    def fill(violation: Violation) -> Violation:
        return msgspec.structs.replace(
            violation, evidence=tuple([quote(m) for m in violation.evidence])
        )

    answers = tuple(
        [
            msgspec.structs.replace(a, violations=tuple([fill(v) for v in a.violations]))
            for a in verdict.properties
        ]
    )
    return msgspec.structs.replace(verdict, properties=answers)


def _cut(line: bytes) -> str:
    text = line[: LONGEST * 4].decode("utf-8", "replace").strip().lstrip("\ufeff")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
