# pyright: basic, reportCallIssue=false
"""The native search: a loop over look-ups that knows nothing of any protocol.

A state is a few 64-bit words in which each node (and the budgets of the faults, if any) has a
field: the number of its row. `log` holds all states in the order in which they were found, so it
is at once the queue of the breadth-first search; `table` holds them again, by hash, whole.

Two masks per row carry the look-ups: `known` has the bits whose entry was filled, `live` those of
them that change something. A state that meets an unknown bit is not expanded at all: the kernel
returns, Python fills what is missing for it and for the states behind it, and the search goes on
with the same state. So the order of the search, and every count, is that of a search without gaps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from paxcheck.engine.compiled.intrinsics import fixed, get, prefetch, put, trailing_zeros

# Places in the vector of counters that a call reads and writes.
CURSOR, COUNT, GENERATED, TERMINAL, PENDING, REQUESTS, FIRST, STATES_LIMIT, FULL = range(9)
COUNTERS = 9

# Why the kernel returned.
DONE, MISSING, TABLE_FULL, LOG_FULL, PENDING_FULL, SEEN_FULL, LIMIT, LOOK = range(8)

LOOKAHEAD = 4096
K1 = np.uint64(0x9E3779B97F4A7C15)
K2 = np.uint64(0xD6E8FEB86659FD93)


class Layout(NamedTuple):
    """Where the fields of a state are, and what its rows offer, know and do. See `native.py`."""

    word: np.ndarray  # field -> word
    shift: np.ndarray  # field -> shift in the word
    field: np.ndarray  # field -> mask, not shifted
    base: np.ndarray  # field -> number of its row 0 among all rows
    senders: np.ndarray  # the nodes that may send to node i: [sender_at[i], sender_at[i + 1])
    sender_at: np.ndarray
    offers: np.ndarray  # (row, receiver, word) -> bits of the receiver
    known: np.ndarray  # (row, word)
    live: np.ndarray  # (row, word)
    allowed: np.ndarray  # (row of the budgets, node, word) -> bits that need no message
    column: np.ndarray  # (node, bit) -> column of the entry
    fault: np.ndarray  # (node, column) -> fault, or -1 (two dimensions)
    entry: np.ndarray  # entry_at[node] + row * columns[node] + column -> row after, or -branches
    entry_at: np.ndarray
    columns: np.ndarray
    branches: np.ndarray  # at -entry: count, rows after; 0 stands for an exception
    spend: np.ndarray  # (fault, row of the budgets) -> row of the budgets after
    classes: np.ndarray  # (lens, row) -> class
    lenses: np.ndarray  # how many lenses judge states, how many of terminal states


class Work(NamedTuple):
    """Buffers that a call needs, and what it hands back to Python."""

    states: np.ndarray
    slots: np.ndarray
    nodes: np.ndarray
    olds: np.ndarray
    requested: np.ndarray  # (row, word)
    requests: np.ndarray  # (request, 3): node, number of the row, column
    pending: np.ndarray  # (pending, 2): state, lens
    seen: np.ndarray  # (lens, slot, word), flat
    room: np.ndarray  # rows in `classes`, slots of a lens in `seen`
    seen_count: np.ndarray
    scratch: np.ndarray  # (word)
    sizes: np.ndarray  # of the orbits, if there is a symmetry
    renamings: np.ndarray


@njit(cache=True, nogil=True, inline="always")
def _top(words, at, width):
    """The upper 32 bits of a state's hash."""
    x = get(words, at)
    for w in range(1, width):
        x = (x ^ (x >> np.uint64(32))) * K1 + get(words, at + w)
    x ^= x >> np.uint64(31)
    x *= K1
    x ^= x >> np.uint64(29)
    x *= K2
    return np.int64(x >> np.uint64(32))


@njit(cache=True, nogil=True, inline="always")
def _hash(words, at, width, bits):
    """The slot in a table of 2^bits slots (at most 2^32) where a state belongs."""
    return _top(words, at, width) >> np.int64(32 - bits)


@njit(cache=True, nogil=True, inline="always")
def _word(width, lay, c):
    return fixed(lay.word, c) if width > 1 else 0


