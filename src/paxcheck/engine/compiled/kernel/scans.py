# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""Looks at states that were found before: to judge them again, and to find the way to one."""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel import canonical as canonical_
from paxcheck.engine.compiled.kernel.code import inline
from paxcheck.engine.compiled.kernel.control import (
    BITS,
    END_LENSES,
    FIELDS,
    FIRST,
    IDS_AT,
    JUDGE_ENDS,
    KEY_AT,
    KEYS_AT,
    KEYS_SLOTS,
    LAST,
    LENS,
    LEVEL,
    LIST_AT,
    LISTED,
    LOG_AT,
    MARK_ENDS,
    MARK_TRAPS,
    MARKS,
    MARKS_AT,
    MARKS_ROOM,
    MODE,
    NEW_AT,
    NODES,
    OLD_LOG_AT,
    OLD_MASK_AT,
    OLD_SHIFT_AT,
    OLD_WIDTH,
    OLD_WORD_AT,
    PENDING,
    PENDING_ROOM,
    SEEN_COUNT_AT,
    SEEN_SLOTS,
    SHIFT_AT,
    SIZES_AT,
    SLEEP_AT,
    SPRUNG_AT,
    STATE_AT,
    STATES_LENSES,
    TABLE_AT,
    TOPS_AT,
    TRAPS,
    TRAPS_AT,
    WANTED_AT,
    WANTED_BITS,
    WORD_AT,
)
from paxcheck.engine.compiled.kernel.judging import hash_of, judge, key_of, put_key
from paxcheck.engine.compiled.kernel.pointers import fixed, halves, ints, longs, prefetch, words
from paxcheck.engine.compiled.kernel.search import TOP
from paxcheck.engine.compiled.kernel.states import find, same, top
from paxcheck.engine.compiled.kernel.steps import request
from paxcheck.engine.compiled.kernel.successors import successors

AHEAD = 16  # states whose places in the table are asked for before they are needed


def index(widths, c):
    """Put the states [FIRST, LAST) of the log into a table that has none of them."""
    width = len(widths)
    log, table, bits = words(fixed(c, LOG_AT)), halves(fixed(c, TABLE_AT)), fixed(c, BITS)
    mask = (np.int64(1) << bits) - 1
    tags = (np.int64(1) << (32 - bits)) - 1
    last = fixed(c, LAST)
    for at in range(fixed(c, FIRST), last):
        if at + AHEAD < last:
            prefetch(table, top(widths, log, (at + AHEAD) * width) >> (32 - bits))
        if hole(widths, log, at * width):
            continue
        hashed = top(widths, log, at * width)
        slot = hashed >> (32 - bits)
        while table[slot] != np.uint32(0):
            slot = (slot + 1) & mask
        table[slot] = np.uint32((hashed & tags) << bits | (at + 1))
    return np.int64(0)


@inline
def hole(widths, log, at):
    """Whether a place in the log is empty: a thread has taken it, and has not filled it yet."""
    found = np.uint64(0)
    for w in range(len(widths)):
        found |= log[at + w]
    return found == np.uint64(0)


def move(widths, symmetric, c):
    """Move the state at FIRST to the place LAST of the log, which is empty."""
    width = len(widths)
    log, table, bits = words(fixed(c, LOG_AT)), halves(fixed(c, TABLE_AT)), fixed(c, BITS)
    sleep, level = words(fixed(c, SLEEP_AT)), fixed(c, LEVEL)
    mask = (np.int64(1) << bits) - 1
    at, to = fixed(c, FIRST), fixed(c, LAST)
    slot = top(widths, log, at * width) >> (32 - bits)
    while np.int64(table[slot]) & mask != at + 1:
        slot = (slot + 1) & mask
    table[slot] = np.uint32(np.int64(table[slot]) + (to - at))
    for w in range(width):
        log[to * width + w] = log[at * width + w]
        log[at * width + w] = np.uint64(0)
    sleep[to - level] = sleep[at - level]
    if len(symmetric) > 0:
        sizes = ints(fixed(c, SIZES_AT))
        sizes[to] = sizes[at]
    return np.int64(0)


