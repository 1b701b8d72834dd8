"""A bound on how many verdicts are waited for at a time, kept across threads and event loops."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager


class Turns:
    """So many at a time; who comes later waits, first come first served.

    An `asyncio.Semaphore` belongs to one event loop, and a judge may be asked from several.

    Args:
        count: How many at a time.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._waiting: deque[Future[None]] = deque()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it while the block lasts."""
        turn = self._ask()
        if turn is not None:
            try:
                await asyncio.wrap_future(turn)
            except BaseException:
                if not turn.cancel() and not turn.cancelled():  # it had been given to us already
                    self._give_back()
                raise
        try:
            yield
        finally:
            self._give_back()

    def _ask(self) -> Future[None] | None:
        """None where a turn is free and now taken; else what ends when it is our turn."""
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            turn: Future[None] = Future()
            self._waiting.append(turn)
            return turn

    def _give_back(self) -> None:
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():  # else nobody waits for it any more
                    turn.set_result(None)
                    return
            self._free += 1