@njit(cache=True, nogil=True)
def insert_all(widths, log, first, last, table, bits):
    """Put the states of a range of the log into a table that holds none of them."""
    width = len(widths)
    mask = (np.int64(1) << bits) - 1
    for at in range(first, last):
        slot = _hash(log, at * width, width, bits)
        while table[slot * width] != np.uint64(0):
            slot = (slot + 1) & mask
        for w in range(width):
            table[slot * width + w] = log[at * width + w]


@njit(cache=True, nogil=True)
def index_all(widths, log, first, last, index, bits):
    """The same for an index: a slot has 1 + the place of a state in the log, and above that as many
    bits of its hash as there is room for."""
    width = len(widths)
    mask = (np.int64(1) << bits) - 1
    tags = (np.int64(1) << (32 - bits)) - 1
    for at in range(first, last):
        top = _top(log, at * width, width)
        slot = top >> (32 - bits)
        while index[slot] != np.uint32(0):
            slot = (slot + 1) & mask
        index[slot] = np.uint32((top & tags) << bits | (at + 1))


@njit(cache=True, nogil=True)
def repack(old_widths, new_widths, old, new, count, fields, old_lay, new_lay):
    """Write each state of a log again in another layout."""
    ow, nw = len(old_widths), len(new_widths)
    for at in range(count):
        for w in range(nw):
            new[at * nw + w] = np.uint64(0)
        for c in range(fields):
            number = (old[at * ow + old_lay.word[c]] >> old_lay.shift[c]) & old_lay.field[c]
            new[at * nw + new_lay.word[c]] |= number << new_lay.shift[c]


@njit(cache=True, nogil=True, inline="always")
def _look(widths, masks, lay, log, at, nodes, fields, rows, ids, ready):
    """Read a state: its rows, and the live bits of each node. False if a bit is not known."""
    width, words = len(widths), len(masks)
    for c in range(fields):
        word = get(log, at * width + _word(width, lay, c))
        number = np.int64((word >> fixed(lay.shift, c)) & fixed(lay.field, c))
        put(ids, c, number)
        put(rows, c, fixed(lay.base, c) + number)
    budget = get(ids, nodes) if fields > nodes else 0
    unknown = np.uint64(0)
    for i in range(nodes):
        row = get(rows, i)
        for w in range(words):
            mask = fixed(lay.allowed, (budget * nodes + i) * words + w)
            for k in range(fixed(lay.sender_at, i), fixed(lay.sender_at, i + 1)):
                sender = get(rows, fixed(lay.senders, k))
                mask |= fixed(lay.offers, (sender * nodes + i) * words + w)
            unknown |= mask & ~fixed(lay.known, row * words + w)
            put(ready, i * words + w, mask & fixed(lay.live, row * words + w))
    return unknown == np.uint64(0)


