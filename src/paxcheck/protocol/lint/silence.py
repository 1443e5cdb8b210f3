"""Properties that return nothing: a `return` was forgotten, and they would always hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from paxcheck.protocol.lint.functions import Definition, returned_by, walk

_MARKS: Final = frozenset({"invariant", "step_invariant", "reachable", "at_end"})


def silent_properties(tree: ast.Module) -> Iterator[Definition]:
    """The properties of a file that can only return None, and raise nothing themselves."""
    for node in walk(tree):
        if isinstance(node, Definition) and _marked(node) and not _says_something(node):
            yield node


def _marked(node: Definition) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id in _MARKS for mark in node.decorator_list)


def _says_something(node: Definition) -> bool:
    for part in walk(node):
        if isinstance(part, (ast.Raise, ast.Assert, ast.Yield, ast.YieldFrom)):
            return True
    return any(
        not (isinstance(value, ast.Constant) and value.value is None) for value in returned_by(node)
    )
