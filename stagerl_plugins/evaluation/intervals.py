"""Intervals for pass@1 that treat problems, not samples, as what was drawn at random.

Several samples of one problem say less than as many problems: they share its difficulty. So every variance here is that
of the problems' means: clustered standard errors, and differences paired by problem, as in Miller, "Adding Error Bars
to Evals", arXiv 2411.00640.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stagerl_plugins.student import student_quantile
from stagerl_plugins.types import FloatArray


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the ends of its interval."""

    mean: float
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def pass_at_1(means: FloatArray, samples: int, confidence: float = 0.95) -> Interval:
    """pass@1, the mean over problems of the share of samples that are correct, with its interval.

    Wilson's score interval for p = mean(s) at an effective number of samples n, which stays inside [0, 1]:

        (p + t^2 / 2n ± t sqrt(p (1 - p) / n + t^2 / 4n^2)) / (1 + t^2 / n),  t: Student's quantile, m - 1 degrees

    The effective number is that of Korn and Graubard (Survey Methodology 24, 1998), its use in Wilson's interval that
    of Franco, Little, Louis and Slud (J. Survey Statistics and Methodology 7, 2019). It is taken over the m problems
    and two more, one always solved and one never: a few successes among many failures say little about how problems
    differ, and without the two, solved problems that happen not to be among these would not be reckoned with. With the
    means s_i of these m + 2 problems, and their mean q:

        n = min(q (1 - q) / V, samples),  V = sum (s_i - q)^2 / ((m + 2) (m + 1))

    Args:
        means: Each problem's share of correct samples, float64 in [0, 1], shape (problems,), at least one.
        samples: Samples of all problems together.
        confidence: Wanted coverage, in (0, 1).
    """
    problems = len(means)
    p = float(means.mean())
    if problems == 1:
        return Interval(p, 0.0, 1.0)
    more = np.array([*means, 0.0, 1.0])
    q = float(more.mean())
    n = min(q * (1 - q) * len(more) / float(more.var(ddof=1)), samples)
    t = student_quantile((1 + confidence) / 2, problems - 1)
    centre = p + t**2 / (2 * n)
    half = t * math.sqrt(p * (1 - p) / n + (t / (2 * n)) ** 2)
    scale = 1 + t**2 / n
    return Interval(p, min(max(0.0, (centre - half) / scale), p), max(min(1.0, (centre + half) / scale), p))


def paired_difference(before: FloatArray, after: FloatArray, samples: int, confidence: float = 0.95) -> Interval:
    """The mean gain in pass@1 over the same problems, with its interval.

    Student's interval for the mean of d_i = after_i - before_i, to whose squares two are added: a problem that gained
    one sample and one that lost one. For one sample a problem these are the pseudo-observations of Bonett and Price
    (J. Educational and Behavioral Statistics 37, 2012); they keep the interval from shrinking to a point where hardly
    anything differs. With m problems and k samples of each:

        mean(d) ± t sqrt((sum (d_i - mean(d))^2 + 2 / k^2) / (m (m - 1))),  t: Student's quantile, m - 1 degrees

    Args:
        before, after: Each problem's share of correct samples, float64 in [0, 1], shape (problems,), at least one.
        samples: Samples of each problem in one evaluation.
        confidence: Wanted coverage, in (0, 1).
    """
    gains = after - before
    problems, mean = len(gains), float(gains.mean())
    if problems == 1:
        return Interval(mean, -1.0, 1.0)
    squares = float(((gains - mean) ** 2).sum()) + 2 / samples**2
    half = student_quantile((1 + confidence) / 2, problems - 1) * math.sqrt(squares / (problems * (problems - 1)))
    return Interval(mean, max(-1.0, mean - half), min(1.0, mean + half))
