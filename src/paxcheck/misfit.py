"""What a decoder says of data that does not fit, in words for who wrote the data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_WHERE = re.compile(r" - at `(?:key` in `)?\$([^`]*)`$")
_EXPECTED = re.compile(r"Expected `([^`]+)`, got `(\w+)`")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_CHOICE = re.compile(r"Invalid (?:enum )?value (.+)", re.DOTALL)
_MALFORMED = "JSON is malformed: "

_MUST = {
    "str": ("a text",),
    "int": ("a whole number",),
    "float": ("a number",),
    "bool": ("true", "false"),
    "array": ("a list",),
    "object": ("an object",),
}
_IS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a fraction",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def misfit(problem: Exception, kind: Any = None) -> str:
    """What is wrong with data that was decoded, or converted, as `kind`: which field, and why.

    `problem`: a DecodeError of msgspec (a ValidationError is one), or a RecursionError.
    """
    text = str(problem)
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if text.startswith(_MALFORMED):
        return f"it is not JSON: {text.removeprefix(_MALFORMED)}"
    if text == "Input data was truncated":
        return "it is cut off"
    place = _WHERE.search(text)
    path = place[1].removeprefix(".") if place else ""
    text = text[: place.start()] if place else text
    name = f"`{path}`" if path.strip("[].") else "it"
    inside = f" in `{path}`" if path else ""
    if found := _EXPECTED.fullmatch(text):
        must = [w for word in found[1].split(" | ") for w in _MUST.get(word, (word,))]
        return f"{name} is {_IS.get(found[2], found[2])}, and must be {_either(must)}"
    if found := _MISSING.fullmatch(text):
        return f"it has no `{path}.{found[1]}`" if path else f"it has no `{found[1]}`"
    if found := _UNKNOWN.fullmatch(text):
        return f"there is no field `{found[1]}`{inside}"
    if found := _CHOICE.fullmatch(text):
        choices = ", ".join(_choices(kind, path)) if kind is not None else ""
        return f"{name} is {found[1]}" + (f", and must be one of: {choices}" if choices else "")
    if text.endswith("out of range"):
        return f"{name} is too large a number" if name != "it" else "a number in it is too large"
    return text + inside


def unreadable(problem: Exception) -> str:
    """What a line is that cannot be decoded as JSON: `not JSON: ...`, `cut off`."""
    told = misfit(problem)
    if told.startswith("it is "):
        return told.removeprefix("it is ")
    return f"not JSON that can be read: {told}"


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _choices(kind: Any, path: str) -> list[str]:
    """What may stand at a path such as `family[0]` in data of a class: words that are listed."""
    from msgspec import inspect  # only errors need it

    infos = list(_flat(inspect.type_info(kind)))
    tags: list[str] = []
    for step in re.findall(r"\w+|\[", path.replace("[...]", "[").replace("]", "")):
        if step.isdigit():
            continue
        tags = [str(i.tag) for i in infos if getattr(i, "tag_field", None) == step]
        infos = [found for info in infos for found in _inside(info, step)]
    words = [str(value) for info in infos for value in getattr(info, "values", ())]
    return list(dict.fromkeys(tags or words))


def _flat(info: Any) -> Iterator[Any]:
    """The types that a union is of; one by itself."""
    yield from getattr(info, "types", (info,))


def _inside(info: Any, step: str) -> Iterator[Any]:
    """What a step of a path leads to: the field of a struct, the items of a list."""
    if step == "[":
        items = [getattr(info, "item_type", None) or getattr(info, "value_type", None)]
    else:
        items = [f.type for f in getattr(info, "fields", ()) if f.encode_name == step]
    for item in items:
        if item is not None:
            yield from _flat(item)
