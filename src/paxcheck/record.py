"""Records what a Python implementation does, as a native log that `paxcheck validate` judges.

    from paxcheck.record import Recorder

    with Recorder("n1.jsonl", family="paxos", members=["n1", "n2", "n3"]) as log:
        node = log.node("n1", state=lambda: {"promised": acceptor.promised})
        node.boot(first=True)
        node.wrap_send(transport, "send", describe)
        node.wrap_receive(acceptor, "handle", describe_received)

The implementation is not changed: methods are wrapped, and what they send, receive and hold is
told in the words of the protocol (`paxcheck.trace.log.Message` and `State`).

A line is written by one system call to a file opened for appending: it is there when the process
is killed in the next moment. A line that was cut (the machine failed, the disk was full) is
removed when the file is opened again, and the log says so. Calls from several threads are put in
one order; the state is asked for while no lock is held. Each process writes its own file; files
are validated together.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, cast

import msgspec

from paxcheck.misfit import misfit
from paxcheck.protocol.errors import UsageError
from paxcheck.trace import log
from paxcheck.trace.appending import open_log
from paxcheck.trace.events import VERSION

Fields: TypeAlias = Mapping[str, Any]
StateNow: TypeAlias = Callable[[], Fields | Iterable[Fields] | None]
ClockNow: TypeAlias = Callable[[], "int | Mapping[str, int]"]
Told: TypeAlias = tuple[Any, ...] | list[tuple[Any, ...]] | None
"""What a `describe` function returns: (peer, message), (peer, message, mid) or, where messages have
logical clocks, (peer, message, mid, clock); several in a list; None for a call that is not to be
recorded."""

LONGEST_VALUE = 100
"""Characters of a value that are written as they are; of a longer one a digest is."""

_ENCODE = msgspec.json.Encoder().encode
_PLAIN = msgspec.json.Encoder(order="sorted", enc_hook=repr)


class Recorder:
    """Writes one log: of one node, or of several in one process.

    `family`: "paxos", "raft", "lease", or several of them. `members`: the nodes that count for
    quorums, by name; `quorum`: how many, where it is not a majority. The other header fields
    (`promise`, `self_messages`, `complete`, `clock_error`, `cannot`, `note`) are those
    of `paxcheck.trace.log.LogHeader`. `clock`: what gives an event's time in seconds; None leaves
    times out. `sync`: wait for the disk after each line (slow; only a failing machine needs it).

    An existing file is continued. Raises UsageError for header fields that are no header, and for
    an existing file of another header.
    """

    def __init__(
        self,
        path: str | Path,
        family: str | Iterable[str],
        members: Iterable[str] = (),
        *,
        clock: Callable[[], float] | None = time.time,
        sync: bool = False,
        **header: Any,
    ) -> None:
        self.path = Path(path)
        if isinstance(members, str):  # its letters would be the members
            raise UsageError(
                f"the members {members!r} are a text, and must be a list of names",
                hint=f"write members=[{members!r}]",
            )
        families = [family] if isinstance(family, str) else list(family)
        known = {"paxcheck": VERSION, "kind": log.KIND, "family": families}
        self.header = _checked({**known, "members": list(members), **header}, log.LogHeader)
        self._clock = clock
        self._sync = sync
        self._lock = threading.RLock()
        self._nodes: dict[str, NodeLog] = {}
        self._undo: list[Callable[[], None]] = []
        self._closed = False
        self._file, cut = open_log(self.path, _ENCODE(self.header))
        if cut:
            self._write(log.LostEvent(node="", note="the last line was cut off"))

    def node(
        self, name: str, state: StateNow | None = None, logical_clock: ClockNow | None = None
    ) -> NodeLog:
        """The log of one node. `state`: gives what it holds now, as fields of `State`.

        `logical_clock`: gives its Lamport clock (a number) or vector clock (node -> number), for
        every event that is not given one. It is asked under the lock of the log, so that clocks are
        written in their order: it must not wait for another lock. Raises UsageError for a name that
        is taken.
        """
        with self._lock:
            if name in self._nodes:
                raise UsageError(f"the log of {name} is kept already")
            node = self._nodes[name] = NodeLog(self, name, state, logical_clock)
            return node

    def close(self) -> None:
        """Take back all wrapping, and close the file. A second call does nothing."""
        with self._lock:
            if self._closed:
                return
            for undo in reversed(self._undo):
                undo()
            self._undo.clear()
            self._closed = True
            os.close(self._file)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def wrap(
        self,
        owner: Any,
        name: str,
        before: Callable[..., object] | None = None,
        after: Callable[..., object] | None = None,
    ) -> Callable[[], None]:
        """Call `before(*args)` and `after(result, *args)` around a method; returns what undoes it.

        `owner`: an object, or a class (then `args` begin with the object). `after` is not called
        when the method raises. An exception of `before` or `after` is the caller's: a recorder
        that is wrong must not go unnoticed. Coroutine methods are wrapped as such. Raises
        UsageError where there is no such method, or it cannot be replaced.
        """
        original = getattr(owner, name, None)
        if not callable(original):
            raise UsageError(f"{owner!r} has no method {name!r}")
        call = cast(Callable[..., Any], original)
        own: Mapping[str, Any] = getattr(owner, "__dict__", {})
        had, previous = name in own, own.get(name)

        if inspect.iscoroutinefunction(call):

            @functools.wraps(call)
            async def waiting(*args: Any, **kwargs: Any) -> Any:
                if before is not None:
                    before(*args, **kwargs)
                result = await call(*args, **kwargs)
                if after is not None:
                    after(result, *args, **kwargs)
                return result

            wrapper: Callable[..., Any] = waiting
        else:

            @functools.wraps(call)
            def calling(*args: Any, **kwargs: Any) -> Any:
                if before is not None:
                    before(*args, **kwargs)
                result = call(*args, **kwargs)
                if after is not None:
                    after(result, *args, **kwargs)
                return result

            wrapper = calling

        try:
            setattr(owner, name, wrapper)
        except AttributeError:
            raise UsageError(
                f"{name!r} of {owner!r} cannot be replaced", hint="wrap it on its class"
            ) from None

        def undo() -> None:
            if had:
                setattr(owner, name, previous)
            else:
                with contextlib.suppress(AttributeError):
                    delattr(owner, name)

        self._undo.append(undo)
        return undo

    def _write(self, event: log.LogEvent) -> None:
        with self._lock:
            if self._closed:
                raise UsageError(f"the log {self.path} is closed")
            line = _ENCODE(event) + b"\n"
            while line:  # one call, but for a full disk
                line = line[os.write(self._file, line) :]
            if self._sync:
                os.fsync(self._file)


class NodeLog:
    """Writes one node's events. Each method is one event; see `paxcheck.trace.log` for what each
    of them means.

    Made by `Recorder.node`. All methods raise UsageError for fields that the format has not.
    """

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        state: StateNow | None,
        logical_clock: ClockNow | None = None,
    ) -> None:
        self.recorder = recorder
        self.name = name
        self._state = state
        self._clock = logical_clock
        self._seq = 0
        self._held: dict[Any, log.State] = {}
        self._written = 0
        self._lock = recorder._lock  # pyright: ignore[reportPrivateUsage]

    def event(self, kind: str, **fields: Any) -> None:
        """Write any event of the format by its name."""
        with self._lock:
            fields |= {"event": kind, "node": self.name, "seq": self._seq + 1}
            clock = self.recorder._clock  # pyright: ignore[reportPrivateUsage]
            if clock is not None and "time" not in fields:
                fields["time"] = clock()
            if self._clock is not None and fields.get("clock") is None:
                fields["clock"] = self._clock()
            event = _checked(fields, _EVENTS.get(kind) or _unknown(kind))
            self.recorder._write(event)  # pyright: ignore[reportPrivateUsage]
            self._seq += 1

    # --- life ---------------------------------------------------------------------------------

    def boot(self, first: bool | None = None) -> None:
        """The node starts; its state, as it loaded it, goes into the line."""
        self._tell("boot", again=True, first=first)

    def crash(self) -> None:
        """The node stops. The log of the next start continues it."""
        self.event("crash")

    def state(self) -> None:
        """Write the state, if it is not what was written last."""
        self._tell("state")

    # --- messages -----------------------------------------------------------------------------

    def send(
        self,
        to: str | list[str],
        message: Fields,
        mid: str | int | None = None,
        clock: int | Mapping[str, int] | None = None,
    ) -> None:
        """The node sends a message: fields of `Message`. Call it before it is really sent."""
        self.event("send", to=to, message=_fields(message), mid=mid, clock=clock)

    def receive(
        self,
        sender: str,
        message: Fields,
        mid: str | int | None = None,
        clock: int | Mapping[str, int] | None = None,
    ) -> None:
        """The node receives a message. Call it before the node acts on it."""
        self.event("receive", sender=sender, message=_fields(message), mid=mid, clock=clock)

    def wrap_send(self, owner: Any, name: str, describe: Callable[..., Told]) -> None:
        """Record each call of a method that sends; `describe` gets its arguments (see `Told`)."""

        def before(*args: Any, **kwargs: Any) -> None:
            for told in _each(describe(*args, **kwargs)):
                self.send(*told)

        self.recorder.wrap(owner, name, before)

    def wrap_receive(self, owner: Any, name: str, describe: Callable[..., Told]) -> None:
        """Record each call of a method that handles a message, and the state that it leaves."""

        def before(*args: Any, **kwargs: Any) -> None:
            for told in _each(describe(*args, **kwargs)):
                self.receive(*told)

        def after(result: Any, *args: Any, **kwargs: Any) -> None:
            self.state()

        self.recorder.wrap(owner, name, before, after)

    def wrap_state(self, owner: Any, name: str) -> None:
        """Record the state that a method leaves (a timer, a client's call), if it changed."""

        def after(result: Any, *args: Any, **kwargs: Any) -> None:
            self.state()

        self.recorder.wrap(owner, name, None, after)

    # --- what has no message ------------------------------------------------------------------

    def request(self, value: Any) -> None:
        """A client gives the node a value."""
        self.event("request", value=value_text(value))

    def promise(
        self, ballot: Any, slot: log.Slot = None, votes: Iterable[Any] | None = None
    ) -> None:
        """The node promises a ballot without a message: its own, say."""
        told = None if votes is None else list(votes)
        self.event("promise", ballot=ballot, slot=slot, votes=told)

    def propose(self, ballot: Any, value: Any, slot: log.Slot = None) -> None:
        """The node asks for votes, without a message that is recorded."""
        self.event("propose", ballot=ballot, value=value_text(value), slot=slot)

    def vote(self, ballot: Any, value: Any, slot: log.Slot = None) -> None:
        """The node votes without a message: for its own proposal, say."""
        self.event("vote", ballot=ballot, value=value_text(value), slot=slot)

    def decide(
        self,
        value: Any,
        slot: log.Slot = None,
        ballot: Any = None,
        voters: Iterable[str] | None = None,
    ) -> None:
        """The node takes the value as decided."""
        told = None if voters is None else sorted(voters)
        self.event("decide", value=value_text(value), slot=slot, ballot=ballot, voters=told)

    def campaign(self, term: int) -> None:
        """Raft: the node becomes candidate."""
        self.event("campaign", term=term)

    def grant(self, term: int, candidate: str) -> None:
        """Raft: the node votes, without a message that is recorded."""
        self.event("grant", term=term, candidate=candidate)

    def lead(self, term: Any, last_index: int | None = None) -> None:
        """The node becomes leader."""
        self.event("lead", term=term, last_index=last_index)

    def follow(self) -> None:
        """The node is no leader and no candidate any more."""
        self.event("follow")

    def write(self, index: int, term: int, entry: Any = None, loaded: bool = False) -> None:
        """Raft: the node's log has this entry at this index; those after it are gone."""
        self.event("write", index=index, term=term, digest=value_text(entry), loaded=loaded)

    def truncate(self, index: int) -> None:
        """Raft: the node drops its entries from this index on."""
        self.event("truncate", index=index)

    def snapshot(self, index: int, term: int | None = None) -> None:
        """Raft: the node replaces its log up to this index by a snapshot."""
        self.event("snapshot", index=index, term=term)

    def commit(self, index: int, leader: bool = False) -> None:
        """Raft: the node's commit index is now this; `leader`: it counted answers for it."""
        self.event("commit", index=index, leader=leader)

    def apply(self, index: int, entry: Any, term: int | None = None) -> None:
        """Raft: the node applies the entry to its state machine."""
        self.event("apply", index=index, digest=value_text(entry), term=term)

    def members(
        self, members: Iterable[str], outgoing: Iterable[str] = (), quorum: int | None = None
    ) -> None:
        """The node counts in this configuration from now on; `outgoing`: in both, while joint."""
        self.event("members", members=list(members), outgoing=list(outgoing), quorum=quorum)

    def lease(self, holder: str, until: float) -> None:
        """The node takes it that `holder` has the lease until then, by the recorder's clock."""
        self.event("lease", holder=holder, until=until)

    def lease_end(self) -> None:
        """The node's lease is void."""
        self.event("lease_end")

    def _tell(self, kind: str, again: bool = False, **fields: Any) -> None:
        """Write an event with what changed in the state; `again`: with all of it.

        The state is asked for without a lock of ours, since it may wait for one of the caller's.
        When another state was written meanwhile, this one may be the older: it is asked for again.
        """
        while True:
            written = self._written
            parts = self._parts()
            with self._lock:
                if self._written != written:
                    continue
                if again:
                    self._held.clear()
                changed = [part for part in parts if self._held.get(part.slot) != part]
                if not changed and not again:
                    return
                self._held.update({part.slot: part for part in changed})
                self._written += 1
                state = changed[0] if len(changed) == 1 else changed or None
                self.event(kind, state=state, **fields)
                return

    def _parts(self) -> list[log.State]:
        """The state now, one part for each slot."""
        now = self._state() if self._state is not None else None
        if now is None:
            return []
        parts = [cast(Fields, now)] if isinstance(now, Mapping) else list(now)
        return [_checked(_fields(part), log.State) for part in parts]


def value_text(value: Any) -> str | None:
    """A value as a log has it: a text itself, anything else as JSON, a long one as a digest.

    Equal values have equal texts: keys are sorted. What JSON has not is taken by its `repr`.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else _PLAIN.encode(value).decode()
    if len(text) <= LONGEST_VALUE:
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


_EVENTS: dict[str, type[log.LogEvent]] = {
    str(kind.__struct_config__.tag): kind for kind in log.LogEvent.__subclasses__()
}


def _unknown(kind: str) -> type[log.LogEvent]:
    raise UsageError(f"no event is called {kind!r}", hint=f"events: {', '.join(sorted(_EVENTS))}")


def _checked(fields: Fields, kind: type[Any]) -> Any:
    """The fields as the format has them. Raises UsageError that names the wrong one."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as problem:
        told = misfit(problem, kind)
        raise UsageError(f"this cannot be recorded: {told}: {dict(fields)!r}") from None


def _fields(fields: Fields) -> dict[str, Any]:
    """The same fields; values as texts, and votes written as (ballot, value) spelled out."""
    known = dict(fields)
    if "value" in known:
        known["value"] = value_text(known["value"])
    if known.get("votes") is not None:
        known["votes"] = [_vote(vote) for vote in known["votes"]]
    if known.get("vote") is not None:
        known["vote"] = _vote(known["vote"])
    return known


def _vote(vote: Any) -> Any:
    if isinstance(vote, Mapping):
        return _fields(cast(Fields, vote))
    if isinstance(vote, tuple | list):
        parts = cast(tuple[Any, ...], vote)
        return _fields(dict(zip(("ballot", "value", "slot"), parts, strict=False)))
    return vote


def _each(told: Told) -> list[tuple[Any, ...]]:
    if told is None:
        return []
    return told if isinstance(told, list) else [told]
