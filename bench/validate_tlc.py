"""`paxcheck validate` and TLC on the same traces of etcd-io/raft, side by side.

    .venv/bin/python bench/validate_tlc.py --raft raft/tla --tlc tla2tools.jar:community.jar
    .venv/bin/python bench/validate_tlc.py --raft raft/tla --tlc ... --events 625

`--raft`: the folder `tla` of https://github.com/etcd-io/raft: its own trace, and the specification
that its authors validate traces with. `--tlc`: the class path of TLC and of the community modules,
which that specification needs. What is not given is named as absent.

They do not judge the same. TLC asks whether the trace is a behavior of the specification, and
checks its invariants. `paxcheck validate` judges the properties of Raft that the trace can show.
Both must call each trace right. Whole processes; user CPU, all threads. `ratio`: TLC's CPU to ours.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Use, best, machine, run, versions

RIGHT = "Model checking completed. No error has been found."
SPEC, CONFIG, TRACE = "Traceetcdraft.tla", "Traceetcdraft.cfg", "example.ndjson"


def lines_of(folder: Path) -> list[str]:
    """The trace in the order that upstream's script puts it in: by the time stamp."""
    lines = (folder / TRACE).read_text().splitlines()
    return sorted(lines, key=lambda line: json.loads(line)["ts"])


def tlc(trace: Path, raft: Path, classes: str) -> Use:
    """As upstream's validate.sh calls it."""
    with tempfile.TemporaryDirectory() as states:
        command = ["java", "-XX:+UseParallelGC", "-cp", classes, "tlc2.TLC", "-config", CONFIG]
        command += [SPEC, "-lncheck", "final", "-metadir", states, "-fpmem", "0.5"]
        use = run(command, raft, {"JSON": str(trace)})
    if use.status or RIGHT not in use.output:
        sys.exit(f"TLC does not call {trace.name} right:\n{use.output[-1000:]}")
    return use


def ours(trace: Path) -> Use:
    use = run(
        [sys.executable, "-m", "paxcheck", "validate", str(trace), "--format", "json"], trace.parent
    )
    verdict = json.loads(use.output)
    if (verdict["verdict"], verdict["format"]) != ("ok", "etcd-raft"):
        sys.exit(f"paxcheck does not call {trace.name} right: {verdict['verdict']}")
    return use


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--raft", type=Path, metavar="FOLDER")
    parser.add_argument("--tlc", metavar="CLASSPATH", default=os.environ.get("TLC_CLASSPATH"))
    parser.add_argument("--events", type=int, action="append", help="repeatable")
    parser.add_argument("--times", type=int, default=3, help="of paxcheck; TLC runs once")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    print(machine(), f"Python {versions()['Python']}", sep=", ")
    missing = [name for name in ("raft", "tlc") if getattr(args, name) is None]
    if not shutil.which("java"):
        missing.append("java")
    if missing:
        print(f"absent: {', '.join(missing)}. Nothing was measured; --help says what is needed")
        return
    classes = os.pathsep.join([str(Path(p).resolve()) for p in args.tlc.split(os.pathsep)])
    raft = args.raft.resolve()
    lines = lines_of(raft)
    rows: list[dict[str, Any]] = []
    print(f"\n{'events':>7} {'TLC user s':>11} {'MB':>6} {'paxcheck s':>11} {'MB':>4} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as name:
        for events in args.events or [625, 1250, 2500]:
            trace = Path(name) / f"{events}.ndjson"
            trace.write_text("\n".join(lines[:events]) + "\n")
            mine = [ours(trace) for _ in range(args.times)]
            peer = tlc(trace, raft, classes)
            row = {
                "events": events,
                "tlc_user": peer.user,
                "tlc_mb": peer.peak_mb,
                "user": best(mine),
                "peak_mb": max(use.peak_mb for use in mine),
            }
            rows.append(row)
            print(
                f"{events:>7,} {peer.user:>11.2f} {peer.peak_mb:>6,.0f} {row['user']:>11.2f}"
                f" {row['peak_mb']:>4.0f} {peer.user / row['user']:>7.0f}",
                flush=True,
            )
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
