# pyright: basic
"""Makes the machine code of a kernel: Numba translates it, LLVM writes an object file."""

from __future__ import annotations

import contextlib
import re
from functools import cache
from importlib import import_module

import llvmlite.binding as llvm

MODULES = ("search", "scans", "adding")


@cache
def target() -> llvm.TargetMachine:
    """The processor of this machine, as LLVM knows it."""
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


def compiled(name: str, sizes: tuple[int, ...]) -> bytes:
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
    target()
    module = llvm.parse_assembly(_only(code, name))
    module.verify()
    return target().emit_object(module)


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