@njit(cache=True, nogil=True)
def canonical(widths, lay, sym, words, at, nodes, fields, cand, ids, best, trial):
    """Put the smallest image of a state in its place; how many states its orbit has."""
    width = len(widths)
    for c in range(fields):
        word = get(words, at + _word(width, lay, c))
        put(ids, c, np.int64((word >> fixed(lay.shift, c)) & fixed(lay.field, c)))
    groups = sym.size.shape[0]
    count = 1
    put(cand, 0, 0)
    total = np.int64(1)
    half = cand.shape[0] // 2
    for g in range(groups):
        size = fixed(sym.size, g)
        first, last = fixed(sym.member_at, g), fixed(sym.member_at, g + 1)
        factorial = np.int64(1)
        for j in range(2, size + 1):
            factorial *= j
        total *= factorial
        base = np.int64(0)
        pattern = (np.int64(1) << (size - 1)) - 1
        if last > first:
            # Sort the nodes of the group by the orbits of their rows (few: by insertion).
            order = nodes + fields
            for j in range(size):
                node = fixed(sym.members, first + j)
                key = fixed(sym.orbit, fixed(lay.base, node) + get(ids, node))
                k = j
                while k > 0 and get(ids, order + 64 + k - 1) > key:
                    put(ids, order + 64 + k, get(ids, order + 64 + k - 1))
                    put(ids, order + k, get(ids, order + k - 1))
                    k -= 1
                put(ids, order + 64 + k, key)
                put(ids, order + k, j)
            pattern = np.int64(0)
            for j in range(size - 1):
                if get(ids, order + 64 + j) == get(ids, order + 65 + j):
                    pattern |= np.int64(1) << j
            # The permutation that takes position order[j] to j, and its number.
            for j in range(size):
                put(ids, order + 128 + get(ids, order + j), j)
            weight = factorial
            for j in range(size):
                weight //= size - j
                smaller = 0
                for k in range(j + 1, size):
                    if get(ids, order + 128 + k) < get(ids, order + 128 + j):
                        smaller += 1
                base += smaller * weight
        more = 0
        from_, to = sym.tie_at[g, pattern], sym.tie_at[g, pattern + 1]
        stride, start = fixed(sym.stride, g), fixed(sym.compose_at, g)
        for k in range(count):
            for t in range(from_, to):
                tied = fixed(sym.ties, t)
                permutation = fixed(sym.compose, start + tied * factorial + base)
                put(cand, half + more, get(cand, k) + permutation * stride)
                more += 1
        for k in range(more):
            put(cand, k, get(cand, half + k))
        count = more
    least = 0
    rows = sym.image.shape[1]
    image = sym.image.reshape(-1)
    target = sym.target.reshape(-1)
    for k in range(count):
        p = get(cand, k)
        for v in range(width):
            put(trial, v, np.uint64(0))
        for c in range(nodes):
            to = fixed(target, p * nodes + c)
            number = fixed(image, p * rows + fixed(lay.base, c) + get(ids, c))
            v = _word(width, lay, to)
            put(trial, v, get(trial, v) | np.uint64(number) << fixed(lay.shift, to))
        for c in range(nodes, fields):
            v = _word(width, lay, c)
            put(trial, v, get(trial, v) | np.uint64(get(ids, c)) << fixed(lay.shift, c))
        order = 0
        if k == 0:
            order = -1
        else:
            # From the last word down, which is from the last field down: in every layout the same
            # image is the smallest, so the states that are in the log stay those of their orbits.
            for v in range(width - 1, -1, -1):
                if get(trial, v) != get(best, v):
                    order = -1 if get(trial, v) < get(best, v) else 1
                    break
        if order < 0:
            least = 1
            for v in range(width):
                put(best, v, get(trial, v))
        elif order == 0:
            least += 1
    for v in range(width):
        put(words, at + v, get(best, v))
    return total // least


@njit(cache=True, nogil=True)
def _request(widths, masks, lay, work, log, cursor, count, nodes, fields, rows, ids, ready):
    """Write down which entries the next states need; those of the first state come first."""
    words = len(masks)
    found = 0
    first = 0
    last = min(count, cursor + LOOKAHEAD)
    room = work.requests.shape[0]
    for at in range(cursor, last):
        if not _look(widths, masks, lay, log, at, nodes, fields, rows, ids, ready):
            budget = ids[nodes] if fields > nodes else 0
            for i in range(nodes):
                for w in range(words):
                    row = rows[i] * words + w
                    missing = lay.allowed[(budget * nodes + i) * words + w]
                    for k in range(lay.sender_at[i], lay.sender_at[i + 1]):
                        sender = rows[lay.senders[k]]
                        missing |= lay.offers[(sender * nodes + i) * words + w]
                    missing &= ~lay.known[row] & ~work.requested[row]
                    while missing and found < room:
                        bit = np.int64(trailing_zeros(missing))
                        missing &= missing - np.uint64(1)
                        work.requested[row] |= np.uint64(1) << np.uint64(bit)
                        work.requests[found, 0] = i
                        work.requests[found, 1] = ids[i]
                        work.requests[found, 2] = lay.column[(i * words + w) * 64 + bit]
                        found += 1
        if at == cursor:
            first = found
        if found >= room:
            break
    return found, first


