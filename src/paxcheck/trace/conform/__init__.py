"""The level `conform`: every event of a native trace is replayed through the model's handlers."""

from paxcheck.trace.conform.result import Causality, Conformance, Hidden, PropertyResult, Refusal
from paxcheck.trace.conform.run import conform, steps

__all__ = [
    "Causality",
    "Conformance",
    "Hidden",
    "PropertyResult",
    "Refusal",
    "conform",
    "steps",
]
