"""A handler or property that never ends is ended too when the time is up: as Ctrl-C ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from paxcheck.engine.limits import Limits, out_of_time
from paxcheck.protocol.errors import is_model_file

PATIENCE: Final = 1.0
"""Seconds that a search has after its time to notice by itself that it is over."""

_AGAIN: Final = 0.2


class TimeIsUp(KeyboardInterrupt):
    """Raised in the model's own code only; its text is the reason to stop."""


@contextmanager
def alarm(limits: Limits) -> Generator[None]:
    """While a search runs in the main thread: nothing of the model outlives its time by much.

    Where the system has no timer, or somebody else uses it, a search is stopped between steps only.
    """
    seconds = limits.seconds
    if seconds is None or not _timer_is_free():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if is_model_file(frame.f_code.co_filename):
                raise TimeIsUp(out_of_time(seconds))
            frame = frame.f_back

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds + PATIENCE, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _timer_is_free() -> bool:
    if not hasattr(signal, "setitimer"):
        return False
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
