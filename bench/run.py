"""paxcheck, SPIN and Rumur on the same scopes, side by side. See README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent / "tests" / "counts" / "counting_scope.py"

# (acceptors, proposers, rounds) -> distinct states, and bits of SPIN's hash table.
SCOPES = {
    (3, 2, 1): (2_905, 16),
    (3, 3, 1): (159_725, 20),
    (5, 2, 1): (525_185, 22),
    (4, 3, 1): (3_684_617, 25),
    (3, 2, 2): (4_990_041, 25),
}
BASE = "pan"


@dataclass
class Tool:
    """One program on one scope: what to run, how to read its count, and what came out."""

    name: str
    command: list[str]
    count: str
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0.0
    found: int | None = None

    def run(self) -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _ = process.communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds.append(after.ru_utime - before.ru_utime)
        # The largest of all children so far: exact for the largest tool, an upper bound for others.
        self.megabytes = after.ru_maxrss / 1024
        match = re.search(self.count, output)
        self.found = int(float(match[1].replace(",", ""))) if match else None


def tools(scope: tuple[int, int, int], bits: int, folder: Path) -> tuple[list[Tool], list[str]]:
    """The tools of one scope, ready to run, and those that are absent."""
    a, p, r = scope
    absent: list[str] = []
    found: list[Tool] = []
    if shutil.which("spin") and shutil.which("gcc"):
        for name, flag in (("pan", []), ("pan bfs", ["-DBFS"])):
            place = folder / name.replace(" ", "_")
            place.mkdir()
            shutil.copy(HERE / "peers" / "counting_scope.pml", place)
            spin = ["spin", f"-DA={a}", f"-DP={p}", f"-DR={r}", "-a", "counting_scope.pml"]
            quiet(spin, place)
            options = ["-O3", "-march=native", "-w", "-DSAFETY", "-DNOBOUNDCHECK", "-DNOREDUCE"]
            quiet(["gcc", *options, "-DMEMLIM=14000", *flag, "-o", "pan", "pan.c"], place)
            command = ["./pan", "-m100000", f"-w{bits}"]
            found.append(Tool(name, command, r"([\d.e+]+) states, stored", place))
    else:
        absent.append("spin")
    if shutil.which("rumur") and shutil.which("gcc"):
        place = folder / "rumur"
        place.mkdir()
        text = (HERE / "peers" / "counting_scope.m").read_text()
        consts = f"const A: {a}; P: {p}; R: {r}; NB: {p * r}; MAJ: {a // 2 + 1};"
        (place / "model.m").write_text(re.sub(r"^const .*$", consts, text, count=1, flags=re.M))
        quiet(["rumur", "--deadlock-detection", "off", "--threads", "1", "--output", "model.c",
               "model.m"], place)  # fmt: skip
        quiet(["gcc", "-std=c11", "-O3", "-march=native", "-mcx16", "-w", "-o", "model", "model.c",
               "-lpthread", "-latomic"], place)  # fmt: skip
        found.append(Tool("rumur", ["./model"], r"(\d+) states,", place))
    else:
        absent.append("rumur")
    scoped = ["--set", f"acceptors={a}", "--set", f"proposers={p}", "--set", f"rounds={r}"]
    check = [sys.executable, "-m", "paxcheck", "check", str(MODEL), *scoped, "-q"]
    for name, symmetry in (("paxcheck", "--no-symmetry"), ("paxcheck sym", "--symmetry")):
        count = r"([\d,]+) distinct states"
        found.append(Tool(name, [*check, symmetry], count, folder, {"NUMBA_NUM_THREADS": "1"}))
    return found, absent


def quiet(command: list[str], folder: Path) -> None:
    """Run a step of the preparation."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scopes", default=";".join(",".join(map(str, s)) for s in SCOPES))
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, object]] = []
    print(f"{machine()}\n{versions()}\n")
    print(f"{'scope':<9} {'tool':<13} {'states':>10} {'user s':>8} {'states/s':>11}  of {BASE}")
    for text in args.scopes.split(";"):
        a, p, r = (int(n) for n in text.split(","))
        scope = (a, p, r)
        states, bits = SCOPES[scope]
        with tempfile.TemporaryDirectory() as folder:
            chosen, absent = tools(scope, bits, Path(folder))
            for turn in range(args.times + 1):  # the first turn only warms up
                for tool in chosen:
                    tool.run()
                    if turn == 0:
                        tool.seconds.clear()
        base = next((min(t.seconds) for t in chosen if t.name == BASE), None)
        for tool in chosen:
            best = max(min(tool.seconds), 1e-3)
            right = tool.found == states
            ratio = f"{base / best:.2f}" if right and base is not None else "-"
            wrong = "" if right else f"  WRONG: {tool.found}"
            print(
                f"{text:<9} {tool.name:<13} {states:>10,} {best:>8.2f} {states / best:>11,.0f}"
                f"  {ratio}{wrong}",
                flush=True,
            )
            rows.append(
                {
                    "scope": text,
                    "tool": tool.name,
                    "states": tool.found,
                    "right": right,
                    "user_seconds": tool.seconds,
                    "ratio": base / best if right and base is not None else None,
                }
            )
        for name in absent:
            print(f"{text:<9} {name:<13} absent: apt-get install {name} gcc")
    if args.json:
        whole = {"machine": machine(), "versions": versions(), "rows": rows}
        args.json.write_text(json.dumps(whole, indent=1) + "\n")


def machine() -> str:
    """The processor, as the system names it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        name = re.search(r"model name\s*: (.*)", text)
        return f"{name[1] if name else platform.machine()}, {os.cpu_count()} cores"
    except OSError:
        return platform.machine()


def versions() -> str:
    """The versions of all tools."""
    found = [f"Python {platform.python_version()}"]
    for command in (["spin", "-V"], ["rumur", "--version"], ["gcc", "--version"]):
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found.append((done.stdout or done.stderr).splitlines()[0].strip())
    return "; ".join(found)


if __name__ == "__main__":
    main()
