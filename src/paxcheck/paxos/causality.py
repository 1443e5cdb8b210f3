"""Causality: a message is sent before it is received, and logical clocks say so.

Only each node's own order is used: the lines of different nodes may come in any order.
"""

# ruff: noqa: D102 (a handler on_<Fact> is described by its class)

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from paxcheck.clock import Clock
from paxcheck.paxos.facts import ClockRead, Received, Sent
from paxcheck.paxos.monitor import Breach, Monitor, Observed

Mid: TypeAlias = "str | int"

MOST_LOOKS = 100
"""For so many messages that nobody sent it is found out whether the sender's log goes on."""


class MessageCausality(Monitor):
    """What was received was sent before. In logs that are read in order this is one look-up.

    A node whose message is not there yet is left behind until somebody sends it. Those that are
    left at the end wait for each other, which is impossible, or for a message that nobody sent.
    """

    name = "message-causality"
    needs = "messages with ids"
    takes = "messages with ids, sent and received, in the whole log of the sender"
    lacks = "no message is received"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.sent: set[Mid] = set()
        self.assumed: set[Mid] = set()
        self.behind: dict[str, deque[Sent | Received]] = {}
        self.waits: dict[Mid, list[str]] = {}
        self.shows_sends = False
        self.looked = 0

    def on_Sent(self, fact: Sent) -> None:
        if fact.mid is None:
            return
        self.shows_sends = True
        self.alone += 1
        if fact.node in self.behind:
            self.behind[fact.node].append(fact)
        else:
            self._send(fact.mid)

    def on_Received(self, fact: Received) -> None:
        if fact.mid is None:
            return
        if fact.node in self.behind:
            self.behind[fact.node].append(fact)
        elif fact.mid in self.sent:
            self.checks += 1
        else:
            self.behind[fact.node] = deque([fact])
            self.waits.setdefault(fact.mid, []).append(fact.node)

    def _send(self, mid: Mid) -> None:
        """A message is there: whoever waits for it goes on, and so on."""
        todo = [mid]
        while todo:
            mid = todo.pop()
            if mid not in self.sent:
                self.sent.add(mid)
                for node in self.waits.pop(mid, ()):
                    todo += self._go_on(node)

    def _go_on(self, node: str) -> Iterator[Mid]:
        """What a node sends until it waits again."""
        queue = self.behind[node]
        while queue:
            fact = queue[0]
            assert fact.mid is not None
            if isinstance(fact, Received):
                if fact.mid not in self.sent:
                    self.waits.setdefault(fact.mid, []).append(node)
                    return
                self.checks += fact.mid not in self.assumed
            queue.popleft()
            if isinstance(fact, Sent):
                yield fact.mid
        del self.behind[node]

    def end(self) -> Iterable[Breach]:
        """Judge those that are left behind, one after the other."""
        while self.behind:
            senders = {f.mid: f for q in self.behind.values() for f in q if isinstance(f, Sent)}
            lone = [q[0] for q in self.behind.values() if q[0].mid not in senders]
            for fact in lone:
                assert isinstance(fact, Received)
                yield from self._unsent(fact)
            if not lone:
                yield self._cycle(senders)
                lone = [next(iter(self.behind.values()))[0]]
            for fact in lone:  # what follows is judged as if it had been sent
                assert fact.mid is not None
                self.assumed.add(fact.mid)
                self._send(fact.mid)

    def _unsent(self, fact: Received) -> Iterator[Breach]:
        sender = self.world.nodes.get(fact.sender)
        if not self.shows_sends or sender is None or not sender.whole:
            self.doubt("the log of a sender is not there, begins late, or has holes")
            return
        if not self._goes_on(fact):
            self.doubt("the log of a sender may end before it sent a message")
            return
        self.checks += 1
        yield self.breach(
            f"{fact.node} receives message {fact.mid} from {fact.sender}, which never sent it", fact
        )

    def _goes_on(self, fact: Received) -> bool:
        """Whether the sender's log has an event that is later than this receipt, so that it has the
        sending too, if there was one. All that is later than the receipt is left behind with it."""
        if self.looked == MOST_LOOKS:
            return False
        self.looked += 1
        reached = {fact.node: list(self.behind[fact.node])}
        todo = [fact.node]
        while todo and fact.sender not in reached:
            mids = {later.mid for later in reached[todo.pop()] if isinstance(later, Sent)}
            for node, queue in self.behind.items():
                taken = (
                    n for n, f in enumerate(queue) if isinstance(f, Received) and f.mid in mids
                )
                if node not in reached and (first := next(taken, None)) is not None:
                    reached[node] = list(queue)[first:]
                    todo.append(node)
        return fact.sender in reached

    def _cycle(self, senders: dict[Mid | None, Sent]) -> Breach:
        """Everybody waits for somebody: going from one to the next comes back to one of them."""
        path = [next(iter(self.behind))]
        while (following := senders[self.behind[path[-1]][0].mid].node) not in path:
            path.append(following)
        cycle = path[path.index(following) :]
        evidence: list[Sent | Received] = []
        for node in reversed(cycle):  # from the last one, which waits for the first
            receipt = self.behind[node][0]
            evidence += [senders[receipt.mid], receipt]
        first = evidence[-1]
        self.checks += 1
        return self.breach(
            f"{first.node} receives message {first.mid}, and it can only have been sent later: "
            "each of these lines comes before the next one, and the last before the first",
            *evidence,
        )


