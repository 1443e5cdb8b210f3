"""A folder from which a search that was killed goes on: what is in it, and how it is kept whole.

The folder holds `checkpoint.json` and *parts*. A part is never changed once it was written: each
save writes one more part with what is new since the last, then replaces `checkpoint.json`, which
names all parts with their length and SHA-256 and has a digest of itself. Both are written to a
temporary file, forced to the disk and renamed. So at any moment the folder has either the old
checkpoint or the new one, whole.

A checkpoint is data: nothing in it is executed. It belongs to one run: the same model, parameters,
properties and version. Any other run, and any damage, is refused before the search begins.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from msgspec import Struct

from paxcheck import __version__
from paxcheck.protocol.errors import PaxcheckError

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None

FORMAT: Final = 1
HEADER: Final = "checkpoint.json"
CHUNK: Final = 1 << 24

_PART: Final = re.compile(r"part-\d{3,}-\d{6,}(\.tmp)?")

Buffer = bytes | memoryview


class CheckpointError(PaxcheckError):
    """A checkpoint that cannot be used; nothing in its folder was changed."""


class Saved(Struct, frozen=True):
    """What `checkpoint.json` says of a search: the kind of its engine, its counts, its parts."""

    kind: str
    state: dict[str, Any]
    parts: tuple[dict[str, Any], ...]


class Checkpoint:
    """The checkpoint of one run in a folder.

    `run`: what the run is (model, parameters, ...): a resumed run must say the same. `every`:
    seconds between two saves, at least. `warn`: told when a save did not work; the search goes on.
    `saved`: what there is to go on from, or None.

    Raises CheckpointError for a checkpoint that is damaged or of another run, for a folder that
    another run is using, and for one that cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        run: dict[str, Any],
        *,
        every: float = 30.0,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = folder
        self.every = every
        self._run = json.loads(json.dumps(run))
        self._warn = warn
        self._lock = self._use()
        try:
            self.saved = self._read()
        except BaseException:
            self.close()
            raise
        self._series = -1 if self.saved is None else int(self.saved.state["series"])
        self._parts: list[dict[str, Any]] = [] if self.saved is None else list(self.saved.parts)
        self._clean = False
        self._next = time.monotonic() + every

    # Reading --------------------------------------------------------------------------------

    def load(self, kind: str) -> Saved | None:
        """What this kind of engine saved here; None where nothing is.

        Raises CheckpointError when another kind did.
        """
        if self.saved is not None and self.saved.kind != kind:
            raise self.refused(
                f"it was made by the {self.saved.kind} engine, and this run uses the {kind} engine",
                hint="choose the same engine with --engine, or another folder",
            )
        return self.saved

    def bodies(self) -> Iterator[tuple[dict[str, Any], IO[bytes]]]:
        """Each part: its description, and its file at the place where its payload begins."""
        for part in self._parts:
            with open(self.folder / part["file"], "rb") as file:
                try:
                    described = json.loads(file.readline())
                except ValueError:
                    raise self.damaged(f"{part['file']} has no description") from None
                yield described, file

    def damaged(self, why: str) -> CheckpointError:
        """The error for a checkpoint that is not whole."""
        return CheckpointError(
            f"the checkpoint in {self.folder} is damaged: {why}",
            hint="nothing was changed there; begin again in another folder",
        )

    def refused(self, why: str, hint: str = "give another folder to --checkpoint") -> Exception:
        """The error for a checkpoint of something else."""
        return CheckpointError(f"the checkpoint in {self.folder} is refused: {why}", hint=hint)

    def _read(self) -> Saved | None:
        path = self.folder / HEADER
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise CheckpointError(f"{path} cannot be read: {problem.strerror}") from None
        header = self._parsed(raw)
        self._check_run(header)
        for part in header["parts"]:
            self._check_part(part)
        return Saved(header["kind"], header["state"], tuple(header["parts"]))

    def _parsed(self, raw: bytes) -> dict[str, Any]:
        try:
            header = json.loads(raw)
        except ValueError:
            raise self.damaged(f"{HEADER} is not JSON") from None
        if not isinstance(header, dict) or "paxcheck_checkpoint" not in header:
            raise self.refused(f"{HEADER} is not a checkpoint of paxcheck")
        found: dict[str, Any] = header  # pyright: ignore[reportUnknownVariableType]
        digest = found.pop("digest", None)
        if digest != sha256(_canonical(found)).hexdigest():
            raise self.damaged(f"{HEADER} does not have the digest that it names")
        return found

    def _check_run(self, header: dict[str, Any]) -> None:
        made = (header["paxcheck_checkpoint"], header["version"])
        if made != (FORMAT, __version__):
            raise self.refused(
                f"it was made by paxcheck {made[1]} (format {made[0]}), "
                f"and this is {__version__} (format {FORMAT})"
            )
        there: dict[str, Any] = header["run"]
        for name in dict.fromkeys([*self._run, *there]):
            if there.get(name) != self._run.get(name):
                raise self.refused(
                    f"it is of another run: {name} is {_shown(there.get(name))} there "
                    f"and {_shown(self._run.get(name))} here"
                )

    def _check_part(self, part: dict[str, Any]) -> None:
        path = self.folder / part["file"]
        digest = sha256()
        size = 0
        try:
            with open(path, "rb") as file:
                while block := file.read(CHUNK):
                    digest.update(block)
                    size += len(block)
        except OSError as problem:
            raise self.damaged(f"{part['file']}: {problem.strerror}") from None
        if size != part["bytes"]:
            raise self.damaged(f"{part['file']} has {size:,} bytes, not {part['bytes']:,}")
        if digest.hexdigest() != part["sha256"]:
            raise self.damaged(f"{part['file']} does not have the digest that {HEADER} names")

    # Writing --------------------------------------------------------------------------------

    @property
    def due(self) -> bool:
        """Whether the time for the next save has come."""
        return time.monotonic() >= self._next

    def begin(self) -> None:
        """Start a new series of parts, which will replace the present one when it is saved."""
        self._series += 1
        self._clean = False
        self._parts = []
        self.saved = None

    def save(
        self,
        kind: str,
        state: dict[str, Any],
        described: dict[str, Any],
        payload: Iterable[Buffer] = (),
    ) -> bool:
        """Add a part and replace the header; False, after a warning, when that was impossible.

        `state`: all that is small; `described` and `payload`: what is new since the last save.
        """
        if self._series < 0:
            self._series = 0
        name = f"part-{self._series:03}-{len(self._parts):06}"
        try:
            part = self._write_part(name, [_line(described), *payload])
            try:
                self._write_header(kind, state, [*self._parts, part])
            except OSError:
                with suppress(OSError):
                    (self.folder / name).unlink()
                raise
        except OSError as problem:
            if self._warn is not None:
                self._warn(
                    f"the checkpoint could not be written to {self.folder}: "
                    f"{problem.strerror or problem}; the search goes on"
                )
            self._next = time.monotonic() + self.every
            return False
        self._parts.append(part)
        self.saved = Saved(kind, state, tuple(self._parts))
        if not self._clean:
            self._remove_old_parts()
        self._next = time.monotonic() + self.every
        return True

    def _remove_old_parts(self) -> None:
        """Remove the parts that the header does not name any more, or that never got into one."""
        names = {part["file"] for part in self._parts}
        with suppress(OSError):
            for path in self.folder.iterdir():
                if _PART.fullmatch(path.name) and path.name not in names:
                    path.unlink()
        self._clean = True

    def _write_part(self, name: str, blocks: Iterable[Buffer]) -> dict[str, Any]:
        digest = sha256()
        size = 0

        def told() -> Iterator[Buffer]:
            nonlocal size
            for block in blocks:
                digest.update(block)
                size += len(block)
                yield block

        self._write(name, told())
        return {"file": name, "bytes": size, "sha256": digest.hexdigest()}

    def _write_header(self, kind: str, state: dict[str, Any], parts: list[dict[str, Any]]) -> None:
        header: dict[str, Any] = {
            "paxcheck_checkpoint": FORMAT,
            "version": __version__,
            "kind": kind,
            "run": self._run,
            "state": {**state, "series": self._series},
            "parts": parts,
        }
        header["digest"] = sha256(_canonical(header)).hexdigest()
        self._write(HEADER, [_line(header)])

    def _write(self, name: str, blocks: Iterable[Buffer]) -> None:
        path = self.folder / name
        temporary = self.folder / f"{name}.tmp"
        try:
            with open(temporary, "wb") as file:
                for block in blocks:
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(self.folder)

    def _use(self) -> IO[bytes] | None:
        """Make the folder, and keep other runs out of it; the lock ends with the process."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open(self.folder / "lock", "ab")  # noqa: SIM115 it stays open
        except OSError as problem:
            raise CheckpointError(
                f"{self.folder} cannot be used for a checkpoint: {problem.strerror}"
            ) from None
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                raise CheckpointError(f"another run is using {self.folder}") from None
            except OSError:
                pass  # a file system without locks
        return lock

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other runs use the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _sync_folder(folder: Path) -> None:
    """Force a rename to the disk, where the system can do that for a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
