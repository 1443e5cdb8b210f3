"""The state graph of a small system as a networkx graph, and as DOT or GraphML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx

from paxcheck.plain import printable
from paxcheck.protocol.execute import Act
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.system import Step, System
from paxcheck.protocol.values import show
from paxcheck.protocol.world import World

Graph = Any
"""A networkx MultiDiGraph: nodes are state numbers (0 is initial), edges are steps."""


def state_graph(system: System, max_states: int = 10_000) -> Graph:
    """The reachable states and steps, breadth-first.

    Nodes have `label` (what differs from the initial state) and `depth`, edges have `label`.
    `graph.graph["complete"]` is False when `max_states` was reached.
    """
    graph: Graph = nx.MultiDiGraph(complete=True)  # pyright: ignore[reportUnknownVariableType]
    first = system.initial()
    numbers: dict[World, int] = {first: 0}
    graph.add_node(0, label="initial", depth=0)
    frontier = [first]
    depth = edges = 0
    while frontier:
        depth += 1
        following: list[World] = []
        for world in frontier:
            for transition in system.successors(world):
                after = transition.world
                if after is None:
                    continue
                if after not in numbers:
                    if len(numbers) >= max_states:
                        graph.graph["complete"] = False
                        continue
                    numbers[after] = len(numbers)
                    graph.add_node(numbers[after], label=_state_label(system, after), depth=depth)
                    following.append(after)
                label = step_label(transition.step)
                # GraphML takes the key as the edge's id: no two edges may have the same.
                graph.add_edge(numbers[world], numbers[after], key=f"e{edges}", label=label)
                edges += 1
        frontier = following
    return graph


def write_graph(graph: Graph, path: Path) -> None:
    """Write DOT (`.dot`, `.gv`) or GraphML (`.graphml`), by the file's ending."""
    if path.suffix == ".graphml":
        nx.write_graphml(graph, path)  # pyright: ignore[reportUnknownMemberType]
    else:
        path.write_text(as_dot(graph), encoding="utf-8")


def as_dot(graph: Graph) -> str:
    """The graph in the language of Graphviz."""
    lines = ["digraph states {", "  node [shape=box, fontname=monospace];"]
    for number, data in graph.nodes(data=True):
        lines.append(f"  {number} [label={_quoted(data['label'])}];")
    for start, end, data in graph.edges(data=True):
        lines.append(f"  {start} -> {end} [label={_quoted(data['label'])}];")
    return "\n".join([*lines, "}", ""])


def step_label(step: Step) -> str:
    """A step in a few words."""
    trigger = step.trigger
    if isinstance(trigger, Envelope):
        what = printable(show(trigger.message))
        return f"{trigger.to} takes {what} from {trigger.sender}"
    if isinstance(trigger, Act):
        return f"{trigger.node}: {trigger.action}"
    return f"{trigger.kind} {step.node or ''}".strip()


def _state_label(system: System, world: World) -> str:
    lines: list[str] = []
    for shape, local in zip(system.shapes, world.locals, strict=True):
        parts = [
            f"{name}={printable(show(value))}"
            for name, kind, value, first in zip(
                shape.names, shape.kinds, local, shape.initial, strict=False
            )
            if value != first and kind != "ghost"
        ]
        if parts:
            lines.append(f"{shape.name}: {', '.join(parts)}")
    return "\n".join(lines) or "as at the start"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\l")
    return f'"{escaped}"'
