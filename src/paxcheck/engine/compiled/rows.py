"""The rows of the tables of a set network, what steps did, and a state as properties see it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias, TypeVar

from msgspec import Struct

from paxcheck.protocol.execute import Act, Local, Outcome
from paxcheck.protocol.messages import Message, check_message_class
from paxcheck.protocol.system import Step, Trigger
from paxcheck.protocol.world import World, WorldView

M = TypeVar("M", bound=Message)


class Row(Struct):
    """One local state with what its node has sent: a row of the tables.

    `place`: the number of the local state; `known`: the message bits for which the step was
    computed (set only after it was); `reacts`: those that change something; `nexts[bit]`: the rows
    after each branch; `acts`: the rows after each branch of each action, None until computed;
    `faults[f]`: the rows after each branch of fault f, once it was computed; `asking`: actions that
    ask what was sent.
    """

    local: Local
    sent: int
    place: int = 0
    known: int = 0
    reacts: int = 0
    nexts: dict[int, tuple[int, ...]] = {}
    acts: tuple[int, ...] | None = None
    faults: dict[int, tuple[int, ...]] = {}
    asking: tuple[Act, ...] = ()


class Effect(Struct, frozen=True):
    """One outcome of a local step: the number of the local state after it, and the bits sent.

    `after` is 0 for an exception.
    """

    after: int
    sent: int
    branch: int
    outcome: Outcome


Effects: TypeAlias = dict[Trigger | int, tuple[Effect, ...] | None]
"""What a local state does on each trigger, or on the message of a bit; None where it asks."""


class Alarm(Struct, frozen=True):
    """A step that a property must know of: (node, row, trigger, branch) with its outcome."""

    node: int
    row: int
    step: Step
    outcome: Outcome


class Answer(Struct, frozen=True):
    """The rows after an action that asks, 0 for an exception, and its steps for the judge."""

    after: tuple[int, ...]
    alarms: tuple[Alarm, ...]


NOT_GATHERED: Final = World((), frozenset(), ())
"""The world of a view that looks up what is asked for."""


class RowsView(WorldView, eq=False):
    """A view that looks up what is asked for; nothing is gathered before."""

    _tables: Any = None
    _numbers: tuple[int, ...] = ()

    def sent(self, kind: type[M]) -> list[M]:
        """The messages of a class that were sent, each once, in canonical order."""
        check_message_class(kind)
        if self._reads is not None:
            self._reads.add(kind)
        return list(self._tables.messages(kind, self._tables.available(self._numbers)))

    def _local(self, index: int) -> Local:
        return self._tables.rows[index][self._numbers[index]].local

    def _values(self, places: Iterable[tuple[int, int]]) -> list[Any]:
        rows, numbers = self._tables.rows, self._numbers
        return [rows[i][numbers[i]].local[at] for i, at in places]
