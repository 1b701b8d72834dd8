"""The noise of a short series, and how much of a difference it explains."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np

from stagerl_plugins.types import FloatArray


def successive_noise(values: FloatArray) -> float:
    """Standard deviation by chance, from successive differences: sqrt(sum of (y_i+1 - y_i)^2 / 2(n - 1)).

    Von Neumann, Kent, Bellinson and Hart 1941. Unlike the usual standard deviation it hardly sees a slow trend.
    It has about 2(n - 1) / 3 degrees of freedom.

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
