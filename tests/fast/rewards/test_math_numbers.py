"""Equal integers are equal however they are written, up to a thousand digits, and one more or less is wrong."""

import asyncio
import time
from math import log10

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagerl_plugins import Outcome, Response
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.call import WorkerSetup

DIGITS = 1000
reward = WorkerSetup(load_plugins()).build("reward", "math", "rewards.default")


def right(truth: str, answer: str) -> bool:
    """Whether an answer is correct, judged within the processor time that an answer may take."""
    began = time.process_time()
    (verdict,) = asyncio.run(reward.score([Response(rf"\boxed{{{answer}}}", truth)]))
    assert time.process_time() - began < reward.cpu_seconds
    return verdict.outcome is Outcome.CORRECT


def powers_of(base: int, power: int) -> list[str]:
    """Ways to write a power of a number, the digits among them."""
    half, rest = divmod(power, 2)
    return [
        str(base**power),
        f"{base}^{{{power}}}",
        rf"{base} \cdot {base}^{{{power - 1}}}",
        rf"{base**rest} \cdot {base * base}^{{{half}}}",
        rf"\frac{{{base}^{{{power + 1}}}}}{{{base}}}",
    ]


@st.composite
def powers(draw: st.DrawFn) -> tuple[int, int]:
    base = draw(st.integers(2, 30))
    return base, draw(st.integers(2, int(DIGITS / log10(base))))


ways = st.integers(0, 4)


@settings(max_examples=60, deadline=None)
@given(powers(), ways, ways)
def test_a_power_is_equal_however_it_is_written(of: tuple[int, int], one: int, other: int) -> None:
    written = powers_of(*of)
    assert right(written[one], written[other])


@settings(max_examples=60, deadline=None)
@given(powers(), ways, ways, st.sampled_from([" + 1", " - 1"]))
def test_one_more_or_less_is_wrong(of: tuple[int, int], one: int, other: int, off: str) -> None:
    written = powers_of(*of)
    assert not right(written[one], written[other] + off)
    assert not right(written[one] + off, written[other])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 10 ** (DIGITS // 2)), st.integers(1, 10 ** (DIGITS // 2)))
def test_a_product_is_what_it_comes_to(one: int, other: int) -> None:
    written = [rf"{one} \cdot {other}", rf"{other} \times {one}", str(one * other)]
    assert all(right(truth, answer) for truth in written for answer in written)
    assert not any(right(truth, str(one * other + 1)) for truth in written)
    assert not right(str(one * other - 1), written[0])


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        ("2^{500}", "4^{250}"),
        ("500!", r"500 \cdot 499!"),
        (r"\frac{2^{500}}{3}", r"\frac{4^{250}}{3}"),
        (r"\sqrt{2^{1001}}", r"2^{500}\sqrt{2}"),
        (r"2^{500}\pi", r"4^{250}\pi"),
        ("(2^{500}, 1)", "(4^{250}, 1)"),
        (r"x = 2^{500}", "4^{250}"),
    ],
)
def test_large_numbers_are_not_told_apart_by_what_rounding_leaves_of_them(truth: str, answer: str) -> None:
    assert right(truth, answer)
    assert right(answer, truth) or "=" in truth
    assert not right(truth, answer.replace("4^{250}", "4^{250} + 1")) or "4^{250}" not in answer


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        (r"\frac{1}{2^{98}}", r"\frac{1}{2^{99}}"),
        ("10^{-20}", "10^{-30}"),
        (r"\frac{\pi}{10^{30}}", r"\frac{3}{10^{30}}"),
    ],
)
def test_small_numbers_are_not_all_taken_for_zero(truth: str, answer: str) -> None:
    assert not right(truth, answer)
    assert not right(answer, truth)
    assert not right("0", answer)
    assert right(truth, rf"2 \cdot {truth} - {truth}")
