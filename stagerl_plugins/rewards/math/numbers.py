"""Plain numbers, read as Math-Verify reads them but without its parser: nine of ten ground truths are such."""

from __future__ import annotations

import re
from typing import Any

_DIGITS = "[0-9]{1,15}"  # of a decimal all together: with more Math-Verify keeps as many as there are
_INTEGER = re.compile(rf"-?{_DIGITS}")
_DECIMAL = re.compile(r"-?(?=[0-9.]{3,16}$)[0-9]+\.[0-9]+")
_FRACTION = re.compile(rf"(-?)\\[dt]?frac(\{{(-?{_DIGITS})\}}\{{(-?{_DIGITS})\}})")


def plain_number(answer: str) -> list[Any] | None:
    """An integer, a decimal or a fraction of integers as a SymPy number, and its text; None of anything else."""
    from sympy import Float, Integer, Rational

    if _INTEGER.fullmatch(answer):
        return [Integer(answer), answer]
    if _DECIMAL.fullmatch(answer):
        return [Float(answer), answer]
    if (fraction := _FRACTION.fullmatch(answer)) and int(fraction[4]):
        sign, braces, above, below = fraction.groups()
        value = Rational(int(above), int(below))
        return [-value if sign else value, rf"{sign}\frac{braces}"]
    return None
