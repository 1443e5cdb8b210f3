"""The functions of a model file that can decide a step: all methods, and what they use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """One function with its class, if it is a method, and the names that it binds itself."""

    node: Definition
    cls: ast.ClassDef | None = None

    @property
    def name(self) -> str:
        """As it is told: `Class.method` or `function`."""
        return f"{self.cls.name}.{self.node.name}" if self.cls else self.node.name

    @property
    def own_names(self) -> frozenset[str]:
        """The names that it, or a function inside of it, binds: parameters and variables."""
        names: set[str] = set()
        for node in ast.walk(self.node):
            if isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names.add(node.id)
            elif isinstance(node, ast.ExceptHandler):
                names.add(node.name or "")
            elif isinstance(node, Definition) and node is not self.node:
                names.add(node.name)
        shared = [node.names for node in ast.walk(self.node) if isinstance(node, ast.Global)]
        return frozenset(names.difference(*shared))


def functions_of(tree: ast.Module) -> Iterator[Function]:
    """All methods, then the functions at the top level that they use, also by way of others."""
    top = {node.name: node for node in tree.body if isinstance(node, Definition)}
    todo: list[Function] = []
    for cls in [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]:
        todo += [Function(node, cls) for node in cls.body if isinstance(node, Definition)]
    done: set[str] = set()
    while todo:
        function = todo.pop(0)
        yield function
        for node in ast.walk(function.node):
            if isinstance(node, ast.Name) and node.id in top and node.id not in done:
                done.add(node.id)
                todo.append(Function(top[node.id]))


def returned_by(function: Definition) -> list[ast.expr]:
    """What it returns, without what functions inside of it return."""
    found: list[ast.expr] = []
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.Return) and node.value is not None:
            found.append(node.value)
        if not isinstance(node, (Definition, ast.Lambda, ast.ClassDef)):
            todo += ast.iter_child_nodes(node)
    return found
