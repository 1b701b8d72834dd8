"""Tests are taken in the forms that data sets have, and anything else is refused."""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.rewards.code.records import ProblemTests, read_tests

CASES = [{"input": "1\n", "output": "2\n", "testtype": "stdin"}]
CALLS = [{"input": "[1, 2]\n3", "output": "[3]", "testtype": "functional"}]


def hidden(cases) -> str:
    """As LiveCodeBench keeps its private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(cases)))).decode()


@pytest.mark.parametrize(
    ("ground_truth", "tests"),
    [
        ({"inputs": ["1\n"], "outputs": ["2\n"]}, ProblemTests(("1\n",), ("2\n",))),
        ({"inputs": [["1", "2"]], "outputs": [["3"]]}, ProblemTests(("1\n2",), ("3",))),
        ({"inputs": ["a"], "outputs": ["b"], "fn_name": None}, ProblemTests(("a",), ("b",))),
        ({"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"}, ProblemTests(([1, 2],), (3,), "add")),
        ({"inputs": [[1]], "outputs": [[3]], "fn_name": "f"}, ProblemTests(([1],), ([3],), "f", wrapped=True)),
        ({"inputs": ["1\n2"], "outputs": [3], "fn_name": "add"}, ProblemTests(([1, 2],), (3,), "add")),
        ({"test": "def check(f): ...", "entry_point": "f"}, ProblemTests(asserts="def check(f): ...", function="f")),
        (
            {"test_list": ["assert set(f(1)) == {1}"], "test_imports": ["import math"]},
            ProblemTests(asserts="assert set(f(1)) == {1}", setup="import math", function="f"),
        ),
        (CASES, ProblemTests(("1\n",), ("2\n",))),
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
        ({"test_list": []}, "test_list is empty"),
        ({"test_list": ["assert len([]) == 0"]}, "which function does this test?"),
        ([{"input": "1"}], "expected test cases with input and output"),
        ([{**CASES[0], "testtype": "functional"}], "cannot tell how to run test cases of type functional"),
        ({"private_test_cases": "????"}, "neither JSON nor compressed"),
    ],
)
def test_what_is_none_is_refused(ground_truth, said):
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
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
