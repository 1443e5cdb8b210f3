"""The example of docs/in-your-tests.md runs, and fails as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
PAGE = (Path(__file__).parent.parent.parent / "docs" / "in-your-tests.md").read_text()


def block(start: str, language: str = "python") -> str:
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", PAGE, re.S) if b.startswith(start)]
    assert len(found) == 1
    return found[0]


def test_the_example(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(acceptor=block("# acceptor.py"), test_acceptor=block("# test_acceptor.py"))
    result = pytester.runpytest_inprocess("-q", "--paxcheck-logs", ".")
    result.assert_outcomes(failed=1)
    said = [re.sub(r"\S*/log\.jsonl", "log.jsonl", line) for line in result.outlines]
    start = next(n for n, line in enumerate(said) if line.startswith("log.jsonl:"))
    told = [line for line in said[start:] if not line.startswith("    | ")]
    page = block("log.jsonl:", "text").splitlines()
    assert told[: len(page)] == page


def test_the_cure(pytester: pytest.Pytester) -> None:
    """With the guard that the example forgot, the same test passes."""
    cured = block("# acceptor.py").replace(
        'elif kind == "accept":', 'elif kind == "accept" and ballot >= self.promised:'
    )
    assert cured != block("# acceptor.py")
    pytester.makepyfile(acceptor=cured, test_acceptor=block("# test_acceptor.py"))
    pytester.runpytest_inprocess("-q").assert_outcomes(passed=1)


def test_two_processes(pytester: pytest.Pytester) -> None:
    text = block("def test_cluster")
    body = "    for log in logs:\n        log.node(log.path.stem).lead(1)\n"
    pytester.makepyfile(text + body)
    pytester.runpytest_inprocess("-q").stdout.fnmatch_lines(
        ["*n1 is leader of term 1, and so is n2"]
    )