@njit(cache=True, nogil=True)
def _judge(widths, lay, work, classes, lens, log, at, nodes, counters):
    """Hand a state to a lens, if no state before it looked the same."""
    width = len(widths)
    first = lens * fixed(work.room, 0)  # where the classes of this lens begin
    slots = fixed(work.room, 1)
    # The key is a state with classes for rows; a class is never larger than its row's number.
    key = np.uint64(0)
    for w in range(width):
        put(work.scratch, w, np.uint64(0))
    for c in range(nodes):
        word = _word(width, lay, c)
        field = (get(log, at * width + word) >> fixed(lay.shift, c)) & fixed(lay.field, c)
        group = np.uint64(fixed(classes, first + fixed(lay.base, c) + np.int64(field)))
        put(work.scratch, word, get(work.scratch, word) | group << fixed(lay.shift, c))
    for w in range(width):
        key = (key ^ (key >> np.uint64(32))) * K1 + get(work.scratch, w)
    key ^= key >> np.uint64(31)
    key *= K2
    slot = np.int64(key >> np.uint64(20)) & (slots - 1)
    # Bit 63 of word 0 is never used by a state; here it says that the slot is taken.
    taken = np.uint64(1) << np.uint64(63)
    put(work.scratch, 0, get(work.scratch, 0) | taken)
    while True:
        place = (lens * slots + slot) * width
        if get(work.seen, place) == np.uint64(0):
            for w in range(width):
                put(work.seen, place + w, get(work.scratch, w))
            work.seen_count[lens] += 1
            p = counters[PENDING]
            work.pending[p, 0] = at
            work.pending[p, 1] = lens
            counters[PENDING] = p + 1
            return
        differs = np.uint64(0)
        for w in range(width):
            differs |= get(work.seen, place + w) ^ get(work.scratch, w)
        if differs == np.uint64(0):
            return
        slot = (slot + 1) & (slots - 1)


@njit(cache=True, nogil=True)
def judge_range(widths, lay, work, log, first, last, nodes, counters):
    """Hand the states of a range to the lenses; the first one that found no room, or `last`."""
    classes = lay.classes.reshape(-1)
    for at in range(first, last):
        for lens in range(lay.lenses[0]):
            if (
                counters[PENDING] >= work.pending.shape[0]
                or work.seen_count[lens] * 2 >= work.room[1]
            ):
                return at
            _judge(widths, lay, work, classes, lens, log, at, nodes, counters)
    return last


@njit(cache=True, nogil=True)
def judge_ends(widths, masks, lay, work, log, first, last, nodes, fields, counters):
    """Hand the terminal states of a range to their lenses; as `judge_range`."""
    classes = lay.classes.reshape(-1)
    words = len(masks)
    rows = np.empty(fields, np.int64)
    ids = np.empty(fields, np.int64)
    ready = np.empty(nodes * words, np.uint64)
    judged, ended = lay.lenses[0], lay.lenses[1]
    for at in range(first, last):
        _look(widths, masks, lay, log, at, nodes, fields, rows, ids, ready)
        quiet = True
        for i in range(nodes):
            for w in range(words):
                if ready[i * words + w] & lay.live[rows[i] * words + w]:
                    quiet = False
        if not quiet:
            continue
        for lens in range(judged, judged + ended):
            if (
                counters[PENDING] >= work.pending.shape[0]
                or work.seen_count[lens] * 2 >= work.room[1]
            ):
                return at
            _judge(widths, lay, work, classes, lens, log, at, nodes, counters)
    return last


