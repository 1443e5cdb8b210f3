"""Keys by which messages are found: equal for equal messages to the same node."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from paxcheck.protocol.messages import Envelope, Message
from paxcheck.trace.encode import encode

Key: TypeAlias = bytes
"""128 mixed bits of a message and its receiver: a long run keeps very many of them."""

_ENCODE = msgspec.json.Encoder(order="sorted").encode


def message_key(to: str, message: dict[str, Any]) -> Key:
    """A key that two encoded messages to one node share when they are equal."""
    return _key(to, _ENCODE(message))


def key_of(envelope: Envelope) -> Key:
    """The same of an envelope."""
    mark = envelope.mark
    if not mark:
        mark = envelope.mark = _key(envelope.to, text_of(envelope.message))
    return mark


def text_of_encoded(message: dict[str, Any]) -> bytes:
    """An encoded message as text, for whomever it is."""
    return _ENCODE(message)


def text_of(message: Message) -> bytes:
    """The same of a message."""
    latest = _LATEST[0]
    if latest[0] is not message:  # its copies to several nodes come one after the other
        latest = _LATEST[0] = (message, _ENCODE(encode(message)))
    return latest[1]


def _key(to: str, text: bytes) -> Key:
    return blake2b(b"%s\0%s" % (to.encode(), text), digest_size=16).digest()


_LATEST: list[tuple[Message | None, bytes]] = [(None, b"")]
