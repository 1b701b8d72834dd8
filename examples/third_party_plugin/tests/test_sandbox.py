"""What the sandbox remembers, and for how long."""

import asyncio
import sys

import pytest
from stagerl_reasoning_gym.sandbox import Remembering, RememberingOptions

from stagerl_plugins import Execution, Limits, Sandbox, hookimpl
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.testing import check_plugin


class Unprotected(Sandbox):
    """Runs programs on this machine with no protection at all: for programs of tests alone."""

    stagerl_contract = 1

    def __init__(self):
        self.asked = []

    @hookimpl
    def register_sandboxes(self, register):
        register("unprotected", lambda options, setup: self)

    def build(self, kind, spec, name):
        return self

    async def run(self, program, inputs, limits):
        self.asked += inputs
        return [await self.run_one(program, text, limits) for text in inputs]

    async def run_one(self, program, text, limits):
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-Ic", program, stdin=pipe, stdout=pipe, stderr=nowhere
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


@pytest.fixture
def inner():
    return Unprotected()


def run(inner, program, *calls, seconds=10, **options):
    """What came out, call by call, and what the inner sandbox was asked for."""

    async def all_calls():
        sandbox = Remembering(RememberingOptions(inner="unprotected", **options), inner)
        limits = Limits(seconds)
        return [[e.stdout for e in await sandbox.run(program, inputs, limits)] for inputs in calls]

    return asyncio.run(all_calls()), inner.asked


def test_contract(inner):
    plugins = load_plugins()
    plugins.add(inner, "tests", "0")
    check_plugin("sandbox", "remembering", {"inner": "unprotected", "size": 2}, plugins=plugins)


def test_an_execution_is_not_repeated(inner):
    outputs, asked = run(inner, "print(end=input() * 2)", ["1", "2", "1"], ["2", "3"])
    assert outputs == [["11", "22", "11"], ["22", "33"]]
    assert asked == ["1", "2", "3"]


def test_one_that_hit_a_limit_is_tried_again(inner):
    _, asked = run(inner, "while True: pass", ["1"], ["1"], seconds=0.1)
    assert asked == ["1", "1"]


def test_the_oldest_is_forgotten_first(inner):
    _, asked = run(inner, "input()", ["1", "2", "3"], ["3"], ["1"], size=2)
    assert asked == ["1", "2", "3", "1"]


def test_large_outputs_are_forgotten_sooner(inner):
    _, asked = run(inner, "print(input() * 400_000)", ["1", "2", "3"], ["3"], ["1"], megabytes=1)
    assert asked == ["1", "2", "3", "1"]


def test_what_is_forgotten_while_others_are_waited_for_is_still_answered(inner):
    slow_for_two = "import time; text = input(); time.sleep(text == '2'); print(end=text)"

    async def both():
        sandbox = Remembering(RememberingOptions(inner="unprotected", size=1), inner)
        await sandbox.run(slow_for_two, ["1"], Limits())
        executions, _ = await asyncio.gather(
            sandbox.run(slow_for_two, ["1", "2"], Limits()), sandbox.run("print(input())", ["3"], Limits())
        )
        return [execution.stdout for execution in executions]

    assert asyncio.run(both()) == ["1", "2"]
