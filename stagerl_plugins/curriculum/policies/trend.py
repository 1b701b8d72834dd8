"""Robust statistics of a short series: its trend, and its noise."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np

from stagerl_plugins.types import FloatArray


def p_slower(values: FloatArray, pace: float) -> float:
    """How likely values as slow as these are if the series really gains `pace` from each value to the next.

    One-sided rank test for a trend (Mann 1945; Kendall 1975) on the series less that pace. With values y_1 .. y_n,

        S = sum over i < j of sign((y_j - y_i) - pace * (j - i))        z = (S + 1) / sqrt(n * (n - 1) * (2n + 5) / 18)

    and p is the normal distribution's lower tail at z. p <= alpha just if Sen's upper confidence limit for the slope
    (Sen 1968, section 5), at confidence 1 - alpha, lies below `pace`.

    Args:
        values: The series, float64, shape (n,), n at least 2; 8 or more for the normal tail to be a good one.
        pace: Gain from one value to the next.
    """
    n = len(values)
    earlier, later = np.triu_indices(n, 1)
    residual = values - pace * np.arange(n)
    score = float(np.sign(residual[later] - residual[earlier]).sum())
    return NormalDist().cdf((score + 1) / sqrt(n * (n - 1) * (2 * n + 5) / 18))


def theil_sen_slope(values: FloatArray) -> float:
    """Median of the slopes between all pairs of values (Theil 1950; Sen 1968), a gain from one value to the next."""
    earlier, later = np.triu_indices(len(values), 1)
    return float(np.median((values[later] - values[earlier]) / (later - earlier)))
