"""How long a program runs, less what it waits for a processor: a busy machine is not the program's fault."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .family import children_of, family_of, threads_of, words_of

_PROCESSORS = len(os.sched_getaffinity(0))
_LATE = 1.0  # seconds between two looks: we did not run ourselves, as all was stopped, and they may not have either


class Clock:
    """The time of all that this process started, added up from one look to the next.

    Of the time between two looks that counts which no thread of theirs waited for a processor, and none if we came
    late; but in all no less than what they had of them, so that threads that wait for each other alone gain nothing:
    orphans that we adopted, too.
    """

    def __init__(self) -> None:
        self.seconds = self._counted = self._used = 0.0
        self._began = self._looked = time.monotonic()
        self._seen: dict[str, _Thread] = {}

    def start(self) -> None:
        """Begin now: what they were busy with so far is not their program's time."""
        self._began = self._looked = now = time.monotonic()
        self._seen = {thread: _Thread(running, waiting, now) for thread, running, waiting in _threads()}

    @property
    def elapsed(self) -> float:
        """Seconds on the wall at the last look."""
        return self._looked - self._began

    def look(self) -> None:
        """Count the time until now. A thread that began and ended since the last look is not seen.

        The kernel tells what a thread waited when it gets a processor: it may be more than what passed since then.
        Before that a thread that could run and did not is taken to wait, or one long wait would look like a slow
        program.
        """
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        waited, waits, seen = 0.0, 0.0, {}
        for thread, running, waiting in _threads():
            before = self._seen.get(thread, _Thread(0.0, 0.0, now))
            self._used += running - before.running
            waited = max(waited, waiting - before.waiting)
            waits_now = 0 < running == before.running and _could_run(thread)
            seen[thread] = _Thread(running, waiting, before.ran if waits_now else now)
            waits = max(waits, now - seen[thread].ran)
        self._seen = seen
        least = self._used / _PROCESSORS
        self._counted = max(self._counted + (passed - waited if passed < _LATE else 0.0), least)
        self.seconds = max(self._counted - waits, least)


@dataclass(frozen=True, slots=True)
class _Thread:
    """Seconds that it ran and that it waited; and when it was last seen to have run, or not to want to."""

    running: float
    waiting: float
    ran: float


def _threads() -> Iterator[tuple[str, float, float]]:
    """Each thread of our descendants: seconds that it ran, and that it waited for a processor."""
    for process in family_of(children_of(os.getpid())):
        for thread in threads_of(process):
            yield thread, *_times(f"{thread}/schedstat")


def _times(path: str) -> tuple[float, float]:
    """Zeros where the kernel does not tell."""
    try:
        ran, waited = words_of(path)[:2]
        return int(ran) / 1e9, int(waited) / 1e9
    except (OSError, ValueError):
        return 0.0, 0.0


def _could_run(thread: str) -> bool:
    try:
        with open(f"{thread}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"R"
    except (OSError, IndexError):  # it ended
        return False
