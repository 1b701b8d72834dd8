"""The processes and threads that a process started, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress


def children_of(pid: int) -> list[int]:
    """The processes that a process started, with any of its threads, and those that it adopted."""
    found: list[int] = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with suppress(OSError):
            found += map(int, words_of(f"/proc/{pid}/task/{thread}/children"))
    return found


def family_of(processes: Iterable[int]) -> Iterator[int]:
    """These processes and their descendants, as far as they are still there."""
    waiting = list(processes)
    while waiting:
        pid = waiting.pop()
        with suppress(OSError):
            waiting += children_of(pid)
            yield pid


def threads_of(pid: int) -> list[str]:
    """The folders in /proc of a process's threads; none if it ended."""
    try:
        return [f"/proc/{pid}/task/{thread}" for thread in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def words_of(path: str) -> list[bytes]:
    """The words of a small file in /proc, with no more system calls than it takes: it is read for every run."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1 << 16).split()
    finally:
        os.close(descriptor)
