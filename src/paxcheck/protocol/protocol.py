"""A protocol: its parameters, its nodes, its properties and its scopes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from msgspec.structs import replace

from paxcheck.protocol.errors import (
    NOT_THE_MODELS,
    ModelError,
    UsageError,
    raised,
    where_of,
    where_of_class,
)
from paxcheck.protocol.faults import checked_budgets
from paxcheck.protocol.network import NETWORKS
from paxcheck.protocol.node import Node, Rule
from paxcheck.protocol.params import Param
from paxcheck.protocol.properties import NO_EXCEPTION, Property, properties_of


@dataclass(frozen=True, slots=True, init=False)
class Scope:
    """A named configuration of a protocol: parameters, network, faults, rules switched off."""

    about: str
    network: str | None
    faults: Mapping[str, int]
    without: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __init__(
        self,
        about: str = "",
        *,
        network: str | None = None,
        faults: Mapping[str, int] | None = None,
        without: Sequence[str] | str = (),
        **params: Any,
    ) -> None:
        object.__setattr__(self, "about", about)
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "faults", dict(faults or {}))
        rules = (without,) if isinstance(without, str) else tuple(without)
        object.__setattr__(self, "without", rules)
        object.__setattr__(self, "params", params)


class Protocol:
    """The protocol that a model file defines.

    A subclass declares parameters with `param`, implements `nodes`, and marks its properties.
    `network` is the default network; `scopes` are named configurations, the first is used when
    no other is asked for.
    """

    network: str = "set"
    scopes: ClassVar[Mapping[str, Scope]] = {}
    params: dict[str, Any]
    faults: dict[str, int]
    without: frozenset[str]
    _params: ClassVar[dict[str, Param]] = {}
    _nodes: tuple[Node, ...] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        params = {**cls._params}
        for name, value in vars(cls).items():
            if isinstance(value, Param):
                if name in _RESERVED:
                    raise ModelError(
                        f"{cls.__name__}.{name} cannot be a parameter: every protocol has a "
                        f"`{name}` of its own",
                        where=where_of_class(cls, name),
                        hint="give the parameter another name",
                    )
                params[name] = value
            elif name in params:
                params[name] = replace(params[name], default=value)
        cls._params = params
        scopes: Any = cls.scopes
        named = isinstance(scopes, Mapping) and all(
            isinstance(k, str) and isinstance(v, Scope)
            for k, v in scopes.items()  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]
        )
        if not named:
            raise ModelError(
                f"{cls.__name__}.scopes is no dict of names and scopes",
                where=where_of_class(cls, "scopes"),
                hint="scopes = {'default': Scope('what it shows', acceptors=3)}",
            )

    def __init__(
        self,
        *,
        network: str | None = None,
        faults: Mapping[str, int] | None = None,
        without: Iterable[str] = (),
        **params: Any,
    ) -> None:
        cls = type(self)
        for name in params:
            if name not in cls._params:
                raise UsageError(
                    f"{cls.__name__} has no parameter {name!r}",
                    hint=f"parameters: {', '.join(cls._params) or 'none'}",
                )
        self.params = {
            name: p.converted(f"{cls.__name__}.{name}", params.get(name, p.default))
            for name, p in cls._params.items()
        }
        self.__dict__.update(self.params)
        self.network = network or cls.network
        if self.network not in NETWORKS:
            raise UsageError(
                f"no network is called {self.network!r}", hint=f"use {', '.join(NETWORKS)}"
            )
        self.faults = checked_budgets(faults or {}, self.network)
        self.without = frozenset(without)
        for name in sorted(self.without):
            if name not in self.rules():
                raise UsageError(
                    f"{cls.__name__} has no rule called {name!r}",
                    hint=f"its rules: {', '.join(self.rules()) or 'none'}",
                )

    def nodes(self) -> Iterable[Node]:
        """The nodes, in the order in which they are shown."""
        raise ModelError(
            f"{type(self).__name__} does not say which nodes there are",
            where=where_of_class(type(self)),
            hint="def nodes(self): return [Acceptor('a1'), ...]",
        )

    def symmetry(self) -> Iterable[Sequence[str]]:
        """Groups of interchangeable names (of nodes or values). The checker tests the claim."""
        return ()

    def rules(self) -> dict[str, tuple[type[Node], Rule]]:
        """The rules by name, in the order of the nodes."""
        found: dict[str, tuple[type[Node], Rule]] = {}
        for node in self.node_list():
            for name, rule in node._rules.items():  # pyright: ignore[reportPrivateUsage]
                found.setdefault(name, (type(node), rule))
        return found

    def node_list(self) -> tuple[Node, ...]:
        """The nodes, made once and checked: at least one, with distinct names."""
        if self._nodes is None:
            self._nodes = self._made_nodes()
        return self._nodes

    def _made_nodes(self) -> tuple[Node, ...]:
        what = f"{type(self).__name__}.nodes()"
        where = where_of(type(self).nodes) or where_of_class(type(self), "nodes")
        hint = "return the nodes in a list: return [Acceptor('a1'), ...]"
        try:
            given: Any = self.nodes()
            nodes = _tuple(given) if isinstance(given, Iterable) else None
        except NOT_THE_MODELS:
            raise
        except BaseException as problem:
            raise raised(what, problem, where) from None
        if nodes is None:
            raise ModelError(f"{what} returned {given!r}", where=where, hint=hint)
        for node in nodes:
            if not isinstance(node, Node):
                raise ModelError(
                    f"{what} gives {node!r}, which is not a node", where=where, hint=hint
                )
            if "name" not in node.__dict__:
                raise ModelError(
                    f"{what} gives a {type(node).__name__} without a name",
                    where=where_of(type(node).__init__) or where,
                    hint="its __init__ must call super().__init__(name, ...)",
                )
        names = [node.name for node in nodes]
        if not nodes or len(set(names)) != len(names):
            raise ModelError(
                f"{what} must give nodes with distinct names, not {names}", where=where, hint=hint
            )
        return nodes

    def groups(self) -> tuple[tuple[str, ...], ...]:
        """What `symmetry` gives, checked. Raises ModelError."""
        what = f"{type(self).__name__}.symmetry()"
        where = where_of(type(self).symmetry) or where_of_class(type(self), "symmetry")
        try:
            given = [group if isinstance(group, str) else tuple(group) for group in self.symmetry()]
        except NOT_THE_MODELS:
            raise
        except BaseException as problem:
            raise raised(what, problem, where) from None
        for group in given:
            if isinstance(group, str):
                raise ModelError(
                    f"{what} gives {group!r}, which is no group of names",
                    where=where,
                    hint="return a list of groups: return [['a1', 'a2', 'a3']]",
                )
        return tuple([group for group in given if isinstance(group, tuple)])

    def properties(self) -> tuple[Property, ...]:
        """The properties, in the order of the text; the built-in one comes last."""
        own = properties_of(self)
        for prop in own:
            if prop.name == NO_EXCEPTION.name:
                raise ModelError(
                    f"the property {prop.name} is built in",
                    where=prop.where,
                    hint="give yours another name",
                )
        return (*own, NO_EXCEPTION)

    @classmethod
    def name(cls) -> str:
        """The model's name: that of its file."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def about(cls) -> str:
        """The first sentence of the model's docstring."""
        module = inspect.getmodule(cls)
        doc = cls.__dict__.get("__doc__") or (module.__doc__ if module else "") or cls.__name__
        return doc.strip().split("\n\n")[0].replace("\n", " ")

    @classmethod
    def declared_params(cls) -> dict[str, Param]:
        """The parameters by name."""
        return dict(cls._params)

    @classmethod
    def from_scope(
        cls,
        scope: Scope,
        *,
        network: str | None = None,
        faults: Mapping[str, int] | None = None,
        without: Iterable[str] = (),
        **params: Any,
    ) -> Protocol:
        """The protocol in a scope; what is given beside it overrides or adds to the scope."""
        return cls.made(
            network=network or scope.network,
            faults={**scope.faults, **(faults or {})},
            without=[*scope.without, *without],
            **{**scope.params, **params},
        )

    @classmethod
    def made(cls, **settings: Any) -> Protocol:
        """The protocol with these arguments. Raises ModelError where its own constructor fails."""
        try:
            return cls(**settings)
        except NOT_THE_MODELS:
            raise
        except BaseException as problem:
            raise raised(f"{cls.__name__}(...)", problem, where_of_class(cls)) from None


def _tuple(given: Any) -> tuple[Any, ...]:
    return tuple(given)


_RESERVED = frozenset({*dir(Protocol), *Protocol.__annotations__})
