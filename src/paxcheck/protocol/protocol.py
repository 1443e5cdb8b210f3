"""A protocol: its parameters, its nodes, its properties and its scopes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from paxcheck.protocol.errors import ModelError, UsageError, where_of_code
from paxcheck.protocol.faults import checked_budgets
from paxcheck.protocol.network import NETWORKS
from paxcheck.protocol.node import Node, Rule
from paxcheck.protocol.properties import NO_EXCEPTION, Property, properties_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a protocol, settable with `--set name=value`."""

    default: Any
    about: str


def param(default: T, about: str) -> T:
    """A parameter with its default (int, bool or str) and one line about it."""
    return Param(default, about)  # type: ignore[return-value]


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
        without: Sequence[str] = (),
        **params: Any,
    ) -> None:
        object.__setattr__(self, "about", about)
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "faults", dict(faults or {}))
        object.__setattr__(self, "without", tuple(without))
        object.__setattr__(self, "params", params)


class Protocol:
    """The protocol that a model file defines.

    A subclass declares parameters with `param`, implements `nodes`, and marks its properties.
    `network` is the default network; `scopes` are named configurations, the first is used when
    no other is asked for.
    """

    network: str = "set"
    scopes: ClassVar[Mapping[str, Scope]] = {}
    _params: ClassVar[dict[str, Param]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        params = {**cls._params}
        for name, value in vars(cls).items():
            if isinstance(value, Param):
                params[name] = value
            elif name in params:
                params[name] = Param(value, params[name].about)
        cls._params = params

    def __init__(
        self,
        *,
        network: str | None = None,
        faults: Mapping[str, int] | None = None,
        without: Iterable[str] = (),
        **params: Any,
    ) -> None:
        cls = type(self)
        self.params: dict[str, Any] = {name: p.default for name, p in cls._params.items()}
        for name, value in params.items():
            self.params[name] = _converted(cls, name, value)
        for name, value in self.params.items():
            self.__dict__[name] = value
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
            where=where_of_code(type(self).nodes.__code__),
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
        """The nodes, checked: at least one, with distinct names."""
        nodes = tuple(self.nodes())
        names = [node.name for node in nodes]
        if not nodes or len(set(names)) != len(names):
            raise ModelError(
                f"{type(self).__name__}.nodes() must give nodes with distinct names, not {names}",
                where=where_of_code(type(self).nodes.__code__),
            )
        return nodes

    def properties(self) -> tuple[Property, ...]:
        """The properties, in the order of the text; the built-in one comes last."""
        return (*properties_of(self), NO_EXCEPTION)

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
        return cls(
            network=network or scope.network,
            faults={**scope.faults, **(faults or {})},
            without=[*scope.without, *without],
            **{**scope.params, **params},
        )


def _converted(cls: type[Protocol], name: str, value: Any) -> Any:
    """A parameter's value as its default's type; texts come from the command line."""
    declared = cls.declared_params().get(name)
    if declared is None:
        known = ", ".join(cls.declared_params()) or "none"
        raise UsageError(f"{cls.__name__} has no parameter {name!r}", hint=f"parameters: {known}")
    kind = declared.default.__class__
    if type(value) is kind:
        return value
    try:
        if kind is bool:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                str(value).lower()
            ]
        return kind(str(value))
    except (ValueError, KeyError):
        raise UsageError(
            f"{name}={value}: {cls.__name__}.{name} is {declared.about} ({kind.__name__})"
        ) from None
