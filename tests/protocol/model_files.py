"""Small model files for tests, and what paxcheck says about them."""

import itertools
import textwrap
from pathlib import Path
from typing import Any

import pytest

from paxcheck.engine.engines import EngineName, explore
from paxcheck.engine.verdict import Verdict
from paxcheck.loading import load_model
from paxcheck.protocol import PaxcheckError, System

HEAD = """\
from paxcheck import *
class Ping(Message):
    n: int
class Pong(Message):
    n: int
"""
_numbers = itertools.count()


def write(folder: Path, body: str, head: str = HEAD) -> Path:
    """A model file under a name of its own: modules are kept by name. Line 1 is in `head`."""
    path = folder / f"model_{next(_numbers)}.py"
    path.write_text(head + textwrap.dedent(body), encoding="utf-8")
    return path


def check(path: Path, engine: EngineName = "reference", **settings: Any) -> Verdict:
    """Load the model and explore it."""
    return explore(System(load_model(str(path)).protocol(**settings)), engine=engine)


def refusal(path: Path, engine: EngineName = "reference", **settings: Any) -> str:
    """The whole error, with `FILE` for the name of the file."""
    with pytest.raises(PaxcheckError) as caught:
        check(path, engine, **settings)
    return str(caught.value).replace(str(path), path.name).replace(path.name, "FILE")
