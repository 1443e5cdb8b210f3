"""Records etcd, unmodified: three processes on loopback, whose leader is killed and restarted.

Needs the program `etcd`, 3.4 (Debian: `apt-get install etcd-server`). The recording is what etcd
itself writes with `--logger=zap`: one file for each process, over all its lives.

    python traces/record/etcd_cluster.py traces/etcd

Real time and real sockets: no two recordings are the same.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

NODES = ["n1", "n2", "n3"]


class Cluster:
    """Three etcd processes, and what happens to them."""

    def __init__(self, program: str, folder: Path, base: int) -> None:
        self.program = program
        self.folder = folder
        self.client = {n: f"http://127.0.0.1:{base + 2 * i}" for i, n in enumerate(NODES)}
        self.peer = {n: f"http://127.0.0.1:{base + 2 * i + 1}" for i, n in enumerate(NODES)}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.puts = 0

    def start(self, name: str) -> None:
        """Start a process; its log goes on where the last life of it ended."""
        words = [self.program, "--name", name, "--data-dir", f"{name}.data"]
        words += ["--listen-client-urls", self.client[name]]
        words += ["--advertise-client-urls", self.client[name]]
        words += ["--listen-peer-urls", self.peer[name]]
        words += ["--initial-advertise-peer-urls", self.peer[name]]
        members = ",".join(f"{n}={url}" for n, url in self.peer.items())
        words += ["--initial-cluster", members, "--initial-cluster-state", "new"]
        words += ["--logger", "zap", "--log-outputs", "stderr"]
        words += ["--heartbeat-interval", "50", "--election-timeout", "500"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                words, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=log
            )

    def kill(self, name: str) -> None:
        """SIGKILL: the process has no time for anything."""
        child = self.running.pop(name)
        child.kill()
        child.wait()

    def work(self, seconds: float) -> None:
        """Put values into the store for a while; a put that fails is no matter."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name in list(self.running):
                self.puts += 1
                with contextlib.suppress(OSError, urllib.error.URLError):
                    self._put(name, f"k{self.puts % 5}", f"v{self.puts}")
            time.sleep(0.1)

    def _put(self, name: str, key: str, value: str) -> None:
        body: dict[str, Any] = {
            "key": base64.b64encode(key.encode()).decode(),
            "value": base64.b64encode(value.encode()).decode(),
        }
        url = f"{self.client[name]}/v3/kv/put"
        request = urllib.request.Request(url, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=0.5) as answer:
            answer.read()

    def leader(self) -> str:
        """The running node whose log last says that it became leader."""
        best = ("", NODES[0])
        for name in self.running:
            for line in (self.folder / f"{name}.log").read_text().splitlines():
                if " became leader at term " in line:
                    best = max(best, (json.loads(line)["ts"], name))
        return best[1]

    def run(self) -> None:
        """The leader dies and comes back, twice; then two of three die and come back."""
        for name in NODES:
            self.start(name)
        self.work(4)
        for _ in range(2):
            victim = self.leader()
            self.kill(victim)
            self.work(3)
            self.start(victim)
            self.work(2)
        victims = [self.leader()]
        victims.append(next(n for n in NODES if n not in victims))
        for name in victims:
            self.kill(name)
        time.sleep(2)
        for name in victims:
            self.start(name)
        self.work(3)
        for name in list(self.running):
            child = self.running.pop(name)
            child.terminate()
            child.wait(20)


def main() -> None:
    """Record one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--etcd", default=shutil.which("etcd") or "etcd")
    parser.add_argument("--base", type=int, default=24200)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        Cluster(given.etcd, Path(scratch), given.base).run()
        for name in NODES:
            lines = (Path(scratch) / f"{name}.log").read_bytes()
            (given.folder / f"{name}.log.gz").write_bytes(gzip.compress(lines, 9, mtime=0))


if __name__ == "__main__":
    main()
