"""Intervals for pass@1: they cover what they promise, by simulation, and behave at the edges."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.random import Generator

from stagerl_plugins.evaluation.intervals import Interval, paired_difference, pass_at_1
from stagerl_plugins.types import FloatArray

TRIALS = 800

shares = arrays(np.float64, st.integers(1, 40), elements=st.integers(0, 8).map(lambda successes: successes / 8))


def sampled(rng: Generator, rates: FloatArray, samples: int) -> FloatArray:
    return rng.binomial(samples, rates) / samples


def coverage(interval_of: Callable[[Generator], Interval], truth: float) -> float:
    rng = np.random.default_rng(20_250_401)
    return float(np.mean([truth in interval_of(rng) for _ in range(TRIALS)]))


@pytest.mark.parametrize("problems", [10, 40])
@pytest.mark.parametrize("samples", [1, 4, 16])
@pytest.mark.parametrize("difficulty", [(0.5, 0.5), (2.0, 2.0), (0.4, 5.0), (20.0, 1.0)], ids=str)
def test_pass_at_1_covers_the_true_accuracy(problems: int, samples: int, difficulty: tuple[float, float]) -> None:
    """Problems are drawn anew each time: from half very hard and half very easy to nearly all solved."""
    a, b = difficulty

    def one(rng: Generator) -> Interval:
        return pass_at_1(sampled(rng, rng.beta(a, b, problems), samples), problems * samples)

    assert coverage(one, a / (a + b)) >= 0.9


@pytest.mark.parametrize("problems", [20, 60])
@pytest.mark.parametrize(("solvable", "rate", "others"), [(0.02, 0.6, 0.001), (0.03, 1.0, 0.003)])
def test_pass_at_1_covers_where_few_problems_are_solved_at_all(
    problems: int, solvable: float, rate: float, others: float
) -> None:
    """A hard level before training: now and then a lucky sample, and perhaps a problem that the model can solve."""

    def one(rng: Generator) -> Interval:
        rates = np.where(rng.random(problems) < solvable, rate, others)
        return pass_at_1(sampled(rng, rates, 32), problems * 32)

    assert coverage(one, solvable * rate + (1 - solvable) * others) >= 0.93


def test_treating_samples_as_independent_would_not_cover() -> None:
    """Why problems are the clusters: with each sample as a problem of its own, the interval is far too narrow."""

    def naive(rng: Generator) -> Interval:
        successes = rng.binomial(16, rng.beta(0.5, 0.5, 40))
        return pass_at_1(np.repeat([1.0, 0.0], [successes.sum(), 640 - successes.sum()]), 640)

    assert coverage(naive, 0.5) < 0.6


@pytest.mark.parametrize("problems", [10, 40])
@pytest.mark.parametrize("samples", [1, 4, 16])
@pytest.mark.parametrize(
    ("before", "after"),
    [((0.5, 0.5), None), ((0.1, 5.0), None), ((1.0, 6.0), (20.0, 2.0)), ((30.0, 1.0), (60.0, 1.0))],
    ids=["null", "null, nearly unsolvable", "large gain", "ceiling"],
)
def test_paired_difference_covers_the_true_gain(
    problems: int, samples: int, before: tuple[float, float], after: tuple[float, float] | None
) -> None:
    truth = after[0] / sum(after) - before[0] / sum(before) if after else 0.0

    def one(rng: Generator) -> Interval:
        first = rng.beta(*before, problems)
        second = rng.beta(*after, problems) if after else first
        return paired_difference(sampled(rng, first, samples), sampled(rng, second, samples), samples)

    assert coverage(one, truth) >= 0.9


def test_pairing_finds_a_gain_that_unpaired_intervals_hide() -> None:
    rng = np.random.default_rng(0)
    rates = rng.beta(0.5, 0.5, 60) * 0.9
    before, after = sampled(rng, rates, 16), sampled(rng, rates + 0.08, 16)
    assert 0.0 not in paired_difference(before, after, 16)
    assert pass_at_1(before, 960).high > pass_at_1(after, 960).low


@given(shares)
def test_pass_at_1_holds_its_mean_and_mirrors(means: FloatArray) -> None:
    interval = pass_at_1(means, 8 * len(means))
    mirrored = pass_at_1(1 - means, 8 * len(means))
    assert 0.0 <= interval.low <= interval.mean <= interval.high <= 1.0
    assert interval.low < interval.high
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high))


@given(shares, st.integers(0, 2**32 - 1))
def test_paired_difference_changes_sign_when_the_two_are_swapped(before: FloatArray, seed: int) -> None:
    after = np.random.default_rng(seed).permutation(before)
    gain, loss = paired_difference(before, after, 8), paired_difference(after, before, 8)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((-loss.mean, -loss.high, -loss.low))


@given(shares)
def test_nothing_gained_is_no_gain(means: FloatArray) -> None:
    assert 0.0 in paired_difference(means, means, 8)


def test_all_right_is_not_certainty() -> None:
    assert pass_at_1(np.ones(20), 80).low < 0.9


def test_one_problem_says_nothing_about_the_others() -> None:
    assert pass_at_1(np.array([0.5]), 16) == Interval(0.5, 0.0, 1.0)
    assert paired_difference(np.array([0.0]), np.array([1.0]), 16) == Interval(1.0, -1.0, 1.0)
