"""Runs the tests of a code problem in a sandbox. What a program may know of a test is its input alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.code.compare import same_output, same_value
from stagerl_plugins.rewards.code.inside.codec import dumps, loads
from stagerl_plugins.rewards.code.programs import asserts_program, call_program
from stagerl_plugins.rewards.code.records import ProblemTests
from stagerl_plugins.types import Ended, Execution, Limits

ROUNDS = 50  # asserts that need so many results one after the other are not followed further


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
        at_once: Tests that are given to the sandbox together.
    """

    limits: Limits
    total_seconds: float
    tolerance: float
    stop_at_failure: bool
    at_once: int = 16


async def run_tests(sandbox: Sandbox, program: str, tests: ProblemTests, rules: Rules) -> list[Result]:
    """What became of each test, in order; with `stop_at_failure` up to the first that did not pass.

    Raises:
        NotJudgedError: The sandbox lost a run, or the tests cannot be run.
    """
    if tests.asserts is not None:
        return await _run_asserts(sandbox, program, tests, rules)
    if tests.function is None:
        source, inputs = program, list(map(str, tests.inputs))
    else:
        source = call_program(program, tests.function)
        inputs = [dumps([list(arguments), {}]) for arguments in tests.inputs]

    def judge(execution: Execution, place: int) -> Result:
        if tests.function is None:
            passed = execution.exit_code == 0 and same_output(
                execution.stdout, tests.outputs[place], rules.tolerance, tests.unordered
            )
        else:
            passed = _returned(execution, tests.outputs[place], rules.tolerance)
        return Result.PASSED if passed else Result.FAILED

    return await _run_all(sandbox, source, inputs, rules, judge)


async def _run_all(
    sandbox: Sandbox, source: str, inputs: Sequence[str], rules: Rules, judge: Callable[[Execution, int], Result]
) -> list[Result]:
    results: list[Result] = []
    used = 0.0
    step = 1 if rules.stop_at_failure else rules.at_once
    while len(results) < len(inputs):
        if used >= rules.total_seconds:
            return results + [Result.TIMED_OUT] * (len(inputs) - len(results))
        for execution in await _executions(sandbox, source, inputs[len(results) :][:step], rules.limits):
            used += execution.seconds
            late = execution.ended is Ended.TIMED_OUT
            results.append(Result.TIMED_OUT if late else judge(execution, len(results)))
        if rules.stop_at_failure and results[-1] is not Result.PASSED:
            break
    return results


async def _executions(sandbox: Sandbox, source: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
    executions = await sandbox.run(source, inputs, limits)
    for execution in executions:
        if execution.ended is Ended.LOST:
            raise NotJudgedError(f"the sandbox lost a run: {execution.detail}")
    return executions


def _returned(execution: Execution, expected: Any, tolerance: float) -> bool:
    """Whether a called function returned what is expected, which APPS wraps into a list at times."""
    how, value = _outcome_of(execution)
    if how != "returned":
        return False
    wrapped = isinstance(expected, list) and len(expected) == 1
    return same_value(value, expected, tolerance) or (wrapped and same_value(value, expected[0], tolerance))


def _outcome_of(execution: Execution) -> tuple[str, Any]:
    """How a call ended, and with what value; whatever the program wrote instead is no answer."""
    if execution.ended is Ended.TIMED_OUT:
        return "timed_out", None
    try:
        answer = loads(execution.stdout)
    except ValueError:
        return "no_answer", None
    if isinstance(answer, list) and len(answer) == 2 and answer[0] in ("returned", "raised"):
        return str(answer[0]), answer[1]
    return "no_answer", None


async def _run_asserts(sandbox: Sandbox, program: str, tests: ProblemTests, rules: Rules) -> list[Result]:
    """The tests run in one sandbox and the program in another: each call's result is sent from here to there.

    So that the tests' expected values are nowhere near the program.
    """
    assert tests.asserts is not None
    assert tests.function is not None
    judge = asserts_program(tests.setup, tests.asserts, tests.function)
    caller = call_program(program, tests.function)
    known: dict[str, tuple[str, Any]] = {}
    for _ in range(ROUNDS):
        passed, asked, error = await _judge_asserts(sandbox, judge, known, rules.limits)
        fresh = [call for call in asked if call not in known]
        if not fresh:
            break
        outcomes: list[tuple[str, Any]] = []

        def keep(execution: Execution, _: int, outcomes: list[tuple[str, Any]] = outcomes) -> Result:
            outcomes.append(_outcome_of(execution))
            return Result.PASSED

        every = Rules(rules.limits, rules.total_seconds, rules.tolerance, stop_at_failure=False)
        results = await _run_all(sandbox, caller, fresh, every, keep)
        judged = iter(outcomes)
        for call, result in zip(fresh, results, strict=True):
            known[call] = ("timed_out", None) if result is Result.TIMED_OUT else next(judged)
    if error is not None and not passed:
        if any(how != "returned" for how, _ in known.values()):
            return [Result.FAILED]  # a program that raises can take a test with it
        raise NotJudgedError(f"the tests raised {error}")
    late = any(how == "timed_out" for how, _ in known.values())
    failed = Result.TIMED_OUT if late else Result.FAILED
    return [Result.PASSED if one else failed for one in passed] + ([failed] if error is not None else [])


async def _judge_asserts(
    sandbox: Sandbox, judge: str, known: dict[str, tuple[str, Any]], limits: Limits
) -> tuple[list[bool | None], list[str], str | None]:
    """For each assert that was reached whether it held, the calls that are asked for, and what the tests raised."""
    told = dumps([[call, how, value] for call, (how, value) in known.items()])
    (execution,) = await _executions(sandbox, judge, [told], limits)
    try:
        passed, asked, error = loads(execution.stdout)
        return [one if isinstance(one, bool) else None for one in passed], [str(call) for call in asked], error
    except (ValueError, TypeError) as broken:
        said = (execution.stderr.strip().splitlines() or [execution.detail or "nothing"])[-1]
        raise NotJudgedError(f"the tests cannot be run: {said[:200]}") from broken