class ClockConsistency(Monitor):
    """Logical clocks: a node's clock never goes back, and a receipt is later than its sending.

    Lamport, *Time, Clocks, and the Ordering of Events* (1978), conditions C1 and C2. A restart may
    lose a clock.
    """

    name = "clock-consistency"
    needs = "logical clocks"

    def __init__(self, world: Observed) -> None:
        super().__init__(world)
        self.last: dict[str, ClockRead] = {}
        self.sent: dict[Mid, ClockRead] = {}
        self.early: dict[Mid, list[ClockRead]] = {}

    def on_ClockRead(self, fact: ClockRead) -> Breach | None:
        last = self.last.get(fact.node)
        self.last[fact.node] = fact
        self.checks += 1
        if last is not None and last.inc == fact.inc and goes_back(last.clock, fact.clock):
            return self.breach(
                f"{fact.node}'s clock was {clock_text(last.clock)}, "
                f"and now it is {clock_text(fact.clock)}",
                last,
                fact,
                before=clock_text(last.clock),
                after=clock_text(fact.clock),
            )
        if fact.mid is None or fact.of == "event":
            return None
        if fact.of == "send":
            self.sent.setdefault(fact.mid, fact)
            return next(
                filter(None, [self._judged(fact, f) for f in self.early.pop(fact.mid, ())]), None
            )
        sent = self.sent.get(fact.mid)
        if sent is None:
            self.early.setdefault(fact.mid, []).append(fact)
            return None
        return self._judged(sent, fact)

    def _judged(self, sent: ClockRead, taken: ClockRead) -> Breach | None:
        if is_later(sent.clock, taken.clock):
            return None
        return self.breach(
            f"{taken.node} receives message {taken.mid} at {clock_text(taken.clock)}, "
            f"and it was sent at {clock_text(sent.clock)}",
            sent,
            taken,
        )


def goes_back(before: Clock, after: Clock) -> bool:
    """Whether a clock of one node is less than it was."""
    if isinstance(before, int) or isinstance(after, int):
        return isinstance(before, int) and isinstance(after, int) and after < before
    return any(after.get(node, 0) < number for node, number in before.items())


def is_later(sent: Clock, taken: Clock) -> bool:
    """Whether the clock of a receipt may be that of a message sent at the other one."""
    if isinstance(sent, int) or isinstance(taken, int):
        return not (isinstance(sent, int) and isinstance(taken, int)) or taken > sent
    return sent != taken and all(taken.get(node, 0) >= n for node, n in sent.items())


def clock_text(clock: Clock) -> str:
    """A clock as people write it: 7, or a 3, b 4."""
    if isinstance(clock, int):
        return str(clock)
    return ", ".join([f"{node} {number}" for node, number in sorted(clock.items())])
