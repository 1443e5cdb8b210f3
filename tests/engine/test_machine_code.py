"""Machine code is made once, kept on disk, and made again when the file is damaged."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from paxcheck.cli.progress import MAKING_CODE, reporter
from paxcheck.engine.compiled import search
from paxcheck.engine.compiled.kernel import control as at
from paxcheck.engine.compiled.kernel import linking, making, objects
from paxcheck.engine.compiled.kernel.block import Block
from paxcheck.engine.compiled.kernel.linking import image_of, linked
from paxcheck.loading import load_model
from paxcheck.protocol.system import System

LOAD = objects._loaded.__wrapped__  # pyright: ignore
NAME, SIZES = "put_keys", (1,)


@pytest.fixture(scope="module")
def code() -> bytes:
    """What is made for one kernel, really."""
    return making.compiled(NAME, SIZES)


@pytest.fixture
def made(code: bytes, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was made, in order; the code itself is always the same."""
    names: list[str] = []

    def compiled(name: str, sizes: tuple[int, ...]) -> bytes:
        names.append(name)
        return code

    monkeypatch.setattr(making, "compiled", compiled)
    return names


def test_code_is_made_once(made: list[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PAXCHECK_CACHE", str(tmp_path / "new"))
    LOAD(NAME, SIZES)
    LOAD(NAME, SIZES)
    assert made == [NAME]
    assert len(list((tmp_path / "new").iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"x" * 31, b"x" * 5000])
def test_a_damaged_file_is_made_again(
    damage: bytes, made: list[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("PAXCHECK_CACHE", str(tmp_path))
    LOAD(NAME, SIZES)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage)
    LOAD(NAME, SIZES)
    assert made == [NAME, NAME]
    assert file.read_bytes() == whole


def test_where_nothing_can_be_written_it_is_made_each_time(
    made: list[str], tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PAXCHECK_CACHE", str(tmp_path / "file"))
    LOAD(NAME, SIZES)
    LOAD(NAME, SIZES)
    assert made == [NAME, NAME]


def test_the_user_is_told(made: list[str], tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PAXCHECK_CACHE", str(tmp_path))
    assert reporter(machine=True) is not None
    LOAD(NAME, SIZES)
    assert json.loads(capsys.readouterr().err) == {"event": "note", "text": MAKING_CODE}
    assert reporter() is None  # piped: quiet
    next(tmp_path.iterdir()).unlink()
    LOAD(NAME, SIZES)
    assert capsys.readouterr().err == ""


# Putting it into memory ---------------------------------------------------------------------


def put(kernel: linking.Kernel, keys: list[int]) -> list[int]:
    """Put keys into a set of 16 slots; their slots."""
    block, slots = Block(), np.zeros(len(keys), np.int64)
    block.point(
        {
            at.LIST_AT: np.array(keys, np.uint64),
            at.KEYS_AT: np.zeros(16, np.uint64),
            at.KEY_AT: np.zeros(1, np.uint64),
            at.MARKS_AT: slots,
        }
    )
    block[at.LISTED], block[at.KEYS_SLOTS] = len(keys), 16
    kernel(block.address)
    return slots.tolist()


KEYS = [1 << 63 | k for k in (3, 1, 4, 1, 5, 9, 2, 6)]


def test_code_does_the_same_however_it_is_linked(code: bytes, monkeypatch) -> None:
    mapped = put(linked(NAME, code), KEYS)
    monkeypatch.setattr(linking, "_mapped", lambda name, code: 0)
    assert put(linked(NAME, code), KEYS) == mapped
    assert len(set(mapped)) == 7  # one key is there twice


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere LLVM links")
def test_on_linux_llvm_is_not_needed(code: bytes, monkeypatch) -> None:
    monkeypatch.setattr(linking, "_linked_by_llvm", None)
    assert len(put(linked(NAME, code), KEYS)) == 8


def test_memory_that_cannot_be_executed_is_left_to_llvm(code: bytes, monkeypatch) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(linking.mmap, "mmap", refuses)
    assert len(put(linked(NAME, code), KEYS)) == 8


def elf(relocation: tuple[int, int, int], symbol: int) -> bytes:
    """An object file: 16 bytes of constants, 32 of code with one relocation in their middle.

    `relocation`: kind, symbol, addend; `symbol`: the section of symbol 2.
    """
    names = b"\0paxcheck_f\0other\0"
    symbols = [(1, 2, 4), (12, symbol, 8)]
    parts = [
        b"C" * 16,
        b"\x90" * 32,
        struct.pack("<QQq", 16, relocation[1] << 32 | relocation[0], relocation[2]),
        bytes(24) + b"".join(struct.pack("<IBBHQQ", n, 0, 0, s, v, 0) for n, s, v in symbols),
        names,
    ]
    kinds = [(1, 2, 0, 0), (1, 6, 0, 0), (4, 0, 4, 2), (2, 0, 5, 0), (3, 0, 0, 0)]
    offset, headers = 64 + sum(map(len, parts)), bytes(64)
    place = 64
    for part, (kind, flags, link, info) in zip(parts, kinds, strict=True):
        headers += struct.pack(
            "<IIQQQQIIQQ", 0, kind, flags, 0, place, len(part), link, info, 16, 0
        )
        place += len(part)
    begin = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = begin + struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, offset, 0, 64, 0, 0, 64, 6, 0)
    return header + b"".join(parts) + headers


@pytest.mark.parametrize(
    ("kind", "section", "form", "distance"),
    [
        (linking.PC32, 1, "<i", 8 - 32 + 5),  # from the place to symbol 2
        (linking.PLT32, 1, "<i", 8 - 32 + 5),
        (linking.PC32, 2, "<i", 16 + 8 - 32 + 5),  # symbol 2 is in the code
        (linking.GOTOFF64, 1, "<q", 8 + 5),  # from the beginning of all
        (linking.GOTPC64, 1, "<q", -32 + 5),  # from the place to the beginning
    ],
)
def test_distances(kind: int, section: int, form: str, distance: int) -> None:
    image, entry = image_of("f", elf((kind, 2, 5), section))
    assert entry == 16 + 4
    assert struct.unpack_from(form, image, 32) == (distance,)
    size = struct.calcsize(form)
    assert image[:32] + image[32 + size :] == b"C" * 16 + b"\x90" * (32 - size)


@pytest.mark.parametrize(
    "code",
    [
        elf((1, 2, 0), 1),  # an address: it would be another one in each process
        elf((linking.PC32, 2, 0), 0),  # a symbol of another file
        elf((linking.PC32, 2, 0), 0xFFF2),  # a common symbol
        elf((linking.PC32, 2, 0), 1).replace(b"paxcheck_f", b"paxcheck_g"),
        b"\xcf\xfa\xed\xfe" + bytes(100),  # a file of another system
        elf((linking.PC32, 2, 0), 1)[:18] + b"\xb7" + elf((linking.PC32, 2, 0), 1)[19:],
    ],
)
def test_what_is_unlike_our_code_is_left_to_llvm(code: bytes) -> None:
    with pytest.raises(linking.Unlike):
        image_of("f", code)


# When it is made ----------------------------------------------------------------------------


def test_a_small_search_does_not_wait_for_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PAXCHECK_CACHE", str(tmp_path))
    system = System(load_model("synod").protocol())
    verdict = search.explore(system, symmetric=True)
    assert search.HAND_OVER < verdict.distinct_states == 4761 < search.UNTIL_MADE
    assert verdict.notes == ("421 handler calls",)
    assert not list(tmp_path.iterdir())
