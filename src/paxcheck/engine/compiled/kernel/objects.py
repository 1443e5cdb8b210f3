# pyright: basic
"""Machine code that is made once and kept on disk, and loaded without Numba.

Numba translates a kernel (see `making`); what it makes is kept as an object file. A later run puts
that into memory (see `linking`) in a millisecond. Which file is right follows from the source of
the kernels, the versions of the translators, the processor, and the shape of the states.

The files lie in `$PAXCHECK_CACHE`, else in the user's folder for caches. A file that is damaged is
made again; where nothing can be written, the code is made anew in each process.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from paxcheck.engine.compiled.how import making_code
from paxcheck.engine.compiled.kernel.linking import Kernel, linked

HERE = Path(__file__).parent


class Shape(NamedTuple):
    """What a kernel is made for. `words`: of a state; `masks`: words of a row's bits.

    `narrow`: a set network of at most eight nodes, with one word of bits for each; `nodes`: for how
    many nodes the code is made (0: for any number; that runs a little longer).
    """

    words: int
    masks: int
    symmetric: bool = False
    inboxes: bool = False
    shared: bool = False
    narrow: bool = False
    nodes: int = 0


_PARTS: dict[str, tuple[str, ...]] = {
    "expand": ("words", "masks", "symmetric", "inboxes", "narrow", "nodes", "shared"),
    "scan": ("words", "masks", "symmetric", "inboxes", "narrow"),
    "seek": ("words", "symmetric"),
    "move": ("words", "symmetric"),
    "index": ("words",),
    "repack": ("words",),
    "judge_range": ("words",),
    "mark_looks": ("words",),
    "sow": ("words",),
    "put_keys": ("words",),
    "add_up": ("words",),
}
"""On which parts of the shape each kernel depends, in the order of its arguments."""


def kernel(name: str, shape: Shape) -> Kernel:
    """A kernel, ready to run."""
    return _loaded(name, _sizes(name, shape))


def is_kept(name: str, shape: Shape) -> bool:
    """Whether the code of a kernel lies on disk, so that it need not be made."""
    return _path(name, _sizes(name, shape)).is_file()


def _sizes(name: str, shape: Shape) -> tuple[int, ...]:
    return tuple([int(getattr(shape, part)) for part in _PARTS[name]])


def _path(name: str, sizes: tuple[int, ...]) -> Path:
    key = sha256(repr((name, sizes, *_surroundings())).encode()).hexdigest()[:32]
    return _folder() / f"{name}-{'-'.join(map(str, sizes))}-{key}.o"


@cache
def _loaded(name: str, sizes: tuple[int, ...]) -> Kernel:
    path = _path(name, sizes)
    code = _read(path)
    if code is None:
        for tell in making_code:
            tell()
        code = import_module(f"{__package__}.making").compiled(name, sizes)  # loads Numba
        _write(path, code)
    return linked(name, code)


@cache
def _surroundings() -> tuple[object, ...]:
    """All that the machine code depends on, besides its name and its sizes."""
    source = sha256()
    for file in [*sorted(HERE.glob("*.py")), HERE.parents[1] / "fingerprint.py"]:
        source.update(file.read_bytes())
    versions = (_version("numba"), _version("llvmlite"), sys.version_info[:2])
    return (source.hexdigest(), *versions, *_processor())


def _processor() -> tuple[str, ...]:
    """Which processor this is, and what it can do.

    The system tells it where there is a /proc, in no time; elsewhere LLVM is asked.
    """
    try:
        with open("/proc/cpuinfo", "rb") as file:
            first = file.read(1 << 14).decode("ascii", "replace").split("\n\n")[0]
    except OSError:
        first = ""
    told = dict(re.findall(r"(?m)^(.*?)\s*: (.*)$", first))
    names = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
    if all(name in told for name in names):
        return tuple([told[name] for name in names])
    import llvmlite.binding as llvm

    return (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


def _version(package: str) -> str:
    """The version of an installed package, by the name of the folder that pip left beside it.

    `importlib.metadata` reads the whole description for this: eight milliseconds.
    """
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        for folder in Path(spec.origin).parent.parent.glob(f"{package}-*.dist-info"):
            return folder.name
    from importlib.metadata import version

    return version(package)


def _folder() -> Path:
    given = os.environ.get("PAXCHECK_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "paxcheck"


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, code = data[:32], data[32:]
    return code if sha256(code).digest() == digest else None


def _write(path: Path, code: bytes) -> None:
    """Keep the code, whole or not at all; others may do the same at this moment."""
    import tempfile

    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(sha256(code).digest() + code)
        try:
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
