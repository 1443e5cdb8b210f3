"""A certificate: what was checked and counted, so that anybody can count it again.

It names the model by a digest of its source, the configuration, the counts of every depth and a
digest of the set of states. It proves nothing by itself: `recheck` counts again, with another
engine, and compares.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from paxcheck.engine.limits import Limits
from paxcheck.engine.verdict import Verdict
from paxcheck.misfit import misfit
from paxcheck.protocol.errors import UsageError
from paxcheck.protocol.protocol import Protocol

FORMAT = 1


class Certified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One property: its verdict, and the length of the shortest run that shows it, if any."""

    verdict: str
    steps: int | None = None


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run found.

    `certificate`: the version of this format; `paxcheck`: of the program that made it; `model`: a
    name or a path; `source`: digest of the model's files; `states`: digest of the set of states,
    null where the engine did not look at all of them (symmetry); `limits`: on `states` and `depth`,
    where the run had such.
    """

    certificate: int
    paxcheck: str
    model: str
    source: str
    parameters: dict[str, Any]
    network: str
    faults: dict[str, int]
    without: list[str]
    engine: str
    verdict: str
    complete: bool
    properties: dict[str, Certified]
    distinct_states: int
    generated_states: int
    terminal_states: int
    levels: list[int]
    states: str | None
    limits: dict[str, int] = {}


COMPARED = (
    "verdict",
    "complete",
    "distinct_states",
    "generated_states",
    "terminal_states",
    "levels",
    "properties",
    "states",
)


def certify(
    verdict: Verdict,
    protocol: Protocol,
    *,
    model: str,
    path: Path,
    version: str,
    limits: Limits | None = None,
) -> Certificate:
    """The certificate of a run. `path`: the file of the model."""
    most = {} if limits is None else {"states": limits.states, "depth": limits.depth}
    return Certificate(
        certificate=FORMAT,
        paxcheck=version,
        model=model,
        source=source_digest(path),
        parameters=dict(protocol.params),
        network=protocol.network,
        faults=dict(protocol.faults),
        without=sorted(protocol.without),
        engine=verdict.engine,
        verdict=verdict.verdict,
        complete=verdict.complete,
        properties={p.name: Certified(p.verdict, p.steps) for p in verdict.properties},
        distinct_states=verdict.distinct_states,
        generated_states=verdict.generated_states,
        terminal_states=verdict.terminal_states,
        levels=list(verdict.levels),
        states=verdict.digest,
        limits={name: value for name, value in most.items() if value is not None},
    )


def read_certificate(path: Path) -> Certificate:
    """Read a certificate. Raises UsageError for anything that is none."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}") from None
    try:
        found = msgspec.json.decode(content, type=Certificate)
    except (msgspec.DecodeError, RecursionError) as problem:
        _refuse_other_kinds(path, content)
        raise UsageError(
            f"{path} is not a certificate: {misfit(problem, Certificate)}",
            hint="paxcheck check MODEL --certificate FILE writes one",
        ) from None
    if found.certificate != FORMAT:
        raise UsageError(
            f"{path} is version {found.certificate} of the format; this paxcheck reads {FORMAT}"
        )
    return found


def _refuse_other_kinds(path: Path, content: bytes) -> None:
    """A file of ours that is something else: say what, and what reads it."""
    try:
        header = msgspec.json.decode(content.partition(b"\n")[0], type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return
    if "paxcheck" not in header or "kind" not in header:
        return
    run = header["kind"] in ("behavior", "trace")
    raise UsageError(
        f"{path} is {'a saved run' if run else 'a log'}, not a certificate",
        hint=f"paxcheck {'show' if run else 'validate'} {path} reads it",
    )


def write_certificate(path: Path, certificate: Certificate) -> None:
    """Write a certificate as one JSON object. Raises UsageError."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(certificate)) + b"\n")
    except OSError as problem:
        raise UsageError(f"{path} cannot be written: {problem.strerror}") from None


def differences(old: Certificate, new: Certificate) -> list[str]:
    """What two runs of the same system found differently, in words; none: they agree.

    A digest that one of them does not have is not compared.
    """
    found: list[str] = []
    for name in COMPARED:
        one, two = getattr(old, name), getattr(new, name)
        if one == two or (name == "states" and None in (one, two)):
            continue
        if name == "levels":
            depth = next(
                (d for d, (a, b) in enumerate(zip(one, two, strict=False)) if a != b),
                min(len(one), len(two)),
            )
            found.append(f"levels: they differ from depth {depth} on")
        elif name == "properties":
            names = sorted(p for p in {*one, *two} if one.get(p) != two.get(p))
            found += [f"property {p}: {_told(one.get(p))}, now {_told(two.get(p))}" for p in names]
        else:
            found.append(f"{name}: {_number(one)}, now {_number(two)}")
    return found


def source_digest(path: Path) -> str:
    """The digest of a model's file and of all files beside it that were loaded with it."""
    folder = path.resolve().parent
    files = {path.resolve()}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).resolve().parent == folder:
            files.add(Path(file).resolve())
    total = sha256()
    for file in sorted(files):
        total.update(file.name.encode() + b"\0" + sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _told(certified: Certified | None) -> str:
    if certified is None:
        return "not judged"
    steps = "" if certified.steps is None else f" ({certified.steps} steps)"
    return f"{certified.verdict}{steps}"


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
