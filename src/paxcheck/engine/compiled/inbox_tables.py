"""Tables for networks whose messages go away: each node with its inbox.

In a bag or a fifo network the state of the whole system is a vector of small numbers, one for each
node: a *row* stands for the node's local state together with its inbox, the messages on their way
to it. (The network as a whole is never one component: there are far fewer distinct inboxes than
distinct networks.) What a node may do follows from its row. A step changes the node's row, and the
rows of those to whom it sends, by what is added to their inboxes.

A set network with partitions is held in the same way. There a row also has what its node published,
which nobody receives.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from msgspec import Struct

from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.rows import Alarm
from paxcheck.engine.compiled.tables import Unsupported
from paxcheck.engine.fingerprint import Fingerprint, Pair, add
from paxcheck.protocol.execute import Local, NodeFault, Outcome
from paxcheck.protocol.faults import NODE_FAULTS
from paxcheck.protocol.messages import PUBLISHED, Envelope, Message
from paxcheck.protocol.network import State
from paxcheck.protocol.system import Step, System, Trigger
from paxcheck.protocol.world import Part, World, WorldView


class Seat(Struct, frozen=True):
    """One row: a node's local state, its inbox, and what it published (`sent` is in no mask)."""

    local: Local
    inbox: State = None
    published: frozenset[Envelope] = frozenset()
    sent: int = 0


class Move(Struct, frozen=True):
    """One step of a node: its row after it, and which group of messages goes to which node."""

    row: int
    sends: tuple[tuple[int, int], ...] = ()


