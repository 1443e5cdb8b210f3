"""What the pages of docs/bugs say that paxcheck says, it says."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from paxcheck.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "bugs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_output_on_a_page(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    runs = re.findall(r"```\n\$ paxcheck (validate [^\n]*)\n(.*?)```", page.read_text(), re.S)
    assert runs, page
    for command, shown in runs:
        result = CliRunner().invoke(cli, command.split(), standalone_mode=False)
        assert result.return_value == 1
        for part in shown.split("…\n"):
            assert part in result.output
