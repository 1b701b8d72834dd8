import asyncio
from typing import Any

import numpy as np
import pytest

from stagerl_plugins import Outcome, Response, Verdict
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.call import WorkerSetup
from stagerl_plugins.rewards.math.reward import acceptable_answers

reward = WorkerSetup(load_plugins()).build("reward", "math", "rewards.default")


def judge(answer: str, truth: Any) -> Verdict:
    text = f"First $x^2 = 3$, then 17/4. So the answer is $\\boxed{{{answer}}}$."
    (verdict,) = asyncio.run(reward.score([Response(text, truth)]))
    return verdict


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        (r"\frac{1}{2}", "0.5"),
        ("0.5", r"\dfrac12"),
        ("1000", "1,000"),
        (r"50\%", r"50\%"),
        (r"50\%", "0.5"),
        (r"50\%", r"\frac{1}{2}"),
        (r"50\%", "50"),
        (r"33\frac{1}{3}\%", r"\frac{100}{3}\,\%"),
        (r"\$5.50", "5.50"),
        ("5", r"5 \text{ dollars}"),
        (r"x \in [-2,7]", "[-2, 7]"),
        (r"\{1, 2\}", r"\left\{2, 1\right\}"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"),
        ("x^2 + 2x + 1", "(x+1)^2"),
        (r"\text{Evelyn}", r"\text{ Evelyn}"),
        (r"\text{(B)}", "B"),
        ("5", "x = 5"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{bmatrix}1\\2\end{bmatrix}"),
        (42, "42"),
        (0.5, r"\frac{1}{2}"),
        (1e-7, r"10^{-7}"),
        (np.int64(3), "3"),
        (["7", "8"], "8"),
        (np.array(["7", r"\frac{1}{2}"], dtype=object), "0.5"),
        ([4, "9"], "4"),
    ],
)
def test_equal_answers_are_correct(truth: Any, answer: str) -> None:
    verdict = judge(answer, truth)
    assert (verdict.outcome, verdict.score) == (Outcome.CORRECT, 1.0)


@pytest.mark.parametrize(
    ("truth", "answer"),
    [("5", "6"), ("5", "-5"), (r"50\%", "5"), ("(1, 2)", "(2, 1)"), (["7", "8"], "9"), ("x+1", "x+2"), ("5", "five")],
)
def test_other_answers_are_wrong_and_shown(truth: Any, answer: str) -> None:
    verdict = judge(answer, truth)
    assert (verdict.outcome, verdict.score, verdict.detail) == (Outcome.WRONG, 0.0, answer)


@pytest.mark.parametrize("answer", ["9^{9^9}", "(10^8)!", "2^{2^33}", "-9^{9^9}"])
def test_numbers_too_large_to_write_down_are_wrong_without_being_worked_out(answer: str) -> None:
    assert judge(answer, r"\frac{1}{2}").outcome is Outcome.WRONG


def test_gold_comes_first_for_math_verify() -> None:
    """Its judgement is not symmetric."""
    assert judge("(1, 2)", "1 < x < 2").outcome is Outcome.CORRECT
    assert judge("1 < x < 2", "(1, 2)").outcome is Outcome.WRONG


@pytest.mark.parametrize(
    "text", ["The answer is 5.", r"\boxed{", r"\boxed{}", r"\boxed{ }", r"\boxed{5} \boxed{\frac{1"]
)
def test_no_whole_box_is_bad_format(text: str) -> None:
    (verdict,) = asyncio.run(reward.score([Response(text, "5")]))
    assert (verdict.outcome, verdict.score) == (Outcome.BAD_FORMAT, 0.0)


@pytest.mark.parametrize("truth", [None, "", " ", [], float("nan"), float("inf"), True, {"a": 1}, [None]])
def test_a_ground_truth_that_says_nothing_is_an_error(truth: Any) -> None:
    with pytest.raises(ValueError, match="ground truth"):
        acceptable_answers(truth)
