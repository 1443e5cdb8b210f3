"""The rules of a model: those that the scope has, and those of nodes that it has none of."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from paxcheck.loading import Model
from paxcheck.protocol.errors import UsageError, Where, where_of_code
from paxcheck.protocol.node import Node, Rule
from paxcheck.protocol.protocol import Protocol, Scope


class Entry(Struct, frozen=True):
    """A rule, the node classes that have it, and whether the scope has such a node."""

    name: str
    about: str
    where: Where
    nodes: str
    in_scope: bool


def rulebook(model: Model, protocol: Protocol) -> list[Entry]:
    """Every rule once, in the order of the nodes; then those of classes without a node.

    Two classes may have rules of the same name: these are two rules.
    """
    present = list(dict.fromkeys(type(node) for node in protocol.node_list()))
    here, found = _rules_of(present), _rules_of([*present, *model.node_classes()])
    return [
        Entry(
            name=rule.name,
            about=rule.doc,
            where=where_of_code(rule.method.__code__),
            nodes=", ".join(cls.__name__ for cls in here.get(rule, owners)),
            in_scope=rule in here,
        )
        for rule, owners in found.items()
    ]


def _rules_of(classes: Iterable[type[Node]]) -> dict[Rule, list[type[Node]]]:
    owners: dict[Rule, list[type[Node]]] = {}
    for cls in dict.fromkeys(classes):
        for rule in cls._rules.values():  # pyright: ignore[reportPrivateUsage]
            owners.setdefault(rule, []).append(cls)
    return owners


def check_rules(model: Model, protocol: Protocol, names: Iterable[str]) -> None:
    """Raise UsageError for a rule that the model has, but for which there is no node.

    `protocol`: with all rules on. A name that the model does not know at all is not looked at here.
    """
    entries = rulebook(model, protocol)
    known = {entry.name for entry in entries if entry.in_scope}
    for entry in entries:
        if entry.name in names and entry.name not in known:
            scopes = [n for n, s in model.scopes.items() if entry.name in _names(model, bare(s))]
            there = f"scopes with one: {', '.join(scopes)}; or" if scopes else "perhaps"
            raise UsageError(
                f"--without {entry.name}: this rule belongs to {entry.nodes}, "
                "of which there is none in this scope",
                hint=f"{there} a parameter adds one: paxcheck models {model.reference}",
            )


def bare(scope: Scope) -> Scope:
    """The scope with all rules on."""
    return Scope(scope.about, network=scope.network, faults=scope.faults, **scope.params)


def _names(model: Model, scope: Scope) -> Iterable[str]:
    return model.protocol.from_scope(scope).rules()
