"""The control block: where a kernel finds its arguments, and where it answers.

It is an array of 64-bit numbers; a kernel has no other argument. Each thread has its own block. The
names ending in `_AT` are addresses.
"""

from __future__ import annotations

from itertools import count

_place = count()
_next = _place.__next__

# The shape of a state, and the tables. See `layout`.
NODES = _next()
FIELDS = _next()  # one for each node, and one for what is left of the faults, if there are any
WORD_AT = _next()  # field -> which word of a state
SHIFT_AT = _next()  # field -> shift in that word
MASK_AT = _next()  # field -> mask, before the shift
BASE_AT = _next()  # node -> number of its row 0 among all rows
SLOTS_AT = _next()  # the slots of node i: [slots[i], slots[i + 1])
SOURCE_AT = _next()  # slot -> where its bits come from: the sender, or the node itself
GROUP_AT = _next()  # slot -> its bit in a sleep mask, 0 if it never sleeps
BEFORE_AT = _next()  # node -> the bits of all nodes before it in a sleep mask
OFFERS_AT = _next()  # (row, node, word) -> bits
STRIDE = _next()  # how many nodes there is room for in each row of `OFFERS_AT` and `ALLOW_AT`
BITS_AT = _next()  # (row, word) -> four masks, see below
ALLOW_AT = _next()  # (rest, node, word) -> bits of the node itself that the faults' budgets allow
WANTS_AT = _next()  # (row, word) -> with inboxes: bits that must be filled before it is expanded
ENTRY_AT = _next()  # the entries of a row's live bits, one after the other: see `steps`
KEEPS_AT = _next()  # what sleeps on after a step: masks, by number
RECORDS_AT = _next()  # see `search.take`
SPEND_AT = _next()  # (fault, rest) -> rest after it; 0: no more
RESTS = _next()
JUMPS_AT = _next()  # steps of the network: rest -> [jumps[rest], jumps[rest + 1]) of targets
TARGETS_AT = _next()
ADD_AT = (
    _next()
)  # adds_from[i] + row * groups[i] + group -> row after the group was sent; 0: unknown
ADDS_FROM_AT = _next()
GROUPS_AT = _next()
CUTS_AT = _next()  # (rest, node) -> the nodes whose messages do not arrive, as bits
CUT = _next()  # whether there are partitions

# Properties and questions: what they can tell apart. See `judging`.
STATES_LENSES = _next()  # how many lenses judge states; after them come those of terminal states,
END_LENSES = _next()
QUESTIONS = _next()  # and then the questions of actions that ask which messages were sent
CLASSES_AT = _next()  # (lens, row) -> class
ROWS = _next()
LENS_FIELDS_AT = _next()  # (lens, node) -> whether the lens looks at the node
SEEN_AT = _next()  # (lens, slot, word)
SEEN_SLOTS = _next()
SEEN_COUNT_AT = _next()
DENSE_AT = _next()  # lens -> a table of bytes, one for each key; 0: its keys are in `SEEN_AT`
DENSE_SHIFTS_AT = _next()  # (lens, node) -> shift of its class, less 1, in a place of that table
PENDING_AT = _next()  # (state, lens)
PENDING_ROOM = _next()
PENDING = _next()
ASKER_AT = _next()  # question -> node
ANSWERS_AT = _next()  # (question, slot, word): keys as in `seen`
ANSWER_AT = _next()  # (question, slot) -> record
ANSWERS_SLOTS = _next()

# The states.
LOG_AT = _next()
LOG_ROOM = _next()
TABLE_AT = _next()
BITS = _next()
SLEEP_AT = _next()  # of the states from `LEVEL` on
LEVEL = _next()  # where the level that is expanded begins
LEVEL_END = _next()
SIZES_AT = _next()  # of the orbits
LIMIT = _next()
SHARED_AT = _next()  # counters that all threads change, see below
MINE = _next()  # where the next new state goes, in the block of this thread
MINE_END = _next()
THREADS = _next()

