"""The code of a model file that can decide a step: its statements, all methods, what they use."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from msgspec import Struct

_NODES = "_paxcheck_nodes"
Definition = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def walk(tree: ast.AST) -> list[ast.AST]:
    """All nodes of a tree, what is outside first; kept, because many look at them."""
    nodes: list[ast.AST] | None = tree.__dict__.get(_NODES)
    if nodes is None:
        nodes = tree.__dict__[_NODES] = list(ast.walk(tree))
    return nodes


class Function(Struct, frozen=True):
    """One function with its class, if it is a method, and the names that it binds itself.

    Or the statements of a class or of the file, which are run when it is loaded.
    """

    node: Definition | ast.Module
    cls: ast.ClassDef | None = None

    @property
    def name(self) -> str:
        """As it is told: `Class.method`, `function`, `Class` or `the file`."""
        if isinstance(self.node, ast.Module):
            return self.cls.name if self.cls else "the file"
        return f"{self.cls.name}.{self.node.name}" if self.cls else self.node.name

    @property
    def own_names(self) -> frozenset[str]:
        """The names that it, or a function inside of it, binds: parameters and variables."""
        names: set[str] = set()
        for node in walk(self.node):
            if isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names.add(node.id)
            elif isinstance(node, ast.ExceptHandler):
                names.add(node.name or "")
            elif isinstance(node, Definition) and node is not self.node:
                names.add(node.name)
        shared = [node.names for node in walk(self.node) if isinstance(node, ast.Global)]
        return frozenset(names.difference(*shared))


def functions_of(tree: ast.Module) -> Iterator[Function]:
    """The file's own statements, all classes with their methods, and the functions they use."""
    top = {node.name: node for node in tree.body if isinstance(node, Definition)}
    todo = [Function(_statements(tree.body))]
    for cls in [node for node in walk(tree) if isinstance(node, ast.ClassDef)]:
        todo.append(Function(_statements(cls.body), cls))
        todo += [Function(node, cls) for node in cls.body if isinstance(node, Definition)]
    done: set[str] = set()
    while todo:
        function = todo.pop(0)
        yield function
        for node in walk(function.node):
            if isinstance(node, ast.Name) and node.id in top and node.id not in done:
                done.add(node.id)
                todo.append(Function(top[node.id]))


def _statements(body: list[ast.stmt]) -> ast.Module:
    """What is run when a body is loaded, without what only a script does."""
    others = (*FUNCTIONS, ast.ClassDef)
    kept = [node for node in body if not isinstance(node, others) and not _only_in_a_script(node)]
    return ast.Module(kept, [])


def _only_in_a_script(node: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__": ...`."""
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def returned_by(function: Definition | ast.Module) -> list[ast.expr]:
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