@njit(cache=True, nogil=True)
def parent_of(widths, masks, sized, lay, sym, log, child, first, last, nodes, fields, cand):
    """The first state of a range with a step to `child`; -1 if there is none."""
    width, words = len(widths), len(masks)
    rows = np.empty(fields, np.int64)
    ids = np.empty(fields, np.int64)
    ready = np.empty(nodes * words, np.uint64)
    state = np.empty(width, np.uint64)
    symmetric = len(sized) > 0
    best = np.empty(width, np.uint64)
    trial = np.empty(width, np.uint64)
    places = np.empty(nodes + fields + 256, np.int64)
    for at in range(first, last):
        # One node's field may differ, and that of the budgets: most states are sorted out here.
        changed, node = 0, -1
        for c in range(fields):
            w = lay.word[c]
            differs = (log[at * width + w] ^ log[child * width + w]) >> lay.shift[c]
            if differs & lay.field[c] and c < nodes:
                changed += 1
                node = c
        if changed > 1 and not symmetric:
            continue
        _look(widths, masks, lay, log, at, nodes, fields, rows, ids, ready)
        for i in range(nodes):
            if node >= 0 and i != node and not symmetric:
                continue
            entries = lay.entry_at[i] + ids[i] * lay.columns[i]
            for w in range(words):
                rest = ready[i * words + w]
                while rest:
                    bit = np.int64(trailing_zeros(rest))
                    rest &= rest - np.uint64(1)
                    column = lay.column[(i * words + w) * 64 + bit]
                    after = lay.entry[entries + column]
                    branch, end = 0, 1
                    if after < 0:
                        branch = 1 - after
                        end = branch + lay.branches[-after]
                        after = 0
                    for b in range(branch, end):
                        number = np.int64(after) if after else np.int64(lay.branches[b])
                        if number == 0:
                            continue
                        for v in range(width):
                            state[v] = log[at * width + v]
                        state[lay.word[i]] ^= np.uint64(ids[i] ^ number) << lay.shift[i]
                        if fields > nodes and lay.fault[i, column] >= 0:
                            left = ids[nodes]
                            spent = np.uint64(left ^ lay.spend[lay.fault[i, column], left])
                            state[lay.word[nodes]] ^= spent << lay.shift[nodes]
                        if symmetric:
                            canonical(
                                widths, lay, sym, state, 0, nodes, fields, cand, places, best, trial
                            )
                        same = True
                        for v in range(width):
                            if state[v] != log[child * width + v]:
                                same = False
                        if same:
                            return at
    return -1


