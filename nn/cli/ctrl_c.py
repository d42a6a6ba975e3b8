"""Ctrl-C while ``python -m nn`` is still loading, or when all is done: it ends with a line, not with a traceback.

Then nothing is half done that would have to be tidied up. (An exception raised while modules are loaded may also end up
in a callback that swallows it.) In between it is a KeyboardInterrupt, as everywhere. In a program of a user's own that
imports `nn` nothing of this happens.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

STATUS = 130
_ARGUMENTS = sys.orig_argv[1:]


def is_program() -> bool:
    """Whether this process was started as ``python -m nn``."""
    return "-m" in _ARGUMENTS and _ARGUMENTS[_ARGUMENTS.index("-m") + 1 :][:1] == ["nn"]


def leave_at_ctrl_c() -> None:
    """From now on Ctrl-C ends the program at once, where it is the program and does not ignore Ctrl-C."""
    if is_program() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def raise_at_ctrl_c() -> None:
    """From now on Ctrl-C is an exception again."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"python -m nn: interrupted\n")
    os._exit(STATUS)


leave_at_ctrl_c()  # while all else is loaded
