"""Student's t distribution."""

from __future__ import annotations

from statistics import NormalDist


def student_quantile(probability: float, freedom: float) -> float:
    """Student's t from the normal quantile z, by the first terms of its expansion (Abramowitz and Stegun, 26.7.5).

        t = z + (z^3 + z) / 4v + (5z^5 + 16z^3 + 3z) / 96v^2 + (3z^7 + 19z^5 + 17z^3 - 15z) / 384v^3

    Within 1 % from 3 degrees of freedom on, for a probability of 0.975.

    Args:
        probability: Lower tail, such as 0.99; 0.975 for an interval that holds 95 %.
        freedom: Degrees of freedom v; not necessarily a whole number.
    """
    z = NormalDist().inv_cdf(probability)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
