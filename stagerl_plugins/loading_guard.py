"""Code that is loaded may neither end the process that loads it nor go on as a second one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def guarded() -> Iterator[None]:
    """Within it `os._exit` raises SystemExit in this thread, and a process that is forked ends where it would leave.

    Otherwise a command would end without a word and with the status that a plugin chose, or would run twice.
    """
    here = os.getpid(), threading.get_ident()
    leave, within = os._exit, True

    def _exit(status: int) -> NoReturn:
        if not within or (os.getpid(), threading.get_ident()) != here:
            leave(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = _exit
    try:
        yield
    finally:
        os._exit = leave
        within = False
        if os.getpid() != here[0]:
            leave(0)
