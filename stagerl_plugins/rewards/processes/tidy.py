"""What a reward left behind in its verdict process: put back before the next one is asked, which may be another's."""

from __future__ import annotations

import asyncio
import builtins
import os
import resource
import signal
import sys
import threading

TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


class Tidy:
    """Remembers how a process is once its rewards are built, and makes it so again.

    What a reward did to other modules than `builtins` stays.
    """

    def __init__(self) -> None:
        self._builtins = dict(vars(builtins))
        self._recursion = sys.getrecursionlimit()
        self._streams = sys.stdin, sys.stdout, sys.stderr
        self._folder = os.open(".", os.O_PATH)
        self._threads = threading.active_count()
        self._limits = _limits()

    def restore(self, loop: asyncio.AbstractEventLoop) -> None:
        """Put back builtins, the folder, standard streams and the bound on recursion; disarm alarms, cancel tasks.

        Raises:
            OSError: A standard stream, our folder or the event loop has been closed, or a limit of the operating system
                changed: it is of no use any more.
        """
        for timer in TIMERS:
            signal.setitimer(timer, 0)  # an alarm would go off in the next call
        vars(builtins).update(self._builtins)
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        if any(stream.closed for stream in self._streams if stream is not None):
            raise OSError("a standard stream was closed")
        if _limits() != self._limits:  # who lacks memory in the middle of a comparison may say "wrong"
            raise OSError("a limit was changed")
        os.fchdir(self._folder)
        if loop.is_closed():
            raise OSError("the event loop was closed")
        for task in asyncio.all_tasks(loop):
            task.cancel()

    def alone(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether no thread and no task of a reward is left to use up the processor time of the next call."""
        return threading.active_count() <= self._threads and not asyncio.all_tasks(loop)


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in LIMITS]
