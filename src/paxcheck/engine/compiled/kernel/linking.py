# pyright: basic
"""Puts the machine code of an object file where it can run.

A linker does this for programs. Our kernels need little of it: they call nothing (but one, which
clears memory, and is rare), and refer only to constants of their own. So on Linux and x86-64 the
sections are laid side by side, the distances between them are written where the code asks for them,
and the whole is copied into memory that can be executed. What is in any other form, LLVM's own
linker takes; loading it costs more than many a search.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

Kernel = Callable[[int], int]
"""A kernel: called with the address of a control block (see `control`)."""

ELF_X86_64 = b"\x7fELF\x02\x01\x01"
MACHINE = 62
PROGBITS, SYMTAB, RELA = 1, 2, 4  # kinds of sections
ALLOCATED = 2
# Distances that the code asks for: System V ABI, AMD64 supplement, section 4.4. The global offset
# table has no entries here; where it would begin is only a point to measure from.
PC32, PLT32, GOTOFF64, GOTPC64 = 2, 4, 25, 29
TABLE = "_GLOBAL_OFFSET_TABLE_"

_kept: list[object] = []  # what owns code: it must stay


class _Section(NamedTuple):
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int


class Unlike(Exception):
    """The file asks for more than is done here."""


def linked(name: str, code: bytes) -> Kernel:
    """The kernel of an object file, ready to run. Raises RuntimeError if it is not there."""
    address = _mapped(name, code) or _linked_by_llvm(name, code)
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


def _mapped(name: str, code: bytes) -> int:
    """The address of the kernel in new memory; 0 where that cannot be done."""
    if sys.platform != "linux":
        return 0
    try:
        image, entry = image_of(name, code)
        memory = mmap.mmap(-1, len(image))
        memory.write(image)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        # Some systems let nobody execute what he has written.
        if ctypes.CDLL(None).mprotect(
            ctypes.c_void_p(start), ctypes.c_size_t(len(image)), mmap.PROT_READ | mmap.PROT_EXEC
        ):
            return 0
    except (Unlike, OSError, AttributeError):
        return 0
    _kept.append(memory)
    return start + entry


def image_of(name: str, code: bytes) -> tuple[bytes, int]:
    """The code as it must lie in memory, at any address, and where in it the kernel begins.

    Raises Unlike for what is no ELF file of x86-64, or refers to something outside.
    """
    if code[: len(ELF_X86_64)] != ELF_X86_64 or _at("<H", code, 18) != (MACHINE,):
        raise Unlike
    sections = _sections(code)
    image, starts = bytearray(), {}
    for k, section in enumerate(sections):
        if section.kind == PROGBITS and section.flags & ALLOCATED:
            image += bytes(-len(image) % max(1, section.align))
            starts[k] = len(image)
            image += code[section.offset : section.offset + section.size]
    symbols = [s for k, s in enumerate(sections) if s.kind == SYMTAB]
    places = _symbols(code, symbols[0], sections, starts)
    for section in sections:
        if section.kind == RELA and section.info in starts:
            for at in range(section.offset, section.offset + section.size, 24):
                where, how, add = _at("<QQq", code, at)
                _relocate(image, starts[section.info] + where, how, places, add)
    entries = [place for label, place in places if label == f"paxcheck_{name}"]
    if len(entries) != 1 or entries[0] is None:
        raise Unlike
    return bytes(image), entries[0]


def _at(form: str, data: bytes, at: int) -> tuple[int, ...]:
    return struct.unpack_from(form, data, at)


def _sections(code: bytes) -> list[_Section]:
    (first,) = _at("<Q", code, 40)
    size, count = _at("<HH", code, 58)
    found: list[_Section] = []
    for at in range(first, first + size * count, size):
        _, kind, flags, _, offset, length, link, info, align, _ = _at("<IIQQQQIIQQ", code, at)
        found.append(_Section(kind, flags, offset, length, link, info, align))
    return found


def _symbols(
    code: bytes, table: _Section, sections: list[_Section], starts: dict[int, int]
) -> list[tuple[str, int | None]]:
    """Each symbol with its place in the image; None for what is not in it."""
    names = sections[table.link].offset
    found: list[tuple[str, int | None]] = []
    for at in range(table.offset, table.offset + table.size, 24):
        label, _, _, section, value, _ = _at("<IBBHQQ", code, at)
        text = code[names + label : code.index(b"\0", names + label)].decode()
        place = starts[section] + value if section in starts else 0 if text == TABLE else None
        found.append((text, place))
    return found


def _relocate(
    image: bytearray, where: int, how: int, places: list[tuple[str, int | None]], add: int
) -> None:
    """Write one distance into the code."""
    _, target = places[how >> 32]
    kind = how & 0xFFFFFFFF
    if target is None:
        raise Unlike
    if kind in (PC32, PLT32):
        struct.pack_into("<i", image, where, target + add - where)
    elif kind == GOTPC64:
        struct.pack_into("<q", image, where, add - where)
    elif kind == GOTOFF64:
        struct.pack_into("<q", image, where, target + add)
    else:
        raise Unlike


def _linked_by_llvm(name: str, code: bytes) -> int:
    import llvmlite.binding as llvm

    target = import_module(f"{__package__}.making").target()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _kept.append(engine)
    return engine.get_function_address(f"paxcheck_{name}")
