"""`paxcheck validate --model synod` on traces of real runs: 10^4, 10^5 and 10^6 events, five nodes.

    .venv/bin/python bench/conform_speed.py
    .venv/bin/python bench/conform_speed.py --events 10000 --network set

A random run of `synod` with as many ballots as it takes: two proposers compete, messages are lost
and reordered, and every event does something (a step that changes nothing is no step, and is not
in the trace). Every event has its state and what it sent; each is replayed through the handlers,
and all invariants are judged. Whole processes; a file of more than 8 MB is replayed by two, and the
memory is that of the larger one. `linear`: user time for each event, less the start-up, against that of
10^4 events: 1.00 is linear.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from measure import best, machine, run, versions

from paxcheck.loading import load_model
from paxcheck.protocol.execute import Act
from paxcheck.protocol.messages import Envelope
from paxcheck.protocol.system import Step, Transition, Trigger
from paxcheck.trace.conform.handlers import Handlers
from paxcheck.trace.replay import Behavior, Frame
from paxcheck.trace.write import event_of, header_of

LOSS = 0.1
STARTS = 0.02


def write(path: Path, count: int, network: str, seed: int) -> None:
    """A trace of so many events: the same bytes for the same seed."""
    protocol = load_model("synod").protocol(network=network, rounds=count)
    system, chance = Handlers(protocol), random.Random(seed)
    behavior = Behavior(system, ())
    world = system.forgetful(system.initial())
    header = msgspec.structs.replace(header_of(behavior, model="synod"), kind="trace")
    pending: list[Envelope] = []
    written = 0
    with path.open("wb") as out:
        out.write(msgspec.json.encode(header) + b"\n")
        while written < count:
            trigger: Trigger
            if not pending or chance.random() < STARTS:
                trigger = Act(chance.choice(("p1", "p2")), "start")
            else:
                at = chance.randrange(len(pending))
                pending[at], pending[-1] = pending[-1], pending[at]
                trigger = pending.pop()
                if chance.random() < LOSS:
                    continue
            step = Step(trigger)
            found: list[Transition] = list(
                system.local_steps(world, system.index[step.node or ""], trigger)
            )
            if found and found[0].world is not None and found[0].outcome is not None:
                frame = Frame(step, world, found[0].world, found[0].outcome)
                out.write(msgspec.json.encode(event_of(behavior, frame)) + b"\n")
                pending += found[0].outcome.sent
                world = found[0].world
                written += 1


def measured(count: int, network: str, times: int, folder: Path) -> dict[str, Any]:
    """Write a trace, replay it `times` times. Exits when the verdict is not what it must be."""
    path = folder / f"synod.{network}.{count}.jsonl"
    write(path, count, network, seed=1)
    command = [sys.executable, "-m", "paxcheck", "validate", str(path), "--format", "json"]
    uses = [run(command, folder) for _ in range(times)]
    path.unlink()
    verdict = json.loads(uses[-1].output)
    silent = [p["name"] for p in verdict["properties"] if p.get("reason")]
    if (verdict["verdict"], verdict["checks"], silent) != ("ok", count, []):
        sys.exit(f"{path.name}: {verdict['verdict']}, {verdict['checks']} events, {silent}")
    user = best(uses)
    peak = max(use.peak_mb for use in uses)
    return {"events": count, "user": user, "wall": min(u.wall for u in uses), "peak_mb": peak}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, action="append", help="repeatable")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--network", default="bag", choices=["set", "bag"])
    args = parser.parse_args()
    print(machine(), f"Python {versions()['Python']}", f"{args.network} network", sep=", ")
    print(f"{'events':>10} {'user s':>7} {'wall s':>7} {'peak MB':>8} linear")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = measured(100, args.network, args.times, folder)["user"]
        first = measured(10_000, args.network, args.times, folder)
        each = (first["user"] - start) / 10_000
        for count in args.events or [10_000, 100_000, 1_000_000]:
            known = count == 10_000
            row = first if known else measured(count, args.network, args.times, folder)
            linear = (row["user"] - start) / count / each
            print(
                f"{count:>10,} {row['user']:>7.2f} {row['wall']:>7.2f} {row['peak_mb']:>8,.0f}"
                f" {linear:>6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
