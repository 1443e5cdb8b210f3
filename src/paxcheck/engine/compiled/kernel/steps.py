# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""The steps out of a state, by look-ups.

Each node has *bits*: for its actions, for the faults, and for each message (with inboxes: for each
move of a row). The bits of a node that are open in a state come in *slots*, one for each sender. An
*entry* says what a bit does: the row after it, or the number of a *record*, if there is more to
say. A record is

    trap, count, then count times: row after, fault, what sleeps on, sends, sends * (node, group)

with trap, fault: 0 or 1 + its number; row after 0: the handler raised an exception.
"""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel.code import inline
from paxcheck.engine.compiled.kernel.control import (
    ADD_AT,
    ADDS_FROM_AT,
    ALLOW_AT,
    CUT,
    CUTS_AT,
    FIELDS,
    GROUPS_AT,
    IDS_AT,
    KNOWN_AT,
    LIVE_AT,
    NODES,
    OFFERS_AT,
    READY_AT,
    REQUESTED_AT,
    REQUESTS,
    REQUESTS_AT,
    REQUESTS_ROOM,
    ROWS_AT,
    SHIFT_AT,
    SLOTS_AT,
    SOURCE_AT,
    WANTS_AT,
)
from paxcheck.engine.compiled.kernel.pointers import fixed, ints, longs, trailing_zeros, words
from paxcheck.engine.compiled.kernel.states import read, word_of


@inline
def rest_of(c):
    """What is left of the faults, in the state that was read; 0 where there are none."""
    nodes = fixed(c, NODES)
    return longs(fixed(c, IDS_AT))[nodes] if fixed(c, FIELDS) > nodes else np.int64(0)


@inline
def look(widths, masks, inboxes, c, state, at):
    """Read a state: its rows, and the open bits of each slot. False if some entry is not known."""
    read(widths, c, state, at)
    count = len(masks)
    nodes, rest = fixed(c, NODES), rest_of(c)
    rows, ready = longs(fixed(c, ROWS_AT)), words(fixed(c, READY_AT))
    offers, known, live = (
        words(fixed(c, OFFERS_AT)),
        words(fixed(c, KNOWN_AT)),
        words(fixed(c, LIVE_AT)),
    )
    allow, slots, source = words(fixed(c, ALLOW_AT)), longs(fixed(c, SLOTS_AT)), fixed(c, SOURCE_AT)
    unknown = np.uint64(0)
    for i in range(nodes):
        row = rows[i]
        first, last = fixed(slots, i), fixed(slots, i + 1)
        for w in range(count):
            own = fixed(allow, (rest * nodes + i) * count + w)
            if len(inboxes) > 0:
                wanted = fixed(words(fixed(c, WANTS_AT)), row * count + w) & own
                unknown |= wanted & ~fixed(known, row * count + w)
                for s in range(first, last):
                    sender = fixed(longs(source), s)
                    bits = fixed(offers, (row * nodes + sender) * count + w)
                    if fixed(c, CUT) and sender != i:
                        cut = fixed(words(fixed(c, CUTS_AT)), rest * nodes + i)
                        if cut >> np.uint64(sender) & np.uint64(1):
                            bits = np.uint64(0)
                    ready[s * count + w] = bits
            else:
                alive, filled = fixed(live, row * count + w), fixed(known, row * count + w)
                unknown |= own & ~filled
                ready[first * count + w] = own & alive
                for s in range(first + 1, last):
                    sender = fixed(longs(source), s)
                    bits = fixed(offers, (rows[sender] * nodes + i) * count + w)
                    unknown |= bits & ~filled
                    ready[s * count + w] = bits & alive
    return unknown == np.uint64(0)


@inline
def request(masks, inboxes, c):
    """Write down which entries the state that was read needs and nobody asked for yet."""
    count = len(masks)
    nodes, rest = fixed(c, NODES), rest_of(c)
    rows, ids = longs(fixed(c, ROWS_AT)), longs(fixed(c, IDS_AT))
    known, asked = words(fixed(c, KNOWN_AT)), words(fixed(c, REQUESTED_AT))
    slots, source = longs(fixed(c, SLOTS_AT)), longs(fixed(c, SOURCE_AT))
    for i in range(nodes):
        for w in range(count):
            place = rows[i] * count + w
            missing = words(fixed(c, ALLOW_AT))[(rest * nodes + i) * count + w]
            if len(inboxes) > 0:
                missing &= words(fixed(c, WANTS_AT))[place]
            else:
                for s in range(slots[i] + 1, slots[i + 1]):
                    offer = (rows[source[s]] * nodes + i) * count + w
                    missing |= words(fixed(c, OFFERS_AT))[offer]
            missing &= ~known[place] & ~asked[place]
            while missing and c[REQUESTS] < fixed(c, REQUESTS_ROOM):
                bit = trailing_zeros(missing)
                missing &= missing - np.uint64(1)
                asked[place] |= np.uint64(1) << np.uint64(bit)
                ask_for(c, i, ids[i], w * 64 + bit)


@inline
def ask_for(c, node, row, bit):
    """Write down one entry (or, with -1 - group for a bit, a row of `ADD_AT`) that is needed."""
    requests = longs(fixed(c, REQUESTS_AT))
    at = c[REQUESTS]
    requests[3 * at] = node
    requests[3 * at + 1] = row
    requests[3 * at + 2] = bit
    c[REQUESTS] = at + 1


@inline
def moved(widths, c, state, at, field, before, after):
    """Change a field of a state."""
    word = word_of(widths, c, field)
    state[at + word] ^= np.uint64(before ^ after) << fixed(words(fixed(c, SHIFT_AT)), field)


@inline
def send(widths, c, state, at, records, place, sends):
    """Put what a move sends into the inboxes of a new state; False if some row is not known."""
    ids, add = longs(fixed(c, IDS_AT)), ints(fixed(c, ADD_AT))
    complete = True
    for k in range(sends):
        node, group = fixed(records, place + 2 * k), fixed(records, place + 2 * k + 1)
        before = ids[node]
        groups = fixed(longs(fixed(c, GROUPS_AT)), node)
        there = fixed(longs(fixed(c, ADDS_FROM_AT)), node) + before * groups + group
        after = np.int64(add[there])
        if after > 0:
            moved(widths, c, state, at, node, before, after)
            continue
        complete = False
        if after == 0 and c[REQUESTS] < fixed(c, REQUESTS_ROOM):
            add[there] = np.int32(-1)
            ask_for(c, node, before, -1 - group)
    return complete
