"""Pieces of text that several commands print."""

from __future__ import annotations

import textwrap

import click

from paxcheck.loading import Model
from paxcheck.protocol.protocol import Protocol

_NARROW = 30  # fewer columns than this for a text: it goes below its name


def headline(model: Model) -> str:
    """`name: what it is about`. A docstring that begins with the name does not say it twice."""
    about = model.protocol.about()
    title, colon, rest = about.partition(": ")
    words, name = title.lower().split(), model.name.split("_")
    if colon and words[:1] == name[:1] and set(name) <= set(words):
        about = rest
    return f"{click.style(model.name, bold=True)}: {about}"


def configuration(protocol: Protocol) -> str:
    """The parameters, the network, the faults and the rules that are switched off."""
    parts = [
        " ".join(f"{k}={v}" for k, v in protocol.params.items()),
        f"{protocol.network} network",
        *(f"{name} ≤ {n}" for name, n in protocol.faults.items()),
        *(f"without {rule}" for rule in sorted(protocol.without)),
    ]
    return ", ".join(filter(None, parts))


def columns(otherwise: int = 0) -> int:
    """The width of the terminal, or what COLUMNS says; `otherwise` where there is none."""
    from shutil import get_terminal_size  # it loads all that packs archives

    return get_terminal_size((otherwise, 0)).columns


def beside(left: str, width: int, text: str) -> str:
    """A text to the right of `left`, which is `width` characters wide, wrapped to the terminal.

    Where too little room is left, the text goes below.
    """
    whole = columns()
    if not whole or width + len(text) <= whole:
        return left + text
    below = whole - width < _NARROW
    indent = 6 if below else width
    lines = textwrap.wrap(text, max(whole - indent, 20), break_on_hyphens=False)
    told = ("\n" + " " * indent).join(lines)
    return f"{left.rstrip()}\n{' ' * indent}{told}" if below else left + told