def repack(widths, c):
    """Write the states [FIRST, LAST) of an old log again, in another layout.

    It goes backwards: a log may be written over itself where its states do not become shorter.
    """
    width, before = len(widths), fixed(c, OLD_WIDTH)
    old, new = words(fixed(c, OLD_LOG_AT)), words(fixed(c, LOG_AT))
    word, shift = longs(fixed(c, WORD_AT)), words(fixed(c, SHIFT_AT))
    old_word, old_shift = longs(fixed(c, OLD_WORD_AT)), words(fixed(c, OLD_SHIFT_AT))
    old_mask = words(fixed(c, OLD_MASK_AT))
    ids = words(fixed(c, IDS_AT))
    for at in range(fixed(c, LAST) - 1, fixed(c, FIRST) - 1, -1):
        for field in range(fixed(c, FIELDS)):
            bits = old[at * before + fixed(old_word, field)] >> fixed(old_shift, field)
            ids[field] = bits & fixed(old_mask, field)
        for w in range(width):
            new[at * width + w] = np.uint64(0)
        for field in range(fixed(c, FIELDS)):
            new[at * width + fixed(word, field)] |= ids[field] << fixed(shift, field)
    return np.int64(0)


def seek(widths, symmetric, c):
    """The place of the state in the work space, -1 if it was not found; first made canonical."""
    if len(symmetric) > 0:
        canonical_.canonical(widths, c, words(fixed(c, STATE_AT)), 0)
    return find(widths, c, words(fixed(c, STATE_AT)), 0)


@inline
def no_room_to_judge(c, lenses):
    """Whether the next state cannot be handed over to all lenses."""
    if c[PENDING] + lenses > fixed(c, PENDING_ROOM):
        return True
    for lens in range(lenses):
        if (longs(fixed(c, SEEN_COUNT_AT))[lens] + 1) * 2 > fixed(c, SEEN_SLOTS):
            return True
    return False


def judge_range(widths, c):
    """Show the states [FIRST, LAST) to the lenses; the first one for which there was no room."""
    width = len(widths)
    log = words(fixed(c, LOG_AT))
    for at in range(fixed(c, FIRST), fixed(c, LAST)):
        if no_room_to_judge(c, fixed(c, STATES_LENSES) + fixed(c, END_LENSES)):
            return at
        if hole(widths, log, at * width):
            continue
        for lens in range(fixed(c, STATES_LENSES)):
            judge(widths, c, lens, log, at * width, at)
    return fixed(c, LAST)


def mark_looks(widths, c):
    """Mark the states [FIRST, LAST) whose key for a lens is one of `KEYS_AT`; where it stopped."""
    width = len(widths)
    log = words(fixed(c, LOG_AT))
    for at in range(fixed(c, FIRST), fixed(c, LAST)):
        if c[MARKS] >= fixed(c, MARKS_ROOM):
            return at
        if not hole(widths, log, at * width) and has_key(widths, c, log, at * width):
            mark(c, at)
    return fixed(c, LAST)


def sow(widths, c):
    """Put the marked places into the table `WANTED_AT`."""
    width = len(widths)
    bits = fixed(c, WANTED_BITS)
    mask = (np.int64(1) << bits) - 1
    wanted, log = halves(fixed(c, WANTED_AT)), words(fixed(c, LOG_AT))
    for k in range(fixed(c, MARKS)):
        place = longs(fixed(c, MARKS_AT))[k]
        slot = top(widths, log, place * width) >> (32 - bits)
        while wanted[slot] != np.uint32(0):
            slot = (slot + 1) & mask
        wanted[slot] = np.uint32(place + 1)
    return np.int64(0)


