"""What a node remembers: durable, volatile and ghost fields, and constants."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from msgspec import Struct

T = TypeVar("T")
FieldKind = Literal["durable", "volatile", "ghost", "constant"]
_MISSING: Any = object()


class Field(Struct, frozen=True):
    """The declaration of one field of a node."""

    kind: FieldKind
    default: Any = _MISSING
    corrupt: tuple[Any, ...] | None = None

    @property
    def required(self) -> bool:
        """Whether the field has no default and must be given to the constructor."""
        return self.default is _MISSING


def durable(default: T, *, corrupt: tuple[Any, ...] | None = None) -> T:
    """A field on disk: it survives a crash, but not amnesia.

    `default` is its first value; a dict, set or list is copied for every node. `corrupt` lists
    the values that the fault `corrupt` may write into it (without it: the default).
    """
    return Field("durable", default, corrupt)  # type: ignore[return-value]


def volatile(default: T) -> T:
    """A field in memory: a crash sets it back to `default`."""
    return Field("volatile", default)  # type: ignore[return-value]


def ghost() -> Any:
    """A history for properties: a set to which handlers may only `.add`.

    No fault removes anything from it, and no handler can read it, so it cannot change what the
    protocol does.
    """
    return Field("ghost", frozenset())


def constant(default: Any = _MISSING) -> Any:
    """A value given when the node is made; it never changes and is not part of the state."""
    return Field("constant", default)
