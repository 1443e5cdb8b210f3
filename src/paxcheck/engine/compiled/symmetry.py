# pyright: basic
"""Symmetry: one state stands for all that differ only by a renaming of interchangeable names.

The model declares groups of names (nodes or values). A renaming maps each row of the tables to a
row of another (or the same) node; these images are computed by renaming the Python objects, once
per row and generator. The declaration is checked: for every entry that the search uses, and for
every image of it, the image of the outcome must be the outcome of the image. What a handler
treats differently is found and named.

The canonical form of a state: sort the nodes of each group by the orbit of their row, and among
the orders that remain open take the smallest image. How many orders give it tells how many states
the orbit has, so the sizes of all orbits must sum up to the number of states without symmetry.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np

from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.kernel.block import Block
from paxcheck.engine.compiled.tables import Tables
from paxcheck.protocol.execute import Act, NodeFault
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.values import rename

ACTIONS = -1
FAULT = -2
MOST_SLEEPERS = 1000  # renamings; with more, no step sleeps


class NotSymmetric(Exception):
    """The declared symmetry is none; the message says what is treated differently."""


class Symmetry:
    """The renamings of a system, and the images of its rows."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        system = tables.system
        self.groups = [tuple(names) for names in system.protocol.symmetry() if len(names) > 1]
        self.nodes = len(system.names)
        for names in self.groups:
            inside = [name in system.index for name in names]
            if any(inside) and not all(inside):
                raise NotSymmetric(f"{', '.join(names)}: some are nodes and some are not")
        orders = [list(permutations(range(len(names)))) for names in self.groups]
        self.orders = orders
        counts = [len(o) for o in orders]
        self.count = int(np.prod(counts)) if counts else 1
        self.strides = [int(np.prod(counts[g + 1 :])) for g in range(len(counts))]
        self.maps = [self._map(p) for p in range(self.count)]
        index = system.index
        self.target = np.array(
            [[index[m.get(name, name)] for name in system.names] for m in self.maps], np.int64
        )
        # Generators: the swap of the first two names and the cycle of all, for each group.
        self.generators: list[int] = []
        for g, names in enumerate(self.groups):
            k = len(names)
            swap = (1, 0, *range(2, k))
            cycle = (*range(1, k), 0)
            for order in dict.fromkeys([swap, cycle]):
                self.generators.append(orders[g].index(order) * self.strides[g])
        self._images: dict[int, list[list[int]]] = {
            p: [[0] for _ in range(self.nodes)] for p in self.generators
        }
        self._targets = {p: [int(to) for to in self.target[p]] for p in self.generators}
        self._place_images: dict[tuple[int, int], list[int]] = {}
        self._checked: set[tuple[int, int, int]] = set()
        self._bit_images: dict[tuple[int, int], int] = {}
        self._fixed: dict[int, Any] | None = None

    def _map(self, p: int) -> dict[str, str]:
        found: dict[str, str] = {}
        for g, names in enumerate(self.groups):
            order = self.orders[g][(p // self.strides[g]) % len(self.orders[g])]
            found.update({names[j]: names[order[j]] for j in range(len(names))})
        return found

    # Rows -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Make the images of all rows under the generators; they are rows too."""
        tables = self.tables
        open_ = any(
            len(of) < len(rows)
            for images in self._images.values()
            for of, rows in zip(images, tables.rows, strict=True)
        )
        if open_ and tables.journal is not None:
            tables.journal.append(["close"])
        while open_:
            open_ = False
            for p in self.generators:
                for i in range(self.nodes):
                    images, rows = self._images[p][i], tables.rows[i]
                    to = int(self.target[p, i])
                    for number in range(len(images), len(rows)):
                        row = rows[number]
                        place = self._place_image(p, i, row.place)
                        images.append(tables.row_at(to, place, self.sent_image(p, row.sent)))
                        open_ = True

    def place_image(self, p: int, i: int, place: int) -> int:
        """The number of the image of a local state of node `i`."""
        if self.tables.journal is not None:
            known = self._place_images.get((p, i), ())
            if place >= len(known):
                self.tables.journal.append(["place_image", p, i, place])
        return self._place_image(p, i, place)

    def _place_image(self, p: int, i: int, place: int) -> int:
        images = self._place_images.setdefault((p, i), [0])
        tables, to = self.tables, int(self.target[p, i])
        for number in range(len(images), place + 1):
            images.append(tables.place(to, rename(tables.locals[i][number], self.maps[p])))
        return images[place]

    def sent_image(self, p: int, sent: int) -> int:
        """The image of a set of messages, as a mask."""
        mask = 0
        while sent:
            low = sent & -sent
            mask |= self.bit_image(p, low.bit_length() - 1)
            sent ^= low
        return mask

    def bit_image(self, p: int, bit: int) -> int:
        """The image of one message, as a mask."""
        known = self._bit_images.get((p, bit))
        if known is None:
            if self.tables.journal is not None:
                self.tables.journal.append(["bit_image", p, bit])
            names = self.maps[p]
            message, receivers = self.tables.contents[bit]
            message = rename(message, names)
            sends = tuple([Envelope(names.get(to, to), message) for to in receivers])
            known = self._bit_images[p, bit] = self.tables._mask(sends)
        return known

    def image(self, p: int, i: int, number: int) -> int:
        """The image of a row under a generator."""
        images = self._images[p][i]
        if number >= len(images):
            self.close()
        return images[number]

    def images(self, numbers: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
        """The images of a state under the generators."""
        found: list[tuple[int, tuple[int, ...]]] = []
        for p in self.generators:
            image = [0] * self.nodes
            for number, of, to in zip(numbers, self._images[p], self._targets[p], strict=True):
                if number >= len(of):
                    self.close()
                image[to] = of[number]
            found.append((p, tuple(image)))
        return found

    def check_initial(self, numbers: tuple[int, ...]) -> None:
        """The initial state must be its own image. Raises NotSymmetric."""
        self.close()
        for p, image in self.images(numbers):
            if image != numbers:
                moved = [f"{a} for {b}" for a, b in self.maps[p].items() if a != b]
                raise NotSymmetric(f"the initial state changes when {', '.join(moved)} is put in")

    def describe(self, block: Block, arrays: Any) -> None:
        """Write the group into a control block, for rows numbered as the arrays do."""
        self.close()
        base, total, count = arrays.base, arrays.total, self.count
        image = np.zeros((count, total), np.int32)
        where = np.zeros((count, total), np.int64)  # the same among all rows
        sizes = [len(rows) for rows in self.tables.rows]
        everything = np.concatenate([np.arange(sizes[i]) + int(base[i]) for i in range(self.nodes)])
        steps = {}
        for p in self.generators:
            step = np.zeros(total, np.int64)
            for i in range(self.nodes):
                to = int(self.target[p, i])
                start = int(base[i])
                step[start : start + sizes[i]] = np.array(self._images[p][i]) + int(base[to])
            steps[p] = step
        owner = np.zeros(total, np.int64)
        for i in range(self.nodes):
            owner[int(base[i]) : int(base[i]) + sizes[i]] = i
        where[0] = 0
        where[0, everything] = everything
        done = {0}
        queue = [0]
        keys = {tuple(sorted(m.items())): p for p, m in enumerate(self.maps)}
        while queue:
            p = queue.pop()
            for g in self.generators:
                after = {name: self.maps[g].get(to, to) for name, to in self.maps[p].items()}
                q = keys[tuple(sorted(after.items()))]
                if q not in done:
                    done.add(q)
                    queue.append(q)
                    where[q, everything] = steps[g][where[p, everything]]
        starts = np.array([int(base[i]) for i in range(self.nodes)])
        image[:, everything] = where[:, everything] - starts[owner[where[:, everything]]]
        orbit = np.zeros(total, np.int32)
        orbit[everything] = where[:, everything].min(axis=0)
        if self._fixed is None:
            self._fixed = self._fixed_arrays()
            self._sleepers = self._renamed_sleep(arrays)
        block[at.RENAMINGS], block[at.SYMMETRY_GROUPS] = count, len(self.groups)
        block[at.PATTERNS] = self._fixed[at.TIE_FROM_AT].shape[1] - 1
        block[at.SLEEP_BYTES] = self._sleepers.shape[1]
        block.point(self._fixed)
        block.point(
            {
                at.TARGET_AT: np.ascontiguousarray(self.target),
                at.IMAGE_AT: image,
                at.ORBIT_AT: orbit,
                at.SLEEPERS_AT: self._sleepers,
            }
        )

    def _renamed_sleep(self, arrays: Any) -> Any:
        """Every byte of a sleep mask under every renaming."""
        count = self.count if self.count <= MOST_SLEEPERS else 0
        size = (len(arrays.renamed_groups(range(self.nodes))) + 7) // 8 if count else 0
        found = np.zeros((max(1, count), size, 256), np.uint64)
        for p in range(count if size else 0):
            to = arrays.renamed_groups(self.target[p])
            for bit, after in enumerate(to):
                values = np.arange(256) >> (bit % 8) & 1
                found[p, bit // 8] |= values.astype(np.uint64) << np.uint64(after)
        return found

    def _fixed_arrays(self) -> dict[int, Any]:
        members, member_at = [], [0]
        ties: list[int] = []
        patterns = 1 << max((len(n) - 1 for n in self.groups), default=0)
        tie_at = np.zeros((len(self.groups), patterns + 1), np.int64)
        compose: list[int] = []
        compose_at = []
        for g, names in enumerate(self.groups):
            inside = all(name in self.tables.system.index for name in names)
            if inside:
                members += [self.tables.system.index[name] for name in names]
            member_at.append(len(members))
            orders = self.orders[g]
            number = {order: k for k, order in enumerate(orders)}
            for pattern in range(1 << (len(names) - 1)):
                tie_at[g, pattern] = len(ties)
                blocks = [0]
                for j in range(len(names) - 1):
                    blocks.append(blocks[-1] + (0 if pattern >> j & 1 else 1))
                for order in orders:
                    if all(blocks[order[j]] == blocks[j] for j in range(len(names))):
                        ties.append(number[order])
                tie_at[g, pattern + 1] = len(ties)
            compose_at.append(len(compose))
            for second in orders:
                for first in orders:
                    compose.append(number[tuple(second[x] for x in first)])
        return {
            at.MEMBERS_AT: np.array(members or [0], np.int64),
            at.MEMBER_FROM_AT: np.array(member_at, np.int64),
            at.GROUP_SIZE_AT: np.array([len(n) for n in self.groups], np.int64),
            at.STRIDE_AT: np.array(self.strides, np.int64),
            at.TIES_AT: np.array(ties, np.int64),
            at.TIE_FROM_AT: tie_at,
            at.COMPOSE_AT: np.array(compose, np.int64),
            at.COMPOSE_FROM_AT: np.array(compose_at, np.int64),
        }

    # The check ------------------------------------------------------------------------------

    def check_row(self, i: int, number: int, bits: list[int], arrays: Any) -> None:
        """Check what a row does on some of its bits in the arrays. Raises NotSymmetric."""
        place = self.tables.rows[i][number].place
        for bit in bits:
            if bit >= 0:
                self.check(i, place, arrays.what(i, bit))

    def check(self, i: int, place: int, what: int) -> None:
        """Check what a local state does, and all images of that. Raises NotSymmetric.

        `what`: a message bit, ACTIONS, or FAULT - f for the fault f.
        """
        if (i, place, what) in self._checked:
            return
        todo = [(i, place, what)]
        self._checked.add(todo[0])
        while todo:
            i, place, what = todo.pop()
            effects = self._effects(i, place, what)
            for p in self.generators:
                to = int(self.target[p, i])
                image = self.place_image(p, i, place)
                what_image = what
                if what >= 0:
                    what_image = self.bit_image(p, what).bit_length() - 1
                expected = sorted(
                    [(after and self.place_image(p, i, after), self.sent_image(p, sent))
                     for after, sent in effects]
                )  # fmt: skip
                if sorted(self._effects(to, image, what_image)) != expected:
                    raise NotSymmetric(self._difference(p, i, what))
                if (to, image, what_image) not in self._checked:
                    self._checked.add((to, image, what_image))
                    todo.append((to, image, what_image))

    def _effects(self, i: int, place: int, what: int) -> list[tuple[int, int]]:
        """What a local state does: the local states after it (0: an exception), and the bits sent.

        What changes nothing is left out.
        """
        tables = self.tables
        triggers: list[Any]
        if what >= 0:
            triggers = [what]
        elif what == ACTIONS:
            stopped = tables.system.shapes[i].stopped(tables.locals[i][place])
            triggers = [] if stopped else [*tables.system.triggers(i)]
            triggers = [t for t in triggers if isinstance(t, Act)]
        else:
            triggers = [NodeFault(tables.system.names[i], tables.system.fault_names[FAULT - what])]
        found = [e for t in triggers for e in tables.effects(i, place, t) or ()]
        return [(e.after, e.sent) for e in found if e.after != place or e.sent]

    def _difference(self, p: int, i: int, what: int) -> str:
        tables = self.tables
        if what >= 0:
            step = Envelope(tables.system.names[i], tables.contents[what][0])
            return self.difference(p, i, step)
        return self.difference(p, i, None)

    def difference(self, p: int, i: int, step: Envelope | Act | None) -> str:
        """What is wrong when a step of node `i` is not the same under a renaming."""
        tables = self.tables
        moved = [f"{a} for {b}" for a, b in self.maps[p].items() if a != b]
        where = "an action or fault" if step is None else tables.system.handler_name(step)
        return (
            f"{where} of {tables.system.names[i]} does not do the same when {', '.join(moved)} is "
            "put in its place, and symmetry() says that it does"
        )
