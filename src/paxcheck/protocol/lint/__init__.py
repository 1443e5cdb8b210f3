"""Finds code in a model whose result could differ from run to run, before any of it runs.

A step must depend on fields and arguments only. Running it twice in one process does not show that
it depends on the order of a set (Python walks it in the order of hashes, which change from run to
run, PYTHONHASHSEED), and not always that it depends on chance. So the text of the model is looked
at once, when it is loaded: its statements, its methods, and the functions that they use.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from paxcheck.protocol.errors import ModelError, Where
from paxcheck.protocol.lint.chance import Chance
from paxcheck.protocol.lint.functions import Function, functions_of
from paxcheck.protocol.lint.set_order import SetOrder
from paxcheck.protocol.lint.silence import silent_properties

Finding = tuple[ast.expr, str, str]
"""Where, what the code does, and what to do."""


def check_source(source: str, file: str) -> None:
    """Raise ModelError at the first place that depends on the order of a set or on chance.

    Before that at a property that returns nothing.
    """
    tree = ast.parse(source, file)
    for silent in silent_properties(tree):
        raise ModelError(
            f"property {silent.name} returns nothing, so it would hold whatever happens",
            where=Where(file, silent.lineno),
            hint="is a `return` missing? return True, False, or Broken('why, with the values')",
        )
    order, chance = SetOrder(tree), Chance(tree)
    for function in functions_of(tree):
        for place, what, hint in _findings(function, order, chance):
            raise ModelError(
                f"{function.name} {what}",
                where=Where(file, place.lineno),
                hint=hint,
            )


def _findings(function: Function, order: SetOrder, chance: Chance) -> Iterator[Finding]:
    for place in order.places(function):
        yield (
            place,
            "depends on the order of a set, which changes from run to run",
            "walk it in order: sorted(...); or keep the items in a list, a dict or a field",
        )
    for place, what in chance.places(function):
        yield (
            place,
            f"uses {what}, whose result can differ from run to run",
            "a step depends on fields and arguments only; self.choose(...) is a free choice",
        )
