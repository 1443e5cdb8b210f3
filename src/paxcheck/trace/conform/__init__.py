"""The level `conform`: every event of a native trace is replayed through the model's handlers."""

from paxcheck.trace.conform.replay import conform, steps
from paxcheck.trace.conform.result import Causality, Conformance, Hidden, Refusal

__all__ = ["Causality", "Conformance", "Hidden", "Refusal", "conform", "steps"]
