"""A space-time diagram in text: one column a node, time runs down, one arrow a delivery.

An arrow stands in the row where its message arrives; the step that sent it is given on the right
when other steps lie between.
"""

from __future__ import annotations

from paxcheck.plain import printable
from paxcheck.protocol.execute import Act
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.system import NetworkFault
from paxcheck.protocol.values import show
from paxcheck.trace.replay import Behavior, Frame

_SIGNS = {
    "○": "sends",
    "●": "takes or acts",
    "↺": "takes its own message",
    "✗": "restarts",
    "■": "stops",
    "✎": "has another value on disk",
}
_MARKS = {"crash": "✗", "amnesia": "✗", "torn": "✗", "stop": "■", "corrupt": "✎"}
_FAULTS = {
    "crash": "crashes, restarts",
    "amnesia": "restarts with an empty disk",
    "torn": "restarts, last write lost",
    "stop": "stops for ever",
    "corrupt": "another value on disk",
}


def space_time(behavior: Behavior, width: int = 100) -> str:
    """The diagram, at most `width` characters wide where the number of nodes allows it."""
    system = behavior.system
    names = [n for n in system.names if _takes_part(behavior, n)]
    if not names:
        return ""
    taken = [f.step.trigger for f in behavior.frames]
    label = max([len(_short(t.message)) for t in taken if isinstance(t, Envelope)], default=6)
    gap = max(8, min(label + 5, (width - 40) // len(names)))
    at = {name: 6 + k * gap for k, name in enumerate(names)}
    rows = ["".join(_put({at[n]: n for n in names}, 0)).rstrip()]
    sent_at: dict[Envelope, int] = {}
    for number, frame in enumerate(behavior.frames, 1):
        rows.append(_row(frame, number, at, sent_at))
        for envelope in frame.outcome.sent if frame.outcome else ():
            sent_at.setdefault(envelope, number)
    return "\n".join(rows)


def legend(diagram: str) -> str:
    """What the signs in a diagram mean, those that are in it."""
    used = [f"{sign} {word}" for sign, word in _SIGNS.items() if sign in diagram]
    return ", ".join(["time runs down", *used]).replace(", ", "; ", 1)


def _row(frame: Frame, number: int, at: dict[str, int], sent_at: dict[Envelope, int]) -> str:
    trigger, node = frame.step.trigger, frame.step.node
    end = max(at.values()) + 3
    cells = dict.fromkeys(at.values(), "│")
    note = ""
    if isinstance(trigger, NetworkFault):
        note = f"network: {trigger.kind}"
        if trigger.envelope is not None:
            note += f" {_short(trigger.envelope.message)} to {trigger.envelope.to}"
        elif trigger.side:
            note += f" {', '.join(sorted(trigger.side))} | the others"
    elif isinstance(trigger, Envelope):
        cells |= _arrow(at[trigger.sender], at[trigger.to], _short(trigger.message))
        note = _full(trigger.message)
        when = sent_at.get(trigger, number - 1)
        if when < number - 1:
            note += f"  (sent in {when})"
    elif node is not None:
        cells[at[node]] = "●" if isinstance(trigger, Act) else _MARKS[trigger.kind]
        act = isinstance(trigger, Act)
        note = f"{node}: {trigger.action.replace('_', ' ') if act else _FAULTS[trigger.kind]}"
    return f"{number:>4} {_put(cells, 5)[5:].ljust(end - 5)}{printable(note)}"


def _arrow(start: int, end: int, label: str) -> dict[int, str]:
    if start == end:
        return {start: "↺"}
    left, right = min(start, end), max(start, end)
    cells = dict.fromkeys(range(left + 1, right), "─")
    room = right - left - 5
    if len(label) <= room:
        first = left + 2 + (room - len(label) + 1) // 2
        cells |= {
            first + k: c
            for k, c in enumerate(f" {label} ".strip() if room < len(label) + 2 else label)
        }
    cells[start] = "○"
    cells[end] = "●"
    cells[end - 1 if end > start else end + 1] = "▶" if end > start else "◀"
    return cells


def _put(cells: dict[int, str], offset: int) -> str:
    line = [" "] * (max(cells) + 2 + max(len(c) for c in cells.values()))
    for column, text in cells.items():
        line[column : column + len(text)] = text
    return "".join(line).rstrip() if offset else "".join(line)


def _short(message: Message) -> str:
    return type(message).__name__


def _full(message: Message) -> str:
    parts = [show(getattr(message, name)) for name in message._fields]  # pyright: ignore[reportPrivateUsage]
    return " ".join([type(message).__name__, *parts])


def _takes_part(behavior: Behavior, name: str) -> bool:
    for frame in behavior.frames:
        trigger = frame.step.trigger
        if frame.step.node == name:
            return True
        if isinstance(trigger, Envelope) and trigger.sender == name:
            return True
    return False
