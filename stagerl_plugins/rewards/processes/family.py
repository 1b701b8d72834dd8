"""Who ends with whom: nothing that a reward started outlives its verdict process (Linux only)."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Container
from contextlib import suppress

import psutil

END_SECONDS = 5.0  # for what starts others faster than it can be killed
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def die_with_parent(with_signal: int) -> None:
    """Have the kernel send us this signal when the thread that started us ends, however it ends."""
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, int(with_signal))
    if os.getppid() != parent:
        os.kill(os.getpid(), with_signal)


def adopt_orphans() -> None:
    """Become the parent of all below us whose own parent ends, also of those in sessions of their own."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def lead_group(pid: int) -> None:
    """Put a forked process into a process group of its own. Called by both sides, as either may be first."""
    with suppress(OSError):
        os.setpgid(pid, pid)


def end(pid: int) -> None:
    """Kill a child and its process group; reaped last, as until then its id is that of its group."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # also where it has left its group
    os.waitpid(pid, 0)


def end_orphans(but: Container[int]) -> None:
    """Kill all children but these, and what they leave behind in turn.

    To be called by a process that adopts orphans and has only one thread.
    """
    deadline = time.monotonic() + END_SECONDS
    while orphans := [child.pid for child in psutil.Process().children() if child.pid not in but]:
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in orphans:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if time.monotonic() > deadline:
            return


def _prctl(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)
