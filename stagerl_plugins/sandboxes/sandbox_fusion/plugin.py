"""Sandbox `sandbox_fusion`: programs run on SandboxFusion servers of the user's."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.sandboxes.memory import Memory
from stagerl_plugins.sandboxes.worker import Worker
from stagerl_plugins.types import Execution, Limits

stagerl_contract = 1


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class SandboxFusionOptions(Options):
    endpoints: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        default=[], description="URLs of the servers, such as http://host:8080; with or without /run_code."
    )
    endpoints_file: str | None = Field(
        None, description="File with more, one a line, on each machine: for URLs with passwords or tokens."
    )
    concurrency: int = Field(8, ge=1, description="Runs at a time on each server, of each process that judges.")
    attempts: int = Field(6, ge=1, description="How often a run may be lost by a server; then it is lost.")
    answer_seconds: float = Field(30.0, gt=0, description="Seconds more than a program that a server may take.")
    patience: float = Field(600.0, gt=0, description="Seconds that a run is kept while all servers fail.")
    remember_mb: int = Field(64, ge=0, description="Executions to remember, megabytes: the same one is not run again.")


class SandboxFusionSandbox(Sandbox):
    """Asks SandboxFusion servers for each execution: the least busy one, and one that fails is left out for a while.

    Raises:
        UserError: No server is named, or none runs Python.
    """

    def __init__(self, options: SandboxFusionOptions, setup: Any) -> None:
        # here, as they import httpx
        from stagerl_plugins.sandboxes.sandbox_fusion.address import read_addresses
        from stagerl_plugins.sandboxes.sandbox_fusion.client import Client
        from stagerl_plugins.sandboxes.sandbox_fusion.pool import Pool

        addresses = read_addresses(options.endpoints, options.endpoints_file)
        client = Client(options.answer_seconds)
        self._pool = Pool(addresses, client, options.concurrency, options.attempts, options.patience)
        self._worker = Worker("sandbox-fusion", self._pool.close)
        self._worker.begin_with(self._pool.check())
        self._memory = Memory(options.remember_mb << 20)
        self._stop = weakref.finalize(self, self._worker.stop)  # also when the interpreter ends

    async def run(self, program: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
        waiting = [asyncio.wrap_future(self._submit(program, stdin, limits)) for stdin in inputs]
        return list(await asyncio.gather(*waiting))

    def _submit(self, program: str, stdin: str, limits: Limits) -> Future[Execution]:
        """The future of this execution, which may be another caller's too."""
        future, new = self._memory.future_of((program, stdin, limits))
        pool = self._pool

        async def run() -> list[Execution]:  # not holding us: who forgets us ends it
            return [await pool.run(program, stdin, limits)]

        if new:
            self._worker.submit(run, [future])
        return future

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._stop)


@hookimpl
def register_sandboxes(register: Register) -> None:
    register("sandbox_fusion", SandboxFusionSandbox, options=SandboxFusionOptions)
