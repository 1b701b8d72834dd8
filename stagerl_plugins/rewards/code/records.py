"""The tests of a code problem, from the forms that data sets give them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stagerl_plugins.rewards.code.hidden_tests import read_hidden
from stagerl_plugins.rewards.code.tested_name import find_tested

_CODE_CONTESTS = ("public_tests", "private_tests", "generated_tests")
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class ProblemTests:
    """Tests of one problem: inputs with outputs, for a program or a function, or asserts.

    Args:
        inputs: Standard inputs, or lists of a function's arguments.
        outputs: What is expected for each.
        function: The function to call; None for programs that read standard input.
        asserts: Source of tests as asserts; then there are no inputs.
        setup: Code that the asserts need.
        given: Code that the program may use: what a prompt defines beside the function.
        unordered: Whether lines of output, or items of a returned list, may come in any order.
        wrapped: Whether each output may be a list of the value that is to be returned, as in APPS at times.
    """

    inputs: tuple[Any, ...] = ()
    outputs: tuple[Any, ...] = ()
    function: str | None = None
    asserts: str | None = None
    setup: str = ""
    given: str = ""
    unordered: bool = False
    wrapped: bool = False


def read_tests(ground_truth: Any) -> ProblemTests:
    """Tests from a ground truth: JSON text, or the value itself.

    Taken are APPS' form (`inputs`, `outputs`, `fn_name` optional), HumanEval's (`test`, `entry_point`, `prompt`),
    MBPP's (`test_list`, `test_setup_code` or `test_imports` optional, or a list of asserts alone) and LiveCodeBench's
    (a list of `input`, `output`, `testtype`, or a record with `public_test_cases`, `private_test_cases`, `metadata`);
    CodeContests' and PrimeIntellect's, too.

    Raises:
        ValueError: It is none of these, or has no test.
    """
    if isinstance(ground_truth, str):
        try:
            ground_truth = json.loads(ground_truth)
        except (ValueError, RecursionError) as error:
            said = f"expected tests as JSON, got {ground_truth[:80]!r}: {_why(error)}"
            raise ValueError(f"ground truth: {said}") from error
    return _tests_in(ground_truth)


def _tests_in(ground_truth: Any) -> ProblemTests:
    if isinstance(ground_truth, Mapping):
        record = {str(key): value for key, value in ground_truth.items() if value is not None}
        if "inputs" in record and "outputs" in record:
            return _of_apps(record)
        if "test" in record and "entry_point" in record:
            return _of_humaneval(record)
        if "test_list" in record:
            return _of_mbpp(record)
        if "public_test_cases" in record or "private_test_cases" in record:
            return _of_livecodebench(record)
        if record.keys() & {*_CODE_CONTESTS}:
            return _of_code_contests(record)
    if isinstance(ground_truth, Sequence) and not isinstance(ground_truth, str):
        if ground_truth and all(isinstance(one, str) for one in ground_truth):
            return _of_mbpp({"test_list": list(ground_truth)})
        return _of_cases(list(ground_truth), None)
    raise ValueError(f"ground truth: no tests of a known form in {_shown(ground_truth)}")


def _of_apps(record: Mapping[str, Any]) -> ProblemTests:
    inputs, outputs = _as_list(record, "inputs"), _as_list(record, "outputs")
    if len(inputs) != len(outputs) or not inputs:
        raise ValueError(f"ground truth: {len(inputs)} inputs and {len(outputs)} outputs")
    unordered = record.get("unordered", False)
    if not isinstance(unordered, bool):
        raise ValueError(f"ground truth: unordered must be true or false, got {_shown(unordered)}")
    if record.get("fn_name", "") == "":
        return ProblemTests(
            tuple(_as_text(one, "inputs") for one in inputs),
            tuple(_as_text(one, "outputs") for one in outputs),
            unordered=unordered,
        )
    if all(isinstance(one, str) for one in (*inputs, *outputs)):  # PRIME's: both are JSON
        outputs = [_from_json(one, "output is") for one in outputs]
    wrapped = all(isinstance(one, list) and len(one) == 1 for one in outputs)
    arguments = tuple([*map(_with_numbers, _arguments(one))] for one in inputs)
    return ProblemTests(arguments, tuple(outputs), _name(record, "fn_name"), unordered=unordered, wrapped=wrapped)


def _of_humaneval(record: Mapping[str, Any]) -> ProblemTests:
    prompt = _text(record, "prompt") if "prompt" in record else ""
    code = prompt if _is_python(prompt) else ""  # else it tells the problem in words
    return ProblemTests(asserts=_text(record, "test"), setup=code, given=code, function=_entry_point(record))


def _of_mbpp(record: Mapping[str, Any]) -> ProblemTests:
    tests = _as_list(record, "test_list")
    if not tests:
        raise ValueError("ground truth: test_list is empty")
    if not all(isinstance(test, str) for test in tests):
        raise ValueError(f"ground truth: test_list must hold text, got {_shown(tests)}")
    setup = _text(record, "test_setup_code") if "test_setup_code" in record else ""
    if not setup and "test_imports" in record:
        setup = "\n".join(map(str, _as_list(record, "test_imports")))
    if "entry_point" in record:
        name = _entry_point(record)
    else:
        name = find_tested(tests, setup, _text(record, "code") if "code" in record else "")
    return ProblemTests(asserts="\n".join(tests), setup=setup, function=name)


def _of_livecodebench(record: Mapping[str, Any]) -> ProblemTests:
    cases: list[Any] = []
    for name in ("public_test_cases", "private_test_cases"):
        value = record.get(name, [])
        cases += read_hidden(value) if isinstance(value, str) and value else _as_list({name: value or []}, name)
    return _of_cases(cases, _function_in(record.get("metadata")))


def _function_in(metadata: Any) -> str | None:
    """The function that LiveCodeBench's metadata name; of a problem, or in some data sets of each case."""
    if isinstance(metadata, str):
        metadata = _from_json(metadata or "{}", "metadata is")
    if not isinstance(metadata, Mapping | None):
        raise ValueError(f"ground truth: metadata must be a JSON object, got {_shown(metadata)}")
    return _name(metadata, "func_name") if metadata and metadata.get("func_name") else None


