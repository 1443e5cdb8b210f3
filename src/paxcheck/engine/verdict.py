"""What a run found out: one verdict for the whole and one for each property."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from paxcheck.protocol.properties import Kind
from paxcheck.protocol.system import Step

Answer = Literal["holds", "violated", "undetermined"]


class PropertyVerdict(Struct, frozen=True):
    """The verdict on one property.

    `behavior` is a shortest run to the violation (for `reachable`: to the witness); `steps` is
    its length; `reason` says in words what is broken there, or why nothing is decided.
    """

    name: str
    kind: Kind
    doc: str
    verdict: Answer
    behavior: tuple[Step, ...] | None = None
    reason: str = ""

    @property
    def steps(self) -> int | None:
        """The length of the counterexample or of the witness."""
        return None if self.behavior is None else len(self.behavior)


class Count(Struct, frozen=True):
    """How often a handler, action or rule ran (or allowed), and how often it refused."""

    ran: int = 0
    refused: int = 0


class Coverage(Struct, frozen=True):
    """What a run exercised: handlers and actions by `Class.method`, rules by name.

    `counts`: what was counted. "steps": every step out of every state that was looked at. "pairs":
    each local state together with a message, action or fault once, in how many states it ever is.
    """

    handlers: dict[str, Count] = {}
    rules: dict[str, Count] = {}
    counts: Literal["steps", "pairs"] = "steps"

    def as_data(self) -> dict[str, dict[str, list[int]]]:
        """The counts as plain JSON: name -> [ran or allowed, refused]."""
        return {
            "handlers": {n: [c.ran, c.refused] for n, c in self.handlers.items()},
            "rules": {n: [c.ran, c.refused] for n, c in self.rules.items()},
        }

    @classmethod
    def from_data(cls, data: dict[str, dict[str, list[int]]]) -> Coverage:
        """The counts that `as_data` gave. Raises KeyError or TypeError for anything else."""
        return cls(
            {n: Count(*counts) for n, counts in data["handlers"].items()},
            {n: Count(*counts) for n, counts in data["rules"].items()},
        )

    def vacuous(self) -> list[str]:
        """The handlers and actions that never did anything, and rules that were never asked."""
        unused = [name for name, count in self.handlers.items() if not count.ran]
        return unused + [n for n, c in self.rules.items() if not c.ran and not c.refused]


class Verdict(Struct, frozen=True):
    """The result of a run.

    `distinct_states` includes the initial state; `generated_states` counts the steps that were
    taken out of all expanded states; `depth` is the number of steps to the deepest state;
    `levels[d]` is the number of states first reached after d steps; `stopped` says why a run
    ended early. `complete`: every reachable state was expanded. `digest` is that of the set of
    states, where it was asked for: the same for every engine.
    """

    engine: str
    distinct_states: int
    generated_states: int
    depth: int
    seconds: float
    properties: tuple[PropertyVerdict, ...]
    levels: tuple[int, ...] = ()
    terminal_states: int = 0
    stopped: str | None = None
    coverage: Coverage | None = None
    model: str = ""
    scope: str = ""
    notes: tuple[str, ...] = ()
    digest: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the whole state space was explored."""
        return self.stopped is None

    @property
    def verdict(self) -> Answer:
        """Violated if one property is; else undetermined if one is; else holds."""
        return overall(p.verdict for p in self.properties)

    @property
    def exit_code(self) -> int:
        """0 holds, 1 violated, 3 undetermined."""
        return {"holds": 0, "violated": 1, "undetermined": 3}[self.verdict]

    def of(self, name: str) -> PropertyVerdict:
        """The verdict on the property of that name. Raises KeyError."""
        for found in self.properties:
            if found.name == name:
                return found
        raise KeyError(name)


def overall(answers: Iterable[Answer]) -> Answer:
    """The verdict that follows from those on each property."""
    seen = set(answers)
    if "violated" in seen:
        return "violated"
    return "undetermined" if "undetermined" in seen or not seen else "holds"
