"""The tests of a code problem, from the forms that data sets give them."""

from __future__ import annotations

import ast
import builtins
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stagerl_plugins.rewards.code.hidden_tests import read_hidden


@dataclass(frozen=True, slots=True)
class ProblemTests:
    """Tests of one problem: inputs with outputs, for a program or a function, or asserts.

    Args:
        inputs: Standard inputs, or lists of a function's arguments.
        outputs: What is expected for each.
        function: The function to call; None for programs that read standard input.
        asserts: Source of tests as asserts; then there are no inputs.
        setup: Code that the asserts need.
        unordered: Whether lines of output, or items of a returned list, may come in any order.
        wrapped: Whether each output may be a list of the value that is to be returned, as in APPS at times.
    """

    inputs: tuple[Any, ...] = ()
    outputs: tuple[Any, ...] = ()
    function: str | None = None
    asserts: str | None = None
    setup: str = ""
    unordered: bool = False
    wrapped: bool = False


def read_tests(ground_truth: Any) -> ProblemTests:
    """Tests from a ground truth: JSON text, or the value itself.

    Taken are APPS' form (`inputs`, `outputs`, `fn_name` optional), HumanEval's (`test`, `entry_point`, `prompt`),
    MBPP's (`test_list`, `test_setup_code` or `test_imports` optional) and LiveCodeBench's (a list of `input`, `output`,
    `testtype`, or a record with `public_test_cases`, `private_test_cases` and `metadata`).

    Raises:
        ValueError: It is none of these, or has no test.
    """
    if isinstance(ground_truth, str):
        try:
            ground_truth = json.loads(ground_truth)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"ground truth: expected tests as JSON, got {ground_truth[:80]!r}") from error
    try:
        return _tests_in(ground_truth)
    except (TypeError, AttributeError, KeyError, SyntaxError, RecursionError) as error:
        raise ValueError(f"ground truth: a value in it is of another type than its form has: {error}") from error


def _tests_in(ground_truth: Any) -> ProblemTests:
    if isinstance(ground_truth, Mapping):
        record = {str(key): value for key, value in ground_truth.items() if value is not None}
        if "inputs" in record and "outputs" in record:
            return _of_apps(record)
        if "test" in record and "entry_point" in record:
            return ProblemTests(
                asserts=str(record["test"]), setup=str(record.get("prompt", "")), function=str(record["entry_point"])
            )
        if "test_list" in record:
            return _of_mbpp(record)
        if "public_test_cases" in record or "private_test_cases" in record:
            return _of_livecodebench(record)
    if isinstance(ground_truth, Sequence) and not isinstance(ground_truth, str):
        return _of_cases(list(ground_truth), None)
    raise ValueError(f"ground truth: no tests of a known form in {ground_truth!r:.80}")


def _of_apps(record: Mapping[str, Any]) -> ProblemTests:
    inputs, outputs = list(record["inputs"]), list(record["outputs"])
    if len(inputs) != len(outputs) or not inputs:
        raise ValueError(f"ground truth: {len(inputs)} inputs and {len(outputs)} outputs")
    function = record.get("fn_name")
    if function is None:
        inputs, outputs = [_as_text(one) for one in inputs], [_as_text(one) for one in outputs]
    else:
        inputs = [_arguments(one) for one in inputs]
    wrapped = function is not None and all(isinstance(one, list) and len(one) == 1 for one in outputs)
    unordered = bool(record.get("unordered", False))
    return ProblemTests(tuple(inputs), tuple(outputs), function, unordered=unordered, wrapped=wrapped)


def _as_text(value: Any) -> str:
    """Standard input or output as text; some records have its lines as a list."""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _arguments(value: Any) -> list[Any]:
    """A function's arguments: a list, or as text a JSON value a line."""
    if isinstance(value, str):
        try:
            return [json.loads(line) for line in value.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise ValueError(f"ground truth: arguments are no JSON: {value[:80]!r}") from error
    if not isinstance(value, list):
        raise ValueError(f"ground truth: arguments must be a list, got {value!r:.80}")
    return value


def _of_mbpp(record: Mapping[str, Any]) -> ProblemTests:
    tests = [str(test) for test in record["test_list"]]
    if not tests:
        raise ValueError("ground truth: test_list is empty")
    setup = record.get("test_setup_code") or "\n".join(map(str, record.get("test_imports", ())))
    return ProblemTests(asserts="\n".join(tests), setup=str(setup), function=_tested_name(tests[0], record))


def _tested_name(test: str, record: Mapping[str, Any]) -> str:
    """The function that an assert calls first."""
    if "entry_point" in record:
        return str(record["entry_point"])
    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not hasattr(builtins, node.func.id):
            return node.func.id
    raise ValueError(f"ground truth: which function does this test? {test[:80]!r}")


def _of_livecodebench(record: Mapping[str, Any]) -> ProblemTests:
    cases: list[Any] = []
    for name in ("public_test_cases", "private_test_cases"):
        value = record.get(name) or []
        cases += read_hidden(value) if isinstance(value, str) else list(value)
    metadata = record.get("metadata") or {}
    if isinstance(metadata, str):
        metadata = json.loads(metadata)
    return _of_cases(cases, metadata.get("func_name"))


def _of_cases(cases: list[Any], function: str | None) -> ProblemTests:
    if not cases or not all(isinstance(case, Mapping) and {"input", "output"} <= case.keys() for case in cases):
        raise ValueError("ground truth: expected test cases with input and output")
    kinds = {str(case.get("testtype", "stdin")) for case in cases}
    if kinds == {"stdin"}:
        return ProblemTests(tuple(str(case["input"]) for case in cases), tuple(str(case["output"]) for case in cases))
    if kinds != {"functional"} or not function:
        raise ValueError(f"ground truth: cannot tell how to run test cases of type {', '.join(sorted(kinds))}")
    outputs = tuple(json.loads(case["output"]) for case in cases)
    return ProblemTests(tuple(_arguments(case["input"]) for case in cases), outputs, function)
