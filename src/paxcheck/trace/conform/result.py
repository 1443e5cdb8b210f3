"""What a conformance check found."""

from __future__ import annotations

from dataclasses import dataclass, field

from paxcheck.engine.verdict import Answer
from paxcheck.protocol.execute import RuleCall


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first event that the model does not allow: where, why, and which rules said no.

    `event`: its number in the order of reading; `nearest`: the steps of that node that come
    nearest, each with what is different; `explanations`: faults that would make it possible, the
    fewest first, in words.
    """

    event: int
    line: int
    node: str | None
    reason: str
    rules: tuple[tuple[RuleCall, str], ...] = ()
    file: str = ""
    nearest: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()


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

    `delivered`: deliveries of a message whose sending is known; `unsent`: (file, line) of those
    that nobody sent; `again`: deliveries beyond the first of the same copy; `in_transit`: sent, and
    never delivered: lost, or still on the way; `cycle`: lines that cannot all have happened in the
    order of their nodes.
    """

    delivered: int = 0
    unsent: tuple[tuple[str, int], ...] = ()
    again: int = 0
    in_transit: int = 0
    cycle: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Conformance:
    """The result: how many events were replayed, and the refusal or the broken property, if any.

    `broken`: (property, line, reason), each in the file of `broken_files` at the same place.
    `without_state`, `without_sent`: steps of nodes that do not say their state, or what they sent:
    that was not compared.
    `verdict`: holds (every event is a step of the model and every property held), violated, or
    undetermined (there was nothing to check, or the search for an explanation gave up). `hidden`:
    what must have happened and is not in the trace; `undecided`: why nothing can be said (then
    `refusal` is the event that could not be explained, which a longer search might explain).
    """

    path: str
    events: int
    replayed: int
    refusal: Refusal | None
    broken: tuple[tuple[str, int, str], ...] = ()
    hidden: tuple[Hidden, ...] = ()
    causality: Causality = field(default_factory=Causality)
    undecided: str = ""
    broken_files: tuple[str, ...] = ()
    without_state: int = 0
    without_sent: int = 0

    @property
    def verdict(self) -> Answer:
        """An empty trace is never valid."""
        if self.broken or (self.refusal is not None and not self.undecided):
            return "violated"
        return "holds" if self.replayed and not self.undecided else "undetermined"
