"""A handler or property that never ends is ended too when the time is up: as Ctrl-C ends it."""

from __future__ import annotations

import inspect
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
_LONGEST: Final = 100_000_000  # seconds: three years; some systems have no longer timer

_telling: list[None] = []  # one for each `undisturbed` that is open


class TimeIsUp(KeyboardInterrupt):
    """Raised in the model's own code only; its text is the reason to stop."""


@contextmanager
def alarm(limits: Limits) -> Generator[None]:
    """While a search runs in the main thread: nothing of the model outlives its time by much.

    Where the system has no timer, or somebody else uses it, a search is stopped between steps only.
    """
    seconds = limits.seconds
    if seconds is None or seconds > _LONGEST or not _timer_is_free():
        yield
        return
    here = inspect.currentframe()
    outside = here and here.f_back and here.f_back.f_back  # who says `with alarm(...)`

    def ring(number: int, frame: FrameType | None) -> None:
        if _telling:
            return
        # Whoever called the search may look like a model's file too, and is not interrupted.
        while frame is not None and frame is not outside:
            if is_model_file(frame.f_code.co_filename):
                raise TimeIsUp(out_of_time(seconds))
            frame = frame.f_back

    signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds + PATIENCE, _AGAIN)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


@contextmanager
def undisturbed() -> Generator[None]:
    """While the runs to what was found are made: the alarm must not take away what was found.

    Handlers and properties that run now have run before, and came to their end.
    """
    _telling.append(None)
    try:
        yield
    finally:
        _telling.pop()


def _timer_is_free() -> bool:
    """Whether nobody uses it: here, or before this program was started (`alarm` in a shell)."""
    if not hasattr(signal, "setitimer"):
        return False
    if threading.current_thread() is not threading.main_thread():
        return False
    unused = signal.getitimer(signal.ITIMER_REAL)[0] == 0
    return unused and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
