"""Records: the frozen value classes of a model."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, dataclass_transform

from msgspec import Struct
from msgspec.structs import force_setattr

from paxcheck.protocol.order import show
from paxcheck.protocol.recordtype import Noted, RecordType

R = TypeVar("R", bound="Record")


class _OfDataclass:
    """An attribute of the dataclass with the same fields: `dataclasses.replace` asks for it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, record: Any, kind: RecordType) -> Any:
        return getattr(_dataclass(kind), self._name)


@cache
def _dataclass(kind: RecordType) -> type:
    fields = [(name, Any) for name in kind._fields]  # pyright: ignore[reportPrivateUsage]
    return dataclasses.make_dataclass(kind.__name__, fields, frozen=True, eq=False, repr=False)


@dataclass_transform(frozen_default=True, eq_default=True, field_specifiers=(dataclasses.field,))
class Record(Struct, Noted, metaclass=RecordType):
    """A frozen value class: write fields with types, get a constructor, equality and hash.

    Two records are equal when they have the same *class* and equal fields. (Named tuples of one
    shape are equal across classes: `{Prepare(1), Decide(1)}` would have one element.)
    With `order=True` records of the class compare field by field, as a ballot needs.
    """

    if TYPE_CHECKING:
        _fields: ClassVar[tuple[str, ...]]

        def __init_subclass__(cls, *, order: bool = False) -> None: ...
    else:
        __dataclass_fields__ = _OfDataclass("__dataclass_fields__")
        __dataclass_params__ = _OfDataclass("__dataclass_params__")

    def __repr__(self) -> str:
        inside = ", ".join([f"{name}={getattr(self, name)!r}" for name in self._fields])  # pyright: ignore[reportPrivateUsage]
        return f"{self.__class__.__name__}({inside})"

    def __str__(self) -> str:
        inside = ", ".join([show(getattr(self, name)) for name in self._fields])  # pyright: ignore[reportPrivateUsage]
        return f"{self.__class__.__name__}({inside})"


_copy: Any = getattr(Struct, "__copy__")  # noqa: B009


def copied(record: R) -> R:
    """The same record once more; nothing of the model's runs."""
    return _copy(record)


put: Final = force_setattr
"""Give a field a value: of a record that nobody knows yet, or an equal one."""
