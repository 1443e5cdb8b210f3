"""Is every event of a trace a step of the model? The first one that is not is named and explained.

Only the order of each node's own events is trusted, and causality: a message is sent before it is
taken. The events are read one after the other; what is kept is what each node holds, what is in
transit, what the model's ghost fields remember, and the events that wait for another one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step, System
from paxcheck.trace.conform.ahead import Again, Ahead, ahead_of
from paxcheck.trace.conform.causality import Links
from paxcheck.trace.conform.diagnosis import refusal
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.conform.hidden import DEEPEST
from paxcheck.trace.conform.judging import Judged
from paxcheck.trace.conform.keys import message_key
from paxcheck.trace.conform.order import Order, Refused
from paxcheck.trace.conform.places import Feed, Place
from paxcheck.trace.conform.possible import Closure, asks
from paxcheck.trace.conform.replay import Replay, start
from paxcheck.trace.conform.result import Conformance, PropertyResult
from paxcheck.trace.conform.typed import read_as_typed
from paxcheck.trace.lines import TraceError
from paxcheck.trace.observe.verdict import Mention
from paxcheck.trace.read import Trace, open_trace


def conform(
    trace: Trace | Sequence[Trace],
    system: System,
    properties: Sequence[Property] = (),
    *,
    whole: Collection[str] | None = None,
    proving: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Conformance:
    """Replay one trace, or those of several nodes, in a system; judge the properties on the way.

    `whole`: the nodes of which no step is missing (without it: all, if the header says `complete`);
    of these none is assumed. `proving`: try to prove that no run allows an event that the search
    for hidden steps does not explain; else it is undetermined. `progress(events)` is called now and
    then. Raises TraceError for what cannot be read, unless something is broken before that line:
    then the result says both.
    """
    traces = [trace] if isinstance(trace, Trace) else list(trace)
    handlers = Handlers(system.protocol)
    read_as_typed(traces, handlers)
    with ahead_of(traces, handlers) as ahead:
        check = _check_of(traces, handlers, properties, whole, proving, ahead)
        try:
            return check.run(tuple([one.path for one in traces]), progress)
        except Again:
            # What handlers left elsewhere would now be what surrounds them from the beginning.
            handlers.surroundings.look()
    traces = [open_trace(one.file, one.path) for one in traces]
    read_as_typed(traces, handlers)
    check = _check_of(traces, Handlers(system.protocol), properties, whole, proving, None)
    return check.run(tuple([one.path for one in traces]), progress)


def _check_of(
    traces: Sequence[Trace],
    handlers: Handlers,
    properties: Sequence[Property],
    whole: Collection[str] | None,
    proving: bool,
    ahead: Ahead | None,
) -> _Check:
    # A run of a model is full information: every step stands in it, and none that does nothing.
    loose = all(one.header.kind == "trace" for one in traces)
    complete = all(one.header.complete for one in traces)
    if whole is None:
        whole = handlers.names if complete or not loose else ()
    replay = start(handlers, properties, loose, whole)
    feed = Feed(traces, ahead.boundary.line if ahead else 0)
    return _Check(replay, feed, len(traces), complete or not loose, proving, ahead)


def steps(trace: Trace, system: System) -> tuple[Step, ...]:
    """The steps that the events of a conforming trace are, for a replay. Raises ValueError."""
    handlers = Handlers(system.protocol)
    replay = start(handlers, (), False, handlers.names, keep_steps=True)
    for number, (line, event) in enumerate(trace.events, 1):
        no = replay.take(Place(number, trace.path, line, event))
        if no is not None:
            raise ValueError(no.reason)
    return tuple(replay.steps)


class _Check:
    def __init__(
        self,
        replay: Replay,
        feed: Feed,
        files: int,
        complete: bool,
        proving: bool,
        ahead: Ahead | None,
    ) -> None:
        self.replay = replay
        self.ahead = ahead
        self.proving = proving
        self.complete = complete
        self.feed = feed
        self.links = Links(replay.system)
        self.order = Order(replay, feed, self.links, files)
        self.comes_later = False  # the message of the refused event stands far behind it

    def run(self, files: tuple[str, ...], progress: Callable[[int], None] | None) -> Conformance:
        replay, links = self.replay, self.links
        refused: Refused | None = None
        problem: TraceError | None = None
        try:
            refused = self._replay(progress)
            self._read_rest(refused, progress)
        except TraceError as error:
            problem = error
        except Again:
            replay.judge.forget()
            raise
        finally:
            replay.judge.settle()  # what a property says comes before any later error
        found = undecided = None
        if refused is not None:
            place = refused.place
            world = replay.worlds[0]
            told = refused.excuse.told(self._between(place))
            found = refusal(replay.system, world, place, refused.no, replay.tracks, told)
            undecided = self._doubt(refused)
        replay.system.surroundings.look()  # handlers also ran to explain what is refused
        result = Conformance(
            files=files,
            events=self.feed.read,
            replayed=replay.replayed,
            refusal=found,
            properties=(
                *[_judged(j) for j in replay.judge.judged],
                *replay.stamps.results(),
            ),
            without_state=links.without_state,
            without_sent=links.without_sent,
            hidden=tuple(replay.hidden),
            causality=links.causality(replay.worlds[0], refused is not None),
            undecided=undecided or "",
            nodes={name: track.life for name, track in replay.tracks.of.items()},
            stopped=str(problem or ""),
        )
        if problem is not None and result.verdict != "violated":
            raise problem
        return result

    def _replay(self, progress: Callable[[int], None] | None) -> Refused | None:
        """Take all events; the one that is refused, if any. Raises Again."""
        if self.ahead is None:
            return self.order.run(progress)
        refused = self.order.through(progress)
        self.feed.pause = 0
        if refused is None and self.order.calm and not self.replay.ended:
            later = self.ahead.take(self.replay, self.links, progress)
            if later is not None:
                self.feed.read += later
                self.feed.leave()
                return None
        return self.order.run(progress) if refused is None else refused

    def _read_rest(self, refused: Refused | None, progress: Callable[[int], None] | None) -> None:
        """What follows a refusal is only counted; unless it sends what the refused event takes."""
        wanted = b""
        if refused is not None and refused.no.waits and refused.place.event.node:
            wanted = message_key(refused.place.event.node, refused.place.event.message or {})
        for place in self.feed.rest():
            self.links.read(place)
            if progress is not None and not self.feed.read & 0x3FFF:
                progress(self.feed.read)
            if wanted and not self.comes_later:
                sent = place.event.sent or ()
                keys = {message_key(to, s.message) for s in sent for to in s.to}
                self.comes_later = wanted in keys

    def _between(self, place: Place) -> str:
        track = self.replay.tracks.of.get(place.event.node or "")
        if track is None or track.last is None:
            return f" before line {place.line}"
        return f" between lines {track.last.line} and {place.line}"

    def _doubt(self, refused: Refused) -> str:
        """Why an event that was not explained may still be possible; empty when it is not."""
        replay, place = self.replay, refused.place
        system = replay.system
        where = f"{place.file}:{place.line}"
        if self.comes_later:
            return f"{where}: the line that sends this message stands too far behind it"
        if self._is_certain(refused) or _spent(replay, place):
            return ""
        node = place.event.node or ""
        track = replay.tracks.of.get(node)
        known = replay.known(node)
        if track is not None and track.last is None:
            known = system.initial().locals[system.index[node]]
        answer = Closure(system).allows(place.event, known) if self.proving else "perhaps"
        if answer == "no":
            return ""
        if refused.excuse.gave_up or answer == "unknown":
            return f"{where}: too many hidden steps are possible to try them all"
        if not replay.loose:
            return f"{where}: impossible in the orders that were tried; there are others"
        return f"{where}: up to {DEEPEST} hidden steps do not explain it; more of them may"

    def _is_certain(self, refused: Refused) -> bool:
        """Whether all that decides about the event is in the trace, so that nothing excuses it."""
        replay, place = self.replay, refused.place
        if replay.pruned:
            return False
        free = self.order.network_steps or asks(replay.system)
        if free and self.order.waited:
            return False  # another order of the nodes may allow it
        if place.event.node not in replay.whole:
            return False
        if not refused.no.waits:
            return True
        # The log of the sender may end before it sent this; a file in order ends for all at once.
        sender = (place.event.message or {}).get("sender")
        return sender in replay.whole and (self.complete or self.order.causal)


def _spent(replay: Replay, place: Place) -> bool:
    """Whether the event is a fault that is switched off, or has struck as often as it may."""
    kind = "partition" if place.event.event == "heal" else place.event.event
    if kind in ("deliver", "act", "state"):
        return False
    names = replay.system.fault_names
    if kind not in names:
        return True
    at = names.index(kind)
    certain = kind != "partition" and not replay.hidden
    return certain and all(world.budgets[at] == 0 for world in replay.worlds)


def _judged(judged: Judged) -> PropertyResult:
    prop, at = judged.prop, judged.at
    rule = prop.doc.splitlines()[0] if prop.doc else prop.name
    source = str(prop.where) if prop.where else ""
    if at is None:
        verdict = "holds" if judged.checks else "undetermined"
        reason = judged.silent or ("" if judged.checks else "nothing was there to judge")
        return PropertyResult(prop.name, rule, verdict, judged.checks, reason, source=source)
    node = at.event.node or ""
    life = judged.life
    mention = Mention(at.file, at.line, node, judged.reason, life)
    return PropertyResult(
        prop.name,
        rule,
        "violated",
        judged.checks,
        judged.reason,
        at.file,
        at.line,
        node,
        life,
        (mention,),
        source,
    )
