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

from paxcheck.engine.compiled.kernel.canonical import canonical, renamed
from paxcheck.engine.compiled.kernel.code import inline, part
from paxcheck.engine.compiled.kernel.control import (
    ALLOW_AT,
    ASKER_AT,
    ASLEEP_AT,
    AWAKE_AT,
    BATCH,
    BEFORE_AT,
    BITS,
    BITS_AT,
    BLOCK,
    CLOSED,
    COUNT,
    CURSOR,
    CUTS_AT,
    DEFERRED,
    DEFERRED_AT,
    DEFERRED_FULL,
    DEFERRED_ROOM,
    DONE,
    END_LENSES,
    ENTRIES,
    ENTRY_AT,
    FIELDS,
    FULL,
    GENERATED,
    GROUP_AT,
    IDS_AT,
    JUMPS_AT,
    KEEPS_AT,
    KNOWN,
    LEVEL,
    LEVEL_END,
    LIMIT,
    LIMITED,
    LIST_AT,
    LIST_DONE,
    LISTED,
    LIVE,
    LOG_AT,
    LOG_FULL,
    LOG_ROOM,
    MANY,
    MINE,
    MINE_END,
    MOST,
    NEW_AT,
    NODES,
    OFFERS_AT,
    OPEN_AT,
    ORBITS_AT,
    PENDING,
    PENDING_FULL,
    PENDING_ROOM,
    PLAIN,
    QUESTIONS,
    RECORDS_AT,
    REQUESTS,
    REQUESTS_ROOM,
    RESTS,
    ROOM,
    ROWS_AT,
    SEEN_COUNT_AT,
    SEEN_FULL,
    SEEN_SLOTS,
    SHARED_AT,
    SHIFT_AT,
    SIZES_AT,
    SLEEP_AT,
    SLOTS_AT,
    SPEND_AT,
    SPRUNG_AT,
    STATES_LENSES,
    STOP,
    STRIDE,
    TABLE_AT,
    TABLE_FULL,
    TARGETS_AT,
    TERMINAL,
    THREADS,
    TOPS_AT,
    WANTS_AT,
)
from paxcheck.engine.compiled.kernel.judging import answer, judge
from paxcheck.engine.compiled.kernel.pointers import (
    add_to,
    and_with,
    fixed,
    halves,
    ints,
    longs,
    merge,
    ones,
    prefetch,
    swap_if,
    words,
)
from paxcheck.engine.compiled.kernel.states import read, same, top, word_of
from paxcheck.engine.compiled.kernel.steps import moved, offered, own_offer, request, rest_of, send

LOW = np.uint64(0xFFFFFFFF)
ID = np.uint64(0xFFFFFF)
TOP = np.int64(0xFFFFFFFF)
ALL_LOOK = np.int64(0xFF)


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
    quiet = complete = True
    if len(narrow) > 0:
        todo = open_nodes(c, nodes, rest, asleep)
        for i in range(nodes):
            if todo >> np.uint64(i) & np.uint64(1) == np.uint64(0):
                continue
            found, taken, still, known = steps_of(
                widths, masks, symmetric, inboxes, narrow, c, place, i, rest,
                asleep | fixed(before, i), found,
            )  # fmt: skip
            steps += taken
            quiet &= still
            complete &= known
    else:
        for i in range(nodes):
            found, taken, still, known = steps_of(
                widths, masks, symmetric, inboxes, narrow, c, place, i, rest,
                asleep | fixed(before, i), found,
            )  # fmt: skip
            steps += taken
            quiet &= still
            complete &= known
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
def steps_of(widths, masks, symmetric, inboxes, narrow, c, place, i, rest, asleep, found):
    """The states after one by the steps of node `i`; (found, steps, quiet, complete)."""
    width, count = len(widths), len(masks)
    rows, ids = longs(fixed(c, ROWS_AT)), longs(fixed(c, IDS_AT))
    log, new = words(fixed(c, LOG_AT)), words(fixed(c, NEW_AT))
    bits_of, entry = words(fixed(c, BITS_AT)), words(fixed(c, ENTRY_AT))
    keeps = words(fixed(c, KEEPS_AT))
    slots, groups = longs(fixed(c, SLOTS_AT)), words(fixed(c, GROUP_AT))
    steps = np.int64(0)
    quiet = complete = True
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
