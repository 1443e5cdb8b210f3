"""What a state costs paxcheck: time as the set of messages gets wider, and memory.

    .venv/bin/python bench/cost.py            # about two minutes

Width: `wide_scope.py`, the counting scope with messages that change nothing, so that the states
stay the same and only the set of messages grows. Memory: peak of the process, for each state. From
both, what a scope of 159,725 states uses (twice as many for the width) is taken off first: it has
loaded the same parts of paxcheck. One thread, no symmetry; the least of the runs, after one that
warms up.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from measure import Use, best, machine, run, versions
from programs import COUNTING, ROOT, SCOPES

WIDE = (4, 3, 1)
WIDE_STATES = 2 * 3_684_617
WIDTHS = (0, 12, 31, 62, 125)


def checked(model: Path, times: int, states: int, **sets: int) -> list[Use]:
    """Check a model `times` times, after a warm-up; exits when the count is not `states`."""
    command = [sys.executable, "-m", "paxcheck", "check", str(model), "-q", "--no-symmetry"]
    command += ["--property", "agreement", "--progress", "none", "--threads", "1"]
    command += [word for k, v in sets.items() for word in ("--set", f"{k}={v}")]
    uses = [run(command, ROOT, {"NUMBA_NUM_THREADS": "1"}) for _ in range(times + 1)]
    for use in uses:
        found = re.search(r"([\d,]+) distinct states", use.output)
        if use.status or not found or int(found[1].replace(",", "")) != states:
            sys.exit(f"{model.name} {sets}: not {states:,} states\n{use.output}")
    return uses[1:]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    wide, counting = ROOT / "bench" / "wide_scope.py", ROOT / "tests" / "counts"
    print(machine(), f"Python {versions()['Python']}", sep=", ")
    small = checked(wide, args.times, 2 * 159_725, proposers=3, width=0)
    width_rows: list[dict[str, Any]] = []
    print(f"\n{'extra deliveries':>16} {'states':>10} {'user s':>7} {'ns/state':>9}  of the first")
    sizes = dict(zip(COUNTING, WIDE, strict=True))
    for width in WIDTHS:
        uses = checked(wide, args.times, WIDE_STATES, width=width, **sizes)
        each = (best(uses) - best(small)) / (WIDE_STATES - 2 * 159_725) * 1e9
        width_rows.append({"width": WIDE[0] * width, "user": best(uses), "ns": each})
        ratio = each / width_rows[0]["ns"]
        print(
            f"{WIDE[0] * width:>16,} {WIDE_STATES:>10,} {best(uses):>7.2f} {each:>9,.0f}"
            f"  {ratio:.2f}",
            flush=True,
        )
    memory_rows: list[dict[str, Any]] = []
    print(f"\n{'counting scope':<15} {'states':>10} {'peak MB':>8} {'bytes/state':>12}")
    # The smallest that loads the native tier: what it weighs by itself.
    model = counting / "counting_scope.py"
    base = checked(model, 1, 159_725, **dict(zip(COUNTING, (3, 3, 1), strict=True)))[0].peak_mb
    for scope in SCOPES:
        if scope.model == "counting" and scope.states > 1_000_000:
            sets = dict(zip(COUNTING, scope.sizes, strict=True))
            peak = checked(model, 1, scope.states, **sets)[0].peak_mb
            each = (peak - base) * 2**20 / (scope.states - 159_725)
            memory_rows.append({"scope": scope.name, "peak_mb": peak, "bytes": each})
            print(
                f"{','.join(map(str, scope.sizes)):<15} {scope.states:>10,} {peak:>8,.0f}"
                f" {each:>12.1f}",
                flush=True,
            )
    if args.json:
        whole = {"machine": machine(), "width": width_rows, "memory": memory_rows}
        args.json.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
