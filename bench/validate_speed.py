"""How long `paxcheck validate` takes for native logs of 5 nodes: is it linear, and how much memory?

    python bench/validate_speed.py              # 10^4, 10^5 and 10^6 events
    python bench/validate_speed.py 10000000     # as many as you say

The log is that of a Multi-Paxos cluster without faults: one ballot, then slot after slot. A leader
proposes, all vote and all decide; every message is logged where it is sent and received.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NODES = ["n1", "n2", "n3", "n4", "n5"]
HEADER = {
    "paxcheck": 1,
    "kind": "log",
    "family": ["paxos"],
    "members": NODES,
    "promise": "all",
    "self_messages": True,
    "complete": True,
}


def events() -> Iterator[dict[str, object]]:
    """The events of the cluster, without an end."""
    seq = dict.fromkeys(NODES, 0)
    mids = 0

    def event(name: str, node: str, **fields: object) -> dict[str, object]:
        seq[node] += 1
        return {"event": name, "node": node, "inc": 1, "seq": seq[node], **fields}

    def exchange(kind: str, answer: str, **fields: object) -> Iterator[dict[str, object]]:
        nonlocal mids
        mids += 1
        message = {"type": kind, "ballot": [1, "n1"], **fields}
        yield event("send", "n1", to=NODES, message=message, mid=mids)
        asked = mids
        for node in NODES:
            mids += 1
            told = {**message, "type": answer}
            if answer == "promise":
                told["votes"] = []
            yield event("receive", node, sender="n1", message=message, mid=asked)
            yield event("send", node, to=["n1"], message=told, mid=mids)
            yield event("receive", "n1", sender=node, message=told, mid=mids)

    for node in NODES:
        yield event("boot", node, first=True)
    yield from exchange("prepare", "promise")
    slot = 0
    while True:
        slot += 1
        value = f"v{slot}"
        yield event("request", "n1", value=value)
        yield from exchange("accept", "accepted", slot=slot, value=value)
        for node in NODES:
            yield event("decide", node, slot=slot, value=value)


def write(path: Path, count: int) -> None:
    """A log of so many events."""
    stream = events()
    with path.open("w") as out:
        out.write(json.dumps(HEADER) + "\n")
        for _ in range(count):
            out.write(json.dumps(next(stream), separators=(",", ":")) + "\n")


def measure(count: int, folder: Path) -> tuple[float, float, float, str]:
    """Elapsed seconds, seconds of user CPU, megabytes, and the verdict."""
    path = folder / f"{count}.jsonl"
    write(path, count)
    command = [sys.executable, "-m", "paxcheck", "validate", str(path), "--format", "json"]
    watch = (
        "import resource, subprocess, sys; p = subprocess.run(sys.argv[1:], capture_output=True);"
        "r = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(r.ru_utime, r.ru_maxrss); sys.stdout.flush(); sys.stdout.buffer.write(p.stdout);"
        "sys.stdout.buffer.write(p.stderr)"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", watch, *command], capture_output=True, text=True, check=True
    )
    elapsed = time.perf_counter() - start
    first, rest = done.stdout.split("\n", 1)
    user, peak = first.split()
    verdict = json.loads(rest)
    path.unlink()
    told = f"{verdict['verdict']}, {verdict['events']:,} events, {verdict['checks']:,} checks"
    return elapsed, float(user), float(peak) / 1024, told


def main() -> None:
    counts = [int(text) for text in sys.argv[1:]] or [10**4, 10**5, 10**6]
    print(f"Python {platform.python_version()}, {platform.machine()}")
    print(f"{'events':>11} {'elapsed s':>10} {'user s':>8} {'events/s':>10} {'MB':>6}  verdict")
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            elapsed, user, peak, told = measure(count, Path(folder))
            print(
                f"{count:>11,} {elapsed:>10.2f} {user:>8.2f} {count / elapsed:>10,.0f} {peak:>6.0f}"
                f"  {told}"
            )
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"(this script itself: {own:.0f} MB)")


if __name__ == "__main__":
    main()
