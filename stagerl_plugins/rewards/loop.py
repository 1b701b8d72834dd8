"""Event loops in threads of their own: a coroutine that blocks holds up its own reward, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

ANSWER_SECONDS = 1.0  # a loop that takes longer to do nothing is blocked
CLOSE_SECONDS = 30.0  # for what is awaited at the end

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class OwnLoop:
    """An event loop in a thread, begun when it is first needed and begun anew where it is blocked.

    Args:
        name: The thread's.
        threads: How many calls that block may wait in threads (`asyncio.to_thread`) at a time.
        at_end: Called and awaited in the loop when it is closed, such as the `close` of what runs in it.

    Attributes:
        closed: Nothing is begun any more.
    """

    def __init__(
        self, name: str, at_end: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (), threads: int | None = None
    ) -> None:
        self._name = name
        self._threads = threads
        self._at_end = at_end
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._current: asyncio.AbstractEventLoop | None = None
        self._begun: dict[asyncio.AbstractEventLoop, threading.Event] = {}  # with what says that it may end
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
            future = asyncio.run_coroutine_threadsafe(work, self._begin())
            self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def _begin(self) -> asyncio.AbstractEventLoop:
        """The loop, begun if it is not."""
        if self._current is None:
            self._current = asyncio.new_event_loop()
            self._give_threads(self._current)
            may_end = self._begun[self._current] = threading.Event()
            threading.Thread(target=_serve, args=[self._current, may_end], name=self._name, daemon=True).start()
        return self._current

    def _give_threads(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.set_default_executor(ThreadPoolExecutor(self._threads, f"{self._name}-thread"))

    async def renew_if_blocked(self) -> None:
        """Leave a loop that does not answer, or else its threads, to what blocks them; what comes next has others."""
        with self._lock:
            loop = self._current
            if self.closed or loop is None:
                return
            answer: Future[None] = Future()
            loop.call_soon_threadsafe(self._give_threads, loop)
            loop.call_soon_threadsafe(answer.set_result, None)
        await asyncio.wait([asyncio.wrap_future(answer)], timeout=ANSWER_SECONDS)
        with self._lock:
            if not answer.done() and self._current is loop:
                self._current = None

    def close(self) -> None:
        """End what runs; nobody waits any more, also for what blocks or ignores that. May be called twice.

        Does nothing in a process that was forked from ours.
        """
        with self._lock:
            if self.closed or os.getpid() != self._process:
                return
            self.closed = True
            last = self._begin() if self._at_end else None
        for future in list(self._running):
            future.cancel()
        for loop in self._begun:
            if loop is not last:
                self._stop(loop)
        if last is not None:
            ended = asyncio.run_coroutine_threadsafe(self._end(), last)
            ended.add_done_callback(lambda _: self._stop(last))
            if not self._is_here():  # the garbage collector may close us from anywhere
                with suppress(TimeoutError):
                    ended.result(CLOSE_SECONDS + ANSWER_SECONDS)

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begun[loop].set()
        with suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(loop.stop)

    async def _end(self) -> None:
        """The last that is done in a loop."""
        tasks = [asyncio.ensure_future(call()) for call in self._at_end]
        done, _ = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in done:
            # when the interpreter ends, threads are refused; who needs one ends by itself then
            if not task.cancelled() and (error := task.exception()) and threading.main_thread().is_alive():
                _log.warning("%s: could not be closed: %r", self._name, error)

    def _is_here(self) -> bool:
        """Whether one of the loops runs in this thread."""
        try:
            return asyncio.get_running_loop() in self._begun
        except RuntimeError:
            return False


def _serve(loop: asyncio.AbstractEventLoop, may_end: threading.Event) -> None:
    """The thread: ends once its loop may end, and with it all that it had begun. A reward may stop it before that."""
    while not may_end.is_set():
        with suppress(SystemExit, KeyboardInterrupt):  # of a reward's task, which has it as its exception; others go on
            loop.run_forever()
    if tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=ANSWER_SECONDS))
    loop.close()
