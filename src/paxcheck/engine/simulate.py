"""Random simulation: seeded walks through a system that is too large to explore.

A walk can find a violation; it can never show that a property holds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from paxcheck.engine.coverage import Counting
from paxcheck.engine.ending import concluded, interrupted
from paxcheck.engine.judge import Judge, property_verdicts
from paxcheck.engine.limits import Limits, Progress, Report, Watch
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step, System


def simulate(
    system: System,
    *,
    seed: int,
    walks: int = 1000,
    steps: int = 200,
    properties: Sequence[Property] | None = None,
    limits: Limits | None = None,
    report: Report | None = None,
) -> Verdict:
    """Take `walks` random walks of at most `steps` steps each; the same seed, the same walks.

    Every open step is equally likely. The limits hold: no walk is deeper, and there are no more
    states. The verdict counts distinct states over all walks; a behavior of a violation is the walk
    up to it, not a shortest one.
    """
    chance = random.Random(seed)
    judge = Judge(system, properties or system.protocol.properties())
    limits = limits or Limits()
    watch = Watch(limits, report)
    longest = steps if limits.depth is None else min(steps, limits.depth)
    counting = Counting(system)
    seen = {system.initial()}
    generated = deepest = terminal = 0
    stopped = f"{walks:,} random walks are not all walks"
    reason: str | None = None

    def snapshot(seconds: float, memory: int) -> Progress:
        return Progress(len(seen), generated, deepest, 0, seconds, memory, 0, judge.violated)

    try:
        for _ in range(walks):
            world = system.initial()
            path: tuple[Step, ...] = ()
            judge.state(world, path)
            for _ in range(longest):
                reason = watch.over_states(len(seen)) or watch.look(snapshot)
                if reason:
                    break
                open_steps = list(system.successors(world, counting.tried))
                if all(transition.step.is_fault for transition in open_steps):
                    terminal += 1
                    judge.end(world, path)
                if not open_steps:
                    break
                taken = chance.choice(open_steps)
                path = (*path, taken.step)
                judge.step(world, taken, path)
                if taken.world is None:
                    break
                generated += 1
                world = taken.world
                seen.add(world)
                judge.state(world, path)
            deepest = max(deepest, len(path))
            if reason or judge.violated:
                stopped = reason or "the simulation ends at the first violation"
                break
    except KeyboardInterrupt as stop:
        stopped = interrupted(system, stop)
    behaviors = {name: place for name, (place, _) in judge.found.items()}
    verdict = Verdict(
        engine=f"simulation (seed {seed})",
        distinct_states=len(seen),
        generated_states=generated,
        depth=deepest,
        seconds=watch.seconds,
        properties=property_verdicts(judge.properties, judge.found, behaviors, stopped),
        terminal_states=terminal,
        stopped=stopped,
        coverage=counting.coverage(),
    )
    return concluded(system, verdict)
