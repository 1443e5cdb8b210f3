"""Logs of implementations of single-decree Paxos, slot by slot, as runs of the model `synod`."""

from paxcheck.trace.conform.bridge.run import conform_log

__all__ = ["conform_log"]
