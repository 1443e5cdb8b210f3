"""Single-line corruptions of a recorded log, of every kind that its format has a field for."""

import gzip
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Change = Callable[[Any, random.Random], Any]


def read(path: Path, most: int) -> list[bytes]:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.splitlines()[:most]


def lower(value: Any, chance: random.Random) -> Any:
    """A smaller ballot, term or index."""
    if isinstance(value, int):
        return value - chance.randrange(1, 4) if value > 0 else None
    if isinstance(value, list) and value:
        first = lower(value[0], chance)
        return None if first is None else [first, *value[1:]]
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)+", value):
        first = lower(int(value.split(".")[0]), chance)
        return None if first is None else ".".join([str(first), *value.split(".")[1:]])
    if isinstance(value, dict) and isinstance(value.get("n"), int):
        first = lower(value["n"], chance)
        return None if first is None else {**value, "n": first}
    return None


def higher(value: Any, chance: random.Random) -> Any:
    return value + chance.randrange(1, 9) if isinstance(value, int) else None


def other(value: Any, chance: random.Random) -> Any:
    """Another value or digest."""
    return f"{value}-x" if isinstance(value, str) and value else None


def candidate(value: Any, chance: random.Random) -> Any:
    """A vote for another node."""
    if not isinstance(value, str) or not value or value == "0":
        return None
    return value[:-1] + ("1" if value[-1] != "1" else "2")


def flipped(value: Any, chance: random.Random) -> Any:
    return not value if isinstance(value, bool) else None


# format -> kind -> the field (as a path; {} in it: only lines with that key and value), the change
FIELDS: dict[str, dict[str, tuple[str, Change]]] = {
    "etcd-raft": {
        "term lowered": ("event.state.term", lower),
        "vote changed": ("event.state.vote", candidate),
        "commit back": ("event.state.commit", lower),
        "commit forward": ("event.state.commit", higher),
        "digest changed": ("event.sha", other),
        "answer turned": ("event.msg.reject", flipped),
        "leader added": (
            "event.name",
            lambda v, c: "BecomeLeader" if v in ("BecomeFollower", "BecomeCandidate") else None,
        ),
        "restart removed": ("event.name", lambda v, c: "Ready" if v == "InitState" else None),
    },
    "pysyncobj": {
        "term lowered": ("state.term", lower),
        "vote changed": ("vote", candidate),
        "commit forward": ("index{ev=commit}", higher),
        "digest changed": ("sha", other),
        "value changed": ("entry.sha", other),
        "leader added": ("new{ev=set_state}", lambda v, c: "leader" if v != "leader" else None),
    },
    "paxos-composable": {
        "ballot lowered": ("msg.proposal_id", lower),
        "promise lowered": ("state.promised", lower),
        "vote changed": ("state.accepted", lower),
        "value changed": ("msg.proposal_value", other),
        "decision changed": ("value{ev=decide}", other),
        "report changed": ("msg.last_accepted_value", other),
    },
    "paxos-pypi": {
        "ballot lowered": ("msg.proposal.n", lower),
        "promise lowered": ("state.promised", lower),
        "value changed": ("msg.proposal.value", other),
        "decision changed": ("value{ev=decide}", other),
    },
    "paxi": {
        "ballot lowered": ("msg.ballot", lower),
        "value changed": ("msg.value", other),
        "decision changed": ("value{ev=execute}", other),
    },
    "multi-paxos-example": {
        "promise lowered": ("state.disk_promised", lower),
        "ballot lowered": ("msg.proposal_id", lower),
        "value changed": ("msg.proposal_value", other),
        "decision changed": ("value{ev=decide}", other),
    },
    "etcd-wal": {
        "term lowered": ("term{rec=hardstate}", lower),
        "vote changed": ("vote", candidate),
        "digest changed": ("sha", other),
    },
    "maelstrom": {
        "term lowered": ("body.term", lower),
        "commit back": ("body.leader_commit", lower),
        "commit forward": ("body.leader_commit", higher),
        "answer turned": ("body.vote_granted", flipped),
    },
    "ccf": {
        "term lowered": ("msg.state.current_view", lower),
        "commit forward": ("msg.state.commit_idx", higher),
        "answer turned": ("msg.paket.vote_granted", flipped),
    },
    "native": {
        "ballot lowered": ("message.ballot", lower),
        "promise lowered": ("state.promised", lower),
        "vote changed": ("state.vote.ballot", lower),
        "value changed": ("message.value", other),
        "decision changed": ("value{event=decide}", other),
    },
}
TEXTS: dict[str, dict[str, tuple[str, Change]]] = {
    # format -> kind -> a pattern whose group is changed
    "etcd-log": {
        "term lowered": (r"became \w+ at term (\d+)", lambda v, c: lower(int(v), c)),
        "vote changed": (r"cast MsgVote for (\w+)", candidate),
        "leader added": (r"became (candidate|follower) at term", lambda v, c: "leader"),
        "answer turned": (r"received MsgVoteResp( )from", lambda v, c: " rejection "),
    },
    "ceph-mon": {
        "ballot lowered": (r"accepting value for \d+ pn (\d+)", lambda v, c: int(v) - 100),
        "promise lowered": (r"last_pn: \d+ accepted_pn: (\d+)", lambda v, c: int(v) - 100),
        "proposal lowered": (r"paxos\(begin lc \d+ fc \d+ pn (\d+)", lambda v, c: int(v) - 100),
        "answer lowered": (r"paxos\(accept lc \d+ fc \d+ pn (\d+)", lambda v, c: int(v) - 100),
    },
}
NODE = {
    "etcd-raft": "event.nid",
    "maelstrom": "src",
    "ccf": "msg.node",
    "etcd-log": "",
    "ceph-mon": "",
    "multi-paxos-example": "",  # its names are letters
}
LINES = ("dropped", "doubled", "swapped", "node renamed")


