"""The report of a check: as text for people, as one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from paxcheck.cli.coverage import coverage_table
from paxcheck.cli.options import Chosen
from paxcheck.cli.text import beside, columns, configuration, headline
from paxcheck.engine.verdict import PropertyVerdict, Verdict
from paxcheck.plain import count, printable_lines
from paxcheck.protocol.properties import Property
from paxcheck.protocol.protocol import Protocol
from paxcheck.story.spacetime import legend, space_time
from paxcheck.story.words import as_text as words_as_text
from paxcheck.story.words import tell
from paxcheck.trace.replay import Behavior, ReplayError, replay, shows
from paxcheck.trace.write import events_of, header_of, write_trace

_COLORS = {"holds": "green", "violated": "red", "undetermined": "yellow"}


class Story(Struct, frozen=True):
    """The behavior to show: a counterexample, or a witness that was asked for.

    `shortest`: whether no shorter run shows the same, as after a breadth-first search.
    """

    prop: PropertyVerdict
    behavior: Behavior
    shortest: bool = False

    @property
    def witness(self) -> bool:
        """Whether the behavior shows that something good can happen."""
        return self.prop.kind == "reachable"

    def save(self, path: Path, model: str) -> None:
        """Write the behavior as a trace."""
        header = header_of(self.behavior, model=model, prop=self.prop.name, reason=self.prop.reason)
        write_trace(path, header, events_of(self.behavior))


def story_of(
    verdict: Verdict,
    protocol: Protocol,
    properties: Sequence[Property],
    *,
    witness: bool,
    shortest: bool,
) -> Story | None:
    """The first violated property's behavior (or a witness), replayed before anyone sees it."""
    shown = [p for p in verdict.properties if p.verdict == "violated" and p.behavior is not None]
    if not shown and witness:
        shown = [p for p in verdict.properties if p.behavior is not None]
    for found in [p for p in verdict.properties if p.behavior is not None]:
        _confirm(found, protocol, properties)
    if not shown or shown[0].behavior is None:
        return None
    return Story(shown[0], replay(protocol, shown[0].behavior), shortest)


def _confirm(found: PropertyVerdict, protocol: Protocol, properties: Sequence[Property]) -> None:
    prop = next(p for p in properties if p.name == found.name)
    breach = shows(replay(protocol, found.behavior or ()), prop)
    if (breach is None) != (prop.kind == "reachable"):
        raise ReplayError(f"the run to {prop.name} does not show it when it is replayed")


def as_json(verdict: Verdict, chosen: Chosen, story: Story | None) -> str:
    """The stable object of `--format json`; docs/json.md describes every field."""
    protocol = chosen.protocol
    coverage = verdict.coverage
    result: dict[str, Any] = {
        "verdict": verdict.verdict,
        "model": verdict.model,
        "scope": verdict.scope,
        "engine": verdict.engine,
        "distinct_states": verdict.distinct_states,
        "generated_states": verdict.generated_states,
        "depth": verdict.depth,
        "seconds": round(verdict.seconds, 6),
        "properties": [_property_json(p) for p in verdict.properties],
        "complete": verdict.complete,
        "stopped": verdict.stopped,
        "terminal_states": verdict.terminal_states,
        "levels": list(verdict.levels),
        "parameters": protocol.params,
        "network": protocol.network,
        "faults": protocol.faults,
        "without": sorted(protocol.without),
        "coverage": {
            "counts": coverage.counts,
            **coverage.as_data(),
            "vacuous": coverage.vacuous(),
        }
        if coverage
        else None,
        "notes": list(verdict.notes),
        "counterexample": None,
    }
    if story is not None:
        result["counterexample"] = {
            "property": story.prop.name,
            "steps": [line.headline for line in tell(story.behavior)],
            "events": [msgspec.to_builtins(e) for e in events_of(story.behavior)],
        }
    return json.dumps(result, ensure_ascii=False)


def _property_json(found: PropertyVerdict) -> dict[str, Any]:
    result: dict[str, Any] = {"name": found.name, "kind": found.kind, "verdict": found.verdict}
    if found.steps is not None:
        result["steps"] = found.steps
    if found.reason:
        result["reason"] = found.reason
    return result


def as_text(
    verdict: Verdict, chosen: Chosen, story: Story | None, *, coverage: bool = False
) -> str:
    """The report for people: the verdict of each property, the counts, one counterexample."""
    blocks = [_heading(verdict, chosen), _properties(verdict), _counts(verdict, chosen)]
    if coverage:
        blocks.append(coverage_table(verdict, chosen.protocol))
    if story is not None:
        blocks.append(tell_story(story))
    blocks.append(_conclusion(verdict, story))
    return "\n\n".join(block for block in blocks if block)


