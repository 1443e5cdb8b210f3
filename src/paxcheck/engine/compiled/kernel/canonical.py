# pyright: basic, reportCallIssue=false, reportArgumentType=false
"""The canonical state of an orbit: the smallest image under all renamings."""

from __future__ import annotations

import numpy as np

from paxcheck.engine.compiled.kernel.code import part
from paxcheck.engine.compiled.kernel.control import (
    BASE_AT,
    BEST_AT,
    CANDIDATES_AT,
    COMPOSE_AT,
    COMPOSE_FROM_AT,
    FIELDS,
    GROUP_SIZE_AT,
    IMAGE_AT,
    MASK_AT,
    MEMBER_FROM_AT,
    MEMBERS_AT,
    NODES,
    ORBIT_AT,
    PATTERNS,
    PLACES_AT,
    RENAMINGS,
    ROWS,
    SHIFT_AT,
    SLEEP_BYTES,
    SLEEPERS_AT,
    STRIDE_AT,
    SYMMETRY_GROUPS,
    TARGET_AT,
    TIE_FROM_AT,
    TIES_AT,
    TRIAL_AT,
)
from paxcheck.engine.compiled.kernel.pointers import fixed, ints, longs, words
from paxcheck.engine.compiled.kernel.states import word_of


@part
def canonical(widths, c, state, at):
    """Put the smallest image of a state in its place; (the size of its orbit, the renaming).

    The nodes of each group are sorted by the orbits of their rows. Only the orders that this leaves
    open, those of nodes with one orbit, are compared.
    """
    width = len(widths)
    shifts, masks = words(fixed(c, SHIFT_AT)), words(fixed(c, MASK_AT))
    base, places = longs(fixed(c, BASE_AT)), longs(fixed(c, PLACES_AT))
    candidates, best, trial = (
        longs(fixed(c, CANDIDATES_AT)),
        words(fixed(c, BEST_AT)),
        words(fixed(c, TRIAL_AT)),
    )
    image, target = ints(fixed(c, IMAGE_AT)), longs(fixed(c, TARGET_AT))
    nodes, fields, rows = fixed(c, NODES), fixed(c, FIELDS), fixed(c, ROWS)
    # The work space `places`: the fields of the state, then the order of a group's members, its
    # inverse, and their sorted keys.
    order, inverse, keys = fields, fields + 64, fields + 128
    for field in range(fields):
        word = state[at + word_of(widths, c, field)]
        places[field] = np.int64((word >> fixed(shifts, field)) & fixed(masks, field))
    count = 1
    candidates[0] = 0
    total = np.int64(1)
    half = fixed(c, RENAMINGS)
    for g in range(fixed(c, SYMMETRY_GROUPS)):
        size = fixed(longs(fixed(c, GROUP_SIZE_AT)), g)
        first = fixed(longs(fixed(c, MEMBER_FROM_AT)), g)
        last = fixed(longs(fixed(c, MEMBER_FROM_AT)), g + 1)
        factorial = np.int64(1)
        for j in range(2, size + 1):
            factorial *= j
        total *= factorial
        number = np.int64(0)
        pattern = (np.int64(1) << (size - 1)) - 1
        if last > first:
            sorted_already = True
            for j in range(size):
                node = fixed(longs(fixed(c, MEMBERS_AT)), first + j)
                key = np.int64(fixed(ints(fixed(c, ORBIT_AT)), fixed(base, node) + places[node]))
                k = j
                while k > 0 and places[keys + k - 1] > key:
                    places[keys + k] = places[keys + k - 1]
                    places[order + k] = places[order + k - 1]
                    k -= 1
                    sorted_already = False
                places[keys + k] = key
                places[order + k] = j
            pattern = np.int64(0)
            for j in range(size - 1):
                if places[keys + j] == places[keys + j + 1]:
                    pattern |= np.int64(1) << j
            if not sorted_already:
                # The permutation that takes position order[j] to j, and its number.
                for j in range(size):
                    places[inverse + places[order + j]] = j
                weight = factorial
                for j in range(size):
                    weight //= size - j
                    smaller = 0
                    for k in range(j + 1, size):
                        if places[inverse + k] < places[inverse + j]:
                            smaller += 1
                    number += smaller * weight
        more = 0
        ties_from = longs(fixed(c, TIE_FROM_AT))
        row = g * (fixed(c, PATTERNS) + 1) + pattern
        stride, start = (
            fixed(longs(fixed(c, STRIDE_AT)), g),
            fixed(longs(fixed(c, COMPOSE_FROM_AT)), g),
        )
        for k in range(count):
            for t in range(fixed(ties_from, row), fixed(ties_from, row + 1)):
                tied = fixed(longs(fixed(c, TIES_AT)), t)
                permutation = fixed(longs(fixed(c, COMPOSE_AT)), start + tied * factorial + number)
                candidates[half + more] = candidates[k] + permutation * stride
                more += 1
        for k in range(more):
            candidates[k] = candidates[half + k]
        count = more
    least = 0
    renaming = np.int64(0)
    for k in range(count):
        p = candidates[k]
        for w in range(width):
            trial[w] = np.uint64(0)
        for field in range(nodes):
            to = fixed(target, p * nodes + field)
            number = np.int64(fixed(image, p * rows + fixed(base, field) + places[field]))
            trial[word_of(widths, c, to)] |= np.uint64(number) << fixed(shifts, to)
        for field in range(nodes, fields):
            rest = np.uint64(places[field])
            trial[word_of(widths, c, field)] |= rest << fixed(shifts, field)
        smaller = 0
        if k == 0:
            smaller = -1
        else:
            # From the last word down, which is from the last field down: in every layout the same
            # image is the smallest, so the states that are in the log stay those of their orbits.
            for w in range(width - 1, -1, -1):
                if trial[w] != best[w]:
                    smaller = -1 if trial[w] < best[w] else 1
                    break
        if smaller < 0:
            least = 1
            renaming = p
            for w in range(width):
                best[w] = trial[w]
        elif smaller == 0:
            least += 1
    for w in range(width):
        state[at + w] = best[w]
    return total // least, renaming


@part
def renamed(c, asleep, renaming):
    """A sleep mask under a renaming."""
    sleepers, size = words(fixed(c, SLEEPERS_AT)), fixed(c, SLEEP_BYTES)
    found = np.uint64(0)
    for b in range(size):
        value = np.int64(asleep >> np.uint64(8 * b)) & 255
        if value:
            found |= fixed(sleepers, (renaming * size + b) * 256 + value)
    return found
