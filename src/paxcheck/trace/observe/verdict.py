"""The answer to `is this log right?`: three answers per property, and the evidence."""

from __future__ import annotations

from typing import Literal

import msgspec

from paxcheck.paxos.facts import Declaration

Answer = Literal["ok", "violated", "not_observable"]


class Mention(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the log that a violation rests on.

    `says`: what it tells, in words; `text`: the line as it stands in the log (cut when long).
    """

    file: str
    line: int
    node: str
    says: str
    incarnation: int = 0
    text: str = ""


class Violation(msgspec.Struct, frozen=True):
    """One violation: where, by whom, of which rule, and what contradicts what.

    `evidence`: the earlier lines, oldest first, then the line itself. `across_restart`: the node
    restarted between its two contradicting lines: then something durable was lost.
    """

    property: str
    file: str
    line: int
    node: str
    incarnation: int
    rule: str
    source: str
    message: str
    before: str
    after: str
    across_restart: bool
    evidence: tuple[Mention, ...]


class PropertyAnswer(msgspec.Struct, frozen=True):
    """The answer for one property.

    `checks`: how often it was judged; `quorums`: how many full quorums were counted; `count`: how
    many violations; `violations`: the first ones, or all where asked. `reason`: why it is not
    observable, or what part of it is not.
    """

    name: str
    verdict: Answer
    rule: str
    source: str
    checks: int
    quorums: int
    count: int
    reason: str
    violations: tuple[Violation, ...]

    @property
    def first(self) -> Violation | None:
        """The first violation in the order of reading."""
        return self.violations[0] if self.violations else None


class TraceVerdict(msgspec.Struct, frozen=True):
    """What a log showed: the trace is valid only if something was checked and nothing broken.

    `format`: the adapter that read it, and `declaration` what it says of the source; `lines`: all
    that were read (0: there were none, but facts); `events`: those that told something; `facts`:
    what they told; `nodes`: each node's number of incarnations. `complete`: whether no line had to
    be left out; the notes say which.
    """

    verdict: Answer
    format: str
    files: tuple[str, ...]
    events: int
    facts: int
    checks: int
    quorums: int
    nodes: dict[str, int]
    seconds: float
    properties: tuple[PropertyAnswer, ...]
    declaration: Declaration
    notes: tuple[str, ...] = ()
    lines: int = 0
    complete: bool = True

    @property
    def exit_code(self) -> int:
        """0: valid; 1: violated; 3: nothing could be judged."""
        return {"ok": 0, "violated": 1, "not_observable": 3}[self.verdict]

    @property
    def first(self) -> Violation | None:
        """The violation to show: that of the earliest line, where lines can be compared."""
        found = [p.violations[0] for p in self.properties if p.violations]
        order = {name: i for i, name in enumerate(self.files)}
        return min(found, key=lambda v: (order.get(v.file, 0), v.line), default=None)

    def of(self, name: str) -> PropertyAnswer | None:
        """The answer for the property of this name."""
        return next((p for p in self.properties if p.name == name), None)
