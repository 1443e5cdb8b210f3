"""Texts by which messages are found: equal for equal messages to the same node."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from paxcheck.protocol.messages import Envelope
from paxcheck.trace.encode import encode


def message_key(to: str, message: dict[str, Any]) -> str:
    """A text that two encoded messages to one node share when they are equal."""
    return f"{to} {msgspec.json.encode(message, order='sorted').decode()}"


@lru_cache(maxsize=65_536)
def key_of(envelope: Envelope) -> str:
    """The same of an envelope."""
    return message_key(envelope.to, encode(envelope.message))
