"""Damaged logs through every adapter: a verdict or an error of ours; no traceback, no hang, no
memory without bound.

    .venv/bin/python bench/fuzz_adapters.py                      # 10^5 logs, seeded damage
    .venv/bin/python bench/fuzz_adapters.py --only ceph-mon --inputs 1000 --seed 7
    pip install atheris && python bench/fuzz_adapters.py --atheris --only ceph-mon

What is damaged: the small logs of tests/trace/log_samples.py, and pieces of the recordings under
traces/ and ../shared/traces, where there are any. Each adapter runs in a process of its own, with
1 GB of memory; a log that takes two seconds is a hang. What fails is written to --keep, one
file each. `--atheris` lets coverage lead the damage instead (https://github.com/google/atheris;
no dependency of paxcheck: install it where paxcheck is installed).
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "trace")]

from log_damage import damaged  # noqa: E402
from log_samples import SAMPLES  # noqa: E402

SECONDS, MEMORY, PIECE = 2.0, 1 << 30, 30  # of one log; of one adapter; lines of a recording


class Hang(BaseException):
    """A log took too long."""


def recordings() -> Iterator[Path]:
    for folder in (ROOT / "traces", ROOT.parent / "shared" / "traces"):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in (".py", ".md", ".toml"):
                yield path


def pieces() -> dict[str, list[bytes]]:
    """Adapter -> logs to damage: its sample, and the first lines of each of its recordings."""
    from paxcheck.trace.adapters import detect

    found = {name: [log] for name, log in SAMPLES.items()}
    for path in recordings():
        with contextlib.suppress(OSError, EOFError):
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as log:
                lines = list(itertools.islice(log, PIECE))
            adapter = detect([line.strip() for line in lines[:20]])
            if adapter is not None and sum(map(len, lines)) < 40_000:
                found.setdefault(adapter.NAME, []).append(b"".join(lines))
    return found


def judged(log: bytes, source: str, path: Path) -> str:
    """What becomes of a log; anything but a verdict or an error of ours is raised."""
    from paxcheck.protocol.errors import PaxcheckError
    from paxcheck.trace.observe import text
    from paxcheck.trace.observe.run import validate_files

    path.write_bytes(log)
    try:
        verdict = validate_files([str(path)], source=source)
    except PaxcheckError as problem:
        # A file of facts names the log that it was made of.
        if path.name not in str(problem) and source != "facts":
            raise AssertionError("an error that does not name the file") from problem
        return "refused"
    text.as_text(verdict, True).encode()
    return verdict.verdict


def attack(source: str, logs: list[bytes], inputs: int, seed: int, keep: Path) -> Counter[str]:
    """Damage logs of one adapter `inputs` times; count what became of them."""
    limit = max(MEMORY, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, stop)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as d:
        path = Path(d) / "x.log"
        for i in range(inputs):
            chance = random.Random(f"{source} {seed} {i}")
            # Small samples more often: they are faster, and have every kind of line.
            whole = logs[0] if chance.random() < 0.6 else chance.choice(logs)
            log = damaged(whole, chance.getrandbits(48))
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                counts[judged(log, source, path)] += 1
            except (Exception, Hang) as problem:
                counts["FAILED"] += 1
                keep.mkdir(parents=True, exist_ok=True)
                name = f"{source}.{type(problem).__name__}.{seed}.{i}"
                (keep / name).write_bytes(log)
                (keep / f"{name}.txt").write_text(traceback.format_exc())
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    counts["MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return counts


def guided(source: str, logs: list[bytes], inputs: int, seed: int) -> None:
    """Coverage-guided, by atheris: it ends the process, with its own report."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    with atheris.instrument_imports(include=["paxcheck"]):
        import paxcheck.trace.observe.run  # noqa: F401
    folder = Path(tempfile.mkdtemp())
    corpus = folder / "corpus"
    corpus.mkdir()
    for i, log in enumerate(logs):
        (corpus / str(i)).write_bytes(log)
    path = folder / "x.log"

    def one(data: bytes) -> None:
        judged(data, source, path)

    options = [f"-runs={inputs}", f"-seed={seed}", "-max_len=40000", "-timeout=5"]
    atheris.Setup(
        [sys.argv[0], *options, "-rss_limit_mb=1024", f"-artifact_prefix={os.getcwd()}/crash-",
         str(corpus)],
        one,
    )  # fmt: skip
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", metavar="FORMAT", help="repeatable")
    parser.add_argument("--inputs", type=int, default=100_000, help="of all formats together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--atheris", action="store_true", help="guided by coverage; one --only")
    args = parser.parse_args()
    found = pieces() if not args.atheris else {k: [v] for k, v in SAMPLES.items()}
    names = args.only or list(found)
    if unknown := [n for n in names if n not in found]:
        parser.error(f"no logs of {', '.join(unknown)}; formats: {', '.join(found)}")
    if args.atheris:
        if len(names) != 1:
            parser.error("--atheris needs one --only")
        guided(names[0], found[names[0]], args.inputs, args.seed)
        return
    failed = 0
    each = -(-args.inputs // len(names))
    for name in names:
        start = time.perf_counter()
        with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
            work = (name, found[name], each, args.seed, args.keep)
            counts = pool.apply(attack, work)
        failed += counts["FAILED"]
        told = ", ".join(f"{n:,} {what}" for what, n in sorted(counts.items()) if what != "MB")
        print(
            f"{name:<20} {len(found[name]):>2} logs, {each:,} damaged: {told};"
            f" {counts['MB']} MB, {time.perf_counter() - start:.0f} s",
            flush=True,
        )
    if failed:
        sys.exit(f"{failed} FAILED: see {args.keep}")


if __name__ == "__main__":
    main()
