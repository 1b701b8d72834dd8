"""Wilson's score interval."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from stagerl_plugins.types import FloatArray


def wilson_interval(rate: FloatArray, samples: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Two-sided interval for a probability (Wilson 1927): all p that differ from the rate by at most z standard errors.

        (rate + z^2 / 2n  -+  z * sqrt(rate * (1 - rate) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    It stays honest where the usual rate -+ z * s does not: 0 of 16 solved gives [0, 0.19] at 95 %, not [0, 0].

    Args:
        rate: Observed rates, float64 in [0, 1], shape (k,); of no meaning where samples are 0.
        samples: Numbers of samples n behind them, float64, shape (k,); fractions are welcome, 0 gives [0, 1].
        confidence: Such as 0.95.
    """
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (samples * rate + z2 / 2) / (samples + z2)
        half = np.sqrt(z2 * (samples * rate * (1 - rate) + z2 / 4)) / (samples + z2)
    known = samples > 0
    low = np.where(known, np.clip(np.minimum(centre - half, rate), 0, 1), 0.0)
    high = np.where(known, np.clip(np.maximum(centre + half, rate), 0, 1), 1.0)
    return low, high
