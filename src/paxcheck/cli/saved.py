"""A saved behavior back in its model."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from paxcheck.loading import bundled_models, load_model
from paxcheck.plain import count
from paxcheck.protocol.errors import UsageError, Where
from paxcheck.protocol.protocol import Protocol
from paxcheck.protocol.system import Step, System
from paxcheck.trace.conform import conform, steps
from paxcheck.trace.read import Trace, TraceError

MOST_NODES: Final = 64
"""So many nodes of one kind are always allowed; more only if the header of a trace names them."""


def protocol_of(trace: Trace, model: str | None = None, *, as_saved: bool = False) -> Protocol:
    """The protocol that a trace's header asks for, or the same scope of the model `model`.

    A trace is data, and a model is code that is run: a header may only name a bundled model. A path
    comes from the user. Parameters that the other model does not know are left out, and so are the
    rules that the header switches off, unless it is the same model `as_saved`.
    """
    header = trace.header
    if model is None:
        _refuse_code(trace)
    cls = load_model(model or header.model).protocol
    params = {k: v for k, v in header.params.items() if k in cls.declared_params()}
    _refuse_too_many(trace, cls, params)
    known = cls.made(**params).rules()
    without = [rule for rule in header.without if rule in known]
    if model is not None and not as_saved:
        without = []
    return cls.made(network=header.network, faults=header.faults, without=without, **params)


def _refuse_code(trace: Trace) -> None:
    name = trace.header.model
    if not name:
        raise UsageError(
            f"{trace.path} does not say which model it belongs to", hint="give --model NAME"
        )
    bundled = bundled_models()
    if name in bundled:
        return
    is_path = name.endswith(".py")
    raise UsageError(
        f"{trace.path} names the model {name!r}, which is not one of the bundled models",
        hint=f"a model is code: if you trust it, name it yourself: --model {name}"
        if is_path
        else f"bundled: {', '.join(bundled)}",
    )


def _refuse_too_many(trace: Trace, cls: type[Protocol], params: dict[str, Any]) -> None:
    """A number of nodes that would fill the memory is refused; numbers of rounds may be large.

    A parameter says how many nodes there are, if there are others with another small number.
    """
    most = max(MOST_NODES, len(trace.header.nodes))
    large = [k for k, v in params.items() if isinstance(v, int) and v > most]
    for name in large:
        sizes: set[int] = set()
        for number in (2, 3):
            small: dict[str, Any] = params | dict.fromkeys(large, 2) | {name: number}
            with contextlib.suppress(Exception):
                sizes.add(len(cls.made(**small).node_list()))
        if len(sizes) != 1:
            raise TraceError(
                f"{name} is {params[name]} in the header: more than {most} nodes are not replayed",
                where=Where(trace.path, 1),
                hint=f"the header names {count(len(trace.header.nodes), 'node')}",
            )


def steps_of(trace: Trace, protocol: Protocol) -> tuple[Step, ...]:
    """The steps of a saved behavior. Raises TraceError at the first that the model refuses."""
    result = conform(trace, System(protocol, memo=False))
    if result.refusal is not None:
        raise TraceError(
            f"the model does not do this any more: {result.refusal.reason}",
            where=Where(trace.path, result.refusal.line),
        )
    try:
        return steps(trace, System(protocol, memo=False))
    except ValueError as problem:
        raise TraceError(
            f"{trace.path} has lines that are no steps of the model: {problem}",
            hint=f"a record of an implementation is judged by: paxcheck validate {trace.path}",
        ) from None
