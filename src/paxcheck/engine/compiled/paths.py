# pyright: basic
"""From states of the native tier back to runs: the run that the plain semantics finds first.

The search keeps no parents. The states that lie on a shortest way to what was found are marked
level by level, from the end to the beginning; then the plain semantics walks along the marks, and
takes the first open step at each. This is the least of all shortest runs, in the order of steps.
The reference engine finds the same one, whatever else differs: threads, sleeping steps, symmetry.
"""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.judging import Lens
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.looks import Looks
from paxcheck.engine.judge import Judge
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step
from paxcheck.protocol.world import World

MARKS = 1 << 16


class Paths(Looks):
    """A store that finds the way to its states: `levels[d]` were first found after d steps."""

    def states_that_look(self, lens: Lens, *, ends: bool) -> np.ndarray:
        """The states of the level that show what was found about a property."""
        wanted = lens.prop.kind == "reachable"
        keys = [key for key, holds in lens.answers.items() if holds == wanted]
        slots = 1 << (4 * len(keys)).bit_length()
        into = np.zeros(slots * self.arrays.width, np.uint64)
        self.put_keys([self._lens_words(lens, key) for key in keys], into)
        number = self.lenses.index(lens)
        if ends:
            first, last = self.level, min(int(self.shared[at.CURSOR]), self.level_end)
            return self._marked(
                at.MARK_ENDS, first, last, LENS=number, KEYS_AT=into, KEYS_SLOTS=slots
            )
        first, last = self.first_to_judge, int(self.shared[at.COUNT])
        return self._marked(None, first, last, LENS=number, KEYS_AT=into, KEYS_SLOTS=slots)

    def _lens_words(self, lens: Lens, key: tuple[int, ...]) -> list[int]:
        whole = [0] * self.arrays.nodes
        for i, group in zip(lens.nodes, key, strict=True):
            whole[i] = group
        return self.key_words(tuple(whole))

    def states_that_take(self, traps: list[int]) -> np.ndarray:
        """The states of the level that take one of the steps with these traps."""
        self.sprung[:] = 0
        last = min(int(self.shared[at.CURSOR]), self.level_end)
        return self._marked(
            at.MARK_TRAPS, self.level, last, TRAPS_AT=np.array(traps, np.int64), TRAPS=len(traps)
        )

    def _marked(self, mode: int | None, first: int, last: int, **arguments: object) -> np.ndarray:
        """The places in a range of the log that a scan marks."""
        marks = np.zeros(MARKS, np.int64)
        found: list[np.ndarray] = []
        while first < last:
            block = self.workers[0].block
            block[at.MARKS] = 0
            arguments |= {"MARKS_AT": marks, "MARKS_ROOM": MARKS}
            if mode is None:
                first = self.run("mark_looks", FIRST=first, LAST=last, **arguments)
            else:
                first = self.scan(mode, first, last, **arguments)
                self.answer()  # an action may have asked something
            found.append(marks[: block[at.MARKS]].copy())
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def run_to(self, states: np.ndarray, depth: int, prop: Property | None) -> tuple[Step, ...]:
        """The first shortest run to one of these states of level `depth`.

        `prop`: the property that the next step breaks, or None.
        """
        marks = [states]
        for d in range(depth - 1, -1, -1):
            marks.append(self._parents(marks[-1], d))
        marks.reverse()
        system = self.tables.system
        world = system.initial()
        steps: list[Step] = []
        for wanted in marks[1:]:
            for transition in system.successors(world):
                after = transition.world
                if after is not None and self._is_in(after, wanted):
                    steps.append(transition.step)
                    world = after
                    break
            else:
                raise AssertionError("a step of the search is no step of the plain semantics")
        if prop is not None:
            judge = Judge(system, [prop])
            for transition in system.successors(world):
                judge.step(world, transition, transition.step)
                if prop.name in judge.found:
                    break
            steps.append(judge.found[prop.name][0])
        return tuple(steps)

    def _parents(self, states: np.ndarray, depth: int) -> np.ndarray:
        """The states of level `depth` from which a step leads to one of `states`."""
        bits = max(4, (2 * len(states)).bit_length())
        wanted = np.zeros(1 << bits, np.uint32)
        self.run("sow", MARKS_AT=states, MARKS=len(states), WANTED_AT=wanted, WANTED_BITS=bits)
        first = sum(self.levels[:depth])
        return self._marked(
            at.MARK_PARENTS, first, first + self.levels[depth], WANTED_AT=wanted, WANTED_BITS=bits
        )

    def _is_in(self, world: World, states: np.ndarray) -> bool:
        """Whether a world (or its image) is one of these states, which are in order."""
        place = self._place(world)
        k = int(np.searchsorted(states, place))
        return k < len(states) and int(states[k]) == place

    def _place(self, world: World) -> int:
        """The place of a world in the log; -1 if it was not found."""
        arrays = self.arrays
        numbers = self.numbers(world)
        if any(n >= size for n, size in zip(numbers, arrays.sizes, strict=True)):
            return -1
        cut = self.tables.cuts.index(world.cut) if arrays.inboxes else 0
        self.workers[0].array(at.STATE_AT)[:] = arrays.pack(numbers, world.budgets, cut)
        return self.run("seek")

    def numbers(self, world: World) -> tuple[int, ...]:
        """The rows of a world."""
        tables = self.tables
        if self.arrays.inboxes:
            return tables.numbers(world)
        sends: list[list[Envelope]] = [[] for _ in world.locals]
        for envelope in world.network:
            sends[tables.system.index[envelope.sender]].append(envelope)
        return tuple(
            [
                tables.row(i, local, tables._mask(tuple(sends[i])))
                for i, local in enumerate(world.locals)
            ]
        )
