# pyright: basic
"""Machine code that is made once and kept on disk, and loaded without Numba.

Numba translates a kernel to LLVM's language; what it makes is kept as an object file. A later run
loads that with llvmlite alone, in a few milliseconds. Which file is right follows from the source
of the kernels, the versions of the translators, the processor, and the shape of the states.

The files lie in `$PAXCHECK_CACHE`, else in the user's folder for caches. A file that is damaged is
made again; where nothing can be written, the code is made anew in each process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import llvmlite.binding as llvm

from paxcheck.engine.compiled.how import making_code

HERE = Path(__file__).parent
MODULES = ("search", "scans", "adding")
Kernel = Callable[[int], int]
"""A kernel: called with the address of a control block (see `control`)."""


class Shape(NamedTuple):
    """What a kernel is made for. `words`: of a state; `masks`: words of a row's bits.

    `narrow`: a set network of at most eight nodes, with one word of bits for each.
    """

    words: int
    masks: int
    symmetric: bool = False
    inboxes: bool = False
    shared: bool = False
    narrow: bool = False


_PARTS: dict[str, tuple[str, ...]] = {
    "expand": ("words", "masks", "symmetric", "inboxes", "narrow", "shared"),
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
    return _loaded(name, tuple([int(getattr(shape, part)) for part in _PARTS[name]]))


@cache
def _loaded(name: str, sizes: tuple[int, ...]) -> Kernel:
    key = sha256(repr((name, sizes, *_surroundings())).encode()).hexdigest()[:32]
    path = _folder() / f"{name}-{'-'.join(map(str, sizes))}-{key}.o"
    code = _read(path)
    if code is None:
        for tell in making_code:
            tell()
        code = _compiled(name, sizes)
        _write(path, code)
    return _linked(name, code)


@cache
def _surroundings() -> tuple[object, ...]:
    """All that the machine code depends on, besides its name and its sizes."""
    source = sha256()
    for file in [*sorted(HERE.glob("*.py")), HERE.parents[1] / "fingerprint.py"]:
        source.update(file.read_bytes())
    features = llvm.get_host_cpu_features().flatten()
    return (
        source.hexdigest(),
        _version("numba"),
        _version("llvmlite"),
        sys.version_info[:2],
        llvm.get_host_cpu_name(),
        features,
    )


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
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(sha256(code).digest() + code)
        os.replace(file.name, path)


@cache
def _target() -> llvm.TargetMachine:
    # Older versions of llvmlite want to be asked; newer ones do it by themselves.
    with contextlib.suppress(RuntimeError):
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )


def _compiled(name: str, sizes: tuple[int, ...]) -> bytes:
    """The object file of a kernel, with one function of that name."""
    # Numba is loaded only here.
    numba = import_module("numba")
    functions = [getattr(import_module(f"{__package__}.{m}"), name, None) for m in MODULES]
    function = next(f for f in functions if f is not None)
    # The sizes become tuples, whose lengths Numba knows: what depends on them is decided now.
    shapes = [(0,) * size for size in sizes]
    arguments = ", ".join([*[f"shapes[{k}]" for k in range(len(shapes))], "c"])
    names = {"function": numba.njit(nogil=True, error_model="numpy", forceinline=True)(function)}
    for k, shape in enumerate(shapes):
        names[f"s{k}"] = shape
        arguments = arguments.replace(f"shapes[{k}]", f"s{k}")
    exec(f"def entry(c):\n    return function({arguments})", names)
    types = numba.types
    signature = types.int64(types.CPointer(types.int64))
    entry = numba.njit(signature, nogil=True, error_model="numpy")(names["entry"])
    (code,) = entry.inspect_llvm().values()
    _target()
    module = llvm.parse_assembly(_only(code, name))
    module.verify()
    return _target().emit_object(module)


def _only(code: str, name: str) -> str:
    """Keep the function itself, under its plain name, without the ways into it from Python."""
    (symbol,) = set(
        re.findall(r"^define [^@]*@(_ZN(?!7cpython)\w*5entry\w*)\(", code, re.MULTILINE)
    )
    kept: list[str] = []
    skipping = False
    for line in code.splitlines():
        if line.startswith("define") and re.search(r"@(_ZN7cpython|\"?cfunc\.)", line):
            skipping = True
        if not skipping:
            kept.append(line)
        if line == "}":
            skipping = False
    return "\n".join(kept).replace(symbol, f"paxcheck_{name}")


_engines: list[object] = []  # they own the code: it must stay


def _linked(name: str, code: bytes) -> Kernel:
    _target()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    address = engine.get_function_address(f"paxcheck_{name}")
    if not address:
        raise RuntimeError(f"the machine code has no function {name}")
    # Numba's convention: the result and what was raised go through pointers.
    number = ctypes.c_int64
    function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        address
    )

    def call(block: int) -> int:
        result, raised = number(), ctypes.c_void_p()
        function(ctypes.addressof(result), ctypes.addressof(raised), block)
        return result.value

    return call
