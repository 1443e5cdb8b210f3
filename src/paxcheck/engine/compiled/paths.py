# pyright: basic
"""From states of the native tier back to runs: who found whom, and under which names."""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled import kernel
from paxcheck.engine.compiled.findings import steps_between
from paxcheck.engine.compiled.looks import Looks
from paxcheck.engine.judge import Judge
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.system import Step
from paxcheck.protocol.world import World


class Paths(Looks):
    """A store that finds the way to a state: `levels[d]` states were first found after d steps."""

    levels: list[int]

    def world(self, at: int) -> World:
        """The world of a state."""
        width = self.arrays.width
        numbers, budgets = self.arrays.unpack(self.log[at * width : (at + 1) * width])
        return self.tables.world(numbers, budgets)

    def behavior(self, name: str) -> tuple[Step, ...]:
        """A shortest run to what was found about a property; replayed in the plain semantics."""
        (at, step), _ = self.findings.found[name]
        system = self.tables.system
        if self.symmetry is None:
            steps = steps_between(system, [self.world(k) for k in self.path(at)])
            return steps if step is None else (*steps, step)
        return self._unfold(self.path(at), name if step is not None else None)

    def _unfold(self, path: list[int], name: str | None) -> tuple[Step, ...]:
        """A run whose states are images of these; `name`: the property that a last step breaks."""
        system = self.tables.system
        world = system.initial()
        steps: list[Step] = []
        for at in path[1:]:
            wanted = self._words(at)
            for transition in system.successors(world):
                if transition.world is not None and self._canonical(transition.world) == wanted:
                    steps.append(transition.step)
                    world = transition.world
                    break
            else:
                raise AssertionError("a step of the search is no step of the plain semantics")
        if name is not None:
            judge = Judge(system, [p for p in self.findings.properties if p.name == name])
            for transition in system.successors(world):
                judge.step(world, transition, transition.step)
            steps.append(judge.found[name][0])
        return tuple(steps)

    def _words(self, at: int) -> list[int]:
        width = self.arrays.width
        return self.log[at * width : (at + 1) * width].tolist()

    def _canonical(self, world: World) -> list[int]:
        arrays = self.arrays
        words = np.array(arrays.pack(self._numbers(world), world.budgets), np.uint64)
        places = np.zeros(arrays.nodes + arrays.fields + 256, np.int64)
        spare = np.zeros((2, arrays.width), np.uint64)
        kernel.canonical(
            self._widths, self.layout, self._renamings, words, 0, arrays.nodes, arrays.fields,
            self.work.renamings, places, spare[0], spare[1],
        )  # fmt: skip
        return words.tolist()

    def _numbers(self, world: World) -> tuple[int, ...]:
        """The rows of a world."""
        tables = self.tables
        sends: list[list[Envelope]] = [[] for _ in world.locals]
        for envelope in world.network:
            sends[tables.system.index[envelope.sender]].append(envelope)
        return tuple(
            [
                tables.row(i, local, tables._mask(tuple(sends[i])))
                for i, local in enumerate(world.locals)
            ]
        )

    def path(self, at: int) -> list[int]:
        """The states on the way on which the search found a state."""
        starts = [0]
        for size in self.levels:
            starts.append(starts[-1] + size)
        level = next(d for d in range(len(self.levels)) if at < starts[d + 1])
        path = [at]
        while level:
            level -= 1
            at = kernel.parent_of(
                self._widths, self._masks, self._sized, self.layout, self._renamings, self.log,
                at, starts[level], starts[level + 1], self.arrays.nodes, self.arrays.fields,
                self.work.renamings,
            )  # fmt: skip
            at = int(at)
            path.append(at)
        return path[::-1]
