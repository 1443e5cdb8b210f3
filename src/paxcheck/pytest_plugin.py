"""The pytest plugin: a fixture that records, and a test that fails with the diagnosis.

    def test_cluster(paxcheck_log):
        log = paxcheck_log("raft", members=["n1", "n2", "n3"])
        ...  # run the cluster, recorded in log

When the test function has returned, all that it recorded is judged; a broken rule fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import paxcheck
from paxcheck.protocol.errors import PaxcheckError

if TYPE_CHECKING:
    from paxcheck import Recorder

MakeLog: TypeAlias = "Callable[..., Recorder]"
_LOGS: pytest.StashKey[list[tuple[Recorder, bool]]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--paxcheck-logs DIR`: keep the logs there."""
    parser.getgroup("paxcheck").addoption(
        "--paxcheck-logs",
        metavar="DIR",
        help="keep the logs that tests record here (default: each test's tmp_path)",
    )


@pytest.fixture
def paxcheck_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeLog]:
    """Make logs: `paxcheck_log(family, members, name="log", judge=True, **header)` is a Recorder.

    `name`: of the file, without its ending; one log for each process, all with one header, are
    judged together. `judge` False: the test itself says what is right. The other arguments are
    those of `paxcheck.record.Recorder`. Logs are closed, and all wrapping is taken back, when the
    test ends.
    """
    logs: list[tuple[Recorder, bool]] = request.node.stash.setdefault(_LOGS, [])
    folder = _folder(request, tmp_path)

    def make(
        family: str | Iterable[str],
        members: Iterable[str] = (),
        *,
        name: str = "log",
        judge: bool = True,
        **header: Any,
    ) -> Recorder:
        path = folder / f"{name}.jsonl"
        path.unlink(missing_ok=True)  # kept from the last run of the tests
        recorder = paxcheck.Recorder(path, family, members, **header)
        logs.append((recorder, judge))
        return recorder

    yield make
    for recorder, _ in logs:
        recorder.close()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Judge what a test recorded, as the last step of the test itself."""
    try:
        result = yield
    except Exception as error:
        broken = _judged(pyfuncitem)
        if broken:
            error.add_note(broken)
        raise
    broken = _judged(pyfuncitem)
    if broken:
        pytest.fail(broken, pytrace=False)
    return result


def _judged(item: pytest.Function) -> str:
    """What is wrong with the logs of a test, in words; empty when nothing is."""
    systems: dict[Any, list[Recorder]] = {}
    logs: list[tuple[Recorder, bool]] = item.stash.get(_LOGS, [])  # pyright: ignore[reportUnknownArgumentType]
    for recorder, judge in logs:
        recorder.close()
        if judge:
            systems.setdefault(repr(recorder.header), []).append(recorder)
    told: list[str] = []
    for recorders in systems.values():
        try:
            verdict = paxcheck.validate(None, recorders)
        except PaxcheckError as problem:
            told.append(str(problem))
            continue
        if not verdict.ok:
            told.append(verdict.diagnosis)
    return "\n\n".join(told)


def _folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    kept = request.config.getoption("--paxcheck-logs")
    if not kept:
        return tmp_path
    name = re.sub(r"[^\w.\[\]-]+", "_", request.node.nodeid)
    folder = Path(str(kept)) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