# What to do, and the answer.
LIST_AT = _next()  # the states to expand, if not 0: else from the shared cursor on
LISTED = _next()
LIST_DONE = _next()
STOP = _next()
BATCH = _next()
MOST = _next()  # no state has more steps
GENERATED = _next()
TERMINAL = _next()
FULL = _next()  # states found, with their orbits
DEFERRED_AT = _next()
DEFERRED = _next()
DEFERRED_ROOM = _next()
REQUESTS_AT = _next()  # (node, row, bit) or (node, row, -1 - group)
REQUESTS = _next()
REQUESTS_ROOM = _next()
REQUESTED_AT = _next()  # (row, word)
SPRUNG_AT = _next()  # trap -> 1 when a state takes that step

# Work space.
ROWS_AT = _next()
IDS_AT = _next()
OPEN_AT = _next()  # in a narrow shape: node -> the bits that are open in the state that was read,
AWAKE_AT = _next()  # and those of them that do not sleep
STATE_AT = _next()
NEW_AT = _next()  # states, and beside them:
TOPS_AT = _next()  # the upper half of its hash, and above that which lenses must look at it
ASLEEP_AT = _next()
ORBITS_AT = _next()
KEY_AT = _next()
ROOM = _next()  # how many states `NEW_AT` has room for

# Symmetry. See `canonical`.
RENAMINGS = _next()
MEMBERS_AT = _next()
MEMBER_FROM_AT = _next()
GROUP_SIZE_AT = _next()
SYMMETRY_GROUPS = _next()
STRIDE_AT = _next()
TIES_AT = _next()
TIE_FROM_AT = _next()
PATTERNS = _next()
COMPOSE_AT = _next()
COMPOSE_FROM_AT = _next()
TARGET_AT = _next()
IMAGE_AT = _next()
ORBIT_AT = _next()
SLEEPERS_AT = _next()  # (renaming, byte, value) -> the renamed byte of a sleep mask
SLEEP_BYTES = _next()
CANDIDATES_AT = _next()
PLACES_AT = _next()
BEST_AT = _next()
TRIAL_AT = _next()

# Arguments of the scans. See `scans`.
FIRST = _next()
LAST = _next()
MODE = _next()
LENS = _next()
KEYS_AT = _next()  # keys as in `SEEN_AT`
KEYS_SLOTS = _next()
TRAPS_AT = _next()  # the traps that count
TRAPS = _next()
WANTED_AT = _next()  # a small table of places in the log
WANTED_BITS = _next()
MARKS_AT = _next()  # the places that were found
MARKS = _next()
MARKS_ROOM = _next()
PARTS_AT = _next()  # the numbers of the parts of states, two of each: see `digest`
PARTS_FROM_AT = _next()  # field -> where its parts begin
TOTALS_AT = _next()  # two sums
OLD_LOG_AT = _next()
OLD_WIDTH = _next()
OLD_WORD_AT = _next()
OLD_SHIFT_AT = _next()
OLD_MASK_AT = _next()

SIZE = _next()

# What there is of a row, for each word of bits: those that are known to do nothing (with inboxes:
# those whose moves are known); those that do something (they are *live*); those of them whose entry
# is no record (they are *plain*); and where the entries begin. All is 0 for a row of which nothing
# is known.
CLOSED, LIVE, PLAIN, ENTRIES = range(4)
KNOWN = CLOSED

MANY = 7  # lenses that have a bit of their own in an entry; the others share the next one

# Places among the shared counters; each has a cache line of its own.
CURSOR, COUNT = 0, 8
SHARED = 16

BLOCK = 1024  # places in the log that a thread takes at once

# Why a kernel came back.
DONE, TABLE_FULL, LOG_FULL, PENDING_FULL, SEEN_FULL, DEFERRED_FULL, LIMITED = range(7)

# What `scans.scan` looks for.
JUDGE_ENDS, MARK_ENDS, MARK_TRAPS, MARK_PARENTS = range(4)
