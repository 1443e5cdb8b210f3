"""Runs a program as a whole process and says what it used."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Use:
    """What one process used: seconds of user CPU, of system CPU and of the clock; peak memory."""

    user: float
    system: float
    wall: float
    peak_mb: float
    status: int
    output: str


def run(command: list[str], folder: Path, env: dict[str, str] | None = None) -> Use:
    """Run to the end. Memory is that of this process alone, not the largest of all so far."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(env or {})}, stdout=out, stderr=out
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    return Use(
        user=used.ru_utime,
        system=used.ru_stime,
        wall=wall,
        peak_mb=used.ru_maxrss / 1024,
        status=process.returncode,
        output=text,
    )


def best(uses: list[Use]) -> float:
    """The least user CPU: what the others add is noise of the machine."""
    return min(use.user for use in uses)


def median(uses: list[Use]) -> float:
    return statistics.median(use.user for use in uses)


def machine() -> str:
    """The processor, as the system names it."""
    name = None
    with contextlib.suppress(OSError):
        name = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{name[1] if name else platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def versions() -> dict[str, str]:
    """The version of each tool that is there."""
    found = {"Python": platform.python_version()}
    asks = {"SPIN": ["spin", "-V"], "Rumur": ["rumur", "--version"], "gcc": ["gcc", "--version"]}
    for tool, command in asks.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            number = re.search(r"\d+\.\d+[\w.+-]*", done.stdout or done.stderr)
            found[tool] = number[0] if number else "?"
    return found
