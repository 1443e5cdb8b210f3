"""Runs a behavior again, step by step, in the plain semantics: no memo, no tables.

No counterexample is shown before it has passed here, so a fast engine cannot invent one.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from paxcheck.protocol.execute import Outcome
from paxcheck.protocol.properties import Broken, Property
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import NetworkFault, Step, System, Transition
from paxcheck.protocol.world import World, WorldView


class ReplayError(Exception):
    """A behavior is not one of the model: an engine is wrong. Please report it."""


class Frame(Struct, frozen=True):
    """One step of a replayed behavior with the worlds around it."""

    step: Step
    before: World
    after: World | None
    outcome: Outcome | None


class Behavior(Struct, frozen=True):
    """A replayed run of a system: what a story tells and what a file holds."""

    system: System
    frames: tuple[Frame, ...]

    @property
    def last(self) -> World:
        """The last world that exists (before the exception, if one ended the run)."""
        if not self.frames:
            return self.system.initial()
        return self.frames[-1].after or self.frames[-1].before


def replay(protocol: Protocol, steps: Sequence[Step]) -> Behavior:
    """The behavior that the steps make. Raises ReplayError when the model refuses one of them."""
    system = System(protocol, memo=False)
    world = system.initial()
    frames: list[Frame] = []
    for number, step in enumerate(steps, 1):
        found = [t for t in _steps_like(system, world, step) if t.step == step]
        if len(found) != 1:
            raise ReplayError(f"step {number} ({step}) has {len(found)} meanings in the model")
        frames.append(Frame(step, world, found[0].world, found[0].outcome))
        if found[0].world is None:
            if number != len(steps):
                raise ReplayError(f"the run ends with an exception at step {number}")
            break
        world = found[0].world
    return Behavior(system, tuple(frames))


def shows(behavior: Behavior, prop: Property) -> Broken | None:
    """How the behavior breaks the property in its last step or world; None when it does not."""
    system = behavior.system
    if prop.kind == "no_exception":
        error = (
            behavior.frames[-1].outcome.error
            if behavior.frames and behavior.frames[-1].outcome
            else None
        )
        return Broken(str(error), (error,)) if error else None
    if prop.kind == "step_invariant":
        if not behavior.frames:
            return None
        frame = behavior.frames[-1]
        view = system.step_view(frame.before, Transition(frame.step, frame.after, frame.outcome))
        return prop.judge(view) if view is not None else None
    if prop.kind == "at_end" and not system.is_terminal(behavior.last):
        return None
    return prop.judge(WorldView(system, behavior.last))


def shows_after(behavior: Behavior, prop: Property) -> tuple[int, Broken | None] | None:
    """After how many steps the behavior first breaks the property, and how.

    For `reachable`: after how many it is a witness (then there is no `Broken`). None: never.
    """
    for steps in range(len(behavior.frames) + 1):
        breach = shows(Behavior(behavior.system, behavior.frames[:steps]), prop)
        if (breach is None) == (prop.kind == "reachable"):
            return steps, breach
    return None


def _steps_like(system: System, world: World, step: Step) -> list[Transition]:
    if isinstance(step.trigger, NetworkFault) or step.node is None:
        return [t for t in system.successors(world) if isinstance(t.step.trigger, NetworkFault)]
    return list(system.local_steps(world, system.index[step.node], step.trigger))
