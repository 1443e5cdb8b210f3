"""Places at which a builtin set is walked in the order of hashes.

What is a set is read from the text: literals, `set(...)`, operations on sets, variables, class
attributes and module variables that are given nothing else, functions that return nothing else.
Fields of type set, constants and sets that a handler reads from its node are safe: they have a
fixed order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from paxcheck.protocol.lint.functions import Definition, Function, returned_by, walk

# What they make of a set depends on its order.
_TAKES_ORDER: Final = frozenset({
    "list", "tuple", "iter", "enumerate", "next", "zip", "map", "filter", "reversed", "dict", "str",
    "repr", "format", "deque", "Counter", "chain", "combinations", "permutations", "product",
    "islice", "accumulate", "cycle", "reduce", "starmap", "groupby", "join", "extend", "fromkeys",
})  # fmt: skip
# What they make of a list does not depend on its order (with a key equal items keep their order).
_FREE: Final = frozenset({"any", "all", "set", "frozenset", "sorted", "len", "min", "max", "sum"})
_SET_METHODS: Final = frozenset(
    {"union", "intersection", "difference", "symmetric_difference", "copy"}
)
_SET_OPERATORS: Final = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)


class SetOrder:
    """What is a set in one file."""

    def __init__(self, tree: ast.Module) -> None:
        self._variables: frozenset[str] = frozenset()
        self._functions: set[str] = set()
        self._attributes: dict[str, set[str]] = {}
        self._methods: dict[str, set[str]] = {}
        self._variables = self._only_sets(tree.body, None)
        for _ in range(2):  # a function that returns what another one returns
            for node in tree.body:
                if isinstance(node, Definition) and self._returns_set(Function(node)):
                    self._functions.add(node.name)
            for cls in [node for node in walk(tree) if isinstance(node, ast.ClassDef)]:
                self._look_at_class(cls)

    def places(self, function: Function) -> Iterator[ast.expr]:
        """Where the function depends on the order of a set."""
        known = self._known_in(function)
        free = _order_free(function.node)
        for node in walk(function.node):
            for walked in _walked(node, free):
                if self._is_set(walked, known, function.cls):
                    yield walked

    # What is a set ---------------------------------------------------------------------------

    def _look_at_class(self, cls: ast.ClassDef) -> None:
        attributes = self._attributes.setdefault(cls.name, set())
        attributes |= self._only_sets(cls.body, cls)
        methods = self._methods.setdefault(cls.name, set())
        for node in cls.body:
            if isinstance(node, Definition) and self._returns_set(Function(node, cls)):
                marks = [mark.id for mark in node.decorator_list if isinstance(mark, ast.Name)]
                (attributes if "property" in marks else methods).add(node.name)

    def _returns_set(self, function: Function) -> bool:
        returned = returned_by(function.node)
        if not returned:
            return False
        known = self._known_in(function)
        return all(self._is_set(r, known, function.cls) for r in returned)

    def _known_in(self, function: Function) -> frozenset[str]:
        own = self._only_sets(walk(function.node), function.cls)
        return own | (self._variables - function.own_names)

    def _only_sets(self, nodes: Iterable[ast.AST], cls: ast.ClassDef | None) -> frozenset[str]:
        """The names that are given a set somewhere in these statements, and nothing else."""
        sets: set[str] = set()
        others: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.Assign):
                targets: list[ast.expr] = node.targets
            elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
                targets = [node.target]
            else:
                continue
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            is_set = node.value is not None and self._is_set(node.value, frozenset(sets), cls)
            (sets if is_set else others).update(names)
        return frozenset(sets - others)

    def _is_set(self, node: ast.expr, known: frozenset[str], cls: ast.ClassDef | None) -> bool:
        """Whether an expression is plainly a builtin set."""
        if isinstance(node, (ast.Set, ast.SetComp)):
            return True
        if isinstance(node, ast.Name):
            return node.id in known
        if isinstance(node, ast.BinOp) and isinstance(node.op, _SET_OPERATORS):
            return self._is_set(node.left, known, cls) or self._is_set(node.right, known, cls)
        if isinstance(node, ast.IfExp):
            return self._is_set(node.body, known, cls) or self._is_set(node.orelse, known, cls)
        if isinstance(node, ast.Attribute):
            return node.attr in self._attributes.get(_owner(node.value, cls), ())
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Name):
            return node.func.id in ("set", "frozenset") or node.func.id in self._functions
        if not isinstance(node.func, ast.Attribute):
            return False
        of_set = node.func.attr in _SET_METHODS and self._is_set(node.func.value, known, cls)
        return of_set or node.func.attr in self._methods.get(_owner(node.func.value, cls), ())


def _owner(node: ast.expr, cls: ast.ClassDef | None) -> str:
    """The class whose attribute is asked for: `self.x`, `cls.x` or `Class.x`."""
    if not isinstance(node, ast.Name):
        return ""
    return cls.name if cls is not None and node.id in ("self", "cls") else node.id


# Where order matters -------------------------------------------------------------------------


def _walked(node: ast.AST, free: set[int]) -> Iterator[ast.expr]:
    """The expressions that this node walks in their order, where the order matters."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        yield node.iter
    elif isinstance(node, (ast.ListComp, ast.DictComp, ast.GeneratorExp)) and id(node) not in free:
        yield from (generator.iter for generator in node.generators)
    elif isinstance(node, ast.Call) and id(node) not in free:
        name = _called(node)
        if name in _TAKES_ORDER or (name in _FREE and _minds_order(node)):
            yield from node.args
        if name == "pop" and isinstance(node.func, ast.Attribute) and not node.args:
            yield node.func.value
    elif isinstance(node, (ast.Starred, ast.YieldFrom, ast.FormattedValue)):
        if id(node) not in free:
            yield node.value
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Tuple, ast.List)):
        yield node.value  # unpacked


def _order_free(function: ast.AST) -> set[int]:
    """The expressions whose items are taken by something that does not mind their order."""
    free: set[int] = set()
    for node in walk(function):  # what is outside comes first
        if isinstance(node, ast.Set):
            free.update(map(id, node.elts))
        if not isinstance(node, ast.Call):
            continue
        name = _called(node)
        passes_on = id(node) in free and name in _TAKES_ORDER
        if passes_on or (name in _FREE and not _minds_order(node)):
            free.update(map(id, node.args))
    return free


def _minds_order(call: ast.Call) -> bool:
    """Whether `min`, `max` or `sorted` has a key, which may be equal for two, or `sum` a start."""
    return any(k.arg == "key" for k in call.keywords) or (
        _called(call) == "sum" and len(call.args) + len(call.keywords) > 1
    )


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
