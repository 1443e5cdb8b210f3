"""Finds code in a model whose result would depend on the order of a set.

A builtin set has no order of its own: Python walks it in the order of hashes, which change from
run to run (PYTHONHASHSEED). A step that depends on it is not deterministic, and running it twice
in one process does not show it. So the text of the model is looked at once, when it is loaded.
Fields of type set and sets that a handler reads from its node are safe: they have a fixed order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from paxcheck.protocol.errors import ModelError, Where

_TAKES_ORDER = frozenset({"list", "tuple", "iter", "enumerate", "next", "zip", "map", "reversed"})
_SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
Scope = ast.FunctionDef | ast.AsyncFunctionDef


def check_set_order(source: str, file: str) -> None:
    """Raise ModelError at the first place where a method walks a set in the order of hashes."""
    for cls in [n for n in ast.walk(ast.parse(source, file)) if isinstance(n, ast.ClassDef)]:
        for method in [n for n in cls.body if isinstance(n, Scope)]:
            for place in _places(method):
                raise ModelError(
                    f"{cls.name}.{method.name} depends on the order of a set, "
                    "which changes from run to run",
                    where=Where(file, place.lineno),
                    hint="walk it in order: sorted(...)",
                )


def _places(method: Scope) -> Iterator[ast.expr]:
    sets = _set_names(method)
    for node in ast.walk(method):
        if isinstance(node, ast.For) and _is_set(node.iter, sets):
            yield node.iter
        elif isinstance(node, (ast.ListComp, ast.DictComp)):
            yield from (g.iter for g in node.generators if _is_set(g.iter, sets))
        elif isinstance(node, ast.Call):
            yield from _ordered_arguments(node, sets)


def _ordered_arguments(call: ast.Call, sets: frozenset[str]) -> Iterator[ast.expr]:
    if isinstance(call.func, ast.Name) and call.func.id in _TAKES_ORDER:
        for argument in call.args:
            if _is_set(argument, sets):
                yield argument
            elif isinstance(argument, ast.GeneratorExp):
                yield from (g.iter for g in argument.generators if _is_set(g.iter, sets))
    elif isinstance(call.func, ast.Attribute):
        owner = call.func.value
        if call.func.attr == "pop" and not call.args and _is_set(owner, sets):
            yield owner
        if call.func.attr in ("join", "extend"):
            yield from (a for a in call.args if _is_set(a, sets))


def _set_names(method: Scope) -> frozenset[str]:
    """Local variables that are given a set somewhere in the method and nothing else."""
    sets: set[str] = set()
    others: set[str] = set()
    for node in ast.walk(method):
        if isinstance(node, ast.Assign):
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            (sets if _is_set(node.value, frozenset()) else others).update(names)
    return frozenset(sets - others)


def _is_set(node: ast.expr, sets: frozenset[str]) -> bool:
    """Whether an expression is plainly a builtin set."""
    if isinstance(node, (ast.Set, ast.SetComp)):
        return True
    if isinstance(node, ast.Name):
        return node.id in sets
    if isinstance(node, ast.BinOp) and isinstance(
        node.op, (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
    ):
        return _is_set(node.left, sets) or _is_set(node.right, sets)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return node.func.id in ("set", "frozenset")
        if isinstance(node.func, ast.Attribute) and node.func.attr in _SET_METHODS:
            return _is_set(node.func.value, sets)
    return False
