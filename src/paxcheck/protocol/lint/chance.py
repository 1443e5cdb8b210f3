"""Uses of chance, of a clock, of an address or of the world outside of the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from paxcheck.protocol.lint.functions import Function

_CHANCE: Final = (
    "random", "secrets", "time", "uuid.uuid1", "uuid.uuid4", "numpy.random",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today", "os.urandom", "os.getrandom", "os.getpid", "os.environ", "os.getenv",
    "os.times", "threading.get_ident", "socket.gethostname",
)  # fmt: skip
_BUILTINS: Final = frozenset({"hash", "id", "input", "open"})


class Chance:
    """What the names of one file stand for."""

    def __init__(self, tree: ast.Module) -> None:
        self._imported: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._imported[alias.asname or whole] = whole
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self._imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        self._defined = {
            name.id for name in ast.walk(tree)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        } | {
            node.name for node in tree.body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        }  # fmt: skip

    def places(self, function: Function) -> Iterator[tuple[ast.expr, str]]:
        """Where the function uses such a thing, and its name."""
        own = function.own_names
        for node in ast.walk(function.node):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                known = node.id in own or node.id in self._defined or node.id in self._imported
                if node.id in _BUILTINS and not known:
                    yield node, f"{node.id}()"
            if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                name = self._dotted(node, own)
                if name in _CHANCE or name.rpartition(".")[0] in _CHANCE:
                    yield node, name
                elif isinstance(node, ast.Attribute) and node.attr == "__hash__":
                    yield node, "__hash__()"

    def _dotted(self, node: ast.expr, own: frozenset[str]) -> str:
        if isinstance(node, ast.Attribute):
            base = self._dotted(node.value, own)
            return f"{base}.{node.attr}" if base else ""
        if isinstance(node, ast.Name) and node.id not in own:
            return self._imported.get(node.id, "")
        return ""
