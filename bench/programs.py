"""The tools on one scope: built, ready to run, and how each says what it has counted."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from peers import promela

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"


@dataclass(frozen=True, slots=True)
class Scope:
    """One size of one model. `states` and `steps`: what every tool must count.

    `sizes`: of the counting scope acceptors, proposers, rounds; of Lamport's specification
    acceptors, ballots, values. `tools`: those that are run on it, if not all.
    """

    model: str
    sizes: tuple[int, int, int]
    states: int
    steps: int
    tools: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.model} {','.join(map(str, self.sizes))}"


COUNTING = ("acceptors", "proposers", "rounds")
LAMPORT = ("acceptors", "ballots", "values")

SCOPES = [
    Scope("counting", (3, 2, 1), 2_905, 8_338),
    Scope("counting", (3, 3, 1), 159_725, 544_479),
    Scope("counting", (5, 2, 1), 525_185, 2_346_690),
    Scope("counting", (4, 3, 1), 3_684_617, 16_576_659),
    Scope("counting", (3, 2, 2), 4_990_041, 15_189_882),
    Scope("lamport", (3, 3, 3), 362_361, 979_863),
]

FAST = ("spin dfs", "paxcheck", "paxcheck plain", "paxcheck sym")
LARGE = [
    Scope("counting", (7, 2, 1), 106_385_185, 642_198_882, FAST),
    Scope("counting", (4, 2, 2), 227_387_185, 886_156_754, FAST),
    Scope("counting", (5, 3, 1), 386_465_345, 1_971_636_195, ("paxcheck sym",)),
]
"""They take half an hour and 16 GB."""


@dataclass(slots=True)
class Program:
    """A tool on a scope. `counts` finds states and steps in what it prints.

    `extra_steps`: SPIN counts the initial state as a step too.
    """

    name: str
    command: list[str]
    counts: str
    folder: Path
    extra_steps: int = 0
    env: dict[str, str] = field(default_factory=dict)

    def counted(self, output: str) -> tuple[int, int] | None:
        """States and steps; None where the output does not say."""
        match = re.search(self.counts, output, re.DOTALL)
        if match is None:
            return None
        states, steps = (int(float(text.replace(",", ""))) for text in match.groups())
        return states, steps - self.extra_steps

    def agrees(self, output: str, scope: Scope) -> bool:
        """Whether it counted what is expected. SPIN tells eight digits of a large number."""
        counted = self.counted(output)
        exact = "e+" not in output
        return counted is not None and all(
            found == wanted or (not exact and abs(found - wanted) <= wanted * 1e-7)
            for found, wanted in zip(counted, (scope.states, scope.steps), strict=True)
        )


NAMES = ("spin dfs", "spin bfs", "rumur", "paxcheck", "paxcheck plain", "paxcheck sym")
DEBIAN = {"spin dfs": "spin", "spin bfs": "spin", "rumur": "rumur"}


def absent() -> dict[str, str]:
    """The tools that are not installed, with the reason."""
    found: dict[str, str] = {}
    for name, package in DEBIAN.items():
        missing = [tool for tool in (package, "gcc") if shutil.which(tool) is None]
        if missing:
            found[name] = f"absent: apt-get install {' '.join(missing)}"
    return found


def build(name: str, scope: Scope, folder: Path) -> Program:
    """Make a tool ready for a scope, in a new folder. What this costs is not measured."""
    folder.mkdir()
    if name.startswith("spin"):
        return _spin(name, scope, folder, ["-DBFS"] if name == "spin bfs" else [])
    if name == "rumur":
        return _rumur(name, scope, folder)
    return _paxcheck(name, scope, folder)


def _spin(name: str, scope: Scope, folder: Path, flags: list[str]) -> Program:
    write = promela.counting if scope.model == "counting" else promela.lamport
    (folder / "model.pml").write_text(write(*scope.sizes))
    _quiet(["spin", "-a", "model.pml"], folder)
    options = ["-O3", "-march=native", "-w", "-DSAFETY", "-DNOBOUNDCHECK", "-DNOREDUCE"]
    _quiet(["gcc", *options, "-DMEMLIM=18000", *flags, "-o", "pan", "pan.c"], folder)
    # Two to four places a state: larger tables were slower.
    bits = min(scope.states.bit_length() + 1, 28)
    counts = r"([\d.e+]+) states, stored.*?([\d.e+]+) transitions"
    return Program(name, ["./pan", "-m10000", f"-w{bits}"], counts, folder, extra_steps=1)


def _rumur(name: str, scope: Scope, folder: Path) -> Program:
    text = (PEERS / f"{scope.model}.m").read_text()
    letters = "APR" if scope.model == "counting" else "ABV"
    sizes = " ".join(f"{c}: {n};" for c, n in zip(letters, scope.sizes, strict=True))
    (folder / "model.m").write_text(re.sub(r"(?m)^const .*$", f"const {sizes}", text, count=1))
    generate = ["rumur", "--deadlock-detection", "off", "--threads", "1"]
    _quiet([*generate, "--output", "model.c", "model.m"], folder)
    options = ["-std=c11", "-O3", "-march=native", "-mcx16", "-w"]
    _quiet(["gcc", *options, "-o", "model", "model.c", "-lpthread", "-latomic"], folder)
    return Program(name, ["./model"], r"(\d+) states, (\d+) rules fired", folder)


def _paxcheck(name: str, scope: Scope, folder: Path) -> Program:
    counting = scope.model == "counting"
    model = "counting_scope.py" if counting else "lamport_paxos.py"
    command = [sys.executable, "-m", "paxcheck", "check", str(ROOT / "tests" / "counts" / model)]
    for parameter, size in zip(COUNTING if counting else LAMPORT, scope.sizes, strict=True):
        command += ["--set", f"{parameter}={size}"]
    command += ["--property", "agreement", "-q", "--progress", "none", "--threads", "1"]
    command += ["--symmetry" if name == "paxcheck sym" else "--no-symmetry"]
    command += ["--no-reduction"] if name == "paxcheck plain" else []
    counts = r"([\d,]+) distinct states, ([\d,]+) steps"
    return Program(name, command, counts, folder, env={"NUMBA_NUM_THREADS": "1"})


def _quiet(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
