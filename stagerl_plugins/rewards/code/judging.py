"""Runs the tests of a code problem in a sandbox. What a program may know of a test is its input alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.code.asserts import run_asserts
from stagerl_plugins.rewards.code.compare import same_output, same_value
from stagerl_plugins.rewards.code.inside.codec import dumps
from stagerl_plugins.rewards.code.programs import call_program
from stagerl_plugins.rewards.code.records import ProblemTests
from stagerl_plugins.rewards.code.running import Result, Rules, outcome_of, run_all
from stagerl_plugins.types import Execution


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
        return await run_asserts(sandbox, program, tests, rules)
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
            how, value, _ = outcome_of(execution)
            passed = how == "returned" and await check.returned(value, *about)
        return Result.PASSED if passed else Result.FAILED

    results, _ = await run_all(sandbox, source, inputs, _with_room(rules, tests), judge)
    return results


def _with_room(rules: Rules, tests: ProblemTests) -> Rules:
    """Rules by which a program may print what is expected of it, and as much again."""
    as_sent = str if tests.function is None else dumps
    expected = max((len(as_sent(one).encode(errors="surrogatepass")) for one in tests.outputs), default=0)
    return replace(rules, limits=replace(rules.limits, output_bytes=max(rules.limits.output_bytes, 2 * expected)))
