"""Options that several commands share: the model's scope and the limits of a run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Final, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from paxcheck.cli.rulebook import bare, check_rules
from paxcheck.cli.streams import aside
from paxcheck.engine.limits import Limits
from paxcheck.loading import Model, load_model
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.faults import FAULTS
from paxcheck.protocol.network import NETWORKS
from paxcheck.protocol.properties import NO_DEADLOCK, Property
from paxcheck.protocol.protocol import Protocol

F = TypeVar("F", bound=Callable[..., Any])
_DIGITS: Final = 18  # of a number that anybody can mean


class Chosen(Struct, frozen=True):
    """A model in the configuration that the options ask for.

    `changed`: whether it is another configuration than that of the scope.
    """

    model: Model
    protocol: Protocol
    scope: str
    changed: bool

    @property
    def scope_name(self) -> str:
        """The scope as reports call it."""
        return f"{self.scope}, changed" if self.changed else self.scope

    def properties(self, names: tuple[str, ...], *, deadlock: bool = False) -> tuple[Property, ...]:
        """The properties of these names, or all that the protocol has; and, if asked, no_deadlock.

        Raises UsageError for an unknown name.
        """
        known = {p.name: p for p in known_properties(self.protocol)}
        for name in names:
            if name not in known:
                raise self._unknown_property(name, list(known))
        chosen = list(names) if names else [p.name for p in self.protocol.properties()]
        if deadlock:
            chosen.append(NO_DEADLOCK.name)
        return tuple([known[name] for name in dict.fromkeys(chosen)])

    def _unknown_property(self, name: str, known: list[str]) -> UsageError:
        elsewhere = hasattr(getattr(type(self.protocol), name, None), "_paxcheck_property")
        told = (
            f"{name} says nothing in this configuration of {self.model.name}"
            if elsewhere
            else f"{self.model.name} has no property {name!r}"
        )
        return UsageError(told, hint=f"its properties: {', '.join(known)}")


def known_properties(protocol: Protocol) -> tuple[Property, ...]:
    """The protocol's own properties, and the one that is judged only when it is asked for."""
    return (*protocol.properties(), NO_DEADLOCK)


def threads_option(command: F) -> F:
    """How many threads the compiled engine may use."""
    return click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="How many threads may search, in a large scope; the result is the same for any "
        "number.  [default: one for each processor]",
    )(command)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Asked(Struct, frozen=True):
    """MODEL and the options that choose a configuration of it, as they were given."""

    model: str
    scope: str | None
    settings: tuple[str, ...]
    without: tuple[str, ...]
    faults: tuple[str, ...]
    network: str | None

    def choose(self) -> Chosen:
        """Load the model and put it into that configuration. Raises UsageError."""
        loaded = load_model(self.model)
        name, found = loaded.scope(self.scope)
        params = dict(_pair("--set", text) for text in self.settings)
        budgets = {k: _count(k, v) for k, v in (_pair("--fault", t, "1") for t in self.faults)}
        with aside():
            made = partial(
                loaded.protocol.from_scope, network=self.network, faults=budgets, **params
            )
            if off := [*found.without, *self.without]:
                check_rules(loaded, made(bare(found)), off)
            protocol = made(found, without=self.without)
            protocol.node_list()
            changed = _configuration(protocol) != _configuration(loaded.protocol.from_scope(found))
        return Chosen(loaded, protocol, name, changed)


def scope_options(command: Callable[..., int]) -> Callable[..., int]:
    """MODEL and the options that choose a configuration of it; a command gets them as `asked`."""

    @wraps(command)
    def asking(
        model: str,
        scope: str | None,
        settings: tuple[str, ...],
        without: tuple[str, ...],
        faults: tuple[str, ...],
        network: str | None,
        **others: Any,
    ) -> int:
        return command(Asked(model, scope, settings, without, faults, network), **others)

    for option in reversed(
        [
            click.argument("model"),
            click.option("--scope", metavar="NAME", help="A named scope; see `paxcheck models`."),
            click.option(
                "--set",
                "settings",
                metavar="NAME=VALUE",
                multiple=True,
                help="Set a parameter: --set acceptors=5 --set proposers=2.",
            ),
            click.option(
                "--without",
                metavar="RULE",
                multiple=True,
                help="Switch a rule off; see `paxcheck rules MODEL`.",
            ),
            click.option(
                "--fault",
                "faults",
                metavar="NAME=N",
                multiple=True,
                help=f"Let a fault strike up to N times: {', '.join(FAULTS)}. "
                "`paxcheck faults` says what each does.",
            ),
            click.option(
                "--network",
                type=click.Choice(list(NETWORKS)),
                help="set: messages stay for ever; bag: each copy once, any order; "
                "fifo: ordered channels.",
            ),
        ]
    ):
        asking = option(asking)
    return asking


format_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
"""How to print."""


def limit_options(command: F) -> F:
    """The limits; one that is reached makes the verdict undetermined."""
    for option in reversed(
        [
            click.option("--max-states", type=click.IntRange(1), help="At most so many states."),
            click.option("--max-depth", type=click.IntRange(0), help="At most so many steps deep."),
            click.option("--max-time", metavar="TIME", help="At most so long: 90, 10m, 2h."),
            click.option("--max-memory", metavar="SIZE", help="At most so much: 800M, 12G."),
        ]
    ):
        command = option(command)
    return command


def _configuration(protocol: Protocol) -> tuple[Any, ...]:
    return protocol.params, protocol.network, protocol.faults, protocol.without


def limits(
    max_states: int | None, max_depth: int | None, max_time: str | None, max_memory: str | None
) -> Limits:
    """The limits that the options ask for. Raises UsageError."""
    found = Limits(states=max_states, depth=max_depth)
    if max_time is not None:
        found = replace(
            found, seconds=_amount("--max-time", max_time, {"": 1, "s": 1, "m": 60, "h": 3600})
        )
    if max_memory is not None:
        units = {"K": 2**10, "M": 2**20, "G": 2**30}
        found = replace(found, memory=int(_amount("--max-memory", max_memory, units)))
    return found


def _pair(option: str, text: str, default: str | None = None) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or (not equals and default is None):
        raise UsageError(f"{option} {text}: write {option} NAME=VALUE")
    return name.replace("-", "_"), value if equals else str(default)


def _count(fault: str, text: str) -> int:
    if not text.isdecimal() or len(text) > _DIGITS:
        shown = text if len(text) <= _DIGITS else f"{text[:_DIGITS]}..."
        raise UsageError(f"--fault {fault}={shown}: how often it may strike is a whole number")
    return int(text)


def _amount(option: str, text: str, units: dict[str, int]) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]?)(?:i?B)?", text.strip())
    unit = match[2] if match else None
    for known, factor in units.items():
        if match and unit is not None and unit.lower() == known.lower():
            return float(match[1]) * factor
    raise UsageError(
        f"{option} {text}: write a number and one of {', '.join(u for u in units if u)}"
    )
