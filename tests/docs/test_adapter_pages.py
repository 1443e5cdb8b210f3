"""Every built-in format has its page, and the page says what the adapter declares."""

from pathlib import Path

import pytest
from adapter_tables import table

from paxcheck.trace.adapters import adapters

PAGES = Path(__file__).parents[2] / "docs" / "adapters"
NAMES = [name for name in adapters() if name not in ("native", "facts")]


@pytest.mark.parametrize("name", NAMES)
def test_page(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text()
    assert f"`--from {name}`" in page
    assert page.endswith(table(name))


def test_the_index_has_all_of_them() -> None:
    index = (PAGES / "README.md").read_text()
    assert [name for name in NAMES if f"[{name}]({name}.md)" not in index] == []
