"""paxcheck, SPIN and Rumur on the same scopes, side by side. See README.md beside this file."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from measure import Use, best, machine, median, run, versions
from programs import LARGE, NAMES, SCOPES, Program, Scope, absent, build

BASE = "spin dfs"
SLOW = 10.0  # seconds: a program that takes longer is run once after the warm-up, not N times
VERY_SLOW = 60.0  # and one that takes longer than this has no warm-up


def side_by_side(scope: Scope, names: list[str], times: int) -> list[dict[str, Any]]:
    """One row for each program. They take turns, so that a busy machine is busy for all."""
    missing = absent()
    with tempfile.TemporaryDirectory() as folder:
        programs = [build(n, scope, Path(folder) / n) for n in names if n not in missing]
        uses: dict[str, list[Use]] = {p.name: [] for p in programs}
        for turn in range(times + 1):
            for program in programs:
                done = uses[program.name]
                if done and best(done) > (SLOW if turn > 1 else VERY_SLOW):
                    continue
                use = run(program.command, program.folder, program.env)
                if turn == 1:
                    done.clear()  # that was the warm-up
                done.append(use)
        rows = [_row(scope, program, uses[program.name]) for program in programs]
    base = next((r["user_best"] for r in rows if r["tool"] == BASE and r["right"]), None)
    for row in rows:
        row["ratio"] = base / row["user_best"] if base and row["right"] else None
    return rows + [{"scope": scope.name, "tool": n, "absent": missing[n]} for n in missing]


def _row(scope: Scope, program: Program, uses: list[Use]) -> dict[str, Any]:
    counted = {program.counted(use.output) for use in uses}
    right = all(use.status == 0 and program.agrees(use.output, scope) for use in uses)
    said = sorted(c for c in counted if c is not None)
    user = max(best(uses), 1e-3)  # the kernel counts CPU in milliseconds at best
    return {
        "scope": scope.name,
        "tool": program.name,
        "states": scope.states,
        "steps": scope.steps,
        "right": right,
        "counted": said,
        "user_best": user,
        "user_median": median(uses),
        "system": min(use.system for use in uses),
        "wall": min(use.wall for use in uses),
        "peak_mb": min(use.peak_mb for use in uses),
        "states_per_second": scope.states / user,
        "times": len(uses),
        "last_words": "" if right else uses[-1].output[-400:],
    }


def text(row: dict[str, Any]) -> str:
    """A row of the table."""
    head = f"{row['scope']:<15} {row['tool']:<14}"
    if "absent" in row:
        return f"{head} {row['absent']}"
    line = (
        f"{head} {row['states']:>11,} {row['user_best']:>8.3f} {row['user_median']:>8.3f}"
        f" {row['states_per_second']:>11,.0f} {row['peak_mb']:>7,.0f}"
    )
    if not row["right"]:
        return f"{line}  WRONG: counted {row['counted']}, no ratio\n{row['last_words']}"
    return f"{line}" + (f"  {row['ratio']:>6.2f}" if row["ratio"] else "       -")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scope", action="append", help="one scope: 'counting 3,2,2'; repeatable")
    parser.add_argument("--tool", action="append", choices=NAMES, help="repeatable")
    parser.add_argument("--times", type=int, default=5, help="runs of each, after a warm-up")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--large", action="store_true", help="the large scopes, and no others")
    args = parser.parse_args()
    offered = LARGE if args.large else SCOPES
    scopes = [s for s in offered if not args.scope or s.name in args.scope]
    if not scopes:
        parser.error(f"scopes: {', '.join(s.name for s in offered)}")
    about = {"machine": machine(), "versions": versions()}
    print(about["machine"], "; ".join(f"{k} {v}" for k, v in versions().items()), sep="\n")
    print(
        f"\n{'scope':<15} {'tool':<14} {'states':>11} {'user s':>8} {'median':>8} {'states/s':>11}"
        f" {'MB':>7}  of {BASE}"
    )
    rows: list[dict[str, Any]] = []
    for scope in scopes:
        tools = [n for n in args.tool or NAMES if not scope.tools or n in scope.tools]
        for row in side_by_side(scope, tools, args.times):
            rows.append(row)
            print(text(row), flush=True)
    if args.json:
        args.json.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    if not all(row.get("right", True) for row in rows):
        raise SystemExit("a tool counted otherwise, or failed: see WRONG above")


if __name__ == "__main__":
    main()
