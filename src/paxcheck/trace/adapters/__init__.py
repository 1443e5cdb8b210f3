"""Adapters: each turns a foreign log into facts, and says what that log can and cannot show.

`detect` finds the format by the first lines. A third party adds one with the entry point group
`paxcheck.adapters`: the name of the format -> a module with DECLARATION, recognises and facts, see
docs/adapters/README.md.
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
    factfile,
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
from paxcheck.trace.adapters.foreign import Foreign
from paxcheck.trace.lines import TraceError

_BUILT_IN: tuple[Any, ...] = (
    native,
    factfile,
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
            found[entry.name] = Foreign(entry)
    return found


def adapter_named(name: str) -> Adapter:
    """The adapter of that name. Raises UsageError with the names that exist."""
    known = adapters()
    if name not in known:
        raise UsageError(f"no log format is called {name!r}", hint=f"formats: {', '.join(known)}")
    found = known[name]
    return found.usable() if isinstance(found, Foreign) else found


def detect(first: list[bytes], known: dict[str, Adapter] | None = None) -> Adapter | None:
    """The adapter that recognises these first lines, or None."""
    known = adapters() if known is None else known
    return next((adapter for adapter in known.values() if adapter.recognises(first)), None)


def unrecognised(file: str, known: dict[str, Adapter]) -> TraceError:
    """The error for a file that none of these adapters recognises."""
    broken = [
        f"\n  the adapter {a.NAME} of another package was left out: {a.problem}"
        for a in known.values()
        if isinstance(a, Foreign) and a.problem
    ]
    return TraceError(
        f"{file}: its format is not recognised by its first lines",
        hint=f"name it with --from: {', '.join(known)}" + "".join(broken),
    )


__all__ = ["Adapter", "adapter_named", "adapters", "detect", "unrecognised"]
