# pyright: basic
"""The digest of all states that the native tier has found: `engine/fingerprint` says what it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.store import Store
from paxcheck.engine.fingerprint import Fingerprint, add, text

SLICE = 1 << 26  # states that are added up before Ctrl-C can be noticed


def digest_of(tier: Store) -> str:
    """The digest; as many threads as the search may have add up."""
    parts, begins = _parts(tier)
    tier.describe_states()
    total = (0, 0)
    for first in range(0, tier.distinct, SLICE):
        last = min(first + SLICE, tier.distinct)
        shares = tier.share("add_up", first, last, PARTS_AT=parts, PARTS_FROM_AT=begins)
        sums = [worker.array(at.TOTALS_AT) for worker in shares]
        total = add([total, *[(int(one), int(two)) for one, two in sums]])
    return text(total)


def _parts(tier: Any) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of what states are made of, and where those of each field begin.

    First comes what all states have: nothing, or what is left of the faults where there are none.
    """
    arrays, tables = tier.arrays, tier.tables
    prints = Fingerprint(tables.system.network)
    cuts = getattr(tables, "cuts", (None,))
    rests = [prints.rest(left, cuts[cut]) for left, cut in arrays.rests]
    pairs = [(0, 0) if arrays.faults else rests[0]]
    begins: list[int] = []
    for i, rows in enumerate(tables.rows):
        begins.append(len(pairs) - 1)  # numbers begin with 1
        pairs += [tables.fingerprint(prints, i, number) for number in range(1, len(rows))]
    if arrays.faults:
        begins.append(len(pairs) - 1)
        pairs += rests[1:]
    return np.array(pairs, np.uint64).reshape(-1), np.array(begins, np.int64)
