"""The quickstart's problems: right answers, right working, and no problem in both sets."""

import random
import re
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.problems import Problems


@pytest.fixture(scope="module")
def task(imported: Callable[[str], ModuleType]) -> ModuleType:
    return imported("task")


@pytest.fixture(scope="module")
def problems(imported: Callable[[str], ModuleType]) -> ModuleType:
    return imported("problems")


@given(seed=st.integers(0, 10_000), terms=st.integers(2, 10))
def test_the_answer_is_what_the_text_adds_up_to(task: ModuleType, seed: int, terms: int) -> None:
    problem = task.draw(random.Random(seed), terms)
    signed = [int(number) for number in re.sub(r"[a-j=]", "", problem.text).replace("-", "+-").split("+")]
    assert len(signed) == terms
    assert problem.answer == sum(signed)
    totals = [sum(signed[: count + 1]) for count in range(1, terms)]
    working = "".join(f"{letter}{total}" for letter, total in zip("bcdefghij", totals, strict=False))
    assert problem.worked == f"{working} \\boxed{{{sum(signed)}}}"


def test_the_two_sets_share_no_problem_and_have_as_many_of_each_length(problems: ModuleType) -> None:
    train, held_out = (Problems.from_table(table) for table in problems.make(seed=0))
    assert not set(train.ids) & set(held_out.ids)
    assert (len(train), len(held_out)) == (9 * problems.TRAIN, 9 * problems.HELD_OUT)


def test_a_larger_set_keeps_the_smaller_one(problems: ModuleType) -> None:
    small, large = (problems.make(seed=0, train=count, held_out=5)[0]["id"].to_pylist() for count in (10, 20))
    assert set(small) <= set(large)
