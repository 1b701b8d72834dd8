"""The trend of a series, by robust statistics."""

from __future__ import annotations

from math import cbrt, ceil, sqrt
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
    residual = values - pace * np.arange(n)
    score = float(np.triu(np.sign(residual[None, :] - residual[:, None])).sum())
    return NormalDist().cdf((score + 1) / sqrt(n * (n - 1) * (2 * n + 5) / 18))


def values_to_tell(noise: float, pace: float, alpha: float) -> int:
    """How many values it takes to tell a flat series from one that gains `pace` a value.

    The slope of n values with independent noise of standard deviation s has standard deviation s * sqrt(12 / n^3). It
    takes 1 + z_(1 - alpha) of these for a flat series to have p <= alpha in five of six cases:

        n = (12 * ((1 + z_(1 - alpha)) * s / pace)^2)^(1/3)

    Args:
        noise: Standard deviation s of a value.
        pace: Gain from one value to the next, above 0.
        alpha: Bound on p.
    """
    z = NormalDist().inv_cdf(1 - alpha)
    return ceil(cbrt(12 * ((1 + z) * noise / pace) ** 2))


def theil_sen_slope(values: FloatArray) -> float:
    """Median of the slopes between all pairs of values (Theil 1950; Sen 1968), a gain from one value to the next."""
    earlier, later = np.triu_indices(len(values), 1)
    return float(np.median((values[later] - values[earlier]) / (later - earlier)))
