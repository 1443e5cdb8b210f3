"""A digest of a set of states that depends neither on their order nor on the engine.

Each part of a state (a node's fields, a message in transit, the rest) has two 64-bit numbers of its
content. A state's numbers are the sums over its parts, mixed; the digest is the sum over all
states. So an engine that keeps parts by number can compute it from the numbers of the parts. Two
different sets have the same digest by chance once in 2^128.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from typing import Final

from paxcheck.protocol.execute import Local
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.network import State
from paxcheck.protocol.values import order_key
from paxcheck.protocol.world import World

Pair = tuple[int, int]
"""Two numbers of 64 bits."""

_MASK: Final = (1 << 64) - 1
FACTORS: Final = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Of the finalizer of SplitMix64."""


class Fingerprint:
    """The numbers of the parts of the states of one system, computed once for each part."""

    def __init__(self, network: str) -> None:
        self._fifo = network == "fifo"
        self.local = cache(self._local)
        self._message = cache(self._envelope)
        self.rest = cache(self._rest)

    def _local(self, node: int, local: Local) -> Pair:
        return _pair(("local", node, order_key(local)))

    def _envelope(self, envelope: Envelope) -> Pair:
        return _pair(("message", envelope.key))

    def _rest(self, budgets: tuple[int, ...], cut: frozenset[str] | None) -> Pair:
        return _pair(("rest", budgets, None if cut is None else sorted(cut)))

    def messages(self, network: State) -> Pair:
        """The messages of a network, or of a part of it (an inbox)."""
        if self._fifo:
            pairs = [
                _pair(("channel", channel, [e.key for e in queue])) for channel, queue in network
            ]
        else:
            pairs = [self._message(envelope) for envelope in network]
        return add(pairs)

    def world(self, world: World) -> Pair:
        """The numbers of a whole state, mixed."""
        parts = [self.local(i, local) for i, local in enumerate(world.locals)]
        parts += [self.messages(world.network), self.rest(world.budgets, world.cut)]
        return mixed(add(parts))


def add(pairs: Iterable[Pair]) -> Pair:
    """The sum of pairs, each number modulo 2^64."""
    one = two = 0
    for a, b in pairs:
        one += a
        two += b
    return one & _MASK, two & _MASK


def mixed(pair: Pair) -> Pair:
    """The numbers of a state from the sums of its parts (the finalizer of SplitMix64)."""
    return _mix(pair[0]), _mix(pair[1])


def text(pair: Pair) -> str:
    """A digest as 32 hexadecimal digits."""
    return f"{pair[0]:016x}{pair[1]:016x}"


def _mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * FACTORS[0]) & _MASK
    x = ((x ^ (x >> 27)) * FACTORS[1]) & _MASK
    return x ^ (x >> 31)


def _pair(content: object) -> Pair:
    digest = blake2b(repr(content).encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
