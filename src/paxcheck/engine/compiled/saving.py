"""The checkpoints of searches by tables: what their savers share, and that of the Python tiers.

The tables are stored as the calls that filled them (see `journal`); a state is stored as its
number, together with the number of the state it was found from.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, Final

from paxcheck.engine.behaviors import found_again, found_as_data
from paxcheck.engine.checkpoint import Checkpoint, Saved
from paxcheck.engine.compiled.findings import Findings
from paxcheck.engine.compiled.inbox_tables import InboxTables
from paxcheck.engine.compiled.journal import counts, digest_of_rows, replay
from paxcheck.engine.compiled.python_tier import BUDGET_WIDTH, WIDTH, Tier
from paxcheck.engine.compiled.tables import Tables
from paxcheck.protocol.system import Step

KIND: Final = "compiled"
BLOCK: Final = 1 << 16  # states written at once

Problems = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)
"""What a checkpoint that passed its digests but is not ours can lead to."""


class TableSaver:
    """What the checkpoint of every search by tables has: tables and findings.

    `behaviors`: the runs to what was found before the search was resumed.
    """

    def __init__(
        self, checkpoint: Checkpoint, tables: Tables | InboxTables, findings: Findings
    ) -> None:
        self.checkpoint = checkpoint
        self.tables = tables
        self.findings = findings
        self.behaviors: dict[str, tuple[Step, ...]] = {}
        if tables.journal is None:
            tables.journal = []
        self._calls = 0
        self._rows = [1] * len(tables.rows)
        self.fresh = True

    def begin(self) -> None:
        """Before a save: what others saved here is replaced, not continued."""
        if self.fresh:
            self.checkpoint.begin()
            self.fresh = False

    def described(self) -> dict[str, Any]:
        """What is new in the tables since the last save."""
        now = counts(self.tables)
        return {
            "calls": (self.tables.journal or [])[self._calls :],
            "rows": now,
            "digest": digest_of_rows(self.tables, self._rows, now),
        }

    def was_saved(self, described: dict[str, Any]) -> None:
        """Note that this is in the checkpoint now."""
        self._calls += len(described["calls"])
        self._rows = described["rows"]

    def found(self, behaviors: dict[str, tuple[Step, ...]]) -> dict[str, list[int]]:
        """What was found, as data."""
        return found_as_data(self.tables.system, behaviors)

    def take_back(self, described: dict[str, Any], symmetry: Any = None) -> None:
        """Fill the tables as they were filled. Raises CheckpointError for other rows."""
        journal, self.tables.journal = self.tables.journal or [], None
        replay(self.tables, described["calls"], symmetry)
        if (
            counts(self.tables) != described["rows"]
            or digest_of_rows(self.tables, self._rows, described["rows"]) != described["digest"]
        ):
            raise self.checkpoint.refused("the model's handlers do something else now")
        self.tables.journal = [*journal, *described["calls"]]
        self.was_saved(described)

    def find_again(self, saved: Saved) -> None:
        """Bring the findings back; each run is made and judged again."""
        findings = self.findings
        found = found_again(self.tables.system, findings.properties, saved.state["found"])
        for name, (steps, broken) in found.items():
            self.behaviors[name] = steps
            findings.found[name] = ((None, None), broken)
        findings.states = [lens for lens in findings.states if lens.prop.name not in found]
        findings.ends = [lens for lens in findings.ends if lens.prop.name not in found]


class TierSaver(TableSaver):
    """Saves a search in pure Python at the end of a level, and brings a saved one back."""

    def __init__(self, checkpoint: Checkpoint, tier: Tier) -> None:
        super().__init__(checkpoint, tier.tables, tier.findings)
        self.tier = tier
        bits = WIDTH * (tier.nodes + 1) + BUDGET_WIDTH * len(tier.budget_shifts)
        self._size = (bits + 7) // 8
        self._states = 1

    def after_level(self, force: bool) -> None:
        """Save, if it is time."""
        if not (force or self.checkpoint.due):
            return
        tier = self.tier
        described = self.described()
        count = len(tier.parents) - self._states
        described |= {"tier": "python", "states": count, "size": self._size}
        state = {
            "tier": "python",
            "grouped": getattr(self.tables, "grouped", True),
            "levels": list(tier.levels),
            "frontier": len(tier.frontier),
            "generated": tier.generated,
            "terminal": tier.terminal,
            "found": self.found(tier.behaviors()),
        }
        self.begin()
        if self.checkpoint.save(KIND, state, described, self._payload()):
            self.was_saved(described)
            self._states += count

    def _payload(self) -> Iterator[bytes]:
        size = self._size
        new = islice(self.tier.parents.items(), self._states, None)
        while block := list(islice(new, BLOCK)):
            yield b"".join(
                [
                    state.to_bytes(size, "little") + (parent or 0).to_bytes(size, "little")
                    for state, parent in block
                ]
            )

    def restore(self) -> None:
        """Bring back what was saved by this tier, if anything was. Raises CheckpointError."""
        saved = self.checkpoint.load(KIND)
        if saved is None or saved.state["tier"] != "python":
            return
        tier = self.tier
        try:
            for described, file in self.checkpoint.bodies():
                self.take_back(described)
                self._read(file, described["states"], described["size"])
            tier.levels = list(saved.state["levels"])
            tier.generated, tier.terminal = saved.state["generated"], saved.state["terminal"]
            self.find_again(saved)
        except Problems as problem:
            raise self.checkpoint.damaged(f"{type(problem).__name__}: {problem}") from None
        if sum(tier.levels) != len(tier.parents):
            raise self.checkpoint.damaged("its states and its levels do not agree")
        first = len(tier.parents) - saved.state["frontier"]
        tier.frontier = list(islice(tier.parents, first, None))
        tier.known = self.behaviors
        self.fresh = False
        self.tables.alarms.clear()  # what they broke was found then, and is found again
        self._states = len(tier.parents)

    def _read(self, file: IO[bytes], count: int, size: int) -> None:
        parents = self.tier.parents
        whole = 0
        while pair := file.read(2 * size):
            state, parent = pair[:size], pair[size:]
            parents[int.from_bytes(state, "little")] = int.from_bytes(parent, "little")
            whole += 1
        if whole != count or size != self._size:
            raise ValueError("it has other states than it says")
