"""Runs as lists of choices, and back: the form in which a checkpoint keeps them.

A choice is the place of a step among all steps out of its world, in canonical order. So a run is
read by the plain semantics only, and a list that is wrong leads nowhere or to another verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paxcheck.engine.alarm import undisturbed
from paxcheck.engine.judge import Judge
from paxcheck.protocol.properties import Broken, Property
from paxcheck.protocol.system import Step, System


def choices_of(system: System, steps: Sequence[Step]) -> list[int]:
    """Which of the open steps each step is."""
    world = system.initial()
    choices: list[int] = []
    for step in steps:
        for choice, transition in enumerate(system.successors(world)):
            if transition.step == step:
                choices.append(choice)
                world = transition.world or world
                break
        else:
            raise ValueError("this is no run of the system")
    return choices


def judged_run(
    system: System, prop: Property, choices: Sequence[int]
) -> tuple[tuple[Step, ...], Broken | None]:
    """The run of these choices, and what it shows of a property (None: a witness).

    Raises ValueError when it is no run, or shows nothing.
    """
    judge = Judge(system, [prop])
    world = system.initial()
    judge.state(world, None)
    steps: list[Step] = []
    raised = False
    for choice in choices:
        transitions = list(system.successors(world))
        if not 0 <= choice < len(transitions):
            raise ValueError("this is no run of the system")
        transition = transitions[choice]
        steps.append(transition.step)
        judge.step(world, transition, None)
        raised = transition.world is None
        world = transition.world or world
        judge.state(world, None)
    if not raised and system.is_terminal(world):
        judge.end(world, None)
    if prop.name not in judge.found:
        raise ValueError(f"this run does not show {prop.name}")
    return tuple(steps), judge.found[prop.name][1]


@undisturbed()
def found_as_data(system: System, behaviors: Mapping[str, Sequence[Step]]) -> dict[str, list[int]]:
    """What was found, as data: for each property the choices of its run."""
    return {name: choices_of(system, steps) for name, steps in behaviors.items()}


@undisturbed()
def found_again(
    system: System, properties: Sequence[Property], data: Mapping[str, Any]
) -> dict[str, tuple[tuple[Step, ...], Broken | None]]:
    """What was found, from the data; each run is made and judged again. Raises ValueError."""
    named = {p.name: p for p in properties}
    unknown = [name for name in data if name not in named]
    if unknown:
        raise ValueError(f"there is no property {unknown[0]}")
    return {name: judged_run(system, named[name], choices) for name, choices in data.items()}
