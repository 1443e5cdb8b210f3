"""Texts by which messages are found: equal for equal messages to the same node."""

from __future__ import annotations

from typing import Any

import msgspec

from paxcheck.protocol.messages import Envelope, Message
from paxcheck.trace.encode import encode

_ENCODE = msgspec.json.Encoder(order="sorted").encode


def message_key(to: str, message: dict[str, Any]) -> str:
    """A text that two encoded messages to one node share when they are equal."""
    return f"{to} {_ENCODE(message).decode()}"


def text_of_encoded(message: dict[str, Any]) -> str:
    """An encoded message as text, for whomever it is."""
    return _ENCODE(message).decode()


def key_of(envelope: Envelope) -> str:
    """The same of an envelope."""
    return f"{envelope.to} {text_of(envelope.message)}"


def text_of(message: Message) -> str:
    """The message as text, for whomever it is."""
    latest = _LATEST[0]
    if latest[0] is not message:  # its copies to several nodes come one after the other
        latest = _LATEST[0] = (message, _ENCODE(encode(message)).decode())
    return latest[1]


_LATEST: list[tuple[Message | None, str]] = [(None, "")]
