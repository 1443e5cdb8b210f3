# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""The states after one: every step that is open there, those that sleep too.

A new state is complete here: packed, hashed, and with what sleeps in it (see `search`).
"""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel.canonical import (
    canonical,
    renamed,
)
from paxcheck.engine.compiled.kernel.code import (
    inline,
    part,
)
from paxcheck.engine.compiled.kernel.control import (
    ALLOW_AT,
    ASKER_AT,
    ASLEEP_AT,
    AWAKE_AT,
    BEFORE_AT,
    BITS,
    BITS_AT,
    CLOSED,
    CUTS_AT,
    ENTRIES,
    ENTRY_AT,
    FIELDS,
    GROUP_AT,
    IDS_AT,
    JUMPS_AT,
    KEEPS_AT,
    KNOWN,
    LIVE,
    LOG_AT,
    NEW_AT,
    NODES,
    OFFERS_AT,
    OPEN_AT,
    ORBITS_AT,
    PLAIN,
    QUESTIONS,
    RECORDS_AT,
    RESTS,
    ROWS_AT,
    SHIFT_AT,
    SLOTS_AT,
    SPEND_AT,
    SPRUNG_AT,
    STRIDE,
    TABLE_AT,
    TARGETS_AT,
    TOPS_AT,
    WANTS_AT,
)
from paxcheck.engine.compiled.kernel.judging import (
    answer,
)
from paxcheck.engine.compiled.kernel.pointers import (
    fixed,
    halves,
    ints,
    longs,
    merge,
    ones,
    prefetch,
    words,
)
from paxcheck.engine.compiled.kernel.states import (
    read,
    top,
    word_of,
)
from paxcheck.engine.compiled.kernel.steps import (
    moved,
    offered,
    own_offer,
    rest_of,
    send,
)

LOW = np.uint64(0xFFFFFFFF)
ID = np.uint64(0xFFFFFF)
ALL_LOOK = np.int64(0xFF)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@inline
def push(widths, symmetric, c, found, looks, asleep):
    """A new state is complete: remember where it belongs in the table, and which lenses look."""
    width = len(widths)
    new = words(fixed(c, NEW_AT))
    if len(symmetric) > 0:
        orbit, renaming = canonical(widths, c, new, found * width)
        ints(fixed(c, ORBITS_AT))[found] = np.int32(orbit)
        asleep = renamed(c, asleep, renaming)
        looks = ALL_LOOK  # under its new names it may look new
    hashed = top(widths, new, found * width)
    prefetch(halves(fixed(c, TABLE_AT)), hashed >> (32 - fixed(c, BITS)))
    longs(fixed(c, TOPS_AT))[found] = looks << 32 | hashed
    words(fixed(c, ASLEEP_AT))[found] = asleep
    return found + 1


@inline
def copy(widths, source, at, target, to):
    """Copy a state."""
    for w in range(len(widths)):
        target[to + w] = source[at + w]


@part
def take(widths, symmetric, c, place, found, record, node, asleep, sleeping):
    """Follow a record; (the states found so far, the steps taken, quiet, complete)."""
    width = len(widths)
    records, ids = longs(fixed(c, RECORDS_AT)), longs(fixed(c, IDS_AT))
    log, new = words(fixed(c, LOG_AT)), words(fixed(c, NEW_AT))
    nodes = fixed(c, NODES)
    trap, count = fixed(records, record), fixed(records, record + 1)
    steps = np.int64(0)
    quiet = complete = True
    at = record + 2
    for _ in range(count):
        after, fault = fixed(records, at), fixed(records, at + 1)
        keep, sends = fixed(records, at + 2), fixed(records, at + 3)
        first = at + 4
        at = first + 2 * sends
        spent = np.int64(0)
        if fault > 0:
            spend = longs(fixed(c, SPEND_AT))
            spent = fixed(spend, (fault - 1) * fixed(c, RESTS) + ids[nodes])
            if spent == 0:
                continue
        else:
            quiet = False  # a fault may strike, but need not: the run may end here
        if trap > 0:
            ints(fixed(c, SPRUNG_AT))[trap - 1] = np.int32(1)
        if after == 0:
            continue  # an exception: there is no state after it
        steps += 1
        if sleeping:
            continue
        there = found * width
        copy(widths, log, place * width, new, there)
        moved(widths, c, new, there, node, ids[node], after)
        if fault > 0:
            moved(widths, c, new, there, nodes, ids[nodes], spent)
        if sends > 0 and not send(widths, c, new, there, records, first, sends):
            complete = False
        else:
            found = push(widths, symmetric, c, found, ALL_LOOK, asleep & np.uint64(keep))
    return found, steps, quiet, complete


@inline
def successors(widths, masks, symmetric, inboxes, narrow, nodes, c, place, asleep, found):
    """The states after one; (found, steps, quiet, complete), as in `take`."""
    log, before = words(fixed(c, LOG_AT)), words(fixed(c, BEFORE_AT))
    read(widths, c, log, place * len(widths), nodes)
    rest = rest_of(c)
    steps = np.int64(0)
    quiet = complete = steps == 0  # True; for a constant Numba would translate `steps_of` twice
    todo = ALL
    if len(narrow) > 0:
        todo = open_nodes(c, nodes, rest, asleep)
    for i in range(nodes):
        if len(narrow) > 0 and todo >> np.uint64(i) & np.uint64(1) == np.uint64(0):
            continue
        found, steps, quiet, complete = steps_of(
            widths, masks, symmetric, inboxes, narrow, c, place, i, rest,
            asleep | fixed(before, i), found, steps, quiet, complete,
        )  # fmt: skip
    if fixed(c, FIELDS) > nodes:
        jumps, targets = longs(fixed(c, JUMPS_AT)), longs(fixed(c, TARGETS_AT))
        new = words(fixed(c, NEW_AT))
        for k in range(fixed(jumps, rest), fixed(jumps, rest + 1)):
            if fixed(words(fixed(c, CUTS_AT)), rest * nodes):
                quiet = False  # a partition can heal
            steps += 1
            copy(widths, log, place * len(widths), new, found * len(widths))
            moved(widths, c, new, found * len(widths), nodes, rest, fixed(targets, k))
            found = push(widths, symmetric, c, found, ALL_LOOK, np.uint64(0))
    return found, steps, quiet, complete


@inline
def open_nodes(c, nodes, rest, asleep):
    """The nodes that may do something in the state that was read; what, is in `OPEN_AT`."""
    rows = longs(fixed(c, ROWS_AT))
    opened, woken = words(fixed(c, OPEN_AT)), words(fixed(c, AWAKE_AT))
    offers, allow = words(fixed(c, OFFERS_AT)), words(fixed(c, ALLOW_AT))
    merge(offers, rows, nodes, allow, rest * fixed(c, STRIDE), asleep, opened, woken)
    bits_of = words(fixed(c, BITS_AT))
    todo = np.uint64(0)
    for i in range(nodes):
        bits = opened[i] & ~fixed(bits_of, 4 * rows[i] + CLOSED)
        opened[i] = bits
        todo |= np.uint64(bits != np.uint64(0)) << np.uint64(i)
    for q in range(fixed(c, QUESTIONS)):
        todo |= np.uint64(1) << np.uint64(fixed(longs(fixed(c, ASKER_AT)), q))
    return todo


@inline
def steps_of(
    widths,
    masks,
    symmetric,
    inboxes,
    narrow,
    c,
    place,
    i,
    rest,
    asleep,
    found,
    steps,
    quiet,
    complete,
):
    """The states after one by the steps of node `i`; (found, steps, quiet, complete)."""
    width, count = len(widths), len(masks)
    rows, ids = longs(fixed(c, ROWS_AT)), longs(fixed(c, IDS_AT))
    log, new = words(fixed(c, LOG_AT)), words(fixed(c, NEW_AT))
    bits_of, entry = words(fixed(c, BITS_AT)), words(fixed(c, ENTRY_AT))
    keeps = words(fixed(c, KEEPS_AT))
    slots, groups = longs(fixed(c, SLOTS_AT)), words(fixed(c, GROUP_AT))
    unknown = np.uint64(0)
    row, old = rows[i], ids[i]
    if len(inboxes) > 0:
        for w in range(count):
            at = 4 * (row * count + w)
            wanted = fixed(words(fixed(c, ALLOW_AT)), (rest * fixed(c, STRIDE) + i) * count + w)
            wanted &= fixed(words(fixed(c, WANTS_AT)), row * count + w)
            unknown |= wanted & ~fixed(bits_of, at + KNOWN)
    shift = fixed(words(fixed(c, SHIFT_AT)), i)
    where = word_of(widths, c, i)
    for w in range(count):
        at = 4 * (row * count + w)
        if len(narrow) > 0:
            bits, awake = words(fixed(c, OPEN_AT))[i], words(fixed(c, AWAKE_AT))[i]
        else:
            first = fixed(slots, i)
            bits = own_offer(masks, inboxes, c, rest, i, w)
            awake = np.uint64(0) if asleep & fixed(groups, first) else bits
            for s in range(first + 1, fixed(slots, i + 1)):
                more = offered(masks, inboxes, c, rest, i, s, w)
                bits |= more
                awake |= np.uint64(0) if asleep & fixed(groups, s) else more
            if len(inboxes) == 0:
                bits &= ~fixed(bits_of, at + CLOSED)
            if bits == np.uint64(0):
                continue
        live = fixed(bits_of, at + LIVE)
        entries = np.int64(fixed(bits_of, at + ENTRIES))
        odd = bits & ~fixed(bits_of, at + PLAIN)
        bits ^= odd
        if odd:
            unknown |= odd & ~live
            odd &= live
        if bits:
            quiet = False
            steps += ones(bits)
            bits &= awake
        while bits:
            low = bits & (~bits + np.uint64(1))
            bits ^= low
            after = fixed(entry, entries + ones(live & (low - np.uint64(1))))
            keep = fixed(keeps, np.int64(after >> np.uint64(32) & ID))
            looks = np.int64(after >> np.uint64(56))
            after &= LOW
            copy(widths, log, place * width, new, found * width)
            new[found * width + where] ^= (np.uint64(old) ^ after) << shift
            found = push(widths, symmetric, c, found, looks, asleep & keep)
        while odd:
            low = odd & (~odd + np.uint64(1))
            odd ^= low
            record = np.int64(fixed(entry, entries + ones(live & (low - np.uint64(1)))))
            found, taken, still, known = take(
                widths, symmetric, c, place, found, record, i, asleep,
                awake & low == np.uint64(0),
            )  # fmt: skip
            steps += taken
            quiet &= still
            complete &= known
    for q in range(fixed(c, QUESTIONS)):
        if fixed(longs(fixed(c, ASKER_AT)), q) != i:
            continue
        record = answer(widths, c, q, log, place * width, place)
        if record < 0:
            complete = False
        elif record > 0:
            first = fixed(slots, i)
            sleeping = asleep & fixed(groups, first) != np.uint64(0)
            found, taken, still, known = take(
                widths, symmetric, c, place, found, record, i, asleep, sleeping
            )
            steps += taken
            quiet &= still
    return found, steps, quiet, complete and unknown == np.uint64(0)
