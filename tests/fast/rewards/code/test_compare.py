"""Outputs are compared as a programming contest's judge would."""

from __future__ import annotations

import time
from itertools import permutations

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
        ("1e17", "100000000000000001", False),
        ("100000000000000001", "1e17", True),
        ("1e401", "1e402", False),
        ("1e401", "1.0e401", True),
        ("1e401", "inf", False),
        ("1e9999999999999999999999", "2e9999999999999999999999", False),
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
    ("printed", "expected", "same"),
    [
        ("0.1\n0.10000001 x", "0.1 x\n0.1", True),
        ("10.0\n9.9999999999\n2", "2\n10.0\n10.0", True),
        ("a 0.1 5\na 0.10000001 3", "a 0.1 3\na 0.1 5", True),
        ("a 0.1 5\na 0.10000001 3", "a 0.1 3\na 0.1 4", False),
        ("0\n0.0000005\n0.000001", "0.0000005\n0.000001\n0.0000015", True),
        ("2\n3", "3.0\n2.0", True),
        ("2.0\n3.0", "3\n2", False),
        ("a\nb", "a\nc", False),
        ("1e401\n1", "1\n1e402", False),
        ("nan\n1", "1\nnan", True),
    ],
)
def test_and_be_rounded_too(printed, expected, same):
    assert same_output(printed, expected, 1e-6, unordered=True) is same


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        ([[3, 4], [1, 2]], [[1, 2], [3, 4]], True),
        (((3, 4), (1, 2)), [[1, 2], [3, 4]], True),
        ([[4, 3], [1, 2]], [[1, 2], [3, 4]], False),
        ([1, 1, 2], [1, 2, 2], False),
        ([1], [1, 1], False),
        ([2.0000000001, "a", None], [None, 2.0, "a"], True),
        ([{"b": 1.0000000001, "a": [2]}, 3], [3, {"a": [2], "b": 1}], True),
        ([1e17, 1], [1, 10**17 + 1], False),
        ([10**5000, 1], [1, 10**5000], True),
        ([1.5, 10**400], [10**400, 1.5000000001], True),
        ([True, 1], [1, 2], False),
        ([float("nan"), float("inf")], [float("inf"), float("nan")], True),
        ([float("inf"), 1], [1, 10**400], False),
        ([{1, 2}, 1], [1, [1, 2]], False),
        ([{1: 0, "1": 0}, 1], [1, {"1": 0}], False),
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
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        (float("inf"), float("inf"), True),
        (1e17, 10**17 + 1, False),
        (10**17 + 1, 1e17, True),
        (1e15, 10**15 + 1, False),
        (1e15, 10**15, True),
        (10**400, 1.5, False),
        (1.5, 10**400, False),
        ({10**5000: 1}, {"1": 1}, False),
        ({10**20: 1}, {str(10**20): 1}, True),
        ({(10**5000,): 1}, {"1": 1}, False),
        ({True: 1, None: 2}, {"true": 1, "null": 2}, True),
        ({1: 0, "1": 0}, {"1": 0}, False),
        (-0.0, 0, True),
    ],
)
def test_returned(value, expected, same):
    assert same_value(value, expected, 1e-6) is same


def alike(rows, columns=1):
    """Rows of numbers that are close to one another, none of them in its row's place."""
    return [[(row * 7 % rows) * 1e-9 + column for column in range(columns)] for row in range(rows)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (alike(2000, 2), [[1e-7, 1.0]] * 1999 + [[0.0, 5.0]]),
        (alike(300, 300), [*alike(299, 300), [9.0] * 300]),
        ([[n * 1e-9, 1e-7 * (n % 2)] for n in range(5000)], [[n * 1e-9, 1.05e-6] for n in range(5000)]),
        (["x" * 10] * 30_000, ["x" * 10] * 29_999 + ["y"]),
        ([[[[n]]] for n in range(10_000)], [[[[n]]] for n in range(1, 10_001)]),
        ([f"{'A' if n < 20_000 else 'a'}{n % 20_000}" for n in range(40_000)], [f"a{n}" for n in range(40_000)]),
    ],
    ids=["many", "long", "alternating", "equal", "nested", "first"],
)
def test_an_answer_made_for_it_does_not_keep_the_judge_busy(value, expected):
    began = time.process_time()
    assert not same_value(value, expected, 1e-6, unordered=True)
    lines, wanted = ("\n".join(map(str, one)) for one in (value, expected))
    assert not same_output(lines, wanted, 1e-6, unordered=True)
    assert time.process_time() - began < 10


def test_long_words_that_are_almost_numbers_do_not_keep_the_judge_busy():
    began = time.process_time()
    assert not same_output(("1" * 399 + "x ") * 2500, "1.5", 1e-6, unordered=True)
    assert time.process_time() - began < 2


def test_many_items_that_are_rounded_are_found_in_any_order():
    values = [[x / 7, y / 7] for x in range(100) for y in range(100)]
    rounded = [[x + 1e-9 * (n % 3), round(y, 9)] for n, (x, y) in enumerate(values)]
    assert same_value(rounded[::-1], values, 1e-6, unordered=True)


def test_what_is_expected_may_be_nested_as_deeply_as_it_likes():
    deep = []
    for _ in range(20_000):
        deep = [deep]
    assert not same_value([1, []], [1, deep], 0, unordered=True)
    assert not same_value([1, []], [1, deep], 0)


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), max_size=30), st.randoms())
def test_rounding_and_order_together_keep_a_value_the_same(values, random):
    moved = [tuple(x + random.uniform(-4e-7, 4e-7) for x in pair) for pair in values]
    random.shuffle(moved)
    assert same_value(moved, [list(pair) for pair in values], 1e-6, unordered=True)


@given(st.lists(st.integers(0, 6), max_size=6), st.lists(st.integers(0, 6), max_size=6))
def test_a_match_is_found_just_where_there_is_one(ours, theirs):
    """Numbers a step apart are close, two are not: who is whose must be searched for."""
    ours, theirs = ([[n * 0.8, 0.0] for n in numbers] for numbers in (ours, theirs))
    there_is = len(ours) == len(theirs) and any(same_value(one, theirs, 1.0 - 1e-9) for one in permutations(ours))
    assert same_value(ours, theirs, 1.0 - 1e-9, unordered=True) is there_is


def test_a_number_of_thousands_of_digits_is_one():
    assert same_output("1" * 5000, "1" * 5000, 0)
    assert not same_output("1" * 5000, "1.5", 0)
    assert not same_output("1" * 5000 + "\n2", "2\n1.5", 0, unordered=True)
    assert same_value(10**5000, 10**5000, 0)
    assert not same_value(10**5000, 10**5000 + 1, 1.0)
    assert same_value([10**5000, 1], [1, 10**5000], 0, unordered=True)
