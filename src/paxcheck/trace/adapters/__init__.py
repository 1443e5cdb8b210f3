"""Adapters: each turns a foreign log into facts, and says what that log can and cannot show.

`detect` finds the format by the first lines. A third party adds one with the entry point group
`paxcheck.adapters`: the name of the format -> a module with NAME, DECLARATION, recognises, facts.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from paxcheck.protocol.errors import UsageError
from paxcheck.trace.adapters import (
    ccf,
    ceph_mon,
    etcd_log,
    etcd_raft,
    etcd_wal,
    maelstrom,
    multi_paxos,
    native,
    paxi,
    paxos_composable,
    paxos_pypi,
    pysyncobj,
    tla_states,
)
from paxcheck.trace.adapters.base import Adapter

_BUILT_IN: tuple[Any, ...] = (
    native,
    etcd_log,
    maelstrom,
    etcd_raft,
    etcd_wal,
    ccf,
    ceph_mon,
    pysyncobj,
    paxos_composable,
    paxos_pypi,
    multi_paxos,
    paxi,
    tla_states.tlc_json,
    tla_states.itf,
)


def adapters() -> dict[str, Adapter]:
    """All adapters by name: the built-in ones, then those of third parties."""
    found: dict[str, Adapter] = {module.NAME: module for module in _BUILT_IN}
    for entry in entry_points(group="paxcheck.adapters"):
        if entry.name not in found:
            found[entry.name] = entry.load()
    return found


def adapter_named(name: str) -> Adapter:
    """The adapter of that name. Raises UsageError with the names that exist."""
    known = adapters()
    if name not in known:
        raise UsageError(f"no log format is called {name!r}", hint=f"formats: {', '.join(known)}")
    return known[name]


def detect(first: list[bytes]) -> Adapter | None:
    """The adapter that recognises these first lines, or None."""
    for adapter in adapters().values():
        if adapter.recognises(first):
            return adapter
    return None


__all__ = ["Adapter", "adapter_named", "adapters", "detect"]
