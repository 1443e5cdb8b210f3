"""The reference engine: plain breadth-first search. It defines what the other engines must find.

Every reachable world is kept whole and compared whole. Worlds are found in canonical order, so
the first breach of a property is the same on every run, and no shorter one exists.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from paxcheck.engine import fingerprint
from paxcheck.engine.alarm import undisturbed
from paxcheck.engine.checkpoint import Checkpoint
from paxcheck.engine.coverage import Counting
from paxcheck.engine.ending import interrupted
from paxcheck.engine.judge import Judge, property_verdicts
from paxcheck.engine.limits import Limits, Progress, Report, Watch
from paxcheck.engine.resume import Saver
from paxcheck.engine.verdict import Verdict
from paxcheck.protocol.properties import Property
from paxcheck.protocol.system import Step, System, Transition
from paxcheck.protocol.world import World


def explore(
    system: System,
    *,
    properties: Sequence[Property] | None = None,
    limits: Limits | None = None,
    report: Report | None = None,
    stop_at_first: bool = False,
    digest: bool = False,
    checkpoint: Checkpoint | None = None,
) -> Verdict:
    """Explore every reachable world of a system and judge the properties.

    `properties`: all of the protocol's when None. `stop_at_first`: end at the first violation;
    by default the search goes on, so that each property has its own verdict. Ctrl-C ends the
    search with what was found. `digest`: compute that of the set of states. `checkpoint`: go on
    from what it has, and save there. Raises ModelError where the model breaks the language and
    CheckpointError where the checkpoint is not of this search.
    """
    search = Search(system, properties or system.protocol.properties(), limits, report)
    if checkpoint is not None:
        search.saver = Saver(checkpoint, search)
        search.saver.restore()
    verdict = search.run(stop_at_first)
    return replace(verdict, digest=search.digest()) if digest else verdict


class Search:
    """One search; `saver` saves it now and then."""

    saver: Saver | None = None

    def __init__(
        self,
        system: System,
        properties: Sequence[Property],
        limits: Limits | None,
        report: Report | None,
    ) -> None:
        self.system = system
        self.judge = Judge(system, properties)
        self.limits = limits or Limits()
        self.watch = Watch(self.limits, report)
        self.counting = Counting(system)
        first = system.initial()
        self.number = {first: 0}
        self.parents: list[tuple[int, Step | None]] = [(0, None)]
        self.levels = [1]
        self.frontier = [first]
        self.following: list[World] = []
        self.generated = 0
        self.terminal = 0
        self._resumed_worlds: list[World] = []

    def run(self, stop_at_first: bool) -> Verdict:
        """Search to the end, or as far as the limits allow."""
        try:
            self.judge.state(next(iter(self.number)), (0, None))
            stopped = self._search(stop_at_first)
        except KeyboardInterrupt as stop:
            stopped = interrupted(self.system, stop)
        except MemoryError:
            stopped = "the machine has no more memory"
        return Verdict(
            engine="reference",
            distinct_states=len(self.number),
            generated_states=self.generated,
            depth=len(self.levels) - 1,
            seconds=self.watch.seconds,
            properties=property_verdicts(
                self.judge.properties, self.judge.found, self.behaviors(), stopped
            ),
            levels=tuple(self.levels),
            terminal_states=self.terminal,
            stopped=stopped,
            coverage=self.counting.coverage(),
        )

    def _search(self, stop_at_first: bool) -> str | None:
        """Expand level by level; the reason for an early end, or None when all was explored."""
        while self.frontier:
            if self.limits.depth is not None and len(self.levels) - 1 >= self.limits.depth:
                self._save(force=True)
                return f"the limit of depth {self.limits.depth} was reached"
            following = self.following = list[World]()
            for world in self.frontier:
                reason = (
                    self.watch.over_states(len(self.number))
                    or self.watch.look(self._progress)
                    or self._enough(stop_at_first)
                )
                if reason:
                    if following:
                        self.levels.append(len(following))
                    return reason
                self._expand(world)
            if following:
                self.levels.append(len(following))
            self.frontier = following
            self._save(force=not following)
        return self._enough(stop_at_first)

    def _enough(self, stop_at_first: bool) -> str | None:
        violated = stop_at_first and self.judge.violated
        return "the search ends at the first violation" if violated else None

    def _save(self, *, force: bool) -> None:
        if self.saver is not None:
            self.saver.after_level(force=force)

    def _expand(self, world: World) -> None:
        number = self.number[world]
        quiet = True
        for transition in self.system.successors(world, self.counting.tried):
            quiet = quiet and transition.step.is_fault
            self.judge.step(world, transition, (number, transition.step))
            self._reach(transition, number)
        if quiet:
            self.terminal += 1
            self.judge.end(world, (number, None))

    def _reach(self, transition: Transition, number: int) -> None:
        after = transition.world
        if after is None:
            return
        self.generated += 1
        if after in self.number:
            return
        self.number[after] = len(self.parents)
        self.parents.append((number, transition.step))
        self.following.append(after)
        self.judge.state(after, (len(self.parents) - 1, None))

    def digest(self) -> str:
        """The digest of all worlds that were found."""
        prints = fingerprint.Fingerprint(self.system.network)
        return fingerprint.text(fingerprint.add(map(prints.world, self.number)))

    @undisturbed()
    def behaviors(self) -> dict[str, tuple[Step, ...]]:
        """A shortest run to each breach or witness that was found."""
        known = self.saver.behaviors if self.saver is not None else {}
        return {
            name: known[name] if name in known else self._path(number, step)
            for name, ((number, step), _) in self.judge.found.items()
        }

    def _path(self, number: int, last: Step | None) -> tuple[Step, ...]:
        steps = [last] if last is not None else []
        while number:
            parent, step = self.parents[number]
            steps.append(self._first_step(parent, number) if step is None else step)
            number = parent
        return tuple(reversed(steps))

    def _first_step(self, parent: int, number: int) -> Step:
        """The step that found a world; a resumed search does not remember it."""
        worlds = self._resumed_worlds = self._resumed_worlds or list(self.number)
        after = worlds[number]
        successors = self.system.successors(worlds[parent])
        return next(t.step for t in successors if t.world == after)

    def _progress(self, seconds: float, memory: int) -> Progress:
        return Progress(
            distinct=len(self.number),
            generated=self.generated,
            depth=len(self.levels),
            frontier=len(self.following),
            seconds=seconds,
            memory=memory,
            previous_frontier=len(self.frontier),
            violated=self.judge.violated,
            frontier_before=self.levels[-2] if len(self.levels) > 1 else 0,
        )
