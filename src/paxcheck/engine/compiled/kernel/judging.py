# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""States that look new to a property, and to an action that asks.

A *lens* is what a property can see of a state: a class for each row, so that rows of one class look
the same to it. The key of a state is the state with classes for rows. Each lens has a set of the
keys that it has seen; a state with a new one is handed over to be judged. Where there are few
classes, the set is a table with a byte for each possible key.

An action that asks which messages were sent is a *question*: a lens whose answers, once given, are
kept by their keys.
"""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel.code import inline, part
from paxcheck.engine.compiled.kernel.control import (
    ANSWER_AT,
    ANSWERS_AT,
    ANSWERS_SLOTS,
    ASKER_AT,
    BASE_AT,
    CLASSES_AT,
    DENSE_AT,
    DENSE_SHIFTS_AT,
    END_LENSES,
    KEY_AT,
    LENS_FIELDS_AT,
    NODES,
    PENDING,
    PENDING_AT,
    ROWS,
    ROWS_AT,
    SEEN_AT,
    SEEN_COUNT_AT,
    SEEN_SLOTS,
    SHIFT_AT,
    STATES_LENSES,
)
from paxcheck.engine.compiled.kernel.pointers import bytes_, fixed, ints, longs, words
from paxcheck.engine.compiled.kernel.states import K1, K2, number_in, same, word_of

TAKEN = np.uint64(1) << np.uint64(63)
"""Bit 63 of word 0, which no state uses: it says that a slot of a set of keys is taken."""


@inline
def key_of(widths, c, lens, state, at):
    """Put the key of a state into the work space; its hash."""
    width = len(widths)
    key, classes = words(fixed(c, KEY_AT)), ints(fixed(c, CLASSES_AT))
    shifts = words(fixed(c, SHIFT_AT))
    base, looks = longs(fixed(c, BASE_AT)), longs(fixed(c, LENS_FIELDS_AT))
    nodes = fixed(c, NODES)
    first = lens * fixed(c, ROWS)
    for w in range(width):
        key[w] = np.uint64(0)
    for field in range(nodes):
        if fixed(looks, lens * nodes + field) == 0:
            continue
        word, number = word_of(widths, c, field), number_in(widths, c, state, at, field)
        group = np.uint64(fixed(classes, first + fixed(base, field) + number))
        key[word] |= group << fixed(shifts, field)
    key[0] |= TAKEN
    return hash_of(widths, key)


@inline
def number_of(widths, c, lens, state, at):
    """The key of a state as a place in the table of a lens."""
    classes, base = ints(fixed(c, CLASSES_AT)), longs(fixed(c, BASE_AT))
    places = longs(fixed(c, DENSE_SHIFTS_AT))
    nodes = fixed(c, NODES)
    first = lens * fixed(c, ROWS)
    found = np.int64(0)
    for field in range(nodes):
        number = number_in(widths, c, state, at, field)
        group = np.int64(fixed(classes, first + fixed(base, field) + number))
        if group > 0:  # the lens looks at the node
            found |= (group - 1) << fixed(places, lens * nodes + field)
    return found


@inline
def hash_of(widths, key):
    """The hash of a key."""
    x = np.uint64(0)
    for w in range(len(widths)):
        x = (x ^ (x >> np.uint64(32))) * K1 + key[w]
    x ^= x >> np.uint64(31)
    return np.int64((x * K2) >> np.uint64(20))


@inline
def put_key(widths, c, keys, first, slots, hashed):
    """The slot of the key in the work space; -1 - slot if it is new there, and was put in."""
    width = len(widths)
    key = words(fixed(c, KEY_AT))
    slot = hashed & (slots - 1)
    while True:
        place = (first + slot) * width
        if keys[place] == np.uint64(0):
            for w in range(width):
                keys[place + w] = key[w]
            return -1 - slot
        if same(widths, keys, place, key, 0):
            return slot
        slot = (slot + 1) & (slots - 1)


@part
def judge(widths, c, lens, state, at, place):
    """Hand the state at `place` of the log over to a lens, if it never saw one like it."""
    table = fixed(longs(fixed(c, DENSE_AT)), lens)
    if table != 0:
        number = number_of(widths, c, lens, state, at)
        if bytes_(table)[number]:
            return
        bytes_(table)[number] = np.uint8(1)
    else:
        slots = fixed(c, SEEN_SLOTS)
        hashed = key_of(widths, c, lens, state, at)
        if put_key(widths, c, words(fixed(c, SEEN_AT)), lens * slots, slots, hashed) >= 0:
            return
        longs(fixed(c, SEEN_COUNT_AT))[lens] += 1
    pending = longs(fixed(c, PENDING_AT))
    pending[2 * c[PENDING]] = place
    pending[2 * c[PENDING] + 1] = lens
    c[PENDING] += 1


@part
def answer(widths, c, question, state, at, place):
    """The record that answers a question in a state, 0 if nothing follows from it; -1 if it was
    never asked like this before.
    """
    width = len(widths)
    lens = fixed(c, STATES_LENSES) + fixed(c, END_LENSES) + question
    asker = fixed(longs(fixed(c, ASKER_AT)), question)
    row = longs(fixed(c, ROWS_AT))[asker]
    if fixed(ints(fixed(c, CLASSES_AT)), lens * fixed(c, ROWS) + row) == 0:
        return np.int64(0)  # in this row the action asks nothing
    slots = fixed(c, ANSWERS_SLOTS)
    keys, key = words(fixed(c, ANSWERS_AT)), words(fixed(c, KEY_AT))
    slot = key_of(widths, c, lens, state, at) & (slots - 1)
    while True:
        there = (question * slots + slot) * width
        if keys[there] == np.uint64(0):
            judge(widths, c, lens, state, at, place)
            return np.int64(-1)
        if same(widths, keys, there, key, 0):
            return np.int64(fixed(ints(fixed(c, ANSWER_AT)), question * slots + slot))
        slot = (slot + 1) & (slots - 1)
