"""Transition tables of a system in a set network: each handler is called once per distinct pair.

A step of a node depends only on its local state and on one message. In a set network the state of
the whole system is therefore a vector of small numbers, one for each node: a *row* stands for the
node's local state together with the set of messages that it has sent so far. The messages that can
be delivered are the union of what the rows have sent; a step of node i changes entry i only. This
is exact, because a message carries its sender and the network only grows.

Messages are bits of Python integers, so there is no limit on their number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from paxcheck.engine.compiled.rows import (
    NOT_GATHERED,
    Alarm,
    Answer,
    Effect,
    Effects,
    Row,
    RowsView,
)
from paxcheck.engine.fingerprint import Fingerprint, Pair, add
from paxcheck.protocol.execute import Act, Local, NodeFault, Outcome
from paxcheck.protocol.messages import Envelope, Message, Sought
from paxcheck.protocol.network import State
from paxcheck.protocol.system import Step, System, Trigger
from paxcheck.protocol.values import order_key
from paxcheck.protocol.world import Part, World, WorldView

M = TypeVar("M", bound=Message)


class Unsupported(Exception):
    """The system needs something that these tables do not have; another engine must run it."""


class Regroup(Exception):
    """One message was sent to different groups of receivers: use a bit for each envelope."""


class Tables:
    """The tables of one system; they grow while a search asks for entries.

    `alarms` collects the steps that the judge of steps must see; a search empties it. `watched`:
    whether it must see all of them, or only those that raise an exception.
    Raises Unsupported for a network that is not a set and for partitions.
    """

    def __init__(self, system: System, *, grouped: bool = True) -> None:
        if system.network != "set":
            raise Unsupported(f"the {system.network} network")
        if "partition" in system.budgets:
            raise Unsupported("partitions")
        self.system = system
        self.grouped = grouped
        self.bits: dict[Any, int] = {}
        self.contents: list[tuple[Message, tuple[str, ...]]] = []
        self._order: list[Any] = []  # of the messages
        self.handled = [0] * len(system.names)
        self._of_kind: dict[type[Message], list[tuple[int, Message]]] = {}
        self._sought: dict[Sought, int] = {}
        self.rows: list[list[Row]] = [[Row((), 0)] for _ in system.names]  # ids start at 1
        self.locals: list[list[Local]] = [[()] for _ in system.names]
        self._places: list[dict[Local, int]] = [{} for _ in system.names]
        self._ids: list[dict[tuple[int, int], int]] = [{} for _ in system.names]
        self._asked: dict[tuple[int, int, Act, tuple[int, ...]], Answer] = {}
        self._reads: dict[tuple[int, Act], tuple[Sought, ...]] = {}
        self.alarms: list[Alarm] = []
        self.watched = True
        self.errors = False
        self.calls = 0
        # For each node, for each of its local states.
        self._effects: list[list[Effects]] = [[{}] for _ in system.names]
        self._quiet: list[list[int]] = [[0] for _ in system.names]  # bits that do nothing there
        self._told: list[tuple[tuple[int, Local, Trigger], tuple[Outcome, ...]]] = []
        self.asks = False
        self.journal: list[list[Any]] | None = None  # the calls that fill, if somebody wants them

    # Interning ------------------------------------------------------------------------------

    def initial(self) -> tuple[int, ...]:
        """The rows of the initial state."""
        world = self.system.initial()
        sent = [0] * len(self.system.names)
        for envelope in self.system.net.copies(world.network):
            sent[self.system.index[envelope.sender]] |= self._mask(
                self._sends(world.network, envelope)
            )
        return tuple([self.row(i, world.locals[i], sent[i]) for i in range(len(sent))])

    def _sends(self, network: State, envelope: Envelope) -> tuple[Envelope, ...]:
        """All envelopes of one message in a network."""
        return tuple(
            [e for e in sorted(network, key=lambda e: e.key) if e.message == envelope.message]
        )

    def row(self, i: int, local: Local, sent: int) -> int:
        """The number of a row of node `i`; numbers never change."""
        return self.row_at(i, self.place(i, local), sent)

    def place(self, i: int, local: Local) -> int:
        """The number of a local state of node `i`, from 1 on."""
        number = self._places[i].get(local)
        if number is None:
            number = self._places[i][local] = len(self.locals[i])
            self.locals[i].append(local)
            self._effects[i].append({})
            self._quiet[i].append(0)
        return number

    def row_at(self, i: int, place: int, sent: int) -> int:
        """The number of the row with a numbered local state."""
        key = (place, sent)
        number = self._ids[i].get(key)
        if number is None:
            number = self._ids[i][key] = len(self.rows[i])
            self.rows[i].append(Row(self.locals[i][place], sent, place))
        return number

    def _mask(self, sends: tuple[Envelope, ...]) -> int:
        """The bits of what one outcome sends."""
        mask = 0
        if not self.grouped:
            for envelope in sends:
                mask |= 1 << self._bit(envelope, envelope.message, (envelope.to,))
            return mask
        groups: dict[Message, list[str]] = {}
        for envelope in sends:
            groups.setdefault(envelope.message, []).append(envelope.to)
        for message, receivers in groups.items():
            mask |= 1 << self._bit(message, message, tuple(sorted(set(receivers))))
        return mask

    def _bit(self, key: Any, message: Message, receivers: tuple[str, ...]) -> int:
        bit = self.bits.get(key)
        if bit is None:
            bit = self.bits[key] = len(self.contents)
            self.contents.append((message, receivers))
            self._order.append(order_key(message))
            for name in receivers:
                if name:
                    self.handled[self.system.index[name]] |= 1 << bit
            self._of_kind.clear()
            for sought in self._sought:
                if sought.fits(message):
                    self._sought[sought] |= 1 << bit
        elif self.contents[bit][1] != receivers:
            raise Regroup
        return bit

    # Filling --------------------------------------------------------------------------------

    def fill(self, i: int, number: int, bits: int) -> None:
        """Compute what the row does on each of these message bits."""
        if self.journal is not None:
            self.journal.append(["fill", i, number, bits])
        row = self.rows[i][number]
        known, quiet = self._effects[i][row.place], self._quiet[i]
        for bit in self.in_order(bits & ~quiet[row.place]):
            effects = known[bit] if bit in known else self._effects_of(i, row.place, bit)
            if effects:
                after = self._after(i, number, bit, effects)
                if after:
                    row.nexts[bit] = after
                    row.reacts |= 1 << bit
        row.known |= bits

    def fill_acts(self, i: int, number: int) -> tuple[int, ...]:
        """Compute what the row does by its actions, except those that ask what was sent."""
        if self.journal is not None:
            self.journal.append(["fill_acts", i, number])
        row = self.rows[i][number]
        acts: list[int] = []
        asking: list[Act] = []
        for trigger in self.system.triggers(i):
            if isinstance(trigger, NodeFault) or self.system.shapes[i].stopped(row.local):
                continue
            effects = self._effects_of(i, row.place, trigger)
            if effects is None:
                asking.append(trigger)
                self.asks = True
            else:
                acts += self._after(i, number, trigger, effects)
        row.asking = tuple(asking)
        row.acts = tuple(acts)
        return row.acts

    def fill_fault(self, i: int, number: int, fault: int) -> tuple[int, ...]:
        """Compute what a fault does to the row; only for a fault whose budget is not spent."""
        if self.journal is not None:
            self.journal.append(["fill_fault", i, number, fault])
        row = self.rows[i][number]
        trigger = NodeFault(self.system.names[i], self.system.fault_names[fault])
        effects = self._effects_of(i, row.place, trigger) or ()
        row.faults[fault] = self._after(i, number, trigger, effects)
        return row.faults[fault]

    def effects(self, i: int, place: int, trigger: Trigger | int) -> tuple[Effect, ...] | None:
        """What a local state does on a trigger, or on the message of a bit.

        None for an action that asks what was sent.
        """
        if self.journal is not None and trigger not in self._effects[i][place]:
            self.journal.append(["effects", i, place, self._as_data(i, trigger)])
        return self._effects_of(i, place, trigger)

    def _as_data(self, i: int, trigger: Trigger | int) -> int:
        if isinstance(trigger, int):
            return trigger
        return -1 - self.system.triggers(i).index(trigger)  # type: ignore[arg-type]

    def ask(self, i: int, number: int, action: Act, available: int) -> tuple[int, ...]:
        """The rows after an action that asks which messages were sent; 0 for an exception."""
        return self.told(i, number, action, available).after

    def told(self, i: int, number: int, action: Act, available: int) -> Answer:
        """The same, with the steps for the judge also when it was asked before."""
        known = self._reads.get((i, action), ())
        key = (i, number, action, tuple([available & self.mask_of(s) for s in known]))
        found = self._asked.get(key)
        return self._ask(i, number, action, available) if found is None else found

    def _ask(self, i: int, number: int, action: Act, available: int) -> Answer:
        if self.journal is not None:
            self.journal.append(["ask", i, number, action.action, available])
        known = self._reads.setdefault((i, action), ())
        local = self.rows[i][number].local
        reaction = self.system.react(i, local, action, lambda c: self.messages(c, available))
        self.calls += 1
        new = sorted(reaction.reads - set(known), key=str)
        if new:
            # What was kept under shorter keys is forgotten: they do not tell states apart any more.
            known = self._reads[i, action] = (*known, *new)
            self._asked = {k: v for k, v in self._asked.items() if (k[0], k[2]) != (i, action)}
        before = len(self.alarms)
        after = self._after(i, number, action, self._as_effects(i, reaction.outcomes))
        errors = [0 for outcome in reaction.outcomes if outcome.error is not None]
        self._told.append(((i, local, action), reaction.outcomes))
        masks = [available & self.mask_of(s) for s in known]
        found = Answer((*after, *errors), tuple(self.alarms[before:]))
        self._asked[i, number, action, tuple(masks)] = found
        return found

    def mask_of(self, sought: Sought) -> int:
        """The bits of the messages that were asked for, as far as they are known."""
        mask = self._sought.get(sought)
        if mask is None:
            fits = [sought.fits(message) for message, _ in self.contents]
            mask = self._sought[sought] = sum(1 << bit for bit, yes in enumerate(fits) if yes)
        return mask

    def reads(self, i: int, action: Act) -> tuple[Sought, ...]:
        """Which messages an action has asked for so far."""
        return self._reads.get((i, action), ())

    def _effects_of(self, i: int, place: int, trigger: Trigger | int) -> tuple[Effect, ...] | None:
        known = self._effects[i][place]
        if trigger in known:
            return known[trigger]
        step = self._step(i, trigger)
        try:
            reaction = self.system.react(i, self.locals[i][place], step, _refuse_to_tell)
        except _Asks:
            known[trigger] = None
            return None
        self.calls += 1
        effects = known[trigger] = self._as_effects(i, reaction.outcomes)
        if isinstance(trigger, int) and all(e.after == place and not e.sent for e in effects):
            self._quiet[i][place] |= 1 << trigger
        return effects

    def _step(self, i: int, trigger: Trigger | int) -> Trigger:
        """What makes the node act: the trigger itself, or the delivery of the message of a bit."""
        if isinstance(trigger, int):
            return Envelope(self.system.names[i], self.contents[trigger][0])
        return trigger

    def _as_effects(self, i: int, outcomes: tuple[Outcome, ...]) -> tuple[Effect, ...]:
        effects: list[Effect] = []
        for branch, outcome in enumerate(outcomes):
            after = sent = 0
            if outcome.error is None:
                after, sent = self.place(i, outcome.local), self._mask(outcome.sent)
            else:
                self.errors = True
            effects.append(Effect(after, sent, branch, outcome))
        return tuple(effects)

    def _after(
        self, i: int, number: int, trigger: Trigger | int, effects: tuple[Effect, ...]
    ) -> tuple[int, ...]:
        """The rows after the effects that are steps; what the judge must see becomes an alarm."""
        sent = self.rows[i][number].sent
        after: list[int] = []
        for effect in effects:
            if effect.after:
                following = self.row_at(i, effect.after, sent | effect.sent)
                if following == number:
                    continue
                after.append(following)
                if not self.watched:
                    continue
            step = Step(self._step(i, trigger), effect.branch)
            self.alarms.append(Alarm(i, number, step, effect.outcome))
        return tuple(after)

    def raising(self, i: int, number: int, trigger: Trigger | int) -> int:
        """How many outcomes of a computed trigger (or of a message bit) are exceptions."""
        effects = self._effects[i][self.rows[i][number].place].get(trigger) or ()
        return sum(effect.after == 0 for effect in effects)

    def pairs(self) -> Iterable[tuple[tuple[int, Local, Trigger], tuple[Outcome, ...]]]:
        """Every (node, local state, trigger) that was computed, with its outcomes."""
        found: list[tuple[tuple[int, Local, Trigger], tuple[Outcome, ...]]] = []
        for i, places in enumerate(self._effects):
            for local, known in zip(self.locals[i], places, strict=True):
                for trigger, effects in known.items():
                    if effects is not None:
                        outcomes = tuple([effect.outcome for effect in effects])
                        found.append(((i, local, self._step(i, trigger)), outcomes))
        return [*found, *self._told]

    def in_order(self, mask: int) -> list[int]:
        """The bits of a mask, in the canonical order of their messages."""
        bits: list[int] = []
        while mask:
            low = mask & -mask
            bits.append(low.bit_length() - 1)
            mask ^= low
        return sorted(bits, key=self._order.__getitem__) if len(bits) > 1 else bits

    # Back to worlds -------------------------------------------------------------------------

    def available(self, numbers: tuple[int, ...]) -> int:
        """The bits of all messages sent in a state."""
        mask = 0
        for rows, number in zip(self.rows, numbers, strict=True):
            mask |= rows[number].sent
        return mask

    def fingerprint(self, prints: Fingerprint, i: int, number: int) -> Pair:
        """The numbers of a row: its local state, and the messages that it sent."""
        row = self.rows[i][number]
        sent: list[Envelope] = []
        for bit in self.in_order(row.sent):
            message, receivers = self.contents[bit]
            sent += [Envelope(to, message) for to in receivers]
        return add([prints.local(i, row.local), prints.messages(sent)])

    def world(self, numbers: tuple[int, ...], budgets: tuple[int, ...]) -> World:
        """The world that a vector of rows stands for."""
        envelopes: list[Envelope] = []
        mask = self.available(numbers)
        while mask:
            low = mask & -mask
            message, receivers = self.contents[low.bit_length() - 1]
            envelopes += [Envelope(to, message) for to in receivers]
            mask ^= low
        locals_ = tuple([rows[n].local for rows, n in zip(self.rows, numbers, strict=True)])
        return World(locals_, frozenset(envelopes), budgets)

    def view(
        self, numbers: tuple[int, ...], budgets: tuple[int, ...], cut: int, reads: set[Part]
    ) -> WorldView:
        """A state as a property sees it."""
        return RowsView(self.system, NOT_GATHERED, reads, {}, self, numbers)

    def messages(self, kind: type[M], sent: int) -> tuple[M, ...]:
        """The messages of a class among the bits of those that were sent, in canonical order.

        Each once, whoever it went to.
        """
        known = self._of_kind.get(kind)
        if known is None:
            order = self.in_order(self.mask_of(Sought(kind)))
            known = self._of_kind[kind] = [(1 << bit, self.contents[bit][0]) for bit in order]
        found: list[Any] = [message for low, message in known if sent & low]
        return tuple(found if self.grouped else dict.fromkeys(found))


class _Asks(BaseException):
    """Raised when an action asks what was sent while its answer may not depend on it."""


def _refuse_to_tell(kind: type[Message]) -> tuple[Message, ...]:
    raise _Asks
