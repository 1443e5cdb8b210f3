"""A key that a line has twice in one object: which of the two is meant? It is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import Any

import msgspec

from paxcheck.protocol.errors import Where
from paxcheck.trace.lines import TraceError

_KEYS = re.compile(r'"([a-z_]+)"\s*:')
_encode = msgspec.json.Encoder().encode


def refuse_doubles(
    text: str,
    value: Any,
    file: str,
    number: int,
    unique: Container[str] | None = None,
    words: bool = False,
) -> None:
    """Raises TraceError when the line has a key twice in one object: which one is meant?

    `value`: what was decoded. Written again it has each key once, so most lines are cleared by
    counting colons: they are behind the keys and in texts, and those in texts are the same (a text
    may have its colons as \\u003a: such a line is not cleared). `words`: all keys are words of
    small letters, so that they can be looked at without reading the line. What is left is read once
    more, slowly.
    """
    try:
        if text.count(":") == _encode(value).count(b":") and "\\u00" not in text:
            return
    except (OverflowError, RecursionError, UnicodeEncodeError):
        pass  # numbers of more than 64 bits
    if words and _differ(text):
        return

    def once(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen and (unique is None or key in unique):
                raise TraceError(f"this line has the key {key!r} twice", where=Where(file, number))
            seen.add(key)

    try:
        json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as problem:
        raise TraceError(f"this line is not JSON: {problem}", where=Where(file, number)) from None


def _differ(text: str) -> bool:
    """Whether all keys of a line are different, whatever object they are in.

    What stands between two strings is never a word alone, so each match is a key.
    """
    if "\\" in text:
        return False
    keys = _KEYS.findall(text)
    return len(keys) == len(set(keys))
