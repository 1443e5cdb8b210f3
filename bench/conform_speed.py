"""`paxcheck validate --model synod` on native traces of 10^4, 10^5 and 10^6 events of five nodes.

    .venv/bin/python bench/conform_speed.py
    .venv/bin/python bench/conform_speed.py --events 10000

A random run of `synod` until nothing new can happen, then deliveries of what was sent before, which
the nodes ignore: a retransmission, as a real log is full of them. Every event has its state and
what it sent, and each is replayed through the handlers. Whole processes. `linear`: time for each
event, less the start-up, against that of 10^4 events: 1.00 is linear.
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
from paxcheck.protocol import System
from paxcheck.protocol.messages import Envelope
from paxcheck.trace.events import Event
from paxcheck.trace.replay import replay
from paxcheck.trace.write import event_of, header_of, state_of


def write(path: Path, count: int, seed: int) -> None:
    """A trace of so many events: the same bytes for the same seed."""
    protocol = load_model("synod").protocol()
    system, chance = System(protocol), random.Random(seed)
    world, steps = system.initial(), []
    while open_steps := list(system.successors(world)):
        step = chance.choice(open_steps)
        assert step.world is not None
        world = step.world
        steps.append(step.step)
    behavior = replay(protocol, steps)
    events = [event_of(behavior, frame) for frame in behavior.frames]
    states = {n: state_of(behavior, n, world.locals[i]) for n, i in system.index.items()}
    old: dict[Envelope, Event] = {
        frame.step.trigger: msgspec.structs.replace(event, state=states[event.node or ""], sent=[])
        for frame, event in zip(behavior.frames, events, strict=True)
        if isinstance(frame.step.trigger, Envelope)
    }
    again = [msgspec.json.encode(event) for event in old.values()]
    header = msgspec.structs.replace(header_of(behavior, model="synod"), kind="trace")
    with path.open("wb") as out:
        for item in (header, *events):
            out.write(msgspec.json.encode(item) + b"\n")
        for _ in range(count - len(events)):
            out.write(chance.choice(again) + b"\n")


def measured(count: int, times: int, folder: Path) -> dict[str, Any]:
    """Write a trace, replay it `times` times. Exits when the verdict is not what it must be."""
    path = folder / f"synod.{count}.jsonl"
    write(path, count, seed=1)
    command = [sys.executable, "-m", "paxcheck", "validate", str(path), "--format", "json"]
    uses = [run(command, folder) for _ in range(times)]
    verdict = json.loads(uses[-1].output)
    if (verdict["verdict"], verdict["checks"]) != ("ok", count):
        sys.exit(f"{path.name}: {verdict['verdict']}, {verdict['checks']} events replayed")
    user = best(uses)
    peak = max(use.peak_mb for use in uses)
    return {"events": count, "user": user, "wall": min(u.wall for u in uses), "peak_mb": peak}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, action="append", help="repeatable")
    parser.add_argument("--times", type=int, default=3)
    args = parser.parse_args()
    print(machine(), f"Python {versions()['Python']}", sep=", ")
    print(f"{'events':>10} {'user s':>7} {'wall s':>7} {'peak MB':>8} linear")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = measured(100, args.times, folder)["user"]
        first = measured(10_000, args.times, folder)
        each = (first["user"] - start) / 10_000
        for count in args.events or [10_000, 100_000, 1_000_000]:
            row = first if count == 10_000 else measured(count, args.times, folder)
            linear = (row["user"] - start) / count / each
            print(
                f"{count:>10,} {row['user']:>7.2f} {row['wall']:>7.2f} {row['peak_mb']:>8,.0f}"
                f" {linear:>6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
