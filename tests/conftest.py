"""Common set-up of the tests."""

import signal
import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE / "counts", HERE / "models", HERE / "soundness", HERE / "trace"):
    sys.path.insert(0, str(folder))

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so would the runs
# that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
