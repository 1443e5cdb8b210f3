# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""The steps out of a state, by look-ups.

Each node has *bits*: for its actions, for the faults, and for each message (with inboxes: for each
move of a row). The bits of a node that are open in a state come in *slots*, one for each sender. An
*entry* says what a live bit does: the row after it, above 32 bits the number of the mask of what
sleeps on, and above 56 bits which lenses can see the step (see `looks_of`); or the number of a
*record*, if there is more to say. A record is

    trap, count, then count times: row after, fault, what sleeps on, sends, sends * (node, group)

with trap, fault: 0 or 1 + its number; row after 0: the handler raised an exception.
"""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel.code import inline, part
from paxcheck.engine.compiled.kernel.control import (
    ADD_AT,
    ADDS_FROM_AT,
    ALLOW_AT,
    BITS_AT,
    CUT,
    CUTS_AT,
    FIELDS,
    GROUPS_AT,
    IDS_AT,
    KNOWN,
    LIVE,
    NODES,
    OFFERS_AT,
    REQUESTED_AT,
    REQUESTS,
    REQUESTS_AT,
    REQUESTS_ROOM,
    ROWS_AT,
    SHIFT_AT,
    SLOTS_AT,
    SOURCE_AT,
    STRIDE,
    WANTS_AT,
)
from paxcheck.engine.compiled.kernel.pointers import fixed, ints, longs, trailing_zeros, words
from paxcheck.engine.compiled.kernel.states import word_of


@inline
def rest_of(c):
    """What is left of the faults, in the state that was read; 0 where there are none."""
    nodes = fixed(c, NODES)
    return longs(fixed(c, IDS_AT))[nodes] if fixed(c, FIELDS) > nodes else np.int64(0)


@inline
def own_offer(masks, inboxes, c, rest, i, w):
    """The bits of node `i` in its first slot that are open in the state that was read."""
    count, stride = len(masks), fixed(c, STRIDE)
    if len(inboxes) > 0:  # what it does by itself, and what it takes from itself
        row = longs(fixed(c, ROWS_AT))[i]
        return fixed(words(fixed(c, OFFERS_AT)), (row * stride + i) * count + w)
    return fixed(words(fixed(c, ALLOW_AT)), (rest * stride + i) * count + w)


@inline
def offered(masks, inboxes, c, rest, i, s, w):
    """The bits of node `i` in another slot `s`: what can come from its sender."""
    count, nodes, stride = len(masks), fixed(c, NODES), fixed(c, STRIDE)
    rows, offers = longs(fixed(c, ROWS_AT)), words(fixed(c, OFFERS_AT))
    sender = fixed(longs(fixed(c, SOURCE_AT)), s)
    if len(inboxes) == 0:
        return fixed(offers, (rows[sender] * stride + i) * count + w)
    if fixed(c, CUT):
        cut = fixed(words(fixed(c, CUTS_AT)), rest * nodes + i)
        if cut >> np.uint64(sender) & np.uint64(1):
            return np.uint64(0)
    return fixed(offers, (rows[i] * stride + sender) * count + w)


@part
def request(masks, inboxes, c):
    """Write down which entries the state that was read needs and nobody asked for yet."""
    count = len(masks)
    nodes, stride, rest = fixed(c, NODES), fixed(c, STRIDE), rest_of(c)
    rows, ids = longs(fixed(c, ROWS_AT)), longs(fixed(c, IDS_AT))
    bits_of, asked = words(fixed(c, BITS_AT)), words(fixed(c, REQUESTED_AT))
    slots, source = longs(fixed(c, SLOTS_AT)), longs(fixed(c, SOURCE_AT))
    for i in range(nodes):
        for w in range(count):
            place = rows[i] * count + w
            missing = words(fixed(c, ALLOW_AT))[(rest * stride + i) * count + w]
            if len(inboxes) > 0:
                missing &= words(fixed(c, WANTS_AT))[place]
            else:
                for s in range(slots[i] + 1, slots[i + 1]):
                    offer = (rows[source[s]] * stride + i) * count + w
                    missing |= words(fixed(c, OFFERS_AT))[offer]
            known = bits_of[4 * place + KNOWN]
            if len(inboxes) == 0:
                known |= bits_of[4 * place + LIVE]
            missing &= ~known & ~asked[place]
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
