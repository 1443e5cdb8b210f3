# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""States as words: reading their fields, hashing them, finding them in the table.

A state is a few 64-bit words in which each node (and what is left of the faults, if there are any)
has a field: the number of its row. The *log* holds all states in the order in which they were
found, so it is at once the queue of the breadth-first search. The *table* is an index of the log: a
slot has 1 + the place of a state, and above that as many bits of its hash as there is room for.
States are compared whole, in the log.
"""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel.code import inline
from paxcheck.engine.compiled.kernel.control import (
    BASE_AT,
    BITS,
    FIELDS,
    IDS_AT,
    LOG_AT,
    MASK_AT,
    ROWS_AT,
    SHIFT_AT,
    TABLE_AT,
    WORD_AT,
)
from paxcheck.engine.compiled.kernel.pointers import fixed, halves, longs, words

K1 = np.uint64(0x9E3779B97F4A7C15)
K2 = np.uint64(0xD6E8FEB86659FD93)


@inline
def top(widths, state, at):
    """The upper 32 bits of a state's hash; the state begins at `state[at]`."""
    x = state[at]
    for w in range(1, len(widths)):
        x = (x ^ (x >> np.uint64(32))) * K1 + state[at + w]
    x ^= x >> np.uint64(31)
    x *= K1
    x ^= x >> np.uint64(29)
    x *= K2
    return np.int64(x >> np.uint64(32))


@inline
def word_of(widths, c, field):
    """In which word of a state a field is."""
    return fixed(longs(fixed(c, WORD_AT)), field) if len(widths) > 1 else 0


@inline
def number_in(widths, c, state, at, field):
    """The number in a field of a state: of a row, or of what is left of the faults."""
    shifts, masks = words(fixed(c, SHIFT_AT)), words(fixed(c, MASK_AT))
    word = state[at + word_of(widths, c, field)]
    return np.int64((word >> fixed(shifts, field)) & fixed(masks, field))


@inline
def read(widths, c, state, at, nodes):
    """Read a state's fields into the work space: the numbers of its rows, and the rows."""
    base = longs(fixed(c, BASE_AT))
    ids, rows = longs(fixed(c, IDS_AT)), longs(fixed(c, ROWS_AT))
    for field in range(nodes):
        number = number_in(widths, c, state, at, field)
        ids[field] = number
        rows[field] = fixed(base, field) + number
    for field in range(nodes, fixed(c, FIELDS)):
        ids[field] = number_in(widths, c, state, at, field)


@inline
def same(widths, one, at, two, there):
    """Whether two states are equal."""
    differs = np.uint64(0)
    for w in range(len(widths)):
        differs |= one[at + w] ^ two[there + w]
    return differs == np.uint64(0)


@inline
def find(widths, c, state, at):
    """The place of a state in the log; -1 if it was not found yet."""
    width = len(widths)
    log, table, bits = words(fixed(c, LOG_AT)), halves(fixed(c, TABLE_AT)), fixed(c, BITS)
    mask = (np.int64(1) << bits) - 1
    tags = (np.int64(1) << (32 - bits)) - 1
    hashed = top(widths, state, at)
    slot = hashed >> (32 - bits)
    while True:
        entry = np.int64(table[slot])
        if entry == 0:
            return np.int64(-1)
        if entry >> bits == hashed & tags:
            known = (entry & mask) - 1
            if same(widths, log, known * width, state, at):
                return known
        slot = (slot + 1) & mask