def tell_story(story: Story) -> str:
    """A counterexample or a witness in words and as a diagram."""
    found, steps = story.prop, count(story.prop.steps or 0, "step")
    title = f"Counterexample to {found.name}, {steps}:"
    if story.witness:
        title = f"A {'shortest ' if story.shortest else ''}run to {found.name}, {steps}:"
    return tell_run(title, story.behavior, found.reason, found.doc)


def tell_run(title: str, behavior: Behavior, reason: str = "", doc: str = "") -> str:
    """A run in words and as a diagram, and why it breaks the property with that docstring."""
    width = columns(otherwise=100)
    parts = [click.style(title, bold=True), words_as_text(tell(behavior))]
    if reason:
        # A property that only says False has no reason but itself.
        so = "Broken:" if doc.startswith(reason) else "So:"
        parts.append(f"{click.style(so, fg='red', bold=True)} {printable_lines(reason)}")
    diagram = space_time(behavior, width)
    if diagram:
        parts += [f"Space-time diagram ({legend(diagram)}):", diagram]
    return "\n\n".join(filter(None, parts))


def _heading(verdict: Verdict, chosen: Chosen) -> str:
    scope = f"scope {verdict.scope}: {configuration(chosen.protocol)}"
    return "\n".join([headline(chosen.model), scope, *verdict.notes])


def _properties(verdict: Verdict) -> str:
    width = max(len(p.name) for p in verdict.properties)
    rows: list[str] = []
    for found in verdict.properties:
        word = found.verdict
        if found.kind == "reachable" and word != "undetermined":
            word = "reached" if word == "holds" else "unreached"
        steps = f"  ({count(found.steps, 'step')})" if found.steps is not None else ""
        name = f"{click.style(f'{word:<12}', fg=_COLORS[found.verdict])}  {found.name:<{width}}"
        rows.append(beside(f"  {name}  ", width + 18, found.doc.splitlines()[0] + steps))
    return "\n".join(rows)


def _counts(verdict: Verdict, chosen: Chosen) -> str:
    lines = [
        f"{count(verdict.distinct_states, 'distinct state')}, "
        f"{count(verdict.generated_states, 'step')}, depth {verdict.depth}, "
        f"{count(verdict.terminal_states, 'terminal state')}, {verdict.seconds:.2f} s"
    ]
    if verdict.stopped:
        lines.append(f"not all was explored: {verdict.stopped}")
    expected = chosen.model.expected.get(chosen.scope)
    if expected and verdict.complete and not chosen.changed:
        numbers = ("distinct_states", "generated_states", "depth")
        wrong = [n for n in numbers if n in expected and expected[n] != getattr(verdict, n)]
        if wrong:
            told = ", ".join(f"{n} {expected[n]:,}" for n in wrong)
            lines.append(click.style(f"the manifest expects otherwise: {told}", fg="yellow"))
        else:
            lines.append("the counts are those of the manifest")
    if verdict.coverage and verdict.complete:
        unused = verdict.coverage.vacuous()
        if unused:
            lines.append(click.style(f"never ran in this scope: {', '.join(unused)}", fg="yellow"))
    return "\n".join(lines)


def _conclusion(verdict: Verdict, story: Story | None) -> str:
    answer = verdict.verdict
    word = "a witness was found" if answer == "holds" and not verdict.complete else answer
    said = f"verdict: {click.style(word, fg=_COLORS[answer], bold=True)}"
    if answer == "holds" and verdict.complete:
        return f"{said} (every reachable state of this scope was seen)"
    if answer == "holds":
        # Only witnesses were asked for: finding them needs no more than some of the states.
        names = ", ".join(p.name for p in verdict.properties)
        return f"{said}: {names} (not every state of this scope was seen)"
    if answer == "undetermined":
        return f"{said}: {verdict.stopped or 'nothing was decided'}"
    broken = [p.name for p in verdict.properties if p.verdict == "violated"]
    text = f"{said}: {', '.join(broken)}"
    shown = {p.name for p in verdict.properties if p.behavior is not None}
    others = [n for n in broken if story is not None and n != story.prop.name and n in shown]
    if others:
        text += f"\n(--property {others[0]} shows that counterexample)"
    return text
