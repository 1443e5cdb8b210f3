"""Logical clocks and the identities of messages, where a trace has them: checked, not trusted."""

from __future__ import annotations

from dataclasses import dataclass, field

from paxcheck.clock import Clock
from paxcheck.paxos.causality import clock_text, goes_back, is_later
from paxcheck.trace.conform.keys import Key, message_key, text_of_encoded
from paxcheck.trace.conform.places import Place
from paxcheck.trace.conform.result import PropertyResult
from paxcheck.trace.conform.typed import plain
from paxcheck.trace.observe.verdict import Mention

CLOCKS = "clock-consistency"
MIDS = "message-integrity"
RULES = {
    CLOCKS: "A node's clock never goes back, and a message is taken later than it was sent.",
    MIDS: "A message arrives as it was sent.",
}
SOURCES = {
    CLOCKS: "Lamport, Time, Clocks, and the Ordering of Events (1978), conditions C1 and C2",
    MIDS: "Paxos Made Simple, section 2: messages are not corrupted",
}


@dataclass
class _Found:
    checks: int = 0
    at: Place | None = None
    reason: str = ""
    earlier: tuple[Mention, ...] = ()


@dataclass
class Stamps:
    """What the events say of their order, and of which message is which, besides the content."""

    _last: dict[str, tuple[Clock, Place]] = field(default_factory=dict[str, tuple[Clock, Place]])
    _sent: dict[Key, tuple[Clock, Place]] = field(default_factory=dict[Key, tuple[Clock, Place]])
    _mids: dict[str | int, tuple[bytes, Place]] = field(
        default_factory=dict[str | int, tuple[bytes, Place]]
    )
    _found: dict[str, _Found] = field(default_factory=dict[str, _Found])

    def take(self, place: Place) -> None:
        """One event, after what it depends on."""
        event = place.event
        if event.clock is not None:
            self._clock(place, event.node or "", event.clock)
        if event.mid is not None:
            self._mid(place, event.mid)
        if not event.sent:
            return
        for sent in event.sent:
            if event.clock is not None and event.event != "state":
                for to in sent.to:
                    self._sent.setdefault(message_key(to, sent.message), (event.clock, place))
            if sent.mid is not None:
                self._mids.setdefault(sent.mid, (text_of_encoded(sent.message), place))

    def results(self) -> tuple[PropertyResult, ...]:
        """The answers on what was there to check."""
        return tuple([_result(name, found) for name, found in self._found.items()])

    def _clock(self, place: Place, node: str, clock: Clock) -> None:
        last = self._last.get(node)
        if last is not None and goes_back(last[0], clock):
            self._note(
                CLOCKS,
                place,
                f"{node}'s clock was {clock_text(last[0])}, and now it is {clock_text(clock)}",
                last[1],
            )
        self._last[node] = (clock, place)
        found = self._found.setdefault(CLOCKS, _Found())
        found.checks += 1
        if place.event.event != "deliver" or place.event.message is None:
            return
        sent = self._sent.get(message_key(node, place.event.message))
        if sent is not None and not is_later(sent[0], clock):
            kind = (plain(place.event).message or {})["type"]
            self._note(
                CLOCKS,
                place,
                f"{node} takes this {kind} at {clock_text(clock)}, "
                f"and it was sent at {clock_text(sent[0])}",
                sent[1],
            )

    def _mid(self, place: Place, mid: str | int) -> None:
        found = self._found.setdefault(MIDS, _Found())
        sent = self._mids.get(mid)
        if sent is None or place.event.message is None:
            return
        found.checks += 1
        if sent[0] != text_of_encoded(place.event.message):
            self._note(MIDS, place, f"message {mid} was sent with another content", sent[1])

    def _note(self, name: str, place: Place, reason: str, earlier: Place) -> None:
        found = self._found.setdefault(name, _Found())
        if found.at is None:
            says = "the clock before" if name == CLOCKS else "what was sent"
            mention = Mention(earlier.file, earlier.line, earlier.event.node or "", says)
            found.at, found.reason, found.earlier = place, reason, (mention,)


def _result(name: str, found: _Found) -> PropertyResult:
    at = found.at
    if at is None:
        verdict = "holds" if found.checks else "undetermined"
        reason = "" if found.checks else "no line sends a message of these identities"
        return PropertyResult(
            name, RULES[name], verdict, found.checks, reason, source=SOURCES[name]
        )
    node = at.event.node or ""
    return PropertyResult(
        name,
        RULES[name],
        "violated",
        found.checks,
        found.reason,
        at.file,
        at.line,
        node,
        evidence=(*found.earlier, Mention(at.file, at.line, node, found.reason)),
        source=SOURCES[name],
    )