def kinds(source: str) -> list[str]:
    own = [*FIELDS.get(source, {}), *TEXTS.get(source, {})]
    return [*own, *[k for k in LINES if k != "node renamed" or NODE.get(source) != ""]]


def mutate(lines: list[bytes], source: str, kind: str, seed: int) -> tuple[list[bytes], int] | None:
    """The log with one line changed, and the line's number; None where no line can be."""
    chance = random.Random(f"{source} {kind} {seed}")
    order = list(range(1, len(lines)))
    chance.shuffle(order)
    for at in order:
        found = _mutated(lines, at, source, kind, chance)
        if found is not None and found != lines:
            return found, at + 1
    return None


def _mutated(
    lines: list[bytes], at: int, source: str, kind: str, chance: random.Random
) -> list[bytes] | None:
    if kind == "dropped":
        return lines[:at] + lines[at + 1 :]
    if kind == "doubled":
        return lines[: at + 1] + lines[at:]
    if kind == "swapped":
        if at + 1 == len(lines):
            return None
        return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
    if source in TEXTS:
        pattern, change = TEXTS[source][kind]
        text = lines[at].decode()
        found = re.search(pattern, text)
        new = change(found[1], chance) if found else None
        if found is None or new is None:
            return None
        text = text[: found.start(1)] + str(new) + text[found.end(1) :]
        return [*lines[:at], text.encode(), *lines[at + 1 :]]
    row: Row = json.loads(lines[at])
    if kind == "node renamed":
        path, change = NODE.get(source, "node"), _renamed
    else:
        path, change = FIELDS[source][kind]
    if not _change(row, path, change, chance):
        return None
    return [*lines[:at], json.dumps(row).encode(), *lines[at + 1 :]]


def _renamed(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, str) or not value or not value[-1].isdigit():
        return None
    return value[:-1] + chance.choice([d for d in "123" if d != value[-1]])


def _change(row: Row, path: str, change: Change, chance: random.Random) -> bool:
    path, _, wanted = path.partition("{")
    if wanted:
        key, _, value = wanted.rstrip("}").partition("=")
        if row.get(key) != value:
            return False
    *way, last = path.split(".")
    inner: Any = row
    for step in way:
        inner = inner.get(step) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or inner.get(last) is None:
        return False
    new = change(inner[last], chance)
    if new is None:
        return False
    inner[last] = new
    return True
