"""paxcheck: check, validate and learn consensus protocols.

A model imports the language from here: `from paxcheck import Message, Node, Protocol, ...`.
A test records with `Recorder`, and judges with `validate`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from paxcheck.protocol import (
    Broken,
    History,
    Message,
    Node,
    Property,
    Protocol,
    QuorumSystem,
    Record,
    Scope,
    StepView,
    WorldView,
    action,
    any_of,
    at_end,
    constant,
    durable,
    everyone,
    flexible,
    ghost,
    grid,
    invariant,
    majority,
    param,
    quorum_system,
    reachable,
    rule,
    step_invariant,
    volatile,
)

if TYPE_CHECKING:
    from paxcheck.record import Recorder
    from paxcheck.testing import Verdict, validate
    from paxcheck.trace.lines import TraceError

__version__ = "0.1.0"

__all__ = [
    "Broken",
    "History",
    "Message",
    "Node",
    "Property",
    "Protocol",
    "QuorumSystem",
    "Record",
    "Recorder",
    "Scope",
    "StepView",
    "TraceError",
    "Verdict",
    "WorldView",
    "action",
    "any_of",
    "at_end",
    "constant",
    "durable",
    "everyone",
    "flexible",
    "ghost",
    "grid",
    "invariant",
    "majority",
    "param",
    "quorum_system",
    "reachable",
    "rule",
    "step_invariant",
    "validate",
    "volatile",
]


_LATER = {
    "Recorder": "paxcheck.record",
    "TraceError": "paxcheck.trace.lines",
    "Verdict": "paxcheck.testing",
    "validate": "paxcheck.testing",
}


def __getattr__(name: str) -> Any:
    """Load what a model does not need when it is first asked for."""
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
