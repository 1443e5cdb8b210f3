"""Plain text: numbers of things, and text that may go to a terminal."""

from __future__ import annotations


def count(number: int, thing: str, things: str = "") -> str:
    """So many of them: `1 step`, `12,306 steps`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def printable(text: str) -> str:
    """The text in one line as a terminal may see it: what would steer the terminal is written out.

    A value of a model or a line of a log may hold escape codes.
    """
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else c.encode("unicode_escape").decode() for c in text])


def printable_lines(text: str) -> str:
    """The same for a text of several lines, which may hold tabs."""
    if text.isprintable():
        return text
    return "".join([c if c in "\n\t" else printable(c) for c in text])
