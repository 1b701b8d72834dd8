"""The sandboxes of one process: created when needed, used in turn, ended in any case."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stagerl_plugins.sandboxes.e2b import cleaning
from stagerl_plugins.sandboxes.e2b.message import Job
from stagerl_plugins.sandboxes.e2b.owner import Owner, is_left_over
from stagerl_plugins.sandboxes.e2b.service import BusyError, RefusedError, Service
from stagerl_plugins.sandboxes.e2b.turns import Turns
from stagerl_plugins.sandboxes.worker import LostError
from stagerl_plugins.types import Execution

_ATTEMPTS = 6  # sandboxes that a job is tried in
_LOOK_AGAIN = 0.1  # seconds
_LOOK_SECONDS = 20.0  # for what is left over
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds between creations while the service is busy
_IDLE_SECONDS = 20.0  # after which a sandbox is left to others

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How a pool uses the service.

    Args:
        sandboxes: Most at a time.
        runs_per_sandbox: Jobs after which one is replaced.
        lifetime: Seconds after which one is replaced.
        patience: Seconds that a job waits for one.
    """

    sandboxes: int
    runs_per_sandbox: int
    lifetime: float
    patience: float


@dataclass(slots=True)
class _Box:
    sandbox: Any  # the client's
    right: socket.socket
    ends_at: float
    runs: int = 0
    idle_since: float = 0.0


class Pool:
    """Runs jobs in sandboxes. Belongs to one event loop.

    Args:
        service: Where sandboxes come from.
        owner: Whose they are.
        turns: The limits that all processes of this machine keep.
        sizes: How many there are, and for how long.
        guard: Called before the first job: has the sandboxes ended if this process dies. What it returns is called when
            there are none left.
    """

    def __init__(
        self, service: Service, owner: Owner, turns: Turns, sizes: Sizes, guard: Callable[[], Callable[[], None]]
    ) -> None:
        self._service, self._owner, self._turns, self._sizes = service, owner, turns, sizes
        self._guard = guard
        self._relieve: Callable[[], None] | None = None
        self._free = asyncio.Semaphore(sizes.sandboxes)
        self._idle: list[_Box] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pause = 0.0
        self._not_before = 0.0
        self._refused: RefusedError | None = None
        self._closed = False

    async def end_left_over(self) -> None:
        """End the sandboxes of processes of this machine that are gone.

        Raises:
            RefusedError: The service refuses the key.
        """
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                count = await cleaning.kill_all(self._service, self._owner.of_place, is_left_over)
            if count:
                _log.info("sandbox 'e2b': ended %d that an earlier process left over", count)
        except (BusyError, TimeoutError) as error:
            _log.warning("sandbox 'e2b': cannot look for sandboxes that are left over: %s", error)

    async def run(self, job: Job) -> list[Execution]:
        """Run a job, in another sandbox when one is lost.

        Raises:
            LostError: It was lost again and again, or there is no sandbox to be had.
        """
        if self._relieve is None:
            self._relieve = self._guard()
        reason = LostError("")
        async with self._free:
            for _ in range(_ATTEMPTS):
                box = await self._take(job.seconds)
                try:
                    executions = await self._run_in(box, job)
                except LostError as error:
                    reason = error
                    self._in_background(self._end(box))
                except BaseException:
                    self._in_background(self._end(box))
                    raise
                else:
                    self._give_back(box)
                    return executions
        raise reason

    async def _run_in(self, box: _Box, job: Job) -> list[Execution]:
        box.runs += 1
        try:
            answer = self._service.run_code(box.sandbox, job.code, job.seconds, job.longest_answer)
            printed = await asyncio.wait_for(answer, job.seconds)
        except TimeoutError:  # slow code is stopped inside, long before
            raise LostError(f"the sandbox did not answer within {job.seconds:.0f} s") from None
        return job.executions(printed)

    async def _take(self, seconds: float) -> _Box:
        """A sandbox that will live so long: an idle one, else a new one.

        Raises:
            LostError: There is none to be had.
        """
        give_up = time.monotonic() + self._sizes.patience
        request = uuid.uuid4().hex
        reason = "all sandboxes of this machine are in use"
        while not self._closed and time.monotonic() < give_up:
            if self._refused is not None:
                raise LostError(str(self._refused))
            while self._idle:
                box = self._idle.pop()
                if box.ends_at - time.monotonic() > seconds:
                    return box
                self._in_background(self._end(box))
            right = self._turns.sandbox() if time.monotonic() >= self._not_before else None
            if right is None:
                await asyncio.sleep(_LOOK_AGAIN)
                continue
            # not given up half-way: what is created must be ended
            creation = self._in_background(self._create(right, seconds, request))
            try:
                return await asyncio.shield(creation)
            except BusyError as error:
                reason = str(error)
            except RefusedError:
                continue
            except asyncio.CancelledError:
                creation.add_done_callback(self._end_unwanted)
                raise
        raise LostError("the sandbox was closed" if self._closed else f"no sandbox to be had: {reason}")

    async def _create(self, right: socket.socket, seconds: float, request: str) -> _Box:
        try:
            await self._turns.creation()
            await asyncio.sleep(self._not_before - time.monotonic())  # the service may have become busy meanwhile
            if self._refused is not None:
                raise self._refused
            lifetime = self._sizes.lifetime + seconds
            began = time.monotonic()
            sandbox = await self._service.create(self._owner.metadata, int(lifetime), request)
        except BaseException as error:
            right.close()
            if isinstance(error, RefusedError) and self._refused is None:
                self._refused = error
                _log.error("sandbox 'e2b': %s", error)
            if isinstance(error, BusyError) and time.monotonic() >= self._not_before:
                self._pause = min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
                self._not_before = time.monotonic() + self._pause * random.uniform(0.5, 1)
            raise
        self._pause = 0.0
        return _Box(sandbox, right, began + lifetime)

    def _end_unwanted(self, creation: asyncio.Task[_Box]) -> None:
        if not creation.cancelled() and creation.exception() is None:
            self._in_background(self._end(creation.result()))

    def _give_back(self, box: _Box) -> None:
        old = box.ends_at - time.monotonic() < 0
        if self._closed or old or box.runs >= self._sizes.runs_per_sandbox:
            self._in_background(self._end(box))
            return
        box.idle_since = time.monotonic()
        self._idle.append(box)
        asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._end_if_idle, box, box.idle_since)

    def _end_if_idle(self, box: _Box, since: float) -> None:
        if box in self._idle and box.idle_since == since:
            self._idle.remove(box)
            self._in_background(self._end(box))

    async def _end(self, box: _Box) -> None:
        """End a sandbox; until then it counts as one of those that we may have."""
        try:
            await cleaning.kill(self._service, box.sandbox.sandbox_id)
        except (RefusedError, BusyError) as error:
            _log.warning("sandbox 'e2b': a sandbox is left to its lifetime: %s", error)
        finally:
            box.right.close()

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End all sandboxes. Jobs must have ended or been cancelled."""
        self._closed = True
        while self._idle:
            self._in_background(self._end(self._idle.pop()))
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._refused is None:
            with suppress(RefusedError, BusyError):  # a creation whose answer was cut
                await cleaning.kill_all(self._service, self._owner.of_pool)
        if self._relieve is not None:
            self._relieve()
