"""An independent enumeration of a `Spec`: another author's reading of the semantics.

It shares no code with the engines: states are plain tuples, the search is depth-first, distances
are computed afterwards by networkx. It is slow and simple.

A state is (nodes, network, budgets, cut). A node is (d, v, ghost, stopped, undo): `undo` is the
durable field before its last change, kept only while the fault `torn` is switched on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import networkx as nx
from random_protocols import Spec, Trigger

State = tuple[Any, ...]
ORDER = ["crash", "stop", "amnesia", "torn", "corrupt", "loss", "duplicate", "partition"]


@dataclass
class Found:
    """All that the enumeration found; a length is None when there is no such run."""

    distinct: int
    generated: int
    depth: int
    terminal: int
    lengths: dict[str, int | None]


def enumerate_all(spec: Spec, most: int = 20_000) -> Found | None:
    """Enumerate; None when there are more than `most` states."""
    first: State = (
        tuple([(0, 0, frozenset(), False, None)] * spec.nodes),
        (),
        tuple((f, spec.faults[f]) for f in ORDER if f in spec.faults),
        None,
    )
    edges: dict[State, list[tuple[State, tuple[int, int] | None]]] = {}
    stack = [first]
    while stack:
        state = stack.pop()
        if state in edges:
            continue
        edges[state] = list(steps(spec, state))
        stack += [after for after, _ in edges[state]]
        if len(edges) > most:
            return None
    graph = nx.DiGraph()
    graph.add_node(first)
    graph.add_edges_from((a, b) for a, out in edges.items() for b, _ in out)
    far = nx.single_source_shortest_path_length(graph, first)
    last = spec.nodes - 1
    # A run may end where only faults can strike, which spends a budget (state[2]).
    ends = {s for s, out in edges.items() if all(after[2] != s[2] for after, _ in out)}

    def least(lengths: Iterator[int]) -> int | None:
        return min(lengths, default=None)

    return Found(
        distinct=len(edges),
        generated=sum(map(len, edges.values())),
        depth=max(far.values()),
        terminal=len(ends),
        lengths={
            "never_bad": least(far[s] for s in edges if (s[0][0][0], s[0][last][1]) == spec.bad),
            "never_bad_step": least(
                far[s] + 1 for s, out in edges.items() for _, d in out if d == spec.bad_step
            ),
            "good_end": least(far[s] for s in ends if s[0][0][0] != spec.end),
            "goal": least(
                far[s] for s in edges if (s[0][last][0], len(s[0][last][2])) == spec.goal
            ),
        },
    )


def steps(spec: Spec, state: State) -> Iterator[tuple[State, tuple[int, int] | None]]:
    """Every step out of a state: the state after it, and (d before, d after) of a node's step."""
    nodes, net, budgets, cut = state
    for i, node in enumerate(nodes):
        if node[3]:
            continue
        for number in (0, 1):
            if number == 1 and spec.asks and not any(c == 0 and n == 1 for _, _, c, n in net):
                continue
            for after, sends in outcomes(spec, i, node, ("act", number, 0)):
                yield from moved(spec, state, i, after, net, sends)
        for message in sorted(set(heads(spec, net))):
            sender, to, kind, n = message
            if to != i or (cut is not None and (sender in cut) != (to in cut)):
                continue
            for after, sends in outcomes(spec, i, node, ("msg", kind, n)):
                rest = net
                if spec.network == "fifo" or (spec.network == "bag" and (after != node or sends)):
                    rest = without(net, message)
                yield from moved(spec, state, i, after, rest, sends)
        for fault, left in budgets:
            if left:
                for after in struck(spec, node, fault):
                    if after != node:
                        changed = (*nodes[:i], after, *nodes[i + 1 :])
                        yield (changed, net, spend(budgets, fault), cut), (node[0], after[0])
    yield from network_faults(spec, state)


def outcomes(
    spec: Spec, i: int, node: State, trigger: Trigger
) -> Iterator[tuple[State, tuple[tuple[int, int, int, int], ...]]]:
    d, v, seen, stopped, undo = node
    branches = spec.table.get((i, trigger, d, v))
    if not branches:
        yield node, ()
        return
    for b in branches:
        new = seen if b.ghost is None else seen | {b.ghost}
        kept = d if "torn" in spec.faults and b.d != d else undo
        yield (b.d, b.v, new, stopped, kept), tuple((i, to, c, n) for to, c, n in b.sends)


def moved(
    spec: Spec, state: State, i: int, after: State, net: State, sends: State
) -> Iterator[tuple[State, tuple[int, int] | None]]:
    nodes, _, budgets, cut = state
    for message in sends:
        if spec.network == "set":
            net = net if message in net else tuple(sorted((*net, message)))
        elif spec.network == "bag":
            net = tuple(sorted((*net, message)))
        else:
            net = canonical((*net, message))
    result = ((*nodes[:i], after, *nodes[i + 1 :]), net, budgets, cut)
    if result != state:
        yield result, (nodes[i][0], after[0])


def canonical(queue: State) -> State:
    """A fifo network as one tuple: channel by channel, each in its own order (sort is stable)."""
    return tuple(sorted(queue, key=lambda m: (m[0], m[1])))


def heads(spec: Spec, net: State) -> State:
    if spec.network != "fifo":
        return net
    first: dict[Any, Any] = {}
    for message in net:
        first.setdefault((message[0], message[1]), message)
    return tuple(first.values())


def without(net: State, message: State) -> State:
    copies = list(net)
    copies.remove(message)
    return tuple(copies)


def struck(spec: Spec, node: State, fault: str) -> list[State]:
    d, _, seen, _, undo = node
    if fault == "crash":
        return [(d, 0, seen, False, None)]
    if fault == "amnesia":
        # The restart begins with an empty disk; nothing is left to undo.
        return [(0, 0, seen, False, None)]
    if fault == "torn":
        return [] if undo is None else [(undo, 0, seen, False, None)]
    if fault == "stop":
        return [(*node[:3], True, undo)]
    if fault == "corrupt":
        return [(x, node[1], seen, False, undo) for x in (0, 1) if x != d]
    return []


def network_faults(spec: Spec, state: State) -> Iterator[tuple[State, None]]:
    nodes, net, budgets, cut = state
    left = dict(budgets)
    if left.get("loss"):
        for message in sorted(set(net)):
            yield (nodes, without(net, message), spend(budgets, "loss"), cut), None
    if left.get("duplicate"):
        for message in sorted(set(net)):
            more = (*net, message)
            more = canonical(more) if spec.network == "fifo" else tuple(sorted(more))
            yield (nodes, more, spend(budgets, "duplicate"), cut), None
    if "partition" in left:
        if cut is not None:
            yield (nodes, net, budgets, None), None
        elif left["partition"]:
            everyone = range(1, len(nodes))
            for size in range(1, len(nodes)):
                for side in combinations(everyone, size):
                    yield (nodes, net, spend(budgets, "partition"), frozenset(side)), None


def spend(budgets: State, fault: str) -> State:
    return tuple((f, n - 1 if f == fault else n) for f, n in budgets)
