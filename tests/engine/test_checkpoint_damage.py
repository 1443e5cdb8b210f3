"""Damaged and foreign checkpoints are refused, and nothing in their folder changes."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from counting_scope import CountingScope

from paxcheck.engine import checkpoint as checkpoints
from paxcheck.engine import reference
from paxcheck.engine.checkpoint import Checkpoint, CheckpointError
from paxcheck.engine.compiled import search
from paxcheck.engine.limits import Limits
from paxcheck.protocol import System

RUN = {"model": "counting", "parameters": {"acceptors": 3}}


def save(folder: Path, engine: Any = search, run: dict[str, Any] = RUN, depth: int = 6) -> None:
    system = System(CountingScope())
    with Checkpoint(folder, run, every=0) as checkpoint:
        engine.explore(system, limits=Limits(depth=depth), checkpoint=checkpoint)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(folder: Path, words: str, run: dict[str, Any] = RUN, engine: Any = search) -> None:
    before = contents(folder)
    with pytest.raises(CheckpointError, match=words):
        save(folder, engine, run)
    assert contents(folder) == before


@pytest.mark.parametrize("engine", [reference, search])
def test_every_flipped_byte_is_found(tmp_path: Path, engine: Any) -> None:
    save(tmp_path, engine)
    for name, whole in contents(tmp_path).items():
        step = max(1, len(whole) // 7)
        for at in range(0, len(whole), step):
            (tmp_path / name).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            refused(tmp_path, "is damaged|is refused", engine=engine)
        (tmp_path / name).write_bytes(whole)
    save(tmp_path, engine)


def test_every_truncation_is_found(tmp_path: Path) -> None:
    save(tmp_path)
    for name, whole in contents(tmp_path).items():
        for size in {0, 1, len(whole) // 2, len(whole) - 2} - {len(whole)}:
            if 0 <= size < len(whole):
                (tmp_path / name).write_bytes(whole[:size])
                refused(tmp_path, "is damaged")
        (tmp_path / name).write_bytes(whole)


def test_a_missing_part_is_found(tmp_path: Path) -> None:
    save(tmp_path)
    part = min(path for path in tmp_path.iterdir() if path.name.startswith("part"))
    part.unlink()
    refused(tmp_path, f"{part.name}: No such file")


def test_another_run_is_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path)
    other = {**RUN, "parameters": {"acceptors": 5}}
    refused(tmp_path, r'parameters is \{"acceptors": 3\} there and \{"acceptors": 5\} here', other)


def test_another_engine_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    refused(tmp_path, "made by the compiled engine.* uses the reference engine", engine=reference)


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path)
    monkeypatch.setattr(checkpoints, "__version__", "9.9.9")
    refused(tmp_path, r"made by paxcheck .* and this is 9\.9\.9")


def test_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_text('{"hello": 1}')
    (tmp_path / "lock").touch()
    refused(tmp_path, "is not a checkpoint of paxcheck")
    (tmp_path / "checkpoint.json").write_text("[1]")
    refused(tmp_path, "is not a checkpoint of paxcheck")


def test_a_model_that_does_something_else_is_refused(tmp_path: Path) -> None:
    """Even if the digest of the source is the same (a library changed): the rows differ."""
    save(tmp_path)
    with (
        Checkpoint(tmp_path, RUN) as checkpoint,
        pytest.raises(CheckpointError, match="the model's handlers do something else now"),
    ):
        search.explore(System(CountingScope(rounds=2)), checkpoint=checkpoint)


def forged(folder: Path, change: Any) -> None:
    """Change the header and give it a right digest."""
    path = folder / "checkpoint.json"
    header = json.loads(path.read_text())
    header.pop("digest")
    change(header)
    canonical = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    header["digest"] = hashlib.sha256(canonical).hexdigest()
    path.write_text(json.dumps(header))


@pytest.mark.parametrize("engine", [reference, search])
def test_right_digests_and_wrong_content(tmp_path: Path, engine: Any) -> None:
    save(tmp_path, engine)
    whole = (tmp_path / "checkpoint.json").read_bytes()
    for change, words in [
        (lambda h: h["state"].update(levels=[1, 2]), "do not agree|does not begin"),
        (lambda h: h["state"].update(found={"agreement": [0]}), "does not show agreement"),
        (lambda h: h["state"].update(found={"agreement": [99]}), "no run of the system"),
        (lambda h: h["state"].update(found={"nonsense": []}), "no property nonsense"),
        (lambda h: h["state"].pop("levels"), "KeyError"),
        (lambda h: h["parts"].__delitem__(slice(-2, None)), "do not agree|does not begin"),
    ]:
        forged(tmp_path, change)
        refused(tmp_path, words, engine=engine)
        (tmp_path / "checkpoint.json").write_bytes(whole)


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, RUN)
    with checkpoint, pytest.raises(CheckpointError, match="another run is using"):
        Checkpoint(tmp_path, RUN)
    Checkpoint(tmp_path, RUN).close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be used for a checkpoint"):
        Checkpoint(tmp_path / "file" / "deeper", RUN)


@pytest.mark.parametrize("fails", ["write", "fsync", "replace"])
def test_a_full_disk_does_not_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """It is told, the last good checkpoint stays, and later saves work again."""
    warnings: list[str] = []
    real = getattr(os, fails) if fails != "write" else None
    calls = 0

    def full(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if 9 <= calls < 17:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args) if real else None

    if fails == "write":
        plain = Checkpoint._write

        def write(self: Checkpoint, name: str, blocks: Any) -> None:
            full()
            plain(self, name, blocks)

        monkeypatch.setattr(Checkpoint, "_write", write)
    else:
        monkeypatch.setattr(checkpoints.os, fails, full)
    with Checkpoint(tmp_path, RUN, every=0, warn=warnings.append) as checkpoint:
        verdict = search.explore(System(CountingScope()), checkpoint=checkpoint)
    assert (verdict.distinct_states, verdict.depth, verdict.complete) == (2905, 18, True)
    assert len(warnings) >= 2
    assert warnings[0] == (
        f"the checkpoint could not be written to {tmp_path}: No space left on device; "
        "the search goes on"
    )
    assert not list(tmp_path.glob("*.tmp"))
    monkeypatch.undo()
    with Checkpoint(tmp_path, RUN) as checkpoint:
        assert checkpoint.saved is not None
        assert sum(checkpoint.saved.state["levels"]) == 2905
        again = search.explore(System(CountingScope()), checkpoint=checkpoint)
    assert again.levels == verdict.levels


def test_only_old_parts_are_removed(tmp_path: Path) -> None:
    """What a killed run left behind goes at the next save; what is not ours stays."""
    for name in ("part-000-000099", "part-007-000001.tmp", "part-of-my-thesis", "notes.txt"):
        (tmp_path / name).write_text("x")
    save(tmp_path, depth=2)
    parts = ["part-000-000000", "part-000-000001", "part-000-000002"]
    assert sorted(contents(tmp_path)) == sorted(
        ["checkpoint.json", "lock", "notes.txt", "part-of-my-thesis", *parts]
    )