def put_keys(widths, c):
    """Put `LISTED` keys of the list `LIST_AT` into the set `KEYS_AT`, and mark their slots."""
    width = len(widths)
    keys, key, listed = (
        words(fixed(c, KEYS_AT)),
        words(fixed(c, KEY_AT)),
        words(fixed(c, LIST_AT)),
    )
    for k in range(fixed(c, LISTED)):
        for w in range(width):
            key[w] = listed[k * width + w]
        slot = put_key(widths, c, keys, np.int64(0), fixed(c, KEYS_SLOTS), hash_of(widths, key))
        longs(fixed(c, MARKS_AT))[k] = slot if slot >= 0 else -1 - slot
    return np.int64(0)


@inline
def mark(c, at):
    """Note a place in the log."""
    longs(fixed(c, MARKS_AT))[c[MARKS]] = at
    c[MARKS] += 1


@inline
def has_key(widths, c, state, at):
    """Whether a state's key for the lens `LENS` is in the set `KEYS_AT`."""
    width = len(widths)
    keys, slots = words(fixed(c, KEYS_AT)), fixed(c, KEYS_SLOTS)
    slot = key_of(widths, c, fixed(c, LENS), state, at) & (slots - 1)
    key = words(fixed(c, KEY_AT))
    while keys[slot * width] != np.uint64(0):
        if same(widths, keys, slot * width, key, 0):
            return True
        slot = (slot + 1) & (slots - 1)
    return False


@inline
def goes_to(widths, c, found):
    """Whether one of the successors is in the table `WANTED_AT`."""
    width = len(widths)
    bits = fixed(c, WANTED_BITS)
    mask = (np.int64(1) << bits) - 1
    wanted, log, new = (
        halves(fixed(c, WANTED_AT)),
        words(fixed(c, LOG_AT)),
        words(fixed(c, NEW_AT)),
    )
    for k in range(found):
        slot = (longs(fixed(c, TOPS_AT))[k] & TOP) >> (32 - bits)
        while wanted[slot] != np.uint32(0):
            if same(widths, log, (np.int64(wanted[slot]) - 1) * width, new, k * width):
                return True
            slot = (slot + 1) & mask
    return False


@inline
def any_sprung(c):
    """Whether one of the traps that count was sprung; they are set again."""
    found = False
    traps, sprung = longs(fixed(c, TRAPS_AT)), ints(fixed(c, SPRUNG_AT))
    for k in range(fixed(c, TRAPS)):
        if sprung[fixed(traps, k)] != np.int32(0):
            sprung[fixed(traps, k)] = np.int32(0)
            found = True
    return found


def scan(widths, masks, symmetric, inboxes, narrow, c):
    """Look at the steps out of the states [FIRST, LAST) as `MODE` says; where it stopped.

    It stops where there is no room for what it finds, or where Python must first fill an entry.
    """
    width = len(widths)
    log = words(fixed(c, LOG_AT))
    mode = fixed(c, MODE)
    states, ends = fixed(c, STATES_LENSES), fixed(c, END_LENSES)
    for at in range(fixed(c, FIRST), fixed(c, LAST)):
        if mode != JUDGE_ENDS and c[MARKS] >= fixed(c, MARKS_ROOM):
            return at
        if no_room_to_judge(c, states + ends):
            return at
        found, _, quiet, complete = successors(
            widths,
            masks,
            symmetric,
            inboxes,
            narrow,
            fixed(c, NODES),
            c,
            at,
            np.uint64(0),
            np.int64(0),
        )
        if not complete:
            request(masks, inboxes, c)
            return at
        if mode == JUDGE_ENDS:
            if quiet:
                for lens in range(states, states + ends):
                    judge(widths, c, lens, log, at * width, at)
        elif mode == MARK_ENDS:
            if quiet and has_key(widths, c, log, at * width):
                mark(c, at)
        elif mode == MARK_TRAPS:
            if any_sprung(c):
                mark(c, at)
        elif goes_to(widths, c, found):
            mark(c, at)
    return fixed(c, LAST)
