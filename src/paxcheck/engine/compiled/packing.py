# pyright: basic
"""How the numbers of a state are packed into words: a field for each node, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

ONE_WORD = 63  # bit 63 of word 0 marks keys
MOST_ROOM = 1 << 16  # rows that are made ready before there are any


class Packing:
    """The fields of a state. `fields`: the nodes and, if there are faults, one for the *rest*: what
    is left of the budgets, and the cut between the nodes.

    `width`: words of a state; `bits`: of each field; `word`, `shift`, `mask`: where a field is;
    `sizes`: how many rows each node has room for; `base`: the first of them, among the rows of all;
    `total`: the rows of all. `rests`: the values of the rest, by number, from 1 on.
    """

    tables: Any
    nodes: int
    fields: int
    faults: tuple[str, ...]
    rests: list[tuple[tuple[int, ...], int]]
    rest_ids: dict[tuple[tuple[int, ...], int], int]
    symmetric: bool

    def roomy_widths(self) -> list[int]:
        """The bits of each field, with room to grow."""
        rows = [len(rows) for rows in self.tables.rows]
        rest = [(len(self.rests)).bit_length()] if self.faults else []
        tight = [n.bit_length() for n in rows] + rest
        # All states are written again when a field is full: that shall not happen often. With
        # symmetry every row costs an image for each renaming, so there is less room for more.
        for spare in (3, 2) if self.symmetric else (6, 5, 4, 3, 2):
            roomy = [max(n.bit_length() + spare, 6) for n in rows] + rest
            if sum(roomy) <= ONE_WORD and max(rows) << spare < MOST_ROOM:
                return roomy
        roomy = [max(n + n // 4, 48).bit_length() for n in rows] + rest
        if sum(roomy) <= ONE_WORD or sum(tight) + self.nodes // 2 > ONE_WORD:
            return roomy
        # It fits into one word if the fields that are nearly full get the bits that are left.
        spare = ONE_WORD - sum(tight)
        for i in sorted(range(self.nodes), key=lambda i: -rows[i] / (1 << tight[i]))[:spare]:
            tight[i] += 1
        return tight

    def lay_out(self, need: list[int]) -> None:
        """Give each field its place; `need`: its bits."""
        words: list[int] = []
        word, shift = [0] * self.fields, [0] * self.fields
        for c in range(self.fields):
            # In order, so that comparing states by their words compares them field by field.
            if not words or words[-1] + need[c] > (ONE_WORD if len(words) == 1 else 64):
                words.append(0)
            word[c], shift[c] = len(words) - 1, words[-1]
            words[-1] += need[c]
        self.width = len(words)
        self.bits = need
        self.word = np.array(word, np.int64)
        self.shift = np.array(shift, np.uint64)
        self.mask = np.array([(1 << b) - 1 for b in need], np.uint64)
        self.sizes = [1 << b for b in need[: self.nodes]]
        self.base = np.array([sum(self.sizes[:i]) for i in range(self.nodes)], np.int64)
        self.total = sum(self.sizes)

    def pack(self, numbers: tuple[int, ...], budgets: tuple[int, ...], cut: int = 0) -> list[int]:
        """The words of a state."""
        ids = [*numbers, *([self.rest_ids[budgets, cut]] if self.faults else [])]
        words = [0] * self.width
        for c, number in enumerate(ids):
            words[int(self.word[c])] |= number << int(self.shift[c])
        return words

    def unpack(self, states: np.ndarray) -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
        """The rows of each state, what is left of the budgets, and the number of the cut.

        `states`: the words of one state in each row.
        """
        fields = [states[:, w] for w in self.word.tolist()]
        ids = [
            ((words >> shift) & mask).tolist()
            for words, shift, mask in zip(fields, self.shift, self.mask, strict=True)
        ]
        rests = [self.rests[k] for k in ids[self.nodes]] if self.faults else [((), 0)] * len(states)
        rows = zip(*ids[: self.nodes], strict=True)
        return [(numbers, *rest) for numbers, rest in zip(rows, rests, strict=True)]
