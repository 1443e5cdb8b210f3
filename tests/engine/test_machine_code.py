"""Machine code is made once, kept on disk, and made again when the file is damaged."""

import json
from pathlib import Path

import pytest

from paxcheck.cli.progress import MAKING_CODE, reporter
from paxcheck.engine.compiled.kernel import linking, making, objects

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
