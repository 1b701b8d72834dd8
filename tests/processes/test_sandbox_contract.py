"""The contract test of sandboxes, on a sandbox of ten lines and on faulty ones."""

import asyncio
import sys
from types import ModuleType

import pytest

from stagerl_plugins.hookspecs import hookimpl
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.testing import ContractError, check_plugin
from stagerl_plugins.types import Execution


class Here(Sandbox):
    """Runs programs on this machine, with no protection at all."""

    def __init__(self, options, setup):
        pass

    async def run(self, program, inputs, limits):
        return [await self.run_one(program, text, limits) for text in inputs]

    async def run_one(self, program, text, limits):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=-1, stdout=-1, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(text.encode()), limits.seconds)
        except TimeoutError:
            process.kill()
            await process.wait()
            return Execution("timed_out")
        return Execution("exited", out.decode()[: limits.output_bytes], exit_code=process.returncode)

    async def close(self):
        pass


class InAnyOrder(Here):
    async def run(self, program, inputs, limits):
        return (await super().run(program, inputs, limits))[::-1]


class SaysOk(Here):
    async def run(self, program, inputs, limits):
        return [Execution("exited", e.stdout, exit_code=0) for e in await super().run(program, inputs, limits)]


class SaysAll(Here):
    async def run_one(self, program, text, limits):
        return Execution("exited", "x" * 9000) if "'x'" in program else await super().run_one(program, text, limits)


def check(factory):
    def register_it(register):
        register("here", factory)

    module = ModuleType("here")
    module.stagerl_contract = 1
    module.register_sandboxes = hookimpl(register_it, specname="register_sandboxes")
    plugins = load_plugins()
    plugins.add(module, "here-package", "1.0")
    check_plugin("sandbox", "here", plugins=plugins)


def test_a_good_sandbox_passes():
    check(Here)


@pytest.mark.parametrize(
    ("factory", "message"),
    [(InAnyOrder, "for each input, in order"), (SaysOk, "ended like one that ran"), (SaysAll, "9000 came back")],
)
def test_a_fault_is_found(factory, message):
    with pytest.raises(ContractError, match=message):
        check(factory)