def _of_code_contests(record: Mapping[str, Any]) -> ProblemTests:
    inputs: list[Any] = []
    outputs: list[Any] = []
    for name in [name for name in _CODE_CONTESTS if name in record]:
        part = record[name]
        if not (isinstance(part, Mapping) and {"input", "output"} <= part.keys()):
            raise ValueError(f"ground truth: {name} must have input and output, got {_shown(part)}")
        inputs += _as_list(part, "input")
        outputs += _as_list(part, "output")
    return _of_apps({"inputs": inputs, "outputs": outputs})


def _of_cases(cases: list[Any], function: str | None) -> ProblemTests:
    if not cases or not all(isinstance(case, Mapping) and {"input", "output"} <= case.keys() for case in cases):
        raise ValueError("ground truth: expected test cases with input and output")
    kinds = {str(case.get("testtype", "stdin")) for case in cases}
    inputs, outputs = [case["input"] for case in cases], [case["output"] for case in cases]
    if (name := cases[0].get("fn_name")) not in (None, ""):  # PrimeIntellect's: APPS' form, case by case
        return _of_apps({"inputs": inputs, "outputs": outputs, "fn_name": name})
    if kinds == {"stdin"}:
        return ProblemTests(
            tuple(_as_text(one, "input") for one in inputs), tuple(_as_text(one, "output") for one in outputs)
        )
    function = function or next(filter(None, (_function_in(case.get("metadata")) for case in cases)), None)
    if kinds != {"functional"} or not function:
        raise ValueError(f"ground truth: cannot tell how to run test cases of type {', '.join(sorted(kinds))}")
    expected = tuple(_from_json(one, "output is") if isinstance(one, str) else one for one in outputs)
    return ProblemTests(tuple(_arguments(one) for one in inputs), expected, function)


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _as_list(record: Mapping[str, Any], key: str) -> list[Any]:
    value = record[key]
    value = value.tolist() if hasattr(value, "tolist") else value  # NumPy's, as a parquet file's lists arrive
    if not isinstance(value, list | tuple):
        raise ValueError(f"ground truth: {key} must be a list, got {_shown(value)}")
    return list(value)


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record[key]
    if not isinstance(value, str):
        raise ValueError(f"ground truth: {key} must be text, got {_shown(value)}")
    return value


def _entry_point(record: Mapping[str, Any]) -> str:
    """A function's name; LeetCode's data sets write a method as `Solution().name`."""
    return _name({"entry_point": _text(record, "entry_point").removeprefix("Solution().")}, "entry_point")


def _name(record: Mapping[str, Any], key: str) -> str:
    name = _text(record, key)
    if not name.isidentifier():
        raise ValueError(f"ground truth: {key} must be the name of a function, got {_shown(name)}")
    return name


def _as_text(value: Any, what: str) -> str:
    """Standard input or output as text; some records have its lines as a list."""
    if value is None or isinstance(value, Mapping):
        raise ValueError(f"ground truth: {what} must be text, got {_shown(value)}; or is fn_name missing?")
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _arguments(value: Any) -> list[Any]:
    """A function's arguments: a list, or as text a JSON value a line."""
    if isinstance(value, str):
        lines = value.split("\n")  # and nowhere else: text in JSON may hold other ends of lines
        return [_from_json(line, "arguments are") for line in lines if line.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError(f"ground truth: arguments must be a list, got {_shown(value)}")
    return list(value)


def _with_numbers(argument: Any) -> Any:
    """A mapping whose keys are all whole numbers has them as numbers, as APPS' own grader has it: JSON has none."""
    if isinstance(argument, dict) and all(_WHOLE.fullmatch(str(key)) for key in argument):
        return {int(key): value for key, value in argument.items()}
    return argument


def _from_json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"ground truth: {what} no JSON: {_why(error)}: {text[:80]!r}") from error


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error).partition(";")[0]  # of a number with too many digits: not how to allow more


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"
