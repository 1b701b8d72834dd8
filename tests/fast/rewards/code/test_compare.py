"""Outputs are compared as a programming contest's judge would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.rewards.code.compare import same_output, same_value


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("1\n", "1", True),
        ("1  \r\n2\n\n\n", "1\n2", True),
        ("1 2", "1  2", True),
        ("1\n2", "1 2", False),
        (" 1", "1", True),
        ("yes", "YES", False),
        ("0.3333333", "0.33333333333", True),
        ("0.334", "0.333", False),
        ("1e6", "1000000.0", True),
        ("1000000.0", "1000000", False),
        ("1.0", "1", False),
        ("2", "2.0", True),
        ("nan", "nan", True),
        ("nan", "1.0", False),
        ("inf", "1.0", False),
        ("", "", True),
        ("\n", "", True),
        ("x", "", False),
        ("1\n1", "1", False),
        ("1_0.5", "10.5", False),
        ("\u0661.5", "1.5", False),
        (".5", "0.50", True),
        ("1\x0c2", "1\n2", False),
        ("a\u2028b", "a\u2028b", True),
        ("1" * 500 + ".0", "1" * 500 + ".1", False),
    ],
)
def test_printed(printed, expected, same):
    assert same_output(printed, expected, 1e-6) is same


def test_lines_may_come_in_any_order_where_the_record_says_so():
    assert same_output("2\n1\n", "1\n2", 1e-6, unordered=True)
    assert not same_output("2\n1\n", "1\n2", 1e-6)
    assert same_output("2.0000001 b\n1\n", "1\n2.0 b", 1e-6, unordered=True)
    assert not same_output("2\n2\n", "1\n2", 1e-6, unordered=True)


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        ([[3, 4], [1, 2]], [[1, 2], [3, 4]], True),
        (((3, 4), (1, 2)), [[1, 2], [3, 4]], True),
        ([[4, 3], [1, 2]], [[1, 2], [3, 4]], False),
        ([1, 1, 2], [1, 2, 2], False),
        ([1], [1, 1], False),
        ([2.0000000001, "a", None], [None, 2.0, "a"], True),
    ],
)
def test_so_may_items_of_a_list(value, expected, same):
    assert same_value(value, expected, 1e-6, unordered=True) is same
    assert not same_value(value, expected, 1e-6)


@given(st.permutations(range(20)))
def test_any_order_is_one(values):
    assert same_value(values, list(range(20)), 0, unordered=True)


@given(st.text())
def test_a_text_is_itself(text):
    assert same_output(text, text, 0)


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        ([1, 2], [1, 2], True),
        ((1, 2), [1, 2], True),
        ([1, [2, (3,)]], [1, [2, [3]]], True),
        ([1], [1, 2], False),
        (1.0000000001, 1, True),
        (1.1, 1, False),
        (True, 1, False),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        ({1: "a"}, {"1": "a"}, True),
        ({1: "a"}, {"1": "b"}, False),
        (None, None, True),
        (None, 0, False),
        (float("nan"), float("nan"), False),
        (1e15, 10**15 + 1, False),
        (1e15, 10**15, True),
        (10**400, 1.5, False),
        (1.5, 10**400, False),
        ({10**5000: 1}, {"1": 1}, False),
        (-0.0, 0, True),
    ],
)
def test_returned(value, expected, same):
    assert same_value(value, expected, 1e-6) is same
