"""The three networks. Each is a named value; what a network does is chosen on purpose.

- `set`: a sent message stays deliverable for ever. Loss (never delivered), duplication (delivered
  twice) and reordering at once: the standard abstraction for safety.
- `bag`: each copy is delivered at most once, in any order. A copy that its receiver would ignore
  stays where it is: a step that changes nothing is not a step.
- `fifo`: one queue for each pair of sender and receiver; the head is taken even when ignored.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Any, Protocol

from paxcheck.protocol.messages import PUBLISHED, Envelope

State = Any
"""A network's state: immutable and hashable; its form is the network's own affair."""


def _key(envelope: Envelope) -> tuple[Any, ...]:
    return envelope.key


class Network(Protocol):
    """The transitions of a network's state, in canonical order."""

    name: str
    empty: State

    def send(self, state: State, envelopes: Iterable[Envelope]) -> State:
        """The state after sending."""
        ...

    def deliverable(self, state: State) -> list[Envelope]:
        """The distinct envelopes that can be delivered now."""
        ...

    def take(self, state: State, envelope: Envelope) -> State:
        """The state after the delivery of one deliverable envelope."""
        ...

    def consumes(self, ignored: bool) -> bool:
        """Whether a delivery takes the copy away; `ignored`: the receiver did nothing."""
        ...

    def copies(self, state: State) -> list[Envelope]:
        """The distinct envelopes in transit, for properties and for the faults of the network."""
        ...

    def lose(self, state: State, envelope: Envelope) -> State:
        """The state without one copy."""
        ...

    def duplicate(self, state: State, envelope: Envelope) -> State:
        """The state with one more copy."""
        ...


class SetNetwork:
    """Messages stay deliverable for ever. State: frozenset of envelopes."""

    name = "set"
    empty: State = frozenset[Envelope]()

    def send(self, state: State, envelopes: Iterable[Envelope]) -> State:
        """The union; the very same object when nothing is new."""
        new = [e for e in envelopes if e not in state]
        return state.union(new) if new else state

    def deliverable(self, state: State) -> list[Envelope]:
        """Every envelope with a receiver."""
        return sorted([e for e in state if e.to != PUBLISHED], key=_key)

    def take(self, state: State, envelope: Envelope) -> State:
        """The same state: nothing goes away."""
        return state

    def consumes(self, ignored: bool) -> bool:
        """Never."""
        return False

    def copies(self, state: State) -> list[Envelope]:
        """All that was ever sent."""
        return sorted(state, key=_key)

    def lose(self, state: State, envelope: Envelope) -> State:
        """Not a fault here: a message that is never delivered is lost."""
        raise NotImplementedError

    duplicate = lose


class BagNetwork:
    """Each copy is delivered at most once, in any order. State: sorted tuple of envelopes."""

    name = "bag"
    empty: State = ()

    def send(self, state: State, envelopes: Iterable[Envelope]) -> State:
        """One more copy of each."""
        copies = list(state)
        for envelope in envelopes:
            insort(copies, envelope, key=_key)
        return tuple(copies)

    def deliverable(self, state: State) -> list[Envelope]:
        """Each distinct envelope once."""
        return list(dict.fromkeys(state))

    def take(self, state: State, envelope: Envelope) -> State:
        """One copy fewer."""
        at = state.index(envelope)
        return state[:at] + state[at + 1 :]

    def consumes(self, ignored: bool) -> bool:
        """An ignored copy stays."""
        return not ignored

    def copies(self, state: State) -> list[Envelope]:
        """Each distinct envelope once."""
        return list(dict.fromkeys(state))

    lose = take

    def duplicate(self, state: State, envelope: Envelope) -> State:
        """One copy more."""
        return self.send(state, (envelope,))


class FifoNetwork:
    """Ordered channels. State: sorted tuple of ((sender, receiver), (envelope, ...))."""

    name = "fifo"
    empty: State = ()

    def send(self, state: State, envelopes: Iterable[Envelope]) -> State:
        """Each envelope goes to the end of its channel."""
        channels = dict(state)
        for envelope in envelopes:
            channel = (envelope.sender, envelope.to)
            channels[channel] = (*channels.get(channel, ()), envelope)
        return tuple(sorted(channels.items(), key=lambda item: item[0]))

    def deliverable(self, state: State) -> list[Envelope]:
        """The head of each channel."""
        return sorted([queue[0] for _, queue in state], key=_key)

    def take(self, state: State, envelope: Envelope) -> State:
        """The channel without its head."""
        return self.lose(state, envelope)

    def consumes(self, ignored: bool) -> bool:
        """Always: the queue moves on."""
        return True

    def copies(self, state: State) -> list[Envelope]:
        """Each distinct envelope once."""
        return list(dict.fromkeys(e for _, queue in state for e in queue))

    def lose(self, state: State, envelope: Envelope) -> State:
        """The channel without the first copy of the envelope."""
        channels = dict(state)
        channel = (envelope.sender, envelope.to)
        queue = channels.pop(channel)
        at = queue.index(envelope)
        rest = queue[:at] + queue[at + 1 :]
        if rest:
            channels[channel] = rest
        return tuple(sorted(channels.items(), key=lambda item: item[0]))

    def duplicate(self, state: State, envelope: Envelope) -> State:
        """A second copy at the end of the channel."""
        return self.send(state, (envelope,))


NETWORKS: dict[str, Network] = {"set": SetNetwork(), "bag": BagNetwork(), "fifo": FifoNetwork()}
