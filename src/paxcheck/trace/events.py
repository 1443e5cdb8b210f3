"""The events of a behavior or a trace, and the header before them: one JSON object a line.

The same format holds what the checker found and what an implementation recorded. A field that
is missing was not recorded; nothing is guessed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from paxcheck.clock import Clock

VERSION = 1
Version = Annotated[int, msgspec.Meta(extra_json_schema={"const": VERSION})]
"""In the schema only this version; a reader says more about another one."""

Kind = Literal["behavior", "trace"]
EventName = Literal[
    "deliver",
    "act",
    "state",
    "crash",
    "stop",
    "amnesia",
    "torn",
    "corrupt",
    "loss",
    "duplicate",
    "partition",
    "heal",
]


class Sent(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A message that an event sent, and to which nodes (none: published for all who ask).

    `mid`: the identity of the message, where it has one.
    """

    to: list[str]
    message: dict[str, Any]
    mid: str | int | None = None


class Header(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The first line of a file.

    `paxcheck`: the version of the format; `kind`: a run of a model (behavior) or a record of an
    implementation (trace); `nodes`: the class of each node; the rest says in which scope of which
    model a behavior was found, which property it shows, and how many `steps` it has. `complete`:
    no step is missing in a trace, so none may be assumed (of a behavior this is so anyway).
    """

    paxcheck: Version
    kind: Kind = "trace"
    model: str = ""
    nodes: dict[str, str] = {}
    params: dict[str, Any] = {}
    network: str = "set"
    faults: dict[str, int] = {}
    without: list[str] = []
    property: str = ""
    reason: str = ""
    steps: int | None = None
    complete: bool = False
    note: Any = None


class Event(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step of one node, or one fault of the network.

    `node` takes the step; `message` is what was delivered (or lost, or doubled), with its type,
    sender and fields (those that are known); `to` its receiver where no node takes the step; `sent`
    what the step sent; `state` the node's fields after it (any subset); `choices` what the step
    chose; `side` the nodes that a partition cuts off; `error` the exception that ended the run.

    The event `state` is no step: it says what the node holds here (`state`), and some of what it
    has sent so far (`sent`). `mid`: the identity of the message that was delivered. `clock`: the
    node's clock after the event, for the order of events; it is checked. `time` (seconds) and
    `note` are the writer's own, and never looked at.
    """

    event: EventName
    node: str | None = None
    action: str | None = None
    message: dict[str, Any] | None = None
    to: str | None = None
    sent: list[Sent] | None = None
    state: dict[str, Any] | None = None
    choices: list[Any] | None = None
    side: list[str] | None = None
    error: str | None = None
    mid: str | int | None = None
    time: float | None = None
    clock: Clock | None = None
    note: Any = None
