"""Tests are taken in the forms that data sets have, and anything else is refused."""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.rewards.code.records import ProblemTests, read_tests

CASES = [{"input": "1\n", "output": "2\n", "testtype": "stdin"}]
CALLS = [{"input": "[1, 2]\n3", "output": "[3]", "testtype": "functional"}]


def hidden(cases) -> str:
    """As LiveCodeBench keeps its private tests."""
    return packed(json.dumps(cases))


def packed(text) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(text))).decode()


@pytest.mark.parametrize(
    ("ground_truth", "tests"),
    [
        ({"inputs": ["1\n"], "outputs": ["2\n"]}, ProblemTests(("1\n",), ("2\n",))),
        ({"inputs": [["1", "2"]], "outputs": [["3"]]}, ProblemTests(("1\n2",), ("3",))),
        ({"inputs": ["a"], "outputs": ["b"], "fn_name": None}, ProblemTests(("a",), ("b",))),
        ({"inputs": ["a"], "outputs": ["b"], "fn_name": ""}, ProblemTests(("a",), ("b",))),
        ([{"input": "1", "output": "2", "fn_name": ""}], ProblemTests(("1",), ("2",))),
        ({"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"}, ProblemTests(([1, 2],), (3,), "add")),
        ({"inputs": [[1]], "outputs": [[3]], "fn_name": "f"}, ProblemTests(([1],), ([3],), "f", wrapped=True)),
        ({"inputs": ["1\n2"], "outputs": [3], "fn_name": "add"}, ProblemTests(([1, 2],), (3,), "add")),
        ({"inputs": ["1", '"a"'], "outputs": ["2", '"b"'], "fn_name": "f"}, ProblemTests(([1], ["a"]), (2, "b"), "f")),
        ({"inputs": ["1"], "outputs": ["[2]"], "fn_name": "f"}, ProblemTests(([1],), ([2],), "f", wrapped=True)),
        ({"inputs": [["1"]], "outputs": ["2"], "fn_name": "f"}, ProblemTests((["1"],), ("2",), "f")),
        (
            {"inputs": [[{"1": {"2": 3}, "-4": 5}, {"1": 1, "a": 1}, {"01": 1}, {}]], "outputs": [6], "fn_name": "f"},
            ProblemTests(([{1: {"2": 3}, -4: 5}, {"1": 1, "a": 1}, {"01": 1}, {}],), (6,), "f"),
        ),
        ({"inputs": ['"a\u2028b"\r\n2'], "outputs": [3], "fn_name": "f"}, ProblemTests((["a\u2028b", 2],), (3,), "f")),
        ({"test": "def check(f): ...", "entry_point": "f"}, ProblemTests(asserts="def check(f): ...", function="f")),
        ({"test": "x", "entry_point": "Solution().f"}, ProblemTests(asserts="x", function="f")),
        (["assert f(1) == 1", "assert f(2)"], ProblemTests(asserts="assert f(1) == 1\nassert f(2)", function="f")),
        (
            {"test_list": ["assert set(f(1)) == {1}"], "test_imports": ["import math"]},
            ProblemTests(asserts="assert set(f(1)) == {1}", setup="import math", function="f"),
        ),
        (
            {"test_list": ["assert sum(1) == 1"], "code": "def sum(x): ..."},
            ProblemTests(asserts="assert sum(1) == 1", function="sum"),
        ),
        (CASES, ProblemTests(("1\n",), ("2\n",))),
        ([{**CASES[0], "metadata": {"func_name": None}}], ProblemTests(("1\n",), ("2\n",))),
        ([{**CASES[0], "metadata": "a note"}], ProblemTests(("1\n",), ("2\n",))),
        (
            {"public_tests": {"input": ["1"], "output": ["2"]}, "private_tests": {"input": [], "output": []}},
            ProblemTests(("1",), ("2",)),
        ),
        (
            {"generated_tests": {"input": ["3", "5"], "output": ["4", "6"]}, "private_tests": None},
            ProblemTests(("3", "5"), ("4", "6")),
        ),
        ([{"type": "stdin_stdout", "input": "1", "output": "2", "fn_name": None}], ProblemTests(("1",), ("2",))),
        (
            [{"type": "function_call", "fn_name": "f", "input": [[1], "a"], "output": [3]}],
            ProblemTests(([[1], "a"],), ([3],), "f", wrapped=True),
        ),
        ([{**CALLS[0], "metadata": {"func_name": "f"}}], ProblemTests(([[1, 2], 3],), ([3],), "f")),
        ({"public_test_cases": CASES, "metadata": {"func_name": ""}}, ProblemTests(("1\n",), ("2\n",))),
        (
            {
                "public_test_cases": json.dumps(CALLS),
                "private_test_cases": hidden(CALLS),
                "metadata": '{"func_name": "f"}',
            },
            ProblemTests(([[1, 2], 3], [[1, 2], 3]), ([3], [3]), "f"),
        ),
    ],
)
def test_forms(ground_truth, tests):
    assert read_tests(ground_truth) == tests
    assert read_tests(json.dumps(ground_truth)) == tests


