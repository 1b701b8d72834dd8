"""Judges tests that are asserts: they run in one sandbox, and the program that they test in another."""

from __future__ import annotations

from dataclasses import replace

from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.code.inside.codec import dumps, loads
from stagerl_plugins.rewards.code.programs import asserts_program, call_program
from stagerl_plugins.rewards.code.records import ProblemTests
from stagerl_plugins.rewards.code.running import (
    LATE,
    CallOutcome,
    NotJudgedError,
    Result,
    Rules,
    executions,
    outcome_of,
    run_all,
)
from stagerl_plugins.types import Ended, Execution, Limits

ROUNDS = 200  # asserts that need more results one after the other are not judged


async def run_asserts(sandbox: Sandbox, program: str, tests: ProblemTests, rules: Rules) -> list[Result]:
    """What became of each test, which is an assert; each call's result is sent from the program to the tests.

    So that the tests' expected values are nowhere near the program. Tests that cannot be run before any result was sent
    are broken; after that the results have broken them, which is the program's doing.

    Raises:
        NotJudgedError: The sandbox lost a run, the tests cannot be run, or there is no end to them.
    """
    assert tests.asserts is not None
    assert tests.function is not None
    judge = asserts_program(tests.setup, tests.asserts, tests.function)
    caller = call_program(program, tests.function, changes=True)
    known: dict[str, CallOutcome] = {}
    in_calls = in_tests = 0.0
    passed: list[bool | None] = []
    for _ in range(ROUNDS):
        try:
            passed, asked, seconds = await _judge_asserts(sandbox, judge, known, rules.limits)
        except BrokenTestsError as broken:
            if not known:
                raise NotJudgedError(f"the tests cannot be run: {broken}") from broken
            return [Result.TIMED_OUT if broken.late else Result.FAILED]
        in_tests += seconds
        fresh = [call for call in asked if call not in known]
        if not fresh:
            break
        if in_tests > rules.total_seconds:
            return [Result.TIMED_OUT]
        outcomes: list[CallOutcome] = []

        async def keep(execution: Execution, _: int, outcomes: list[CallOutcome] = outcomes) -> Result:
            outcomes.append(outcome_of(execution))
            return Result.PASSED

        every = replace(rules, total_seconds=rules.total_seconds - in_calls, stop_at_failure=False)
        results, seconds = await run_all(sandbox, caller, fresh, every, keep)
        in_calls += seconds
        judged = iter(outcomes)
        for call, result in zip(fresh, results, strict=True):
            known[call] = LATE if result is Result.TIMED_OUT else next(judged)
    else:
        raise NotJudgedError(f"the tests need more than {ROUNDS} results one after the other")
    if not known:
        raise NotJudgedError(f"the tests never call '{tests.function}'")
    late = any(outcome is LATE for outcome in known.values())
    failed = Result.TIMED_OUT if late else Result.FAILED
    return [Result.PASSED if one else failed for one in passed] or [failed]


class BrokenTestsError(Exception):
    """Tests that are asserts cannot be run, or (`late`) do not end."""

    def __init__(self, why: str, late: bool) -> None:
        super().__init__(why)
        self.late = late


async def _judge_asserts(
    sandbox: Sandbox, judge: str, known: dict[str, CallOutcome], limits: Limits
) -> tuple[list[bool | None], list[str], float]:
    """For each assert that was reached whether it held (None: not known yet), the calls that are asked for, seconds.

    Raises:
        BrokenTestsError: The tests cannot be run, or raise before a call.
        NotJudgedError: The sandbox lost the run, or the tests call the function with what cannot be sent to it.
    """
    told = dumps([[call, *outcome] for call, outcome in known.items()], around=1)
    (execution,) = await executions(sandbox, judge, [told], limits)
    try:
        passed, asked, error, unsent = loads(execution.stdout)
        held = [one if isinstance(one, bool) else None for one in passed]
        calls = [str(call) for call in asked]
    except (ValueError, TypeError) as broken:
        said = (execution.stderr.strip().splitlines() or [execution.detail or "nothing"])[-1]
        raise BrokenTestsError(said[:200], execution.ended is Ended.TIMED_OUT) from broken
    if unsent:
        raise NotJudgedError(f"the tests give the function what cannot be sent to it: {unsent[0]:.200}")
    if error is not None and not known and not calls:
        raise BrokenTestsError(str(error), late=False)
    return held, calls, execution.seconds
