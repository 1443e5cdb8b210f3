"""Files that a command writes when its work is done."""

from __future__ import annotations

from pathlib import Path

from paxcheck.protocol.errors import UsageError


def check_writable(option: str, path: Path) -> None:
    """Raise UsageError at once for a file that could not be written after a long search."""
    try:
        if path.exists() and not path.is_file():
            return  # a device or a pipe: only writing tells
        folder = path.parent
        if not folder.is_dir():
            hint = f"make it first: mkdir -p {folder}"
            raise UsageError(f"{option} {path}: there is no folder {folder}", hint=hint)
        target = path.resolve()
        new = not target.exists()
        target.open("ab").close()
        if new:
            target.unlink()
    except OSError as problem:
        raise cannot_write(path, problem) from None


def cannot_write(path: Path, problem: OSError) -> UsageError:
    """What to tell when a file cannot be written."""
    return UsageError(
        f"{path} cannot be written: {problem.strerror}", hint="name another file or folder"
    )
