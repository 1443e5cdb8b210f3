"""`paxcheck validate` on native logs of 10^4, 10^5 and 10^6 events of five nodes.

    .venv/bin/python bench/validate_speed.py
    .venv/bin/python bench/validate_speed.py --events 10000000 --family paxos

The logs come from `logs.py` (a seed gives the same bytes). Whole processes; all properties of the
family are judged. `linear`: time for each event, less the start-up, against that of 10^5 events:
1.00 is linear.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import logs
from measure import best, machine, run, versions

FAMILIES = {"paxos": logs.paxos, "raft": logs.raft}


def measured(family: str, events: int, times: int, folder: Path) -> dict[str, Any]:
    """Write a log, validate it `times` times. Exits when a verdict is not what it must be."""
    path = folder / f"{family}.{events}.jsonl"
    with path.open("w") as out:
        for line in FAMILIES[family](events):
            out.write(line + "\n")
    command = [sys.executable, "-m", "paxcheck", "validate", str(path), "--format", "json"]
    uses = [run(command, folder) for _ in range(times)]
    verdict = json.loads(uses[-1].output)
    # One more than the events: the header's line says who the members are.
    if (verdict["verdict"], verdict["events"]) != ("ok", events + 1):
        sys.exit(f"{path.name}: {verdict['verdict']}, {verdict['events']} events read")
    size = path.stat().st_size
    path.unlink()
    user = best(uses)
    return {
        "family": family,
        "events": events,
        "megabytes": size / 1e6,
        "checks": verdict["checks"],
        "user": user,
        "wall": min(use.wall for use in uses),
        "events_per_second": events / user,
        "peak_mb": max(use.peak_mb for use in uses),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, action="append", help="repeatable")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="repeatable")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print(machine(), f"Python {versions()['Python']}", sep=", ")
    print(
        f"\n{'log':<6} {'events':>10} {'file MB':>8} {'checks':>10} {'user s':>7} {'wall s':>7}"
        f" {'events/s':>9} {'peak MB':>8} linear"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for family in args.family or list(FAMILIES):
            start = measured(family, 10, args.times, folder)["user"]
            middle = measured(family, 100_000, args.times, folder)
            each = (middle["user"] - start) / 100_000
            for events in args.events or [10_000, 100_000, 1_000_000]:
                row = middle if events == 100_000 else measured(family, events, args.times, folder)
                row["linear"] = (row["user"] - start) / events / each
                rows.append(row)
                print(
                    f"{family:<6} {events:>10,} {row['megabytes']:>8.1f} {row['checks']:>10,}"
                    f" {row['user']:>7.2f} {row['wall']:>7.2f} {row['events_per_second']:>9,.0f}"
                    f" {row['peak_mb']:>8,.0f} {row['linear']:>6.2f}",
                    flush=True,
                )
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
