"""How many tests a sandbox is given at once, and what becomes of those that are left when the time is up."""

from __future__ import annotations

import asyncio

import pytest

from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.code.asserts import MOST_RESULTS
from stagerl_plugins.rewards.code.inside.codec import dumps
from stagerl_plugins.rewards.code.judging import run_tests
from stagerl_plugins.rewards.code.records import ProblemTests
from stagerl_plugins.rewards.code.running import Result, Rules
from stagerl_plugins.types import Ended, Execution, Limits


class Takes(Sandbox):
    """Each test takes so many seconds, by its own account."""

    def __init__(self, seconds: float, given: list[int]) -> None:
        self.seconds = seconds
        self.given = given

    async def run(self, program, inputs, limits):
        self.given.append(len(inputs))
        return [Execution(Ended.EXITED, one, exit_code=0, seconds=self.seconds) for one in inputs]


@pytest.mark.parametrize(
    ("seconds", "total", "takes", "passed", "given"),
    [
        (1.0, 60.0, 0.0, 40, [16, 16, 8]),
        (10.0, 60.0, 0.0, 40, [6, 6, 6, 6, 6, 6, 4]),
        (10.0, 60.0, 9.0, 7, [6, 1]),
        (10.0, 60.0, 1.5, 40, [6, 5, 4, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        (10.0, 5.0, 4.0, 2, [1, 1]),
    ],
)
def test_what_is_given_at_once_fits_into_the_time_that_is_left(seconds, total, takes, passed, given):
    inputs = tuple(map(str, range(40)))
    batches: list[int] = []
    rules = Rules(Limits(seconds), total, 0.0, stop_at_failure=False)
    results = asyncio.run(run_tests(Takes(takes, batches), "", ProblemTests(inputs, inputs), rules))
    assert (results.count(Result.PASSED), results.count(Result.TIMED_OUT)) == (passed, 40 - passed)
    assert batches == given


def test_others_have_a_turn_between_two_tests():
    """Answers may be large: the verdicts that are made beside these wait for one, and not for all."""

    async def turns() -> int:
        inputs, rules = ("1",) * 16, Rules(Limits(), 1000.0, 0.0, stop_at_failure=False)
        judging = asyncio.ensure_future(run_tests(Takes(0.0, []), "", ProblemTests(inputs, inputs), rules))
        number = 0
        while not judging.done():
            await asyncio.sleep(0)
            number += 1
        return number

    assert asyncio.run(turns()) >= 16


class Returns(Sandbox):
    """Tests ask for many calls at once, each of which returns much."""

    def __init__(self, calls: int) -> None:
        self.calls = [dumps([[number], {}]) for number in range(calls)]
        self.told = ""

    async def run(self, program, inputs, limits):
        if inputs[0] in self.calls:
            return [Execution(Ended.EXITED, f'["returned", "{"x" * 9_000}"]', exit_code=0) for _ in inputs]
        (self.told,) = inputs
        return [Execution(Ended.EXITED, dumps([[True], self.calls, None, []]), exit_code=0)]


def test_results_of_one_program_take_no_more_memory_than_they_may():
    sandbox = Returns(200)
    rules = Rules(Limits(output_bytes=10_000), 60.0, 0.0, stop_at_failure=False)
    results = asyncio.run(run_tests(sandbox, "", ProblemTests(function="f", asserts="f()"), rules))
    assert results == [Result.PASSED]
    assert sandbox.told.count('"returned"') == MOST_RESULTS * 10_000 // 9_050
    assert sandbox.told.count('"no_answer"') == 200 - sandbox.told.count('"returned"')
