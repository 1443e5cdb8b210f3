# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""The search: expand states, and put the new ones into the table and at the end of the log.

*Every step is counted, but few lead to a state that is known already.* Steps of two nodes commute:
what one node may do stays possible when another moves. So of the two orders of a pair of steps only
one is followed to the state behind both. Each state carries a mask of the groups of steps that
*sleep*: the states behind them are reached, after as many steps, in the other order (sleep sets:
Godefroid, *Partial-Order Methods for the Verification of Concurrent Systems*, 1996, chapter 5).

No state is lost, and each is found at its depth: of all shortest sequences of steps to a state take
the least, in the order in which steps are taken here. If one of its steps slept, it could be moved
to the place where it was seen first, and the sequence would be smaller. What sleeps in a state that
is reached in several ways, is what sleeps on all ways from the level before; all of them are known
before the state is expanded. Steps that sleep are open: they are counted, and properties of steps
hear of them.

A state whose entries are not all known is put aside, whole; Python fills what it needs.
"""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel.code import (
    inline,
)
from paxcheck.engine.compiled.kernel.control import (
    ASLEEP_AT,
    BATCH,
    BITS,
    BLOCK,
    COUNT,
    CURSOR,
    DEFERRED,
    DEFERRED_AT,
    DEFERRED_FULL,
    DEFERRED_ROOM,
    DONE,
    END_LENSES,
    FULL,
    GENERATED,
    LEVEL,
    LEVEL_END,
    LIMIT,
    LIMITED,
    LIST_AT,
    LIST_DONE,
    LISTED,
    LOG_AT,
    LOG_FULL,
    LOG_ROOM,
    MANY,
    MINE,
    MINE_END,
    MOST,
    NEW_AT,
    NODES,
    ORBITS_AT,
    PENDING,
    PENDING_FULL,
    PENDING_ROOM,
    QUESTIONS,
    REQUESTS,
    REQUESTS_ROOM,
    ROOM,
    SEEN_COUNT_AT,
    SEEN_FULL,
    SEEN_SLOTS,
    SHARED_AT,
    SIZES_AT,
    SLEEP_AT,
    STATES_LENSES,
    STOP,
    TABLE_AT,
    TABLE_FULL,
    TERMINAL,
    THREADS,
    TOPS_AT,
)
from paxcheck.engine.compiled.kernel.judging import (
    judge,
)
from paxcheck.engine.compiled.kernel.pointers import (
    add_to,
    and_with,
    fixed,
    halves,
    ints,
    longs,
    prefetch,
    swap_if,
    words,
)
from paxcheck.engine.compiled.kernel.states import (
    same,
)
from paxcheck.engine.compiled.kernel.steps import (
    request,
)
from paxcheck.engine.compiled.kernel.successors import copy, successors

TOP = np.int64(0xFFFFFFFF)


@inline
def no_room(shared, c):
    """Why the next states cannot be expanded now; DONE if they can."""
    batch, threads = fixed(c, BATCH), fixed(c, THREADS)
    counters = longs(fixed(c, SHARED_AT))
    most = (batch * fixed(c, MOST) + BLOCK) * threads
    count = counters[COUNT]
    if fixed(c, LIMIT) >= 0 and count >= fixed(c, LIMIT):
        return LIMITED
    if count + most > (np.int64(1) << fixed(c, BITS)) * 6 // 10:
        return TABLE_FULL
    if count + most > fixed(c, LOG_ROOM):
        return LOG_FULL
    lenses = fixed(c, STATES_LENSES) + fixed(c, END_LENSES) + fixed(c, QUESTIONS)
    looks = batch * (fixed(c, MOST) + 1)
    if c[PENDING] + looks * lenses > fixed(c, PENDING_ROOM):
        return PENDING_FULL
    for lens in range(lenses):
        if (longs(fixed(c, SEEN_COUNT_AT))[lens] + looks) * 2 > fixed(c, SEEN_SLOTS):
            return SEEN_FULL
    if c[DEFERRED] + batch > fixed(c, DEFERRED_ROOM) or c[REQUESTS] >= fixed(c, REQUESTS_ROOM):
        return DEFERRED_FULL
    return DONE


@inline
def place_for(shared, c):
    """The place in the log where the next new state goes."""
    counters = longs(fixed(c, SHARED_AT))
    if len(shared) == 0:
        return counters[COUNT]
    if c[MINE] == c[MINE_END]:
        c[MINE] = add_to(counters, COUNT, BLOCK)
        c[MINE_END] = c[MINE] + BLOCK
    return c[MINE]


@inline
def insert(widths, symmetric, shared, c, k):
    """Put the new state `k` into the table; its place in the log if it is new, else -1."""
    width = len(widths)
    bits = fixed(c, BITS)
    mask = (np.int64(1) << bits) - 1
    tags = (np.int64(1) << (32 - bits)) - 1
    table, log, new = (
        halves(fixed(c, TABLE_AT)),
        words(fixed(c, LOG_AT)),
        words(fixed(c, NEW_AT)),
    )
    asleep = words(fixed(c, ASLEEP_AT))[k]
    sleep = words(fixed(c, SLEEP_AT))
    hashed = longs(fixed(c, TOPS_AT))[k] & TOP
    slot = hashed >> (32 - bits)
    written = np.int64(-1)
    while True:
        entry = np.int64(table[slot])
        if entry == 0:
            if written < 0:
                written = place_for(shared, c)
                copy(widths, new, k * width, log, written * width)
                sleep[written - fixed(c, LEVEL)] = asleep
                if len(symmetric) > 0:
                    ints(fixed(c, SIZES_AT))[written] = ints(fixed(c, ORBITS_AT))[k]
            value = np.uint32((hashed & tags) << bits | (written + 1))
            if len(shared) == 0:
                table[slot] = value
                longs(fixed(c, SHARED_AT))[COUNT] = written + 1
                return written
            if swap_if(table, slot, np.uint32(0), value) == np.uint32(0):
                c[MINE] = written + 1
                return written
            continue  # another thread was faster: look at what it put there
        if entry >> bits == hashed & tags:
            known = (entry & mask) - 1
            if same(widths, log, known * width, new, k * width):
                if known >= fixed(c, LEVEL_END):
                    if len(shared) == 0:
                        sleep[known - fixed(c, LEVEL)] &= asleep
                    else:
                        and_with(sleep, known - fixed(c, LEVEL), asleep)
                return np.int64(-1)
        slot = (slot + 1) & mask


@inline
def insert_all(widths, symmetric, shared, c, found):
    """Put the states that were found into the table, and show the new ones to the lenses."""
    width = len(widths)
    bits = fixed(c, BITS)
    mask = (np.int64(1) << bits) - 1
    tags = (np.int64(1) << (32 - bits)) - 1
    table, tops, new = (
        halves(fixed(c, TABLE_AT)),
        longs(fixed(c, TOPS_AT)),
        words(fixed(c, NEW_AT)),
    )
    lenses = fixed(c, STATES_LENSES)
    for k in range(found):
        hashed = tops[k] & TOP
        entry = np.int64(table[hashed >> (32 - bits)])
        if entry and entry >> bits == hashed & tags:
            prefetch(words(fixed(c, LOG_AT)), ((entry & mask) - 1) * width)
    for k in range(found):
        place = insert(widths, symmetric, shared, c, k)
        if place < 0:
            continue
        if len(symmetric) > 0:
            c[FULL] += np.int64(ints(fixed(c, ORBITS_AT))[k])
        looks = tops[k] >> 32
        if looks:
            for lens in range(lenses):
                if looks >> min(lens, MANY) & 1:
                    judge(widths, c, lens, new, k * width, place)


def expand(widths, masks, symmetric, inboxes, narrow, exact, shared, c):
    """Expand states, those of the list or from the shared cursor on; why it came back."""
    width = len(widths)
    nodes = len(exact) if len(exact) > 0 else fixed(c, NODES)
    batch = fixed(c, BATCH)
    log = words(fixed(c, LOG_AT))
    counters = longs(fixed(c, SHARED_AT))
    listed = longs(fixed(c, LIST_AT))
    while True:
        if fixed(c, LIST_AT) != 0:
            if c[LIST_DONE] >= fixed(c, LISTED):
                return DONE
        elif counters[CURSOR] >= fixed(c, STOP):
            return DONE
        reason = no_room(shared, c)
        if reason != DONE:
            return reason
        if fixed(c, LIST_AT) != 0:
            at = c[LIST_DONE]
            end = min(at + batch, fixed(c, LISTED))
            c[LIST_DONE] = end
        else:
            at = add_to(counters, CURSOR, batch)
            end = min(at + batch, fixed(c, STOP))
        found = np.int64(0)
        while at < end:
            place = listed[at] if fixed(c, LIST_AT) != 0 else at
            at += 1
            asleep = words(fixed(c, SLEEP_AT))[place - fixed(c, LEVEL)]
            more, steps, quiet, complete = successors(
                widths, masks, symmetric, inboxes, narrow, nodes, c, place, asleep, found
            )
            if not complete:
                request(masks, inboxes, c)
                longs(fixed(c, DEFERRED_AT))[c[DEFERRED]] = place
                c[DEFERRED] += 1
                continue
            found = more
            weight = np.int64(1)
            if len(symmetric) > 0:
                weight = np.int64(ints(fixed(c, SIZES_AT))[place])
            c[GENERATED] += steps * weight
            if quiet:
                c[TERMINAL] += weight
                states = fixed(c, STATES_LENSES)
                for lens in range(states, states + fixed(c, END_LENSES)):
                    judge(widths, c, lens, log, place * width, place)
            if found + fixed(c, MOST) > fixed(c, ROOM):
                insert_all(widths, symmetric, shared, c, found)
                found = np.int64(0)
        insert_all(widths, symmetric, shared, c, found)
