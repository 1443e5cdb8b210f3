"""Common set-up of the tests."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE / "counts", HERE / "models", HERE / "soundness", HERE / "trace"):
    sys.path.insert(0, str(folder))
