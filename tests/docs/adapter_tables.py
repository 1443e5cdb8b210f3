"""The declaration of an adapter as the table that its page in docs/adapters shows."""

from paxcheck.trace.adapters import adapter_named
from paxcheck.trace.observe.catalogue import rules_for
from paxcheck.trace.observe.declared import rows


def table(name: str) -> str:
    """The table, and the properties that the format cannot decide."""
    about = adapter_named(name).DECLARATION
    lines = ["| | |", "|---|---|", *[f"| {what} | {how} |" for what, how in rows(about)], ""]
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
