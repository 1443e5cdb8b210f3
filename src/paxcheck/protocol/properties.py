"""Properties: what must hold, in every state, in every step, at the end, or somewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, NoReturn

from msgspec import Struct

from paxcheck.protocol.declare import check_plain
from paxcheck.protocol.errors import NOT_THE_MODELS, ModelError, Where, raised, where_of

Kind = Literal["invariant", "step_invariant", "reachable", "at_end", "no_exception"]
Method = Callable[..., Any]


class Broken(Struct, frozen=True):
    """Why a property does not hold: a sentence with the values, and the facts it rests on."""

    reason: str
    evidence: tuple[Any, ...] = ()


class Property(Struct, frozen=True):
    """One property of a protocol: `holds(world or step)` gives None or why not."""

    name: str
    kind: Kind
    doc: str
    check: Method
    where: Where | None = None

    def judge(self, subject: Any) -> Broken | None:
        """None when the property holds of the subject, else why it does not.

        A check may return None or True (holds), False, or a Broken with the reason; one for
        `reachable` must say True or False.
        For `reachable`: None when the subject is a witness. Raises ModelError where the check
        itself fails.
        """
        try:
            result = self.check(subject)
        except BaseException as problem:
            self.fails(problem)
        return self.verdict(result)

    def fails(self, problem: BaseException) -> NoReturn:
        """The check raised an exception: that is the model's mistake, unless it is none of its."""
        if isinstance(problem, NOT_THE_MODELS):
            raise problem
        raise raised(f"property {self.name}", problem, self.where) from None

    def verdict(self, result: Any) -> Broken | None:
        """What the check's answer means."""
        if result is True or (result is None and self.kind != "reachable"):
            return None
        if result is False:
            return Broken(self.doc.splitlines()[0] if self.doc else self.name)
        if isinstance(result, Broken):
            return result
        raise ModelError(
            f"property {self.name} returned {result!r}",
            where=self.where,
            hint="return True or False"
            if self.kind == "reachable"
            else "return True, False, None, or Broken('why, with the values')",
        )


def _mark(kind: Kind) -> Callable[[Method], Method]:
    def decorate(method: Method) -> Method:
        method.__dict__["_paxcheck_property"] = kind
        return method

    return decorate


invariant = _mark("invariant")
"""Mark `def name(self, world)`: it must hold in every reachable state."""

step_invariant = _mark("step_invariant")
"""Mark `def name(self, step)`: it must hold of every step of one node (before, event, after)."""

reachable = _mark("reachable")
"""Mark `def name(self, world)`: at least one reachable state must satisfy it (a witness)."""

at_end = _mark("at_end")
"""Mark `def name(self, world)`: it must hold in every state in which nothing more can happen."""


def properties_of(owner: Any) -> tuple[Property, ...]:
    """The properties of a protocol object, base classes first, in the order of the text."""
    cls = owner.__class__
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        names.update(dict.fromkeys(vars(base)))  # pyright: ignore[reportUnknownArgumentType]
    found: list[Property] = []
    for name in names:
        method = getattr(cls, name, None)
        kind = getattr(method, "_paxcheck_property", None)
        if kind is None or method is None:
            continue
        doc = inspect.getdoc(method) or ""
        where = where_of(method)
        check_plain(f"property {name}", method)
        if not doc:
            raise ModelError(
                f"property {name} has no docstring", where=where, hint="say in words what holds"
            )
        found.append(Property(name, kind, doc, getattr(owner, name), where))
    return tuple(found)


def _never(_: Any) -> bool:
    return True


NO_EXCEPTION = Property(
    "no_exception", "no_exception", "No handler or action raises an exception.", _never
)
"""Built in: a handler that raises (also by `assert`) is a counterexample."""


def _ends(_: Any) -> Broken:
    return Broken("nothing more can happen: nobody acts, and nobody takes a message")


NO_DEADLOCK = Property("no_deadlock", "at_end", "A run can always go on.", _ends)
"""Built in, and judged only when it is asked for: many protocols end when their work is done."""
