"""Is what a program printed or returned what a test expects? Rules that a programming contest's judge would use."""

from __future__ import annotations

import json
import math
import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from functools import partial
from typing import Any

from stagerl_plugins.rewards.code.unordered import Item, same_items

_NUMBER = re.compile(r"[+-]?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST = 400  # characters of a number that is taken for one: no float is longer
_EXACT = Context(prec=2 * _LONGEST, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


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
    close = partial(_same_word, tolerance=tolerance)
    if unordered:
        return same_items([*map(_line_item, ours)], [*map(_line_item, theirs)], close, tolerance)
    return all(one == other or _same_words(one, other, tolerance) for one, other in zip(ours, theirs, strict=True))


def same_value(value: Any, expected: Any, tolerance: float, unordered: bool = False) -> bool:
    """Whether a returned value is the expected one, as JSON can tell: a tuple is a list, and a key is text.

    Args:
        value: What the function returned.
        expected: What the test says.
        tolerance: By how much a float may differ, absolutely, or relative to what is expected if that is a float too.
        unordered: Whether the items of a list may come in any order.
    """
    if _is_number(value) and _is_number(expected):
        return _close(value, expected, tolerance)
    if isinstance(value, list | tuple) and isinstance(expected, list | tuple):
        if len(value) != len(expected):
            return False
        if unordered:
            close = partial(_close, tolerance=tolerance)
            return same_items([*map(_value_item, value)], [*map(_value_item, expected)], close, tolerance)
        return all(same_value(one, other, tolerance) for one, other in zip(value, expected, strict=True))
    if isinstance(value, dict) and isinstance(expected, dict):
        ours, theirs = _by_text(value), _by_text(expected)
        return (
            len(value) == len(expected)
            and ours.keys() == theirs.keys()
            and all(same_value(ours[key], theirs[key], tolerance) for key in ours)
        )
    return type(value) is type(expected) and bool(value == expected)


def _value_item(value: Any) -> Item:
    """A value's shape and its numbers. Without recursion: what is expected may be nested as deeply as JSON can be."""
    shape: list[Any] = []
    numbers: list[Any] = []
    left = [value]
    while left:
        one = left.pop()
        if _is_number(one) and not (isinstance(one, float) and not math.isfinite(one)):
            shape.append("number")
            numbers.append(one)
        elif isinstance(one, list | tuple):
            shape.append(("list", len(one)))
            left += reversed(one)
        elif isinstance(one, dict):
            items = sorted(_by_text(one).items(), key=lambda item: item[0])
            shape.append(("dict", len(one), *(key for key, _ in items)))
            left += [item for _, item in reversed(items)]
        elif one is None or isinstance(one, bool | str | float):
            shape.append((type(one), repr(one)))
        else:
            shape.append(object())  # no JSON: the same as nothing
    return Item(tuple(shape), tuple(numbers), tuple(map(_rough, numbers)))


def _line_item(line: str) -> Item:
    words = line.split()
    numbers = [word for word in words if _is_numeral(word)]
    return Item(
        tuple(None if _is_numeral(word) else word for word in words), tuple(numbers), tuple(map(float, numbers))
    )


def _by_text(mapping: dict[Any, Any]) -> dict[str, Any]:
    return {_key(key): item for key, item in mapping.items()}


def _key(key: Any) -> str:
    """A key as JSON writes it, if it does."""
    if key is None or isinstance(key, bool | float):
        return json.dumps(key)
    try:
        return str(key)
    except ValueError:  # a whole number of thousands of digits, or something with one in it
        return f"{type(key)} {hash(key)}"


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_words(one: str, other: str, tolerance: float) -> bool:
    ours, theirs = one.split(), other.split()
    return len(ours) == len(theirs) and all(_same_word(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))


def _same_word(one: str, other: str, tolerance: float) -> bool:
    """Whether they are one, or numbers that are close, the expected one with a decimal point or an exponent."""
    if one == other:
        return True
    if not any(mark in other for mark in ".eE") or not _is_numeral(one) or not _is_numeral(other):
        return False
    return _near(_EXACT.create_decimal(one), _EXACT.create_decimal(other), tolerance, tolerance)


def _is_numeral(word: str) -> bool:
    return len(word) <= _LONGEST and _NUMBER.fullmatch(word) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rough(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number that no float can hold
        return math.inf if number > 0 else -math.inf


def _close(value: float, expected: float, tolerance: float) -> bool:
    """Whether numbers are the same, or close where one is a float. Of a large whole number no digit may be wrong."""
    if value == expected or (value != value and expected != expected):  # exactly, and NaN is NaN as where it is printed
        return True
    if isinstance(value, int) and isinstance(expected, int):
        return False
    if not (math.isfinite(_rough(value)) and math.isfinite(_rough(expected))):
        return False
    return _near(Decimal(value), Decimal(expected), tolerance, tolerance if isinstance(expected, float) else 0.0)


def _near(value: Decimal, expected: Decimal, absolute: float, relative: float) -> bool:
    apart = _EXACT.abs(_EXACT.subtract(value, expected))
    bound = max(Decimal(absolute), _EXACT.multiply(Decimal(relative), _EXACT.abs(expected)))
    return apart.is_finite() and bound.is_finite() and apart <= bound
