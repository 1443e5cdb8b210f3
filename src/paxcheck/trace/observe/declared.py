"""What an adapter says of its source, in words: printed with every verdict."""

from __future__ import annotations

from paxcheck.paxos.facts import Declaration

STATE = {
    "before": "before the handler",
    "after": "after the handler",
    "during": "in the middle of the handler",
    "loading": "after the handler; left out while a node still loads its disk",
    "none": "no state is logged",
}
PROMISE = {"slot": "one slot", "all": "all slots", "none": "nothing"}
ORDER = {
    "node": "each node's own",
    "file": "each node's own (that of the file is the true one, and is not needed)",
}
ENTRIES = {"memory": "as the node acts on it", "disk": "as it is on disk, which lags behind"}
STORED = {True: "when they are on disk", False: "perhaps before they are on disk"}
DURABLE = {"paxos": "promises and votes", "raft": "terms, votes and entries", "lease": "nothing"}


def clocks(declaration: Declaration) -> str:
    """How far the clocks are trusted."""
    error = declaration.clock_error
    return "not trusted" if error is None else f"equal to {error:g} s"


def durable(declaration: Declaration) -> str:
    """What must survive a restart."""
    found = [what for family, what in DURABLE.items() if family in declaration.family]
    return "; ".join([what for what in found if what != "nothing"]) or "nothing"


def rows(declaration: Declaration) -> list[tuple[str, str]]:
    """The whole declaration: what is asked, and the answer."""
    about, yes = declaration, {True: "yes", False: "no"}
    return [
        ("protocol", ", ".join(sorted(about.family))),
        ("the order that is trusted", ORDER[about.order]),
        ("clocks", clocks(about)),
        ("when the state is taken", STATE[about.state_taken]),
        ("must survive a restart", durable(about)),
        *([("a promise covers", PROMISE[about.promise])] if "paxos" in about.family else []),
        *(_of_raft(about) if "raft" in about.family else []),
        ("a node's messages to itself are logged", yes[about.self_messages]),
        ("one message may be received twice", yes[about.duplicates]),
        ("the members may change", yes[about.membership]),
        ("the log may begin after the nodes did", yes[about.starts_late]),
    ]


def _of_raft(about: Declaration) -> list[tuple[str, str]]:
    both = "yes" if about.accounted else "no"
    if about.unsent:
        both += f", but for answers: {', '.join(sorted(about.unsent))}"
    return [
        ("a term and a vote are shown", STORED[about.stored_first]),
        ("a node's log is shown", ENTRIES[about.entries]),
        ("each message has a line at both ends", both),
    ]


def in_short(declaration: Declaration) -> str:
    """One line: which order, clocks and states the verdict rests on."""
    state = STATE[declaration.state_taken].partition(";")[0]
    taken = state if declaration.state_taken == "none" else f"states are those {state}"
    return (
        f"trusted: each node's own order, clocks {clocks(declaration)}; {taken}; "
        f"must survive a restart: {durable(declaration)}"
    )
