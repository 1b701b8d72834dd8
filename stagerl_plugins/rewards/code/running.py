"""Runs a program on inputs in a sandbox, within the time that all of them may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.code.inside.codec import loads
from stagerl_plugins.types import Ended, Execution, Limits

CallOutcome = tuple[str, Any, Any]  # of a call: how it ended, its value, its arguments if it changed them
LATE: CallOutcome = ("timed_out", None, None)
NO_ANSWER: CallOutcome = ("no_answer", None, None)


class Result(Enum):
    """What became of one test."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"


class NotJudgedError(Exception):
    """The sandbox failed, or the tests themselves are broken."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How tests are run.

    Args:
        limits: Of each test.
        total_seconds: Of all tests together; those that are left then have timed out.
        tolerance: By how much numbers may differ.
        stop_at_failure: Do not run what comes after a test that did not pass.
        at_once: Tests that are given to the sandbox together, as far as all of them may take the time that is left.
    """

    limits: Limits
    total_seconds: float
    tolerance: float
    stop_at_failure: bool
    at_once: int = 16


async def run_all(
    sandbox: Sandbox,
    source: str,
    inputs: Sequence[str],
    rules: Rules,
    judge: Callable[[Execution, int], Awaitable[Result]],
) -> tuple[list[Result], float]:
    """What became of each input, as far as they were run, and the seconds that it took."""
    results: list[Result] = []
    used = 0.0
    while len(results) < len(inputs):
        if (left := rules.total_seconds - used) <= 0:
            return results + [Result.TIMED_OUT] * (len(inputs) - len(results)), used
        step = 1 if rules.stop_at_failure else max(1, min(rules.at_once, int(left / rules.limits.seconds)))
        for execution in await executions(sandbox, source, inputs[len(results) :][:step], rules.limits):
            await asyncio.sleep(0)  # a long answer takes a while, and others wait beside this one
            used += execution.seconds
            late = execution.ended is Ended.TIMED_OUT
            results.append(Result.TIMED_OUT if late else await judge(execution, len(results)))
        if rules.stop_at_failure and results[-1] is not Result.PASSED:
            break
    return results, used


async def executions(sandbox: Sandbox, source: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
    ran = await sandbox.run(source, inputs, limits)
    for execution in ran:
        if execution.ended is Ended.LOST:
            raise NotJudgedError(f"the sandbox lost a run: {execution.detail}")
    return ran


def outcome_of(execution: Execution) -> CallOutcome:
    """How a call ended; whatever the program wrote instead is no answer."""
    if execution.ended is Ended.TIMED_OUT:
        return LATE
    if execution.ended is not Ended.EXITED:  # over a limit: what it wrote before does not count
        return NO_ANSWER
    try:
        answer = loads(execution.stdout)
    except ValueError:
        return NO_ANSWER
    match answer:
        case ["returned", value]:
            return "returned", value, None
        case ["returned", value, [list(), dict()] as after]:
            return "returned", value, after
        case ["raised", list() as names, list() as arguments]:
            return "raised", names, arguments
    return NO_ANSWER
