"""Event loops in threads of their own: a coroutine that blocks holds up its own reward, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

ANSWER_SECONDS = 1.0  # a loop that takes longer to do nothing is blocked

Result = TypeVar("Result")


class OwnLoop:
    """An event loop in a thread, begun when it is first needed and begun anew where it is blocked.

    Args:
        name: The thread's.

    Attributes:
        closed: Nothing is begun any more.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._current: asyncio.AbstractEventLoop | None = None
        self._begun: list[asyncio.AbstractEventLoop] = []
        self._running: set[Future[Any]] = set()
        self.closed = False

    def submit(self, work: Coroutine[object, object, Result]) -> Future[Result]:
        """Begin a coroutine. Its future is cancelled once this is closed."""
        with self._lock:
            if self.closed:
                work.close()
                never: Future[Result] = Future()
                never.cancel()
                return never
            if self._current is None:
                self._current = asyncio.new_event_loop()
                self._begun.append(self._current)
                threading.Thread(target=_serve, args=[self._current], name=self._name, daemon=True).start()
            future = asyncio.run_coroutine_threadsafe(work, self._current)
            self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    async def renew_if_blocked(self) -> None:
        """Leave a loop that does not answer to what blocks it; what comes next has another one."""
        with self._lock:
            loop = self._current
            if self.closed or loop is None:
                return
            answer: Future[None] = Future()
            loop.call_soon_threadsafe(answer.set_result, None)
        await asyncio.wait([asyncio.wrap_future(answer)], timeout=ANSWER_SECONDS)
        with self._lock:
            if not answer.done() and self._current is loop:
                self._current = None

    def close(self) -> None:
        """End what runs; nobody waits any more, also for what blocks or ignores that. May be called twice."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
        for future in list(self._running):
            future.cancel()
        for loop in self._begun:
            loop.call_soon_threadsafe(loop.stop)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """The thread: ends once its loop is stopped, and with it all that it had begun."""
    stopped = False
    while not stopped:
        try:
            loop.run_forever()
            stopped = True
        except (SystemExit, KeyboardInterrupt):  # of a reward's task, which has it as its exception; others go on
            continue
    if tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=ANSWER_SECONDS))
    loop.close()
