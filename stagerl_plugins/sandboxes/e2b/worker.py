"""A thread with an event loop of its own, and the pool in it: whoever asks may have another loop each time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from stagerl_plugins.sandboxes.e2b.message import Job
from stagerl_plugins.sandboxes.e2b.pool import Pool
from stagerl_plugins.sandboxes.e2b.service import LostError
from stagerl_plugins.types import Ended, Execution, Limits


class Worker:
    """Runs programs in a pool until it is stopped.

    Args:
        pool: The pool, which nobody else may use.
        guard: Called before the first program: has the pool's sandboxes ended if this process dies. What it returns is
            called when there are none left.

    Raises:
        RefusedError: The service refuses the key.
    """

    def __init__(self, pool: Pool, guard: Callable[[], Callable[[], None]]) -> None:
        self._pool = pool
        self._guard = guard
        self._relieve: Callable[[], None] | None = None
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._stopped = False
        self._running: set[asyncio.Task[None] | None] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox-e2b", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(pool.end_left_over(), self._loop).result()
        except BaseException:
            self.stop()
            raise

    def submit(self, program: str, futures: Mapping[str, Future[Execution]], limits: Limits) -> None:
        """Run a program once for each of these inputs, and set their futures."""
        with self._lock:
            if not self._stopped:
                asyncio.run_coroutine_threadsafe(self._serve(program, futures, limits), self._loop)
                return
        _lose(futures, "the sandbox was closed")

    async def _serve(self, program: str, futures: Mapping[str, Future[Execution]], limits: Limits) -> None:
        task = asyncio.current_task()
        self._running.add(task)
        try:
            if self._relieve is None:
                self._relieve = self._guard()
            executions = await self._pool.run(Job.of(program, list(futures), limits))
            for future, execution in zip(futures.values(), executions, strict=True):
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
        """Lose what is running and end all sandboxes. Does nothing in a process that was forked from ours."""
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._relieve is not None:
            self._relieve()

    async def _close(self) -> None:
        running = [task for task in self._running if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._pool.close()


def _lose(futures: Mapping[str, Future[Execution]], reason: str) -> None:
    for future in futures.values():
        if not future.done():
            future.set_result(Execution(Ended.LOST, detail=reason))
