"""Runs the tests of a code problem in a sandbox. What a program may know of a test is its input alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

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


class Check(Protocol):
    """Says whether an output is right, in place of a comparison. Asserts compare for themselves."""

    async def printed(self, text: str, given: Any, expected: Any) -> bool: ...

    async def returned(self, value: Any, given: Any, expected: Any) -> bool: ...


class _Same:
    """The comparison of a programming contest's judge."""

    def __init__(self, tests: ProblemTests, tolerance: float) -> None:
        self._tests = tests
        self._tolerance = tolerance

    async def printed(self, text: str, given: Any, expected: Any) -> bool:
        return same_output(text, expected, self._tolerance, self._tests.unordered)

    async def returned(self, value: Any, given: Any, expected: Any) -> bool:
        wanted = [expected, *(expected if self._tests.wrapped else ())]
        return any(same_value(value, one, self._tolerance, self._tests.unordered) for one in wanted)


async def run_tests(
    sandbox: Sandbox, program: str, tests: ProblemTests, rules: Rules, check: Check | None = None
) -> list[Result]:
    """What became of each test, in order; with `stop_at_failure` up to the first that did not pass.

    Raises:
        NotJudgedError: The sandbox lost a run, the tests cannot be run, or the check failed.
    """
    check = check or _Same(tests, rules.tolerance)
    if tests.asserts is not None:
        return await _run_asserts(sandbox, program, tests, rules)
    if tests.function is None:
        source, inputs = program, list(map(str, tests.inputs))
    else:
        source = call_program(program, tests.function)
        inputs = [dumps([list(arguments), {}]) for arguments in tests.inputs]

    async def judge(execution: Execution, place: int) -> Result:
        about = tests.inputs[place], tests.outputs[place]
        if tests.function is None:
            passed = execution.exit_code == 0 and await check.printed(execution.stdout, *about)
        else:
            how, value = _outcome_of(execution)
            passed = how == "returned" and await check.returned(value, *about)
        return Result.PASSED if passed else Result.FAILED

    results, _ = await _run_all(sandbox, source, inputs, rules, judge)
    return results


async def _run_all(
    sandbox: Sandbox,
    source: str,
    inputs: Sequence[str],
    rules: Rules,
    judge: Callable[[Execution, int], Awaitable[Result]],
) -> tuple[list[Result], float]:
    """What became of each input, as far as they were run, and the seconds that it took."""
    results: list[Result] = []
    used = 0.0
    step = 1 if rules.stop_at_failure else rules.at_once
    while len(results) < len(inputs):
        if used >= rules.total_seconds:
            return results + [Result.TIMED_OUT] * (len(inputs) - len(results)), used
        for execution in await _executions(sandbox, source, inputs[len(results) :][:step], rules.limits):
            used += execution.seconds
            late = execution.ended is Ended.TIMED_OUT
            results.append(Result.TIMED_OUT if late else await judge(execution, len(results)))
        if rules.stop_at_failure and results[-1] is not Result.PASSED:
            break
    return results, used


async def _executions(sandbox: Sandbox, source: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
    executions = await sandbox.run(source, inputs, limits)
    for execution in executions:
        if execution.ended is Ended.LOST:
            raise NotJudgedError(f"the sandbox lost a run: {execution.detail}")
    return executions


def _outcome_of(execution: Execution) -> tuple[str, Any]:
    """How a call ended, and with what value; whatever the program wrote instead is no answer."""
    if execution.ended is Ended.TIMED_OUT:
        return "timed_out", None
    if execution.ended is not Ended.EXITED:  # over a limit: what it wrote before does not count
        return "no_answer", None
    try:
        answer = loads(execution.stdout)
    except ValueError:
        return "no_answer", None
    if isinstance(answer, list) and len(answer) == 2 and answer[0] in ("returned", "raised"):
        return str(answer[0]), answer[1]
    return "no_answer", None


async def _run_asserts(sandbox: Sandbox, program: str, tests: ProblemTests, rules: Rules) -> list[Result]:
    """The tests run in one sandbox and the program in another: each call's result is sent from here to there.

    So that the tests' expected values are nowhere near the program. Tests that cannot be run before any result was sent
    are broken; after that the results have broken them, which is the program's doing.
    """
    assert tests.asserts is not None
    assert tests.function is not None
    judge = asserts_program(tests.setup, tests.asserts, tests.function)
    caller = call_program(program, tests.function)
    known: dict[str, tuple[str, Any]] = {}
    used = 0.0
    passed: list[bool | None] = []
    for _ in range(ROUNDS):
        try:
            passed, asked, seconds = await _judge_asserts(sandbox, judge, known, rules.limits)
        except BrokenTestsError as broken:
            if not known:
                raise NotJudgedError(f"the tests cannot be run: {broken}") from broken
            return [Result.TIMED_OUT if broken.late else Result.FAILED]
        used += seconds
        fresh = [call for call in asked if call not in known]
        if not fresh:
            break
        outcomes: list[tuple[str, Any]] = []

        async def keep(execution: Execution, _: int, outcomes: list[tuple[str, Any]] = outcomes) -> Result:
            outcomes.append(_outcome_of(execution))
            return Result.PASSED

        every = replace(rules, total_seconds=rules.total_seconds - used, stop_at_failure=False)
        results, seconds = await _run_all(sandbox, caller, fresh, every, keep)
        used += seconds
        judged = iter(outcomes)
        for call, result in zip(fresh, results, strict=True):
            known[call] = ("timed_out", None) if result is Result.TIMED_OUT else next(judged)
    if not known:
        raise NotJudgedError(f"the tests never call '{tests.function}'")
    late = any(how == "timed_out" for how, _ in known.values())
    failed = Result.TIMED_OUT if late else Result.FAILED
    return [Result.PASSED if one else failed for one in passed] or [failed]


class BrokenTestsError(Exception):
    """Tests that are asserts cannot be run, or (`late`) do not end."""

    def __init__(self, why: str, late: bool) -> None:
        super().__init__(why)
        self.late = late


async def _judge_asserts(
    sandbox: Sandbox, judge: str, known: dict[str, tuple[str, Any]], limits: Limits
) -> tuple[list[bool | None], list[str], float]:
    """For each assert that was reached whether it held (None: not known yet), the calls that are asked for, seconds.

    Raises:
        BrokenTestsError: The tests cannot be run, or raise before a call.
    """
    told = dumps([[call, how, value] for call, (how, value) in known.items()], around=1)
    (execution,) = await _executions(sandbox, judge, [told], limits)
    try:
        passed, asked, error = loads(execution.stdout)
        held = [one if isinstance(one, bool) else None for one in passed]
        calls = [str(call) for call in asked]
    except (ValueError, TypeError) as broken:
        said = (execution.stderr.strip().splitlines() or [execution.detail or "nothing"])[-1]
        raise BrokenTestsError(said[:200], execution.ended is Ended.TIMED_OUT) from broken
    if error is not None and not known and not calls:
        raise BrokenTestsError(str(error), late=False)
    return held, calls, execution.seconds
