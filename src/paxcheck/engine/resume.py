"""The reference engine's checkpoint: its worlds as data, each part of them written once."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from paxcheck.engine.behaviors import found_again, found_as_data
from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.engine.codec import Decoder, Encoder
from paxcheck.engine.verdict import Coverage
from paxcheck.protocol.system import Step
from paxcheck.protocol.world import World

if TYPE_CHECKING:
    from paxcheck.engine.reference import Search

KIND = "reference"


class Saver:
    """Saves a reference search at the end of a level, and brings a saved one back.

    `behaviors`: the runs to what was found before the search was resumed.
    """

    def __init__(self, checkpoint: Checkpoint, search: Search) -> None:
        self.checkpoint = checkpoint
        self.search = search
        self.behaviors: dict[str, tuple[Step, ...]] = {}
        self._encoder = Encoder()
        self._values = 0
        self._worlds = 0
        self._fresh = True

    def after_level(self, *, force: bool = False) -> None:
        """Save, if it is time."""
        search = self.search
        if not (force or self.checkpoint.due):
            return
        rows = [self._row(world) for world in islice(search.number, self._worlds, None)]
        described = {
            "values": self._encoder.table[self._values :],
            "worlds": rows,
            "parents": [parent for parent, _ in search.parents[self._worlds :]],
        }
        state = {
            "levels": list(search.levels),
            "frontier": len(search.frontier),
            "generated": search.generated,
            "terminal": search.terminal,
            "coverage": search.counting.coverage().as_data(),
            "found": found_as_data(search.system, search.behaviors()),
        }
        if self._fresh:
            self.checkpoint.begin()
            self._fresh = False
        if self.checkpoint.save(KIND, state, described):
            self._values = len(self._encoder.table)
            self._worlds += len(rows)

    def restore(self) -> None:
        """Bring back what was saved, if anything was. Raises CheckpointError."""
        saved = self.checkpoint.load(KIND)
        if saved is None:
            return
        self._fresh = False
        search = self.search
        decoder = Decoder()
        worlds: list[World] = []
        parents: list[int] = []
        try:
            for described, _ in self.checkpoint.bodies():
                decoder.extend(described["values"])
                worlds += [self._world(decoder, row) for row in described["worlds"]]
                parents += described["parents"]
            state = saved.state
            search.levels = list(state["levels"])
            search.generated, search.terminal = state["generated"], state["terminal"]
            search.counting.before = Coverage.from_data(state["coverage"])
            found = found_again(search.system, search.judge.properties, state["found"])
        except (ValueError, KeyError, IndexError, TypeError) as problem:
            raise self.checkpoint.damaged(f"{type(problem).__name__}: {problem}") from None
        if worlds[:1] != [search.system.initial()] or sum(search.levels) != len(worlds):
            raise self.checkpoint.damaged("it does not begin with the initial state")
        search.number = {world: number for number, world in enumerate(worlds)}
        search.parents = [(parent, None) for parent in parents]
        search.frontier = worlds[len(worlds) - state["frontier"] :]
        for value in decoder.table:
            self._encoder.known(value)
        self._values, self._worlds = len(decoder.table), len(worlds)
        for name, (steps, broken) in found.items():
            self.behaviors[name] = steps
            search.judge.found[name] = ((0, None), broken)

    def _row(self, world: World) -> list[Any]:
        number = self._encoder.number
        cut = None if world.cut is None else sorted(world.cut)
        locals_ = [number(local) for local in world.locals]
        return [locals_, number(world.network), list(world.budgets), cut]

    def _world(self, decoder: Decoder, row: list[Any]) -> World:
        locals_, network, budgets, cut = row
        table = decoder.table
        return World(
            tuple([table[k] for k in locals_]),
            table[network],
            tuple(budgets),
            None if cut is None else frozenset(cut),
        )
