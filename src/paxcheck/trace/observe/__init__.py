"""Level `observe`: rebuild the world from what a log says, and judge the shared properties.

For systems whose protocol is a cousin of the models. A log is turned into facts by an adapter;
`observe` runs the monitors over them and gives one of three answers per property: violated, ok,
not observable.
"""

from paxcheck.trace.observe.catalogue import RULES, Rule
from paxcheck.trace.observe.engine import Observer, observe
from paxcheck.trace.observe.shrink import shrink
from paxcheck.trace.observe.verdict import (
    Mention,
    PropertyAnswer,
    TraceVerdict,
    Violation,
)

__all__ = [
    "RULES",
    "Mention",
    "Observer",
    "PropertyAnswer",
    "Rule",
    "TraceVerdict",
    "Violation",
    "observe",
    "shrink",
]
