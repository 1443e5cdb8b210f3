"""Tables for networks whose messages go away: a local state and an inbox for each node.

In a bag or a fifo network the messages to one node are one component of the state, its *inbox*;
the network as a whole is never one component (there are far fewer distinct inboxes than distinct
networks). What a node can do depends on its local state, its inbox and the cut between the nodes,
so it is computed once for each such triple. A step changes the node's local state, its inbox, and
the inboxes of those to whom it sends.

A set network with partitions is held in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.tables import Alarm, Unsupported
from paxcheck.engine.fingerprint import Fingerprint, Pair
from paxcheck.protocol.execute import Local, NodeFault, Outcome
from paxcheck.protocol.messages import PUBLISHED, Envelope, Message
from paxcheck.protocol.network import State
from paxcheck.protocol.system import Step, System, Trigger
from paxcheck.protocol.world import World


@dataclass(frozen=True, slots=True)
class Place:
    """One row of a component: a local state (what was sent is in no mask), or an inbox."""

    local: Local
    inbox: State = None
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a node: its local state and inbox after it, and what goes to which inbox."""

    local: int
    inbox: int
    sends: tuple[tuple[int, tuple[Envelope, ...]], ...]


class InboxTables:
    """The tables of one system, component by component: the nodes, then their inboxes.

    The last inbox is for published messages. `rows[c][n]` is row n of component c.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.nodes = len(system.names)
        receivers = [*system.names, PUBLISHED]
        self.inbox_of = {name: self.nodes + k for k, name in enumerate(receivers)}
        count = self.nodes + len(receivers)
        self.rows: list[list[Place]] = [[Place(())] for _ in range(count)]
        self._ids: list[dict[Any, int]] = [{} for _ in range(count)]
        self._pairs: dict[tuple[int, Local, Trigger], tuple[Outcome, ...]] = {}
        self._added: list[dict[Any, int]] = [{} for _ in range(count)]
        self.class_masks: dict[type[Message], int] = {}
        self.alarms: list[Alarm] = []
        self.errors = False
        self.calls = 0
        self.groups: list[tuple[Envelope, ...]] = []  # what was ever sent to one inbox at once
        self._group_ids: dict[tuple[Envelope, ...], int] = {}
        self.journal: list[list[Any]] | None = None  # the calls that fill, if somebody wants them

    def initial(self) -> tuple[int, ...]:
        """The rows of the initial state."""
        world = self.system.initial()
        numbers = [self.local(i, local) for i, local in enumerate(world.locals)]
        for name in self.inbox_of:
            part = self._part(world.network, name)
            numbers.append(self.inbox(self.inbox_of[name], part))
        return tuple(numbers)

    def fingerprint(self, prints: Fingerprint, c: int, number: int) -> Pair:
        """The numbers of a row: those of a local state, or of the messages of an inbox."""
        place = self.rows[c][number]
        return prints.local(c, place.local) if c < self.nodes else prints.messages(place.inbox)

    def _part(self, network: State, name: str) -> State:
        """The messages of a network that go to one receiver."""
        kind = self.system.network
        if kind == "set":
            return frozenset([e for e in network if e.to == name])
        if kind == "bag":
            return tuple([e for e in network if e.to == name])
        return tuple([item for item in network if item[0][1] == name])

    def local(self, i: int, local: Local) -> int:
        """The number of a local state of node `i`."""
        return self._number(i, local, Place(local))

    def inbox(self, c: int, inbox: State) -> int:
        """The number of an inbox."""
        return self._number(c, inbox, Place((), inbox))

    def _number(self, c: int, key: Any, place: Place) -> int:
        number = self._ids[c].get(key)
        if number is None:
            number = self._ids[c][key] = len(self.rows[c])
            self.rows[c].append(place)
        return number

    def acts(self, i: int, local: int, inbox: int) -> list[Move]:
        """The steps of node `i` by actions."""
        if self.journal is not None:
            self.journal.append(["acts", i, local, inbox])
        found: list[Move] = []
        for trigger in self.system.triggers(i):
            if not isinstance(trigger, NodeFault):
                self._add(found, i, local, inbox, trigger)
        return found

    def deliveries(self, i: int, local: int, inbox: int, cut: frozenset[str] | None) -> list[Move]:
        """The steps of node `i` by the messages of its inbox that the cut lets through."""
        if self.journal is not None:
            side = None if cut is None else sorted(cut)
            self.journal.append(["deliveries", i, local, inbox, side])
        name = self.system.names[i]
        box = self.inbox_of[name]
        found: list[Move] = []
        for envelope in self.system.net.deliverable(self.rows[box][inbox].inbox):
            if cut is None or (envelope.sender in cut) == (name in cut):
                self._add(found, i, local, inbox, envelope)
        return found

    def fault(self, i: int, local: int, inbox: int, kind: str) -> list[Move]:
        """The steps of a fault that hits node `i`; only for one whose budget is not spent."""
        if self.journal is not None:
            self.journal.append(["fault", i, local, inbox, kind])
        found: list[Move] = []
        self._add(found, i, local, inbox, NodeFault(self.system.names[i], kind))
        return found

    def _add(self, found: list[Move], i: int, local: int, inbox: int, trigger: Trigger) -> None:
        state = self.rows[i][local].local
        if self.system.shapes[i].stopped(state):
            return
        box = self.inbox_of[self.system.names[i]]
        net = self.system.net
        for branch, outcome in enumerate(self._outcomes(i, state, trigger)):
            if outcome.error is not None:
                self.errors = True
                self.alarms.append(Alarm(i, local, Step(trigger, branch), outcome))
                continue
            rest = inbox
            same = outcome.local == state
            if isinstance(trigger, Envelope) and net.consumes(same and not outcome.sent):
                rest = self.inbox(box, net.take(self.rows[box][inbox].inbox, trigger))
            sends: dict[int, list[Envelope]] = {}
            for envelope in outcome.sent:
                sends.setdefault(self.inbox_of[envelope.to], []).append(envelope)
            for group in sends.values():
                self._group(tuple(group))
            if box in sends:  # to itself: its inbox is known here
                rest = self.add(box, rest, tuple(sends.pop(box)))
            if same and rest == inbox and not sends:
                continue
            self.alarms.append(Alarm(i, local, Step(trigger, branch), outcome))
            groups = tuple([(c, tuple(group)) for c, group in sends.items()])
            found.append(Move(self.local(i, outcome.local), rest, groups))

    def add(self, c: int, inbox: int, envelopes: tuple[Envelope, ...]) -> int:
        """The inbox after these envelopes were sent to it."""
        after = self._added[c].get((inbox, envelopes))
        if after is None:
            if self.journal is not None:
                self.journal.append(["add", c, inbox, self._group(envelopes)])
            after = self.inbox(c, self.system.net.send(self.rows[c][inbox].inbox, envelopes))
            self._added[c][inbox, envelopes] = after
        return after

    def _group(self, envelopes: tuple[Envelope, ...]) -> int:
        """The number of what is sent to one inbox at once."""
        number = self._group_ids.setdefault(envelopes, len(self.groups))
        if number == len(self.groups):
            self.groups.append(envelopes)
        return number

    def change(self, c: int, inbox: int, kind: str) -> list[int]:
        """The inboxes after one copy was lost, or doubled."""
        if self.journal is not None:
            self.journal.append(["change", c, inbox, kind])
        net, state = self.system.net, self.rows[c][inbox].inbox
        after = net.lose if kind == "loss" else net.duplicate
        return [self.inbox(c, after(state, envelope)) for envelope in net.copies(state)]

    def world(
        self, numbers: tuple[int, ...], budgets: tuple[int, ...], cut: frozenset[str] | None
    ) -> World:
        """The world that a vector of rows stands for."""
        parts = [self.rows[c][numbers[c]].inbox for c in self.inbox_of.values()]
        if self.system.network == "set":
            network: State = frozenset[Envelope]().union(*parts)
        elif self.system.network == "bag":
            network = self.system.net.send((), [e for part in parts for e in part])
        else:
            network = tuple(sorted([item for part in parts for item in part]))
        locals_ = tuple([self.rows[i][numbers[i]].local for i in range(self.nodes)])
        return World(locals_, network, budgets, cut)

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
        """Classify the rows of component `i` that are new."""
        tables = self.tables
        assert isinstance(tables, InboxTables)
        if i < tables.nodes:
            super().grow(i)
            return
        known, ids = self.classes[i], self._class_ids[i]
        kinds = tuple(self._kinds)
        for place in tables.rows[i][len(known) :]:
            copies = tables.system.net.copies(place.inbox)
            look = frozenset([e.message for e in copies if isinstance(e.message, kinds)])
            known.append(ids.setdefault(look, len(ids) + 1))


def _tell_nothing(kind: type[Message]) -> tuple[Message, ...]:
    return ()
