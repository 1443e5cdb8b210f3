"""Messages, and the envelope that carries one to its receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from paxcheck.protocol.errors import ModelError, where_in_model
from paxcheck.protocol.records import Record, copied
from paxcheck.protocol.recordtype import SENDER, note
from paxcheck.protocol.values import Value, order_key


class Message(Record):
    """A message: a record that knows who sent it.

    Write the fields with their types; `sender` is filled in when a node sends the message.
    Two messages are equal when class, sender and fields are equal.
    """

    if TYPE_CHECKING:

        @property
        def sender(self) -> str:
            """The node that sent the message."""
            ...
    else:
        _sender: str = field(default="", name="sender")

    def __repr__(self) -> str:
        origin = f" from {self.sender}" if self.sender else ""
        return super().__repr__() + origin


# The same slot by its public name: no argument of the constructor is called so.
Message.sender = vars(Message)[SENDER]  # type: ignore[misc]
_put_sender: Final = vars(Message)[SENDER].__set__


def stamped(message: Message, sender: str) -> Message:
    """The same message with its sender filled in."""
    copy = copied(message)
    _put_sender(copy, sender)
    if getattr(message, "_key", False):
        note(copy, True)
    return copy


def check_message_class(kind: Any) -> None:
    """Raise ModelError unless `kind` is a class of messages."""
    if not (isinstance(kind, type) and issubclass(kind, Message)):
        raise ModelError(
            f"sent() is asked for {kind!r}, which is no class of messages",
            where=where_in_model(),
            hint="sent(Accepted)",
        )


class Sought(Struct, frozen=True):
    """Which sent messages an action asked for: those of a class with these values in its fields."""

    kind: type[Message]
    fields: tuple[tuple[str, Value], ...] = ()

    def fits(self, message: Message) -> bool:
        """Whether a message is one of those."""
        return isinstance(message, self.kind) and all(
            getattr(message, name) == value for name, value in self.fields
        )


PUBLISHED = ""
"""The receiver of a published message: nobody; actions and properties may ask for it."""


class Envelope:
    """One message on its way to one receiver. As a trigger: the delivery of that message.

    `mark`: what a replay knows it by (empty: nothing yet).
    """

    __slots__ = ("_hash", "key", "mark", "message", "to")
    _hash: int
    key: tuple[Any, ...]

    def __init__(self, to: str, message: Message) -> None:
        self.to = to
        self.message = message
        self.mark = b""

    def __getattr__(self, name: str) -> Any:
        # Called once for each of the two: a replay of a long run needs neither.
        if name == "_hash":
            self._hash = hash((self.to, self.message))
            return self._hash
        if name == "key":
            self.key = ((3, self.to), order_key(self.message))
            return self.key
        raise AttributeError(name)

    @property
    def sender(self) -> str:
        """The node that sent the message."""
        return self.message.sender

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            other.__class__ is Envelope
            and self._hash == other._hash  # type: ignore[attr-defined]
            and self.to == other.to  # type: ignore[attr-defined]
            and self.message == other.message  # type: ignore[attr-defined]
        )

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return (Envelope, (self.to, self.message))

    def __repr__(self) -> str:
        return f"Envelope(to={self.to!r}, {self.message!r})"
