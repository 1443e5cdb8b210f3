# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""Adds up the numbers of states, for the digest of all of them."""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel.code import inline
from paxcheck.engine.compiled.kernel.control import (
    FIELDS,
    FIRST,
    LAST,
    LOG_AT,
    PARTS_AT,
    PARTS_FROM_AT,
    TOTALS_AT,
)
from paxcheck.engine.compiled.kernel.pointers import fixed, longs, words
from paxcheck.engine.compiled.kernel.states import number_in
from paxcheck.engine.fingerprint import FACTORS

MIX1, MIX2 = (np.uint64(factor) for factor in FACTORS)


def add_up(widths, c):
    """Add the numbers of the states [FIRST, LAST) to `TOTALS_AT`, as `fingerprint` defines them."""
    width = len(widths)
    log, totals = words(fixed(c, LOG_AT)), words(fixed(c, TOTALS_AT))
    parts, begins = words(fixed(c, PARTS_AT)), longs(fixed(c, PARTS_FROM_AT))
    one = two = np.uint64(0)
    for at in range(fixed(c, FIRST), fixed(c, LAST)):
        x, y = fixed(parts, 0), fixed(parts, 1)  # what all states have
        for field in range(fixed(c, FIELDS)):
            number = number_in(widths, c, log, at * width, field)
            place = 2 * (fixed(begins, field) + number)
            x += fixed(parts, place)
            y += fixed(parts, place + 1)
        one += mixed(x)
        two += mixed(y)
    totals[0] += one
    totals[1] += two
    return np.int64(0)


@inline
def mixed(x):
    """A number of a state from the sum of its parts: `fingerprint.mixed`."""
    x = (x ^ (x >> np.uint64(30))) * MIX1
    x = (x ^ (x >> np.uint64(27))) * MIX2
    return x ^ (x >> np.uint64(31))