@pytest.mark.parametrize(
    ("ground_truth", "said"),
    [
        ("nonsense", "expected tests as JSON, got 'nonsense'"),
        ("[" * 100_000, "expected tests as JSON"),
        ("3", "no tests of a known form"),
        ({"inputs": ["1"], "outputs": []}, "1 inputs and 0 outputs"),
        ({"inputs": [], "outputs": []}, "0 inputs and 0 outputs"),
        ({"inputs": [3], "outputs": [3], "fn_name": "f"}, "arguments must be a list, got 3"),
        ({"inputs": ["(1"], "outputs": [3], "fn_name": "f"}, "arguments are no JSON"),
        ({"inputs": ["1"], "outputs": ["a"], "fn_name": "f"}, "output is no JSON"),
        ({"test": "x", "entry_point": "Solution().f.g"}, "must be the name of a function, got 'f.g'"),
        (["f"], "which function does this test?"),
        ({"test_list": []}, "test_list is empty"),
        ({"test_list": ["assert len([]) == 0"]}, "which function does this test?"),
        ({"public_tests": [1]}, "public_tests must have input and output, got [1]"),
        ({"public_tests": {"input": ["1"], "output": []}}, "1 inputs and 0 outputs"),
        ([{"input": "1"}], "expected test cases with input and output"),
        ([{**CASES[0], "testtype": "functional"}], "cannot tell how to run test cases of type functional"),
        ({"private_test_cases": "????"}, "neither JSON nor compressed"),
        ({"inputs": "12", "outputs": "34"}, "inputs must be a list, got '12'"),
        ({"inputs": ["1"], "outputs": "3"}, "outputs must be a list, got '3'"),
        ({"inputs": {"a": 1}, "outputs": ["3"]}, "inputs must be a list, got {'a': 1}"),
        ({"inputs": [None], "outputs": ["3"]}, "inputs must be text, got None; or is fn_name missing?"),
        ({"inputs": ["1"], "outputs": ["3"], "fn_name": 3}, "fn_name must be text, got 3"),
        ({"inputs": ["1"], "outputs": ["3"], "fn_name": "a b"}, "fn_name must be the name of a function, got 'a b'"),
        ({"inputs": ["1"], "outputs": ["3"], "unordered": "no"}, "unordered must be true or false, got 'no'"),
        ({"test": 3, "entry_point": "f"}, "test must be text, got 3"),
        ({"test_list": "assert f(1)"}, "test_list must be a list, got 'assert f(1)'"),
        ({"test_list": [3]}, "test_list must hold text, got [3]"),
        ({"test_list": ["assert f(1)"], "test_imports": "import os"}, "test_imports must be a list, got 'import os'"),
        ({"test_list": ["assert f(1"]}, "a test is no Python: '(' was never closed, line 1: 'assert f(1'"),
        (
            {"test_list": ["assert f(1)"], "test_setup_code": "def"},
            "the setup code is no Python: invalid syntax, line 1",
        ),
        ({"private_test_cases": "[" * 100_000}, "nested too deeply"),
        ({"private_test_cases": packed("no")}, "the text in the pickle is no JSON: 'no'"),
        ({"public_test_cases": CASES, "metadata": "{"}, "metadata is no JSON: Expecting property name"),
        ({"public_test_cases": CASES, "metadata": [1]}, "metadata must be a JSON object, got [1]"),
        ({"public_test_cases": CASES, "metadata": {"func_name": 1}}, "func_name must be text, got 1"),
        (
            {"public_test_cases": [{**CALLS[0], "output": "(1,)"}], "metadata": {"func_name": "f"}},
            "output is no JSON: Expecting value: line 1 column 1 (char 0): '(1,)'",
        ),
        ('{"inputs": [[1]], "outputs": [' + "9" * 5000 + '], "fn_name": "f"}', "Exceeds the limit (4300 digits)"),
    ],
)
def test_what_is_none_is_refused(ground_truth, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read_tests(ground_truth)


class Attack:
    def __reduce__(self):
        return print, ("attacked",)


@pytest.mark.parametrize("value", [Attack(), ["a"], {"a": 1}, ("a", "b"), 3])
def test_of_a_pickle_only_a_text_is_read_and_nothing_is_carried_out(value, capsys):
    packed = base64.b64encode(zlib.compress(pickle.dumps(value))).decode()
    with pytest.raises(ValueError, match="test cases"):
        read_tests({"private_test_cases": packed})
    assert capsys.readouterr().out == ""


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr("stagerl_plugins.rewards.code.hidden_tests.MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="larger than"):
        read_tests({"private_test_cases": base64.b64encode(zlib.compress(bytes(10_000))).decode()})


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda s: (
            st.lists(s)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "inputs",
                        "outputs",
                        "fn_name",
                        "test",
                        "test_list",
                        "entry_point",
                        "input",
                        "output",
                        "private_test_cases",
                        "metadata",
                    ]
                ),
                s,
            )
        ),
    )
)
def test_whatever_stands_there_is_tests_or_refused(ground_truth):
    with contextlib.suppress(ValueError):
        assert isinstance(read_tests(ground_truth), ProblemTests)
