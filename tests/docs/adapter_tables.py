"""The declaration of an adapter as the table that its page in docs/adapters shows."""

from paxcheck.trace.adapters import adapter_named
from paxcheck.trace.observe.catalogue import rules_for

STATE = {
    "before": "before the handler",
    "after": "after the handler",
    "during": "in the middle of the handler",
    "loading": "after the handler; left out while a node still loads its disk",
    "none": "no state is logged",
}
PROMISE = {"slot": "one slot", "all": "all slots", "none": "nothing"}
ORDER = {"node": "each node's own", "file": "the order of the file", "time": "the time stamps"}


def table(name: str) -> str:
    """The table, and the properties that the format cannot decide."""
    about = adapter_named(name).DECLARATION
    yes = {True: "yes", False: "no"}
    rows = [
        ("protocol", ", ".join(sorted(about.family))),
        ("when the state is taken", STATE[about.state_taken]),
        *([("a promise covers", PROMISE[about.promise])] if "paxos" in about.family else []),
        ("promises and votes must survive a restart", yes[about.durable]),
        ("a node's messages to itself are logged", yes[about.self_messages]),
        ("one message may be received twice", yes[about.duplicates]),
        ("the members may change", yes[about.membership]),
        ("the log may begin after the nodes did", yes[about.starts_late]),
        ("the order that is trusted", ORDER[about.order]),
        (
            "clocks",
            "not trusted" if about.clock_error is None else f"equal to {about.clock_error:g} s",
        ),
    ]
    lines = ["| | |", "|---|---|", *[f"| {what} | {how} |" for what, how in rows], ""]
    names = [rule.name for rule in rules_for(about.family)]
    can = [n for n in names if n not in about.cannot]
    lines += ["Judged, as far as the log goes: " + ", ".join(f"`{n}`" for n in can) + ".", ""]
    if about.cannot:
        reasons: dict[str, list[str]] = {}
        for prop, why in about.cannot.items():
            reasons.setdefault(why, []).append(f"`{prop}`")
        lines += ["Not observable:", ""]
        lines += [f"- {', '.join(props)}: {why}." for why, props in reasons.items()]
        lines.append("")
    return "\n".join(lines)
