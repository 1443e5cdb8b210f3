"""Where TLC is not there it is named, and nothing is measured."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "bench" / "validate_tlc.py"


def test_absent_tools_are_named() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "TLC_CLASSPATH"} | {"PATH": ""},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == (
        "absent: raft, tlc, java. Nothing was measured; --help says what is needed"
    )
