"""The noise of a short series, and how much of a difference it explains."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np

from stagerl_plugins.types import FloatArray


def successive_noise(values: FloatArray) -> float:
    """Standard deviation by chance, from successive differences: sqrt(sum of (y_i+1 - y_i)^2 / 2(n - 1)).

    Von Neumann, Kent, Bellinson and Hart 1941. Unlike the usual standard deviation it hardly sees a slow trend.

    Args:
        values: The series, float64, shape (n,), n at least 2.
    """
    return sqrt(float(np.square(np.diff(values)).sum()) / (2 * (len(values) - 1)))


def robust_noise(values: FloatArray) -> float:
    """Standard deviation by chance, from the median size of second differences: median |y_i-1 - 2 y_i + y_i+1| / 1.652.

    After Gasser, Sroka and Jennen-Steinmetz 1986, with a median for the mean square: neither a trend, however steep,
    nor some wild values add to it. 1.652 is sqrt(6) times the upper quartile of the normal distribution.

    Args:
        values: The series, float64, shape (n,). With fewer than 3 values the noise is 0.
    """
    if len(values) < 3:
        return 0.0
    return float(np.median(np.abs(np.diff(values, 2)))) / (sqrt(6) * NormalDist().inv_cdf(0.75))


def student_quantile(probability: float, freedom: float) -> float:
    """Student's t from the normal quantile z, by the first terms of its expansion (Abramowitz and Stegun, 26.7.5).

        t = z + (z^3 + z) / 4v + (5z^5 + 16z^3 + 3z) / 96v^2

    Args:
        probability: Lower tail, such as 0.99.
        freedom: Degrees of freedom v. Successive differences of n values have about 2(n - 1) / 3.
    """
    z = NormalDist().inv_cdf(probability)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
