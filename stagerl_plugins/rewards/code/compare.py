"""Is what a program printed or returned what a test expects? Rules that a programming contest's judge would use."""

from __future__ import annotations

import math
import re
from typing import Any

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def same_output(printed: str, expected: str, tolerance: float, unordered: bool = False) -> bool:
    """Whether two texts are the same but for blanks at ends of lines, empty lines at the end, and rounding.

    Args:
        printed: Standard output of the program.
        expected: What the test says.
        tolerance: By how much a number with a decimal point may differ, absolutely or relative to what is expected.
        unordered: Whether the lines may come in any order.
    """
    ours, theirs = _lines(printed), _lines(expected)
    if ours == theirs:
        return True
    if len(ours) != len(theirs):
        return False
    if unordered:
        ours, theirs = sorted(ours), sorted(theirs)
    return all(one == other or _same_words(one, other, tolerance) for one, other in zip(ours, theirs, strict=True))


def same_value(value: Any, expected: Any, tolerance: float, unordered: bool = False) -> bool:
    """Whether a returned value is the expected one, as JSON can tell: a tuple is a list, and a key is text.

    Args:
        value: What the function returned.
        expected: What the test says.
        tolerance: By how much a float may differ, absolutely, or relative to what is expected if that is a float too.
        unordered: Whether the items of a list may come in any order.
    """
    if isinstance(value, float) or isinstance(expected, float):
        return _is_number(value) and _is_number(expected) and _close(value, expected, tolerance)
    if unordered and isinstance(value, list | tuple) and isinstance(expected, list):
        return len(value) == len(expected) and _same_items(list(value), expected, tolerance)
    if isinstance(value, list | tuple) and isinstance(expected, list | tuple):
        return len(value) == len(expected) and all(
            same_value(one, other, tolerance) for one, other in zip(value, expected, strict=True)
        )
    if isinstance(value, dict) and isinstance(expected, dict):
        ours, theirs = ({_key(key): item for key, item in one.items()} for one in (value, expected))
        return ours.keys() == theirs.keys() and all(same_value(ours[k], theirs[k], tolerance) for k in ours)
    return type(value) is type(expected) and bool(value == expected)


def _same_items(values: list[Any], expected: list[Any], tolerance: float) -> bool:
    """Whether each expected item is there, and nothing else. Sorted as text first, so that most are found at once."""
    left = sorted(values, key=repr)
    for other in sorted(expected, key=repr):
        place = next((place for place, one in enumerate(left) if same_value(one, other, tolerance)), None)
        if place is None:
            return False
        del left[place]
    return True


def _key(key: Any) -> str:
    return hex(key) if isinstance(key, int) and not isinstance(key, bool) and abs(key) >= 2**64 else str(key)


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_words(one: str, other: str, tolerance: float) -> bool:
    ours, theirs = one.split(), other.split()
    return len(ours) == len(theirs) and all(
        a == b or _same_number(a, b, tolerance) for a, b in zip(ours, theirs, strict=True)
    )


def _same_number(one: str, other: str, tolerance: float) -> bool:
    """Whether both are numbers, the expected one with a decimal point or an exponent, and close."""
    if not any(mark in other for mark in ".eE") or len(one) > 400 or len(other) > 400:
        return False
    if not _NUMBER.fullmatch(one) or not _NUMBER.fullmatch(other):
        return False
    return _close(float(one), float(other), tolerance)


def _close(value: float, expected: float, tolerance: float) -> bool:
    relative = tolerance if isinstance(expected, float) else 0.0  # of a large whole number no digit may be wrong
    try:
        return math.isclose(value, expected, rel_tol=relative, abs_tol=tolerance)
    except OverflowError:  # a whole number that no float can hold
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
