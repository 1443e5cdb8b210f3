"""What a conformance check found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from paxcheck.engine.verdict import Answer
from paxcheck.paxos.facts import Declaration
from paxcheck.protocol.execute import RuleCall
from paxcheck.trace.observe.verdict import Mention

NATIVE: Final = Declaration(name="native", family=frozenset(), starts_late=False)
"""Of a trace of a model: each event shows the state after it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first event that the model does not allow: where, why, and which rules said no.

    `event`: its number in the order of reading; `rules`: the rules that said no, each in one
    sentence; `sources`: where they stand in the model; `nearest`: the steps of that node that come
    nearest, each with what is different; `explanations`: which faults would make it possible, and
    which would not, in words. `evidence`: the earlier lines that contradict it, oldest first, then
    the line itself; `across_restart`: the node restarted between two of them. `before`: what the
    node held in the model; `after`: what the trace says instead.
    """

    event: int
    line: int
    node: str | None
    reason: str
    rules: tuple[tuple[RuleCall, str], ...] = ()
    sources: tuple[str, ...] = ()
    file: str = ""
    nearest: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    incarnation: int = 1
    before: str = ""
    after: str = ""
    across_restart: bool = False
    evidence: tuple[Mention, ...] = ()


@dataclass(frozen=True, slots=True)
class Hidden:
    """Steps that are not in the trace, without which an event would be impossible.

    `file`, `line`: of that event; `ways`: every smallest set of steps that explains it, in words.
    """

    file: str
    line: int
    node: str
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Causality:
    """How the messages of a trace fit together.

    `delivered`: deliveries of a message that was sent; `unsent`: (file, line) of those that no line
    sends, though all lines of the sender say what they send; `again`: deliveries beyond the first
    of the same copy; `in_transit`: sent, and never delivered: lost, or still on the way; `cycle`:
    lines that cannot all have happened in the order of their nodes.
    """

    delivered: int = 0
    unsent: tuple[tuple[str, int], ...] = ()
    again: int = 0
    in_transit: int = 0
    cycle: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PropertyResult:
    """What the replay says of one property: an invariant of the model, or the clocks of the trace.

    `verdict` "undetermined": it was never judged. `reason`: why it is broken, or not judged, or
    not to the end. Where it is broken: `file`, `line`, `node` and `incarnation`, and `evidence`.
    """

    name: str
    rule: str
    verdict: Answer
    checks: int = 0
    reason: str = ""
    file: str = ""
    line: int = 0
    node: str = ""
    incarnation: int = 1
    evidence: tuple[Mention, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Conformance:
    """The result: how many events were replayed, and the refusal or the broken property, if any.

    `properties`: the answers on the properties. `without_state`, `without_sent`: steps of nodes
    that do not say their state, or what they sent: that was not compared. `hidden`: what must have
    happened and is not in the trace. `undecided`: why nothing can be said (then `refusal` is the
    event that could not be explained, which a longer search might explain). `nodes`: how often each
    node started. `stopped`: the error that ended the reading; `notes`: what else to know;
    `declaration`: how the files were read; `lines`: how many; `complete`: none was left out.

    `verdict`: holds (every event is a step of the model and no property is broken), violated, or
    undetermined (there was nothing to check, or it could not be decided).
    """

    files: tuple[str, ...]
    events: int
    replayed: int
    refusal: Refusal | None
    properties: tuple[PropertyResult, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    causality: Causality = field(default_factory=Causality)
    undecided: str = ""
    without_state: int = 0
    without_sent: int = 0
    nodes: dict[str, int] = field(default_factory=dict[str, int])
    stopped: str = ""
    notes: tuple[str, ...] = ()
    declaration: Declaration = NATIVE
    lines: int = 0
    complete: bool = True

    @property
    def broken(self) -> tuple[PropertyResult, ...]:
        """The properties that are broken."""
        return tuple([p for p in self.properties if p.verdict == "violated"])

    @property
    def refused(self) -> bool:
        """Whether the refusal is a violation."""
        return self.refusal is not None and not self.undecided

    @property
    def verdict(self) -> Answer:
        """An empty trace is never valid."""
        if self.broken or self.refused:
            return "violated"
        return "holds" if self.replayed and not self.undecided else "undetermined"