class InboxTables:
    """The tables of one system. `rows[i][n]`: row n of node i, from 1 on.

    `groups`: what was ever sent to one inbox at once. `cuts`: the sides of the partitions, None
    first.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.nodes = len(system.names)
        self.rows: list[list[Seat]] = [[Seat(())] for _ in system.names]
        self._ids: list[dict[Any, int]] = [{} for _ in system.names]
        self._pairs: dict[tuple[int, Local, Trigger], tuple[Outcome, ...]] = {}
        self._added: list[dict[tuple[int, int], int]] = [{} for _ in system.names]
        self.alarms: list[Alarm] = []
        self.watched = True  # whether the judge of steps must see all of them
        self.errors = False
        self.calls = 0
        self.groups: list[tuple[Envelope, ...]] = []
        self._group_ids: dict[tuple[Envelope, ...], int] = {}
        self.journal: list[list[Any]] | None = None  # the calls that fill, if somebody wants them
        others = system.names[1:]
        sizes = range(1, len(others) + 1 if "partition" in system.budgets else 1)
        self.cuts: list[frozenset[str] | None] = [
            None,
            *[frozenset(side) for size in sizes for side in combinations(others, size)],
        ]

    def initial(self) -> tuple[int, ...]:
        """The rows of the initial state."""
        world = self.system.initial()
        return self.numbers(world)

    def numbers(self, world: World) -> tuple[int, ...]:
        """The rows of a world."""
        numbers: list[int] = []
        for i, name in enumerate(self.system.names):
            inbox = self._part(world.network, name)
            published = frozenset[Envelope]()
            if self.system.network == "set":
                published = frozenset(
                    [e for e in world.network if e.to == PUBLISHED and e.sender == name]
                )
            numbers.append(self.row(i, world.locals[i], inbox, published))
        return tuple(numbers)

    def fingerprint(self, prints: Fingerprint, i: int, number: int) -> Pair:
        """The numbers of a row: those of its local state, and of its messages."""
        seat = self.rows[i][number]
        return add(
            [
                prints.local(i, seat.local),
                prints.messages(seat.inbox),
                # What is published is there in a set network only, where messages are a set.
                prints.messages(seat.published) if seat.published else (0, 0),
            ]
        )

    def _part(self, network: State, name: str) -> State:
        """The messages of a network that go to one receiver."""
        kind = self.system.network
        if kind == "set":
            return frozenset([e for e in network if e.to == name])
        if kind == "bag":
            return tuple([e for e in network if e.to == name])
        return tuple([item for item in network if item[0][1] == name])

    def row(self, i: int, local: Local, inbox: State, published: frozenset[Envelope]) -> int:
        """The number of a row of node `i`; numbers never change."""
        key = (local, inbox, published)
        number = self._ids[i].get(key)
        if number is None:
            number = self._ids[i][key] = len(self.rows[i])
            self.rows[i].append(Seat(local, inbox, published))
        return number

    # What a node may do -----------------------------------------------------------------------

    def acts(self, i: int, number: int) -> list[Move]:
        """The steps of node `i` by actions."""
        self._note("acts", i, number)
        found: list[Move] = []
        for trigger in self.system.triggers(i):
            if not isinstance(trigger, NodeFault):
                self._add(found, i, number, trigger)
        return found

    def arriving(self, i: int, number: int) -> list[Envelope]:
        """The messages that node `i` may take, in canonical order."""
        return self.system.net.deliverable(self.rows[i][number].inbox)

    def delivery(self, i: int, number: int, k: int) -> list[Move]:
        """The steps of node `i` when it takes message `k` of those that it may take."""
        self._note("delivery", i, number, k)
        found: list[Move] = []
        self._add(found, i, number, self.arriving(i, number)[k])
        return found

    def fault(self, i: int, number: int, kind: str) -> list[Move]:
        """The steps of a fault that hits node `i` or its inbox; only where its budget allows it."""
        self._note("fault", i, number, kind)
        found: list[Move] = []
        if kind in NODE_FAULTS:
            self._add(found, i, number, NodeFault(self.system.names[i], kind))
            return found
        net, seat = self.system.net, self.rows[i][number]
        change = net.lose if kind == "loss" else net.duplicate
        for envelope in net.copies(seat.inbox):
            after = change(seat.inbox, envelope)
            found.append(Move(self.row(i, seat.local, after, seat.published)))
        return found

    def _add(self, found: list[Move], i: int, number: int, trigger: Trigger) -> None:
        seat = self.rows[i][number]
        if self.system.shapes[i].stopped(seat.local):
            return
        net, name = self.system.net, self.system.names[i]
        for branch, outcome in enumerate(self._outcomes(i, seat.local, trigger)):
            if outcome.error is not None:
                self.errors = True
                self.alarms.append(Alarm(i, number, Step(trigger, branch), outcome))
                found.append(Move(0))
                continue
            inbox, published = seat.inbox, seat.published
            same = outcome.local == seat.local
            if isinstance(trigger, Envelope) and net.consumes(same and not outcome.sent):
                inbox = net.take(inbox, trigger)
            sends: dict[str, list[Envelope]] = {}
            for envelope in outcome.sent:
                sends.setdefault(envelope.to, []).append(envelope)
            inbox = net.send(inbox, sends.pop(name, ()))
            published = published.union(sends.pop(PUBLISHED, ()))
            after = self.row(i, outcome.local, inbox, published)
            if after == number and not sends:
                continue
            if after == number and self.system.network == "set":
                # It is a step only where somebody has not got these messages yet.
                raise Unsupported("partitions where a step may only send again what was sent")
            if self.watched:
                self.alarms.append(Alarm(i, number, Step(trigger, branch), outcome))
            groups = [
                (self.system.index[to], self.group(tuple(group))) for to, group in sends.items()
            ]
            found.append(Move(after, tuple(groups)))

    def add(self, i: int, number: int, group: int) -> int:
        """The row of node `i` after a group of messages was sent to it."""
        after = self._added[i].get((number, group))
        if after is None:
            self._note("add", i, number, group)
            seat = self.rows[i][number]
            inbox = self.system.net.send(seat.inbox, self.groups[group])
            after = self.row(i, seat.local, inbox, seat.published)
            self._added[i][number, group] = after
        return after

    def added(self, i: int) -> Iterable[tuple[tuple[int, int], int]]:
        """Every (row, group) of node `i` that is known, with the row after it."""
        return self._added[i].items()

    def group(self, envelopes: tuple[Envelope, ...]) -> int:
        """The number of what is sent to one inbox at once."""
        number = self._group_ids.setdefault(envelopes, len(self.groups))
        if number == len(self.groups):
            self.groups.append(envelopes)
        return number

    def _note(self, *call: Any) -> None:
        if self.journal is not None:
            self.journal.append(list(call))

    # Back to worlds ---------------------------------------------------------------------------

    def world(self, numbers: tuple[int, ...], budgets: tuple[int, ...], cut: int = 0) -> World:
        """The world that a vector of rows stands for."""
        seats = [self.rows[i][number] for i, number in enumerate(numbers)]
        network: State
        if self.system.network == "set":
            network = frozenset[Envelope]().union(
                *[s.inbox for s in seats], *[s.published for s in seats]
            )
        elif self.system.network == "bag":
            network = self.system.net.send((), [e for s in seats for e in s.inbox])
        else:
            network = tuple(sorted([item for s in seats for item in s.inbox]))
        return World(tuple([s.local for s in seats]), network, budgets, self.cuts[cut])

    def view(
        self, numbers: tuple[int, ...], budgets: tuple[int, ...], cut: int, reads: set[Part]
    ) -> WorldView:
        """A state as a property sees it."""
        return WorldView(self.system, self.world(numbers, budgets, cut), reads)

    def pairs(self) -> list[tuple[tuple[int, Local, Trigger], tuple[Outcome, ...]]]:
        """Every (node, local state, trigger) that was computed, with its outcomes."""
        return list(self._pairs.items())

    def _outcomes(self, i: int, local: Local, trigger: Trigger) -> tuple[Outcome, ...]:
        pair = (i, local, trigger)
        known = self._pairs.get(pair)
        if known is None:
            reaction = self.system.react(i, local, trigger, _tell_nothing)
            if reaction.reads:
                raise Unsupported("partitions where actions ask which messages were sent")
            self.calls += 1
            known = self._pairs[pair] = reaction.outcomes
        return known


class InboxLens(Lens):
    """What a property sees of local states, and of inboxes where it asks for messages."""

    def grow(self, i: int) -> None:
        """Classify the rows of node `i` that are new."""
        tables = self.tables
        known, ids = self.classes[i], self._class_ids[i]
        look_at = self._looks(i)
        kinds = tuple(self._kinds)
        for seat in tables.rows[i][len(known) :]:
            inside = frozenset[Message]()
            if kinds:
                copies = [*tables.system.net.copies(seat.inbox), *seat.published]
                inside = frozenset([e.message for e in copies if isinstance(e.message, kinds)])
            look = (inside, *look_at(seat.local))
            known.append(ids.setdefault(look, len(ids) + 1))


def _tell_nothing(kind: type[Message]) -> tuple[Message, ...]:
    return ()