@njit(cache=True, nogil=True)
def expand(
    widths, masks, sized, lay, sym, work, log, sizes, table, bits, compact, nodes, fields, stop,
    batch, counters,
):  # fmt: skip
    """Expand states from the cursor on, up to `stop`; why it returned.

    `compact`: not empty when the table is an index of the log (see `index_all`).
    """
    width, words = len(widths), len(masks)
    mask = (np.int64(1) << bits) - 1
    rows = np.empty(fields, np.int64)
    ids = np.empty(fields, np.int64)
    ready = np.empty(nodes * words, np.uint64)
    room = work.nodes.shape[0]
    full_table = (np.int64(1) << bits) * (6 if len(compact) > 0 else 7) // 10
    tags = (np.int64(1) << (32 - bits)) - 1
    all_rows = lay.classes.shape[1]
    classes = lay.classes.reshape(-1)
    judged, ended = lay.lenses[0], lay.lenses[1]
    lenses = judged + ended
    log_room = log.shape[0] // width
    symmetric = len(sized) > 0
    best = np.empty(width, np.uint64)
    trial = np.empty(width, np.uint64)
    places = np.empty(nodes + fields + 256, np.int64)
    generated = np.int64(0)
    while counters[CURSOR] < stop:
        count = counters[COUNT]
        if counters[STATES_LIMIT] >= 0 and count >= counters[STATES_LIMIT]:
            return LIMIT
        if count + room > full_table:
            return TABLE_FULL
        if count + room > log_room:
            return LOG_FULL
        if lenses and counters[PENDING] + room * lenses > work.pending.shape[0]:
            return PENDING_FULL
        for lens in range(lenses):
            if (work.seen_count[lens] + room) * 2 > work.room[1]:
                return SEEN_FULL
        # Find the successors of a few states, and ask for the places where they belong.
        cursor = counters[CURSOR]
        first = cursor
        found = 0
        complete = True
        while cursor < stop and cursor - first < batch and found * 2 < room:
            complete = _look(widths, masks, lay, log, cursor, nodes, fields, rows, ids, ready)
            if not complete:
                break
            quiet = True
            for i in range(nodes):
                for w in range(words):
                    rest = get(ready, i * words + w)
                    if rest == np.uint64(0):
                        continue
                    quiet = False
                    row = get(rows, i)
                    old = get(ids, i)
                    where = _word(width, lay, i)
                    shift = fixed(lay.shift, i)
                    entries = fixed(lay.entry_at, i) + old * fixed(lay.columns, i)
                    while rest:
                        bit = np.int64(trailing_zeros(rest))
                        rest &= rest - np.uint64(1)
                        column = fixed(lay.column, (i * words + w) * 64 + bit)
                        after = np.int64(fixed(lay.entry, entries + column))
                        branch, last = 0, 1
                        if after < 0:
                            branch = 1 - after
                            last = branch + fixed(lay.branches, -after)
                            after = 0
                        for b in range(branch, last):
                            number = after if after else fixed(lay.branches, b)
                            if number == 0:
                                continue  # an exception: no state
                            at = found * width
                            for v in range(width):
                                put(work.states, at + v, get(log, cursor * width + v))
                            changed = get(work.states, at + where)
                            put(work.states, at + where, changed ^ np.uint64(old ^ number) << shift)
                            if fields > nodes and lay.fault[i, column] >= 0:
                                left = get(ids, nodes)
                                spent = np.uint64(left ^ lay.spend[lay.fault[i, column], left])
                                work.states[at + lay.word[nodes]] ^= spent << lay.shift[nodes]
                            if symmetric:
                                orbit = canonical(
                                    widths, lay, sym, work.states, at, nodes, fields,
                                    work.renamings, places, best, trial,
                                )  # fmt: skip
                                put(work.sizes, found, orbit)
                                generated += get(sizes, cursor)
                            if len(compact) > 0:
                                top = _top(work.states, at, width)
                                prefetch(table, top >> (32 - bits))
                                put(work.slots, found, top)
                            else:
                                slot = _hash(work.states, at, width, bits)
                                prefetch(table, slot * width)
                                put(work.slots, found, slot)
                            put(work.nodes, found, i)
                            put(work.olds, found, row)
                            found += 1
            if quiet:
                counters[TERMINAL] += get(sizes, cursor) if symmetric else 1
                for lens in range(judged, lenses):
                    _judge(widths, lay, work, classes, lens, log, cursor, nodes, counters)
            cursor += 1
        # Put the new ones into the table and at the end of the log.
        if len(compact) > 0:
            for k in range(found):
                top = get(work.slots, k)
                entry = np.int64(get(table, top >> (32 - bits)))
                if entry and entry >> bits == top & tags:
                    prefetch(log, ((entry & mask) - 1) * width)
        for k in range(found):
            new = False
            if len(compact) > 0:
                top = get(work.slots, k)
                slot = top >> (32 - bits)
                while True:
                    entry = np.int64(get(table, slot))
                    if entry == 0:
                        put(table, slot, np.uint32((top & tags) << bits | (count + 1)))
                        new = True
                        break
                    if entry >> bits == top & tags:
                        known = ((entry & mask) - 1) * width
                        differs = np.uint64(0)
                        for v in range(width):
                            differs |= get(log, known + v) ^ get(work.states, k * width + v)
                        if differs == np.uint64(0):
                            break
                    slot = (slot + 1) & mask
            else:
                slot = get(work.slots, k)
                place = slot * width
                while True:
                    if get(table, place) == np.uint64(0):
                        for v in range(width):
                            put(table, place + v, get(work.states, k * width + v))
                        new = True
                        break
                    differs = np.uint64(0)
                    for v in range(width):
                        differs |= get(table, place + v) ^ get(work.states, k * width + v)
                    if differs == np.uint64(0):
                        break
                    slot = (slot + 1) & mask
                    place = slot * width
            if not new:
                continue
            for v in range(width):
                put(log, count * width + v, get(work.states, k * width + v))
            i = get(work.nodes, k)
            for lens in range(judged):
                field = get(work.states, k * width + _word(width, lay, i))
                number = np.int64((field >> fixed(lay.shift, i)) & fixed(lay.field, i))
                before = fixed(classes, lens * all_rows + get(work.olds, k))
                after = fixed(classes, lens * all_rows + fixed(lay.base, i) + number)
                if symmetric or before != after:
                    _judge(widths, lay, work, classes, lens, log, count, nodes, counters)
            if symmetric:
                put(sizes, count, get(work.sizes, k))
                counters[FULL] += get(work.sizes, k)
            count += 1
        counters[COUNT] = count
        counters[CURSOR] = cursor
        counters[GENERATED] += generated if symmetric else found
        generated = 0
        if not complete and found == 0 and cursor == first:
            counters[REQUESTS], counters[FIRST] = _request(
                widths, masks, lay, work, log, cursor, count, nodes, fields, rows, ids, ready
            )
            return MISSING
        if counters[PENDING] and batch == 1:
            return LOOK
    return DONE
