"""A thread with an event loop of its own, for runs elsewhere: whoever asks may have another loop each time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from stagerl_plugins.types import Ended, Execution

T = TypeVar("T")


class LostError(Exception):
    """A run is lost: what it ran in is gone, or does not answer."""


class Worker:
    """Waits for runs until it is stopped.

    Args:
        name: Of the thread.
        close: Awaited at the end, when nothing runs any more.

    Attributes:
        thread: Ends when this is stopped.
    """

    def __init__(self, name: str, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._close = close
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._stopped = False
        self._running: set[asyncio.Task[None] | None] = set()
        self._loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._wait, name=name, daemon=True)
        self.thread.start()

    def _wait(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def begin_with(self, work: Coroutine[Any, Any, T]) -> T:
        """What this returns; if it raises, the worker is stopped."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except BaseException:
            self.stop()
            raise

    def submit(self, run: Callable[[], Awaitable[Sequence[Execution]]], futures: Collection[Future[Execution]]) -> None:
        """Set these futures to what a run returns, in order, and to lost executions if it fails."""
        if os.getpid() != self._process:
            _lose(futures, "the sandbox belongs to the process that this one was forked from")
            return
        with self._lock:
            if not self._stopped:
                asyncio.run_coroutine_threadsafe(self._serve(run, futures), self._loop)
                return
        _lose(futures, "the sandbox was closed")

    async def _serve(
        self, run: Callable[[], Awaitable[Sequence[Execution]]], futures: Collection[Future[Execution]]
    ) -> None:
        task = asyncio.current_task()
        self._running.add(task)
        try:
            for future, execution in zip(futures, await run(), strict=True):
                future.set_result(execution)
        except LostError as error:
            _lose(futures, str(error))
        except asyncio.CancelledError:
            _lose(futures, "the sandbox was closed")
        except Exception as error:  # noqa: BLE001  somebody waits for the futures
            _lose(futures, f"{type(error).__name__}: {error}"[:300])
        finally:
            self._running.discard(task)

    def stop(self) -> None:
        """Lose what is running, and close. Does nothing in a process that was forked from ours."""
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        ended = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        ended.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._loop.stop))
        if threading.current_thread() is not self.thread:  # where the last who holds a sandbox may forget it
            self.thread.join()
            ended.result()

    async def _end(self) -> None:
        running = [task for task in self._running if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._close()


def _lose(futures: Collection[Future[Execution]], reason: str) -> None:
    for future in futures:
        if not future.done():
            future.set_result(Execution(Ended.LOST, detail=reason))
