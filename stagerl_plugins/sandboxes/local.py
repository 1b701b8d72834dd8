"""Sandbox `local`: programs run on this machine, each in a process forked from a warm interpreter."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.sandboxes.memory import Memory
from stagerl_plugins.sandboxes.tiers import choose_tier
from stagerl_plugins.sandboxes.warm import LostError, WarmInterpreter
from stagerl_plugins.types import Ended, Execution, Limits

stagerl_contract = 1

_IDLE_SECONDS = 2.0
_ATTEMPTS = 3  # a run that was lost is done again: that cannot have been the program's doing


class LocalOptions(Options):
    tier: Literal["best", "A", "B", "C"] = Field(
        "best", description="Confinement: `best` takes the first of A, B, C that withstands the attacks at its start."
    )
    workers: int | None = Field(None, ge=1, description="Programs that run at a time; one a processor if left out.")
    modules: list[str] = Field(default=[], description="Modules to import ahead, such as numpy; others are not there.")
    python: str | None = Field(None, description="Interpreter to run programs with; this one's base if left out.")
    remember_mb: int = Field(64, ge=0, description="Executions to remember, megabytes: the same one is not run again.")


@dataclass(slots=True)
class _Job:
    program: str
    stdin: str
    limits: Limits
    future: Future[Execution] = field(default_factory=Future)


class LocalSandbox(Sandbox):
    """Forks a confined process for each execution; the same program on the same input runs once.

    Raises:
        UserError: No tier withstands the attacks at the start, or an option is wrong.
    """

    def __init__(self, options: LocalOptions, setup: Any) -> None:
        self._options = options
        self._interpreter = Interpreter.of(options.python, options.modules)
        self.tier = choose_tier(options.tier, self._interpreter)
        self.parts = {f"sandbox_tier_{self.tier}": 1.0}
        self._begin()

    def _begin(self) -> None:
        """Start the threads: once, and again in a process that was forked from ours, which has none of them."""
        self._process = os.getpid()
        self._memory = Memory(self._options.remember_mb << 20)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        workers = self._options.workers or len(os.sched_getaffinity(0))
        arguments = (self._jobs, self.tier, self._interpreter)
        self._threads = [
            threading.Thread(target=_serve, args=arguments, name=f"sandbox-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()
        self._stop = weakref.finalize(self, _stop, self._jobs, self._threads)

    async def run(self, program: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
        if os.getpid() != self._process:
            self._stop.detach()
            self._begin()
        waiting = [asyncio.wrap_future(self._submit(program, stdin, limits)) for stdin in inputs]
        return list(await asyncio.gather(*waiting))

    def _submit(self, program: str, stdin: str, limits: Limits) -> Future[Execution]:
        """The future of this execution, which may be another caller's too."""
        future, new = self._memory.future_of((program, stdin, limits))
        if new:
            self._jobs.put(_Job(program, stdin, limits, future))
            if not self._stop.alive:
                _lose(self._jobs)
        return future

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._stop)


def _serve(jobs: queue.SimpleQueue[_Job | None], tier: str, interpreter: Interpreter) -> None:
    """One thread for each interpreter. It must not hold the sandbox, which is closed when nobody does."""
    warm = WarmInterpreter(tier, interpreter)
    try:
        while (job := _next(jobs, warm)) is not None:
            job.future.set_result(_execute(warm, job))
    finally:
        warm.close()


def _next(jobs: queue.SimpleQueue[_Job | None], warm: WarmInterpreter) -> _Job | None:
    """Wait for a job, and now and then look after the idle interpreter."""
    while True:
        try:
            return jobs.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            warm.close_if_dead()


def _execute(warm: WarmInterpreter, job: _Job) -> Execution:
    execution = Execution(Ended.LOST)
    for _ in range(_ATTEMPTS):
        try:
            execution = warm.run(job.program, job.stdin, job.limits)
        except Exception as error:  # noqa: BLE001  whoever waits for this job must get an answer
            execution = Execution(Ended.LOST, detail=str(error) if isinstance(error, LostError) else repr(error))
            warm.close()
        if execution.ended is not Ended.LOST:
            break
    return execution


def _stop(jobs: queue.SimpleQueue[_Job | None], threads: list[threading.Thread]) -> None:
    """End all interpreters; what waits is lost."""
    _lose(jobs)
    for _ in threads:
        jobs.put(None)
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join()
    _lose(jobs)


def _lose(jobs: queue.SimpleQueue[_Job | None]) -> None:
    with suppress(queue.Empty):
        while True:
            if (job := jobs.get_nowait()) is not None:
                job.future.set_result(Execution(Ended.LOST, detail="the sandbox was closed"))


@hookimpl
def register_sandboxes(register: Register) -> None:
    register("local", LocalSandbox, options=LocalOptions)
