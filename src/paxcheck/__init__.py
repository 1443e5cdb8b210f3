"""paxcheck: check, validate and learn consensus protocols.

A model imports the language from here: `from paxcheck import Message, Node, Protocol, ...`.
"""

from paxcheck.protocol import (
    Broken,
    Message,
    Node,
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

__version__ = "0.1.0"

__all__ = [
    "Broken",
    "Message",
    "Node",
    "Protocol",
    "QuorumSystem",
    "Record",
    "Scope",
    "StepView",
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
    "volatile",
]
