"""Judges tests that are asserts: they run in one sandbox, and the program that they test in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.code.inside.codec import dumps, loads
from stagerl_plugins.rewards.code.programs import asserts_program, call_program
from stagerl_plugins.rewards.code.records import ProblemTests
from stagerl_plugins.rewards.code.running import (
    LATE,
    NO_ANSWER,
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
MOST_RESULTS = 16  # times what one run may print: all results that are sent to a program's tests


class _Results:
    """What became of calls, as the text that tests are sent: as values they may take twenty times its memory.

    Args:
        most: Characters to keep; a result that has no place among them is none.

    Attributes:
        known: By the call.
        late: Whether any took too long.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self.known: dict[str, str] = {}
        self.late = False

    def has_place_for(self, execution: Execution) -> bool:
        return len(execution.stdout) <= self._left

    def add(self, call: str, outcome: CallOutcome) -> None:
        text = dumps([call, *outcome])
        self._left -= len(text)
        self.known[call] = text
        self.late = self.late or outcome is LATE


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
    caller = call_program(program, tests.function, changes=True, given=tests.given)
    of_tests = replace(rules.limits, output_bytes=MOST_RESULTS * rules.limits.output_bytes)  # calls, all at once
    results = _Results(MOST_RESULTS * rules.limits.output_bytes)
    in_calls = in_tests = 0.0
    passed: list[bool | None] = []
    for _ in range(ROUNDS):
        try:
            passed, asked, seconds = await _judge_asserts(sandbox, judge, results.known, of_tests)
        except BrokenTestsError as broken:
            if not results.known:
                raise NotJudgedError(f"the tests cannot be run: {broken}") from broken
            return [Result.TIMED_OUT if broken.late else Result.FAILED]
        in_tests += seconds
        fresh = [call for call in asked if call not in results.known]
        if not fresh:
            break
        if in_tests > rules.total_seconds:
            return [Result.TIMED_OUT]

        async def keep(execution: Execution, place: int, calls: list[str] = fresh) -> Result:
            results.add(calls[place], outcome_of(execution) if results.has_place_for(execution) else NO_ANSWER)
            return Result.PASSED

        every = replace(rules, total_seconds=rules.total_seconds - in_calls, stop_at_failure=False)
        ended, seconds = await run_all(sandbox, caller, fresh, every, keep)
        in_calls += seconds
        for call, result in zip(fresh, ended, strict=True):
            if result is Result.TIMED_OUT:
                results.add(call, LATE)
    else:
        raise NotJudgedError(f"the tests need more than {ROUNDS} results one after the other")
    if not results.known:
        raise NotJudgedError(f"the tests never call '{tests.function}'")
    failed = Result.TIMED_OUT if results.late else Result.FAILED
    return [Result.PASSED if one else failed for one in passed] or [failed]


class BrokenTestsError(Exception):
    """Tests that are asserts cannot be run, or (`late`) do not end."""

    def __init__(self, why: str, late: bool) -> None:
        super().__init__(why)
        self.late = late


async def _judge_asserts(
    sandbox: Sandbox, judge: str, known: Mapping[str, str], limits: Limits
) -> tuple[list[bool | None], list[str], float]:
    """For each assert that was reached whether it held (None: not known yet), the calls that are asked for, seconds.

    Raises:
        BrokenTestsError: The tests cannot be run, or raise before a call.
        NotJudgedError: The sandbox lost the run, or the tests do what cannot be done here.
    """
    told = f"[{','.join(known.values())}]"
    (execution,) = await executions(sandbox, judge, [told], limits)
    try:
        passed, asked, error, unsent = loads(execution.stdout)
        held = [one if isinstance(one, bool) else None for one in passed]
        calls = [str(call) for call in asked]
    except (ValueError, TypeError) as broken:
        said = (execution.stderr.strip().splitlines() or [execution.detail or "nothing"])[-1]
        raise BrokenTestsError(said[:200], execution.ended is Ended.TIMED_OUT) from broken
    if unsent:
        raise NotJudgedError(f"the tests {unsent[0]:.250}")
    if error is not None and not known and not calls:
        raise BrokenTestsError(str(error), late=False)
    return held, calls, execution.seconds
