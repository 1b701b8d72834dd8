"""A plain number that is read without Math-Verify's parser is what the parser makes of it, to the last digit."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sympy import srepr

from stagerl_plugins.rewards.math.equality import math_verify
from stagerl_plugins.rewards.math.numbers import plain_number

_INTEGERS = st.from_regex(r"-?[0-9]{1,17}", fullmatch=True)
_PARTS = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(["", "d", "t"]), _INTEGERS, _INTEGERS)
NUMBERS = st.one_of(
    _INTEGERS,
    st.from_regex(r"-?[0-9]{1,12}\.[0-9]{1,12}", fullmatch=True),
    _PARTS.map(lambda parts: rf"{parts[0]}\{parts[1]}frac{{{parts[2]}}}{{{parts[3]}}}"),
)


def parsed(answer: str) -> list[str]:
    parse, _ = math_verify()
    return [one if isinstance(one, str) else srepr(one) for one in parse(rf"\boxed{{{answer}}}", parsing_timeout=None)]


@given(NUMBERS)
@example("-0")
@example("007")
@example("-0.0")
@example("12345678.9012345")
@example(r"-\tfrac{-6}{4}")
@example(r"\frac{0}{5}")
def test_it_is_what_the_parser_makes_of_it(answer):
    number = plain_number(answer)
    if number is None:
        assert len(answer) > 15 or "frac" in answer
    else:
        assert [one if isinstance(one, str) else srepr(one) for one in number] == parsed(answer)


@pytest.mark.parametrize("answer", ["5", "-12", "0.50", r"\frac{3}{4}", r"-\dfrac{3}{4}", r"\tfrac{-3}{4}"])
def test_these_are_plain(answer):
    assert plain_number(answer) is not None


@pytest.mark.parametrize(
    "answer", ["", "-", "5.", ".5", "+5", "1,000", "5\n", "٣", "1e5", "3/4", r"\frac{5}{0}", r"\frac34", "5x", "9" * 16]
)
def test_others_are_left_to_the_parser(answer):
    assert plain_number(answer) is None
