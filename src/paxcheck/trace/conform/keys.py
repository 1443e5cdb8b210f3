"""Keys by which messages are found: equal for equal messages to the same node."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from paxcheck.protocol.messages import Envelope, Message
from paxcheck.trace.encode import encode

Key: TypeAlias = bytes
"""128 mixed bits of a message, and its receiver: a long run keeps very many of them."""

_ENCODE = msgspec.json.Encoder(order="sorted").encode


def message_key(to: str, message: dict[str, Any]) -> Key:
    """A key that two encoded messages to one node share when they are equal."""
    return blake2b(_ENCODE(message), digest_size=16).digest() + to.encode()


def key_of(envelope: Envelope) -> Key:
    """The same of an envelope."""
    mark = envelope.mark
    if not mark:
        mark = envelope.mark = _latest(envelope.message)[2] + envelope.to.encode()
    return mark


def is_told(message: Message, told: Any) -> bool:
    """Whether a trace tells of this message: as JSON, or as a message (see `typed`)."""
    if told.__class__ is dict:
        return text_of(message) == _ENCODE(told)
    if told != message:
        return False
    if _LATEST[0][0] is not message:
        text = _ENCODE(told)
        _LATEST[0] = (message, text, blake2b(text, digest_size=16).digest())
    return True


def text_of_encoded(message: dict[str, Any]) -> bytes:
    """An encoded message as text, for whomever it is."""
    return _ENCODE(message)


def text_of(message: Message) -> bytes:
    """The same of a message."""
    return _latest(message)[1]


def _latest(message: Message) -> tuple[Message | None, bytes, bytes]:
    """A message, its text and its digest: its copies to several nodes come one after the other."""
    latest = _LATEST[0]
    if latest[0] is not message:
        text = _ENCODE(encode(message))
        latest = _LATEST[0] = (message, text, blake2b(text, digest_size=16).digest())
    return latest


_LATEST: list[tuple[Message | None, bytes, bytes]] = [(None, b"", b"")]
