"""Parameters of a protocol: `acceptors: int = param(3, "number of acceptors", least=1)`."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct

from paxcheck.protocol.errors import ModelError, UsageError, where_in_model

T = TypeVar("T")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SHOWN = 40  # characters of a value that is refused


class Param(Struct, frozen=True):
    """A parameter of a protocol, settable with `--set name=value`."""

    default: Any
    about: str
    least: int | None = None
    most: int | None = None

    @property
    def range(self) -> str:
        """The type in words, with the bounds that there are."""
        kind = type(self.default).__name__
        if self.least is not None and self.most is not None:
            return f"{kind}, {self.least} to {self.most}"
        if self.least is not None:
            return f"{kind}, at least {self.least}"
        return kind if self.most is None else f"{kind}, at most {self.most}"

    def allows(self, value: Any) -> bool:
        """Whether the value lies within the bounds."""
        too_low = self.least is not None and value < self.least
        return not too_low and (self.most is None or value <= self.most)

    def converted(self, name: str, value: Any) -> Any:
        """A value as the default's type; texts come from the command line.

        `name`: `Protocol.parameter`. Raises UsageError.
        """
        kind = self.default.__class__
        found = value
        try:
            if value.__class__ is not kind:
                found = _TRUTH[str(value).lower()] if kind is bool else kind(str(value))
            if self.allows(found):
                return found
        except (ValueError, KeyError):
            pass
        short = name.partition(".")[2]
        raise UsageError(f"{short}={_shown(value)}: {name} is {self.about} ({self.range})")


def _shown(value: Any) -> str:
    try:
        text = str(value)
    except ValueError:  # Python does not print more than 4,300 digits
        return "a very long number"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def param(default: T, about: str, *, least: int | None = None, most: int | None = None) -> T:
    """A parameter with its default (int, bool or str) and one line about it.

    `least`, `most`: the bounds of an int.
    """
    found = Param(default, about, least, most)
    kind = type(default)
    if kind not in (int, bool, str):
        problem = f"the default of a parameter is a {kind.__name__}"
    elif kind is not int and (least is not None or most is not None):
        problem = f"least and most are for an int, and the default is a {kind.__name__}"
    elif not found.allows(default):
        problem = f"the default {default} is not within its bounds ({found.range})"
    else:
        return found  # type: ignore[return-value]
    raise ModelError(
        problem,
        where=where_in_model(),
        hint="param(3, 'number of acceptors', least=1): the default is an int, a bool or a str",
    )
