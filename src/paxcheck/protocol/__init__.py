"""The modelling language and its meaning. Imports nothing else of paxcheck."""

from paxcheck.protocol.errors import ModelError, PaxcheckError, UsageError
from paxcheck.protocol.fields import constant, durable, ghost, volatile
from paxcheck.protocol.growing import History
from paxcheck.protocol.messages import Envelope, Message
from paxcheck.protocol.node import Node, action, rule
from paxcheck.protocol.params import param
from paxcheck.protocol.properties import (
    Broken,
    Property,
    at_end,
    invariant,
    reachable,
    step_invariant,
)
from paxcheck.protocol.protocol import Protocol, Scope
from paxcheck.protocol.quorums import (
    QuorumSystem,
    any_of,
    everyone,
    flexible,
    grid,
    majority,
    quorum_system,
)
from paxcheck.protocol.system import System
from paxcheck.protocol.values import Record
from paxcheck.protocol.world import NodeView, StepView, World, WorldView

__all__ = [
    "Broken",
    "Envelope",
    "History",
    "Message",
    "ModelError",
    "Node",
    "NodeView",
    "PaxcheckError",
    "Property",
    "Protocol",
    "QuorumSystem",
    "Record",
    "Scope",
    "StepView",
    "System",
    "UsageError",
    "World",
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
