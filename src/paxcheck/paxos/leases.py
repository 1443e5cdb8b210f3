"""Leases: at most one holder at a time. The only property that needs clocks."""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from paxcheck.paxos.facts import Booted, Crashed, Fact, LeaseEnded, LeaseHeld
from paxcheck.paxos.monitor import Breach, Monitor, Observed
from paxcheck.protocol import Broken


class Claim(NamedTuple):
    """A node may act as holder of the lease in [start, end), by its own clock, in seconds."""

    holder: str
    start: float
    end: float


def lease_exclusion(claims: Iterable[Claim], clock_error: float) -> Broken | None:
    """No two nodes hold the lease at the same time (Gray and Cheriton, *Leases*, 1989, section 2).

    `clock_error`: how far two clocks may differ, in seconds: a shorter overlap proves nothing.
    """
    latest: Claim | None = None
    for claim in sorted(claims, key=lambda c: c.start):
        # One of them may have come first, by clocks that differ: each way must be ruled out.
        overlap = latest and min(latest.end - claim.start, claim.end - latest.start)
        if latest and overlap and latest.holder != claim.holder and overlap > clock_error:
            return Broken(
                f"{latest.holder} holds the lease until {latest.end:.3f} s, "
                f"and {claim.holder} holds it from {claim.start:.3f} s",
                (latest, claim),
            )
        if latest is None or claim.end > latest.end:
            latest = claim
    return None


class _Open:
    __slots__ = ("end", "fact", "start")

    def __init__(self, fact: Fact, start: float, end: float) -> None:
        self.fact, self.start, self.end = fact, start, end


class LeaseExclusion(Monitor):
    """At most one node holds the lease, as far as the clocks can tell."""

    name = "lease-exclusion"
    needs = "leases with their holder and both times, and clocks with a stated error"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.open: dict[str, _Open] = {}
        self.closed: list[tuple[Claim, Fact]] = []
        self.claims = 0

    def _close(self, node: str, time: float | None) -> None:
        claim = self.open.pop(node, None)
        if claim is None:
            return
        end = claim.end if time is None else min(claim.end, time)
        if end > claim.start:
            self.closed.append((Claim(node, claim.start, end), claim.fact))

    def on_LeaseHeld(self, fact: LeaseHeld) -> None:
        if fact.time is None:
            self.doubt("a lease without the time at which it begins")
            return
        if fact.holder != fact.node:
            self._close(fact.node, fact.time)
            return
        self.claims += 1
        mine = self.open.get(fact.node)
        if mine is not None and fact.time <= mine.end:
            mine.end = max(mine.end, fact.until)
            return
        self._close(fact.node, None)
        self.open[fact.node] = _Open(fact, fact.time, fact.until)

    def on_LeaseEnded(self, fact: LeaseEnded) -> None:
        self._close(fact.node, fact.time)

    def on_Crashed(self, fact: Crashed) -> None:
        self._close(fact.node, fact.time)

    def on_Booted(self, fact: Booted) -> None:
        # It stopped at some time after its last line: what follows that line proves nothing.
        last = self.world.node(fact.node).last_time
        self._close(fact.node, last if last is not None else fact.time)

    def cut(self) -> Iterable[Breach]:
        self.open.clear()  # the next line may have ended them
        return self.end()

    def end(self) -> Iterable[Breach]:
        error = self.world.declaration.clock_error
        for node in list(self.open):
            self._close(node, None)
        if error is None:
            if self.closed:
                self.doubt("no clock of this log may be trusted (state the error of the clocks)")
            return
        self.checks += self.claims
        self.closed.sort(key=lambda pair: pair[0].start)
        latest: tuple[Claim, Fact] | None = None
        for claim, fact in self.closed:
            broken = latest and lease_exclusion([latest[0], claim], error)
            if broken and latest:
                yield self.breach(broken.reason, latest[1], fact)
            if latest is None or claim.end > latest[0].end:
                latest = (claim, fact)


LEASES: tuple[type[Monitor], ...] = (LeaseExclusion,)
