"""The three networks again, for long runs: each step costs the same, however much was sent.

The networks of `paxcheck.protocol.network` copy their state at each step, which is right for a
search over many small worlds. A replay has one long run, so here the state is a `Table`, in which a
message is found by its key. What each network does is the same: a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeAlias

from paxcheck.protocol.messages import PUBLISHED, Envelope
from paxcheck.trace.conform.keys import Key, key_of
from paxcheck.trace.conform.table import ABSENT, Table

State: TypeAlias = Table[Any]

FAR: Final = 20_000
"""How far back the latest messages to a node are looked for."""


class Transit(Protocol):
    """A network of `paxcheck.protocol.network` that also finds a message by its key."""

    def find(self, state: State, sender: str, to: str, key: Key) -> Envelope | None:
        """The envelope of that key between these nodes, if it can be delivered now."""
        ...

    def in_transit(self, state: State, key: Key) -> bool:
        """Whether a copy of it is in transit, also one that must wait for others."""
        ...

    def latest(self, state: State, to: str, most: int) -> tuple[list[Envelope], bool]:
        """What can be delivered to a node, in order: the latest ones; and whether there is more."""
        ...

    def size(self, state: State) -> int:
        """How many copies are in transit (of a set: how many messages were ever sent)."""
        ...

    def after(self, state: State, taken: Envelope | None, sent: Sequence[Envelope]) -> State:
        """What one step leaves: `take` of what it takes, if anything, and `send`."""
        ...


class _ByKey:
    """What `set` and `bag` do alike. Cells: key -> envelope where there is one copy of it, else
    (copies, envelope); the latest ones last."""

    @property
    def empty(self) -> State:
        """A new one each time: runs share nothing."""
        return Table({})

    def copies(self, state: State) -> list[Envelope]:
        """Each distinct envelope once."""
        return _in_order([_copies(cell)[1] for cell in state.cells().values()])

    def find(self, state: State, sender: str, to: str, key: Key) -> Envelope | None:
        """Whatever is there can be delivered."""
        found = state.cells().get(key)
        return None if found is None else _copies(found)[1]

    def in_transit(self, state: State, key: Key) -> bool:
        """The same."""
        return key in state.cells()

    def latest(self, state: State, to: str, most: int) -> tuple[list[Envelope], bool]:
        """The latest ones to a node."""
        found: list[Envelope] = []
        for looked, cell in enumerate(reversed(state.cells().values())):
            if len(found) > most or looked > FAR:
                break
            envelope = _copies(cell)[1]
            if envelope.to == to:
                found.append(envelope)
        more = len(found) > most or len(state.cells()) > FAR
        return _in_order(found[:most]), more

    def size(self, state: State) -> int:
        """How many copies there are."""
        return sum([_copies(cell)[0] for cell in state.cells().values()])


class SetTransit(_ByKey):
    """Messages stay deliverable for ever."""

    name = "set"

    def send(self, state: State, envelopes: Iterable[Envelope]) -> State:
        """The very same state when nothing is new."""
        cells = state.cells()
        new = {key: e for e in envelopes if (key := key_of(e)) not in cells}
        return state.changed(new.items()) if new else state

    def deliverable(self, state: State) -> list[Envelope]:
        """Every envelope with a receiver."""
        return _in_order([e for e in state.cells().values() if e.to != PUBLISHED])

    def take(self, state: State, envelope: Envelope) -> State:
        """The same state: nothing goes away."""
        return state

    def after(self, state: State, taken: Envelope | None, sent: Sequence[Envelope]) -> State:
        """What was taken stays."""
        return self.send(state, sent) if sent else state

    def consumes(self, ignored: bool) -> bool:
        """Never."""
        return False

    def lose(self, state: State, envelope: Envelope) -> State:
        """Not a fault here: a message that is never delivered is lost."""
        raise NotImplementedError

    duplicate = lose


class BagTransit(_ByKey):
    """Each copy is delivered at most once, in any order."""

    name = "bag"

    def send(self, state: State, envelopes: Iterable[Envelope]) -> State:
        """One more copy of each."""
        cells = state.cells()
        more: dict[Key, Envelope | tuple[int, Envelope]] = {}
        for envelope in envelopes:
            key = key_of(envelope)
            known = more.get(key) or cells.get(key)
            if known is None:
                more[key] = envelope
            else:
                number, kept = _copies(known)
                more[key] = (number + 1, kept)
        return state.changed(more.items())

    def after(self, state: State, taken: Envelope | None, sent: Sequence[Envelope]) -> State:
        """Both at once: a version of the table costs more than a change."""
        more: dict[Key, Any] = {}
        if taken is not None:
            key = key_of(taken)
            cell = state.cells()[key]
            more[key] = ABSENT if cell.__class__ is not tuple else _fewer(cell)
        if sent:
            cells = state.cells()
            for envelope in sent:
                key = key_of(envelope)
                known = more.get(key) or cells.get(key)
                if known is ABSENT:  # taken and sent again: it is now the latest one
                    return self.send(self.take(state, envelope), sent)
                if known is None:
                    more[key] = envelope
                else:
                    number, kept = _copies(known)
                    more[key] = (number + 1, kept)
        return state.changed(more.items())

    deliverable = _ByKey.copies

    def take(self, state: State, envelope: Envelope) -> State:
        """One copy fewer."""
        key = key_of(envelope)
        return state.changed([(key, _fewer(state.cells()[key]))])

    lose = take

    def consumes(self, ignored: bool) -> bool:
        """An ignored copy stays."""
        return not ignored

    def duplicate(self, state: State, envelope: Envelope) -> State:
        """One copy more."""
        return self.send(state, (envelope,))


def _copies(cell: Any) -> tuple[int, Envelope]:
    """How many copies of which envelope are in a cell."""
    return cell if cell.__class__ is tuple else (1, cell)


def _fewer(cell: Any) -> Any:
    """A cell with one copy fewer."""
    number, kept = _copies(cell)
    return ABSENT if number == 1 else kept if number == 2 else (number - 1, kept)


class FifoTransit:
    """Ordered channels. Cells: (sender, receiver) -> ((first, end),), the numbers in its queue;
    (sender, receiver, number) -> (key, envelope)."""

    name = "fifo"

    @property
    def empty(self) -> State:
        """A new one each time: runs share nothing."""
        return Table({})

    def send(self, state: State, envelopes: Iterable[Envelope]) -> State:
        """Each envelope goes to the end of its channel."""
        cells = state.cells()
        more: dict[Any, Any] = {}
        for envelope in envelopes:
            channel = (envelope.sender, envelope.to)
            ((first, end),) = more.get(channel) or cells.get(channel) or ((0, 0),)
            more[channel] = ((first, end + 1),)
            more[*channel, end] = (key_of(envelope), envelope)
        return state.changed(more.items())

    def deliverable(self, state: State) -> list[Envelope]:
        """The head of each channel."""
        return _in_order([queue[0][1] for queue in _queues(state)])

    def take(self, state: State, envelope: Envelope) -> State:
        """The channel without the first copy of the envelope."""
        cells = state.cells()
        channel = (envelope.sender, envelope.to)
        ((first, end),) = cells[channel]
        key, at = key_of(envelope), first
        while cells[*channel, at][0] != key:
            at += 1
        # Those before it move up; it is the first one, unless it is lost on the way.
        moved = [((*channel, n + 1), cells[*channel, n]) for n in range(at - 1, first - 1, -1)]
        left = ((first + 1, end),) if first + 1 < end else ABSENT
        return state.changed([*moved, ((*channel, first), ABSENT), (channel, left)])

    lose = take

    def after(self, state: State, taken: Envelope | None, sent: Sequence[Envelope]) -> State:
        """One after the other."""
        left = state if taken is None else self.take(state, taken)
        return self.send(left, sent) if sent else left

    def consumes(self, ignored: bool) -> bool:
        """Always: the queue moves on."""
        return True

    def copies(self, state: State) -> list[Envelope]:
        """Each distinct envelope once."""
        return list({key: e for queue in _queues(state) for key, e in queue}.values())

    def duplicate(self, state: State, envelope: Envelope) -> State:
        """A second copy at the end of the channel."""
        return self.send(state, (envelope,))

    def find(self, state: State, sender: str, to: str, key: Key) -> Envelope | None:
        """Only the head of a channel can be delivered."""
        cells = state.cells()
        numbers = cells.get((sender, to))
        if numbers is None:
            return None
        head = cells[sender, to, numbers[0][0]]
        return head[1] if head[0] == key else None

    def in_transit(self, state: State, key: Key) -> bool:
        """Whether it stands anywhere in a channel."""
        return any(key == other for queue in _queues(state) for other, _ in queue)

    def latest(self, state: State, to: str, most: int) -> tuple[list[Envelope], bool]:
        """The heads of the channels to a node."""
        found = [e for e in self.deliverable(state) if e.to == to]
        return found[:most], len(found) > most

    def size(self, state: State) -> int:
        """How many copies are in transit."""
        return sum([len(queue) for queue in _queues(state)])


def _queues(state: State) -> Iterator[list[tuple[Key, Envelope]]]:
    """What stands in each channel, in the order of the channels."""
    cells = state.cells()
    for channel in sorted([key for key in cells if len(key) == 2]):
        ((first, end),) = cells[channel]
        yield [cells[*channel, n] for n in range(first, end)]


def _in_order(envelopes: list[Envelope]) -> list[Envelope]:
    return sorted(envelopes, key=lambda envelope: envelope.key)


TRANSITS: Final[dict[str, Any]] = {"set": SetTransit(), "bag": BagTransit(), "fifo": FifoTransit()}
