"""Sandbox `e2b`: programs run in sandboxes of E2B's, on their machines."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

from pydantic import Field

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.sandboxes.e2b import guardian
from stagerl_plugins.sandboxes.e2b.key import read_key
from stagerl_plugins.sandboxes.e2b.message import Job
from stagerl_plugins.sandboxes.e2b.owner import Owner
from stagerl_plugins.sandboxes.e2b.pool import Pool, Sizes
from stagerl_plugins.sandboxes.e2b.service import Service
from stagerl_plugins.sandboxes.e2b.turns import Turns
from stagerl_plugins.sandboxes.memory import Memory
from stagerl_plugins.sandboxes.worker import Worker
from stagerl_plugins.types import Execution, Limits

stagerl_contract = 1


class E2BOptions(Options):
    sandboxes: int = Field(20, ge=1, description="Sandboxes at a time, of all processes of a machine together.")
    creations_per_second: float = Field(1.0, gt=0, description="Sandboxes created in a second, of all together.")
    runs_per_sandbox: int = Field(50, ge=1, description="Programs after which a sandbox is replaced.")
    lifetime: float = Field(900.0, ge=60, description="Seconds after which a sandbox is replaced.")
    patience: float = Field(600.0, gt=0, description="Seconds that a program waits for a sandbox; then it is lost.")
    template: str | None = Field(None, description="E2B's template; its own for running code if left out.")
    key_file: str | None = Field(None, description="File with the key, on each machine; E2B_API_KEY if left out.")
    remember_mb: int = Field(64, ge=0, description="Executions to remember, megabytes: the same one is not run again.")


class E2BSandbox(Sandbox):
    """Runs all inputs of a program by one call of a sandbox of E2B's; ends every sandbox that it created.

    Raises:
        UserError: The client or the key is missing, or the service refuses the key.
    """

    def __init__(self, options: E2BOptions, setup: Any) -> None:
        key = read_key(options.key_file)
        service = Service(key, options.template)
        owner = Owner.new()
        turns = Turns(key, options.sandboxes, options.creations_per_second)
        sizes = Sizes(options.sandboxes, options.runs_per_sandbox, options.lifetime, options.patience)
        guard = partial(guardian.start, key, options.template, owner.of_pool)
        self._pool = Pool(service, owner, turns, sizes, guard)
        self._worker = Worker("sandbox-e2b", self._pool.close)
        self._worker.begin_with(self._pool.end_left_over())
        self._memory = Memory(options.remember_mb << 20)
        self._stop = weakref.finalize(self, self._worker.stop)  # also when the interpreter ends

    async def run(self, program: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
        waiting, new = [], {}
        for stdin in inputs:
            future, is_new = self._memory.future_of((program, stdin, limits))
            waiting.append(asyncio.wrap_future(future))
            if is_new:
                new[stdin] = future

        pool = self._pool

        async def run() -> list[Execution]:  # not holding us: who forgets us ends it
            return await pool.run(Job.of(program, list(new), limits))

        if new:
            self._worker.submit(run, new.values())
        return list(await asyncio.gather(*waiting))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._stop)


@hookimpl
def register_sandboxes(register: Register) -> None:
    register("e2b", E2BSandbox, options=E2BOptions)
