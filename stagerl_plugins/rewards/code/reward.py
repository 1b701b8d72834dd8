"""Reward `code`: passed tests / all tests of the program in a response (arXiv 2504.00829, section 3.1)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import Field

from stagerl_plugins.config import PluginSpec
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Reward, Sandbox
from stagerl_plugins.rewards.code.checker import Checker
from stagerl_plugins.rewards.code.extract import Take, program_in
from stagerl_plugins.rewards.code.judging import run_tests
from stagerl_plugins.rewards.code.records import ProblemTests, read_tests
from stagerl_plugins.rewards.code.running import NotJudgedError, Result, Rules
from stagerl_plugins.types import Limits, Outcome, Response, Verdict

stagerl_contract = 1


class CodeOptions(Options):
    sandbox: PluginSpec = Field(default={"local": {}}, description="Sandbox that runs the programs.")
    take: Take = Field("last_block", description="Where the program stands: a fenced block, or the whole response.")
    unclosed: bool = Field(False, description="Take a block that is not closed, too: a response that was cut.")
    seconds: float = Field(10.0, gt=0, description="Time one test may take.")
    total_seconds: float = Field(60.0, gt=0, description="Time all tests of a program may take.")
    memory_mb: int = Field(512, ge=16, description="Memory of a program.")
    output_bytes: int = Field(
        1_000_000, ge=1, description="What a test may print; or twice what is expected, if that is more."
    )
    disk_mb: int = Field(16, ge=0, description="Files a test may write.")
    processes: int = Field(1, ge=1, description="Processes a test may start; 1 allows threads alone.")
    tolerance: float = Field(1e-6, ge=0, description="By how much numbers may differ, absolutely or relatively.")
    checker: PluginSpec | None = Field(
        None, description="Reward that says whether an output is right, for tests that have several right ones."
    )
    all_or_nothing: bool = Field(
        False, description="1 for a program that passes all tests, else 0: stops at the first."
    )


class CodeReward(Reward):
    """The part of its problem's tests that a response's program passes.

    `partial` is a part above 0, `timed_out` none where a test took too long. A run that the sandbox lost makes the
    response `not_judged`.
    """

    isolated = False
    keeps_time = True

    def __init__(self, options: CodeOptions, setup: Any) -> None:
        self._options = options
        self._sandbox: Sandbox = setup.build("sandbox", options.sandbox, "sandbox")
        self._checker: Reward | None = None
        if options.checker is not None:
            self._checker = setup.build("reward", options.checker, "checker")
        limits = Limits(options.seconds, options.memory_mb, options.output_bytes, options.disk_mb, options.processes)
        self._rules = Rules(limits, options.total_seconds, options.tolerance, options.all_or_nothing)

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        """Judge each response.

        Raises:
            ValueError: A ground truth holds no tests of a known form.
        """
        return list(await asyncio.gather(*map(self._judge, responses)))

    async def _judge(self, response: Response) -> Verdict:
        tests = _tests_of(response.ground_truth) if isinstance(response.ground_truth, str) else None
        tests = read_tests(response.ground_truth) if tests is None else tests
        program = program_in(response.text, self._options.take, self._options.unclosed)
        if program is None:
            return Verdict(Outcome.BAD_FORMAT, 0.0, "no program in a closed fenced block")
        try:
            check = Checker(self._checker, response) if self._checker else None
            results = await run_tests(self._sandbox, program, tests, self._rules, check)
        except NotJudgedError as error:
            return Verdict.not_judged(str(error))
        return self._verdict(results, tests)

    def _verdict(self, results: list[Result], tests: ProblemTests) -> Verdict:
        counts = Counter(results)
        passed, total = counts[Result.PASSED], max(len(results), len(tests.inputs))
        detail = f"{passed} of {total} tests passed"
        parts = dict(self._sandbox.parts)
        if counts[Result.TIMED_OUT]:
            detail += f", {counts[Result.TIMED_OUT]} timed out"
        if passed == total:
            return Verdict(Outcome.CORRECT, 1.0, detail, parts)
        if passed and not self._options.all_or_nothing:
            return Verdict(Outcome.PARTIAL, passed / total, detail, parts)
        late = counts[Result.TIMED_OUT] > 0
        return Verdict(Outcome.TIMED_OUT if late else Outcome.WRONG, 0.0, detail, parts)


@lru_cache(maxsize=64)  # the rollouts of a group share their tests, which may be megabytes
def _tests_of(ground_truth: str) -> ProblemTests:
    return read_tests(ground_truth)


@hookimpl
def register_rewards(register: Register) -> None:
    register("code", CodeReward, options=CodeOptions)
