"""Uses of chance, of a clock, of an address or of the world outside of the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from paxcheck.protocol.lint.functions import FUNCTIONS, Function, functions_of, walk

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
        for node in walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._imported[alias.asname or whole] = whole
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self._imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        whole_file = next(functions_of(tree))
        self._defined = whole_file.own_names | {
            node.name for node in tree.body if isinstance(node, (*FUNCTIONS, ast.ClassDef))
        }

    def places(self, function: Function) -> Iterator[tuple[ast.expr, str]]:
        """Where the function uses such a thing, and its name."""
        own = function.own_names
        for node in self._parts(function.node, own):
            if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(
                node.ctx, ast.Load
            ):
                continue
            if isinstance(node, ast.Name):
                known = node.id in own or node.id in self._defined or node.id in self._imported
                if node.id in _BUILTINS and not known:
                    yield node, f"{node.id}()"
            elif node.attr == "__hash__":
                yield node, "__hash__()"
            name = self._dotted(node, own)
            if name in _CHANCE or name.rpartition(".")[0] in _CHANCE:
                yield node, name

    def _parts(self, node: ast.AST, own: frozenset[str]) -> Iterator[ast.AST]:
        """All nodes but `random.Random(7)`, whose numbers are the same in every run."""
        yield node
        seeded: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args:
            seeded = node.func if self._dotted(node.func, own) == "random.Random" else None
        for child in ast.iter_child_nodes(node):
            if child is not seeded:
                yield from self._parts(child, own)

    def _dotted(self, node: ast.expr, own: frozenset[str]) -> str:
        if isinstance(node, ast.Attribute):
            base = self._dotted(node.value, own)
            return f"{base}.{node.attr}" if base else ""
        if isinstance(node, ast.Name) and node.id not in own:
            return self._imported.get(node.id, "")
        return ""
