"""When Python looks for cycles of references, in work that makes many objects that stay."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = (100_000, 50, 50)
"""How often to look, in the sense of `gc.set_threshold`."""


@contextmanager
def seldom_collected() -> Generator[None, None, None]:
    """Look for cycles seldom: rows, states and events make none, and looking takes long."""
    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
