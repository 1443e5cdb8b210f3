"""The faults, each with a budget: how often it may strike in one run.

Faults are switched on from outside (`--fault crash=1`); no model mentions them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from paxcheck.protocol.errors import UsageError

NODE_FAULTS: Final = {
    "crash": "a node crashes and restarts: its volatile fields are lost "
    "(the time between is only a delay, so it is one step)",
    "stop": "a node stops for ever",
    "amnesia": "a node crashes and restarts with an empty disk: its durable fields are lost too",
    "torn": "a node crashes and restarts; its last durable change never reached the disk",
    "corrupt": "one durable field of a node takes another value",
}
NETWORK_FAULTS: Final = {
    "loss": "one copy of a message in transit is lost (bag and fifo; a set loses anyway)",
    "duplicate": "one copy of a message in transit is doubled (bag and fifo; a set doubles anyway)",
    "partition": "the nodes are cut in two groups that do not hear each other, until it heals",
}
FAULTS: Final = {**NODE_FAULTS, **NETWORK_FAULTS}


def checked_budgets(budgets: Mapping[str, int], network: str) -> dict[str, int]:
    """The budgets in canonical order, without zeros.

    Raises UsageError for an unknown fault, a negative budget, or a fault that the network has
    by its nature.
    """
    for name, budget in budgets.items():
        if name not in FAULTS:
            raise UsageError(f"no fault is called {name!r}", hint=f"faults: {', '.join(FAULTS)}")
        if not isinstance(budget, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(f"the budget of fault {name} is {budget!r}, and no whole number")
        if budget < 0:
            raise UsageError(f"the budget of fault {name} is negative: {budget}")
        if network == "set" and name in ("loss", "duplicate") and budget:
            raise UsageError(
                f"a set network has {name} by its nature: a message may be delivered any number "
                "of times, or never",
                hint="leave the fault out, or choose --network bag or fifo",
            )
    return {name: budgets[name] for name in FAULTS if budgets.get(name, 0) > 0}
