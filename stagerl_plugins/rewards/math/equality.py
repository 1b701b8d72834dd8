"""Are two answers equal? Math-Verify's judgement, at the speed of a comparison where that is enough."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Literal

from stagerl_plugins.rewards.math.answers import other_bases, percentage, same_text, same_time
from stagerl_plugins.rewards.math.numbers import plain_number

Percent = Literal["either", "fraction", "number"]

_WARM_UP = (r"\frac{1}{2}", r"50\%", r"\sqrt{2}+x^2", r"(1, 2]", r"\{1, 2\}", "x=3", r"\text{B}", "1,000.5")
_ROUNDED_AWAY = 5e-7  # six decimals show nothing of such a number
_ROUNDED_MOSTLY = 1e-3  # and of one below this three digits at the most
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")


class Equality:
    """Math-Verify's judgement of two answers, and what a percentage is to it.

    Args:
        percent: What `50\\%` is: `fraction` for 0.5, `number` for 50, `either` for whichever the other answer is.
        inequalities: Whether an inequality may answer for an interval; an interval may for an inequality anyway.
    """

    def __init__(self, percent: Percent = "either", inequalities: bool = False) -> None:
        self._percent = percent
        self._inequalities = inequalities
        math_verify()
        self._parse = lru_cache(maxsize=256)(read_as_a_whole)  # rollouts of a group share truths and answers

    def equal(self, truth: str, answer: str) -> bool:
        """Whether an answer is equal to the ground truth: the order matters to Math-Verify."""
        if answer == truth:  # right, whether or not it can be parsed
            return True
        if other_bases(truth, answer):
            return False  # Math-Verify leaves bases out
        if _INTEGER.fullmatch(truth) and _INTEGER.fullmatch(answer):
            return False  # integers are equal if they are written alike
        if (same := same_time(truth, answer)) is not None:
            return same  # ratios to Math-Verify
        one, other = percentage(truth), percentage(answer)
        if one is not None and other is not None:
            return self._verify(self._parse(one), self._parse(other))
        return self._verify(self._read(truth), self._read(answer)) or same_text(truth, answer)

    def found(self, truth: str, found: list[Any]) -> bool:
        """Whether what Math-Verify found in a response is equal to the ground truth."""
        number = percentage(truth)
        # it knows the sign only outside of the formula; inside, an equal text is all that it finds
        outside = [] if number is None else search(rf"$\boxed{{{number}}}$\%")
        return self._verify([*outside, *self._parse(truth)], found)

    def can_read(self, truth: str) -> bool:
        """Whether a ground truth says anything to Math-Verify."""
        return bool(_INTEGER.fullmatch(truth) or self._read(truth))

    def _verify(self, truth: list[Any], answer: list[Any]) -> bool:
        try:
            return any(self._same(one, other) for one in truth for other in answer)
        except RecursionError:  # 5!!!!!… is deeper than any ground truth
            return False

    def _same(self, one: Any, other: Any) -> bool:
        _, verify = math_verify()
        numbers = _with_imaginary_unit(one), _with_imaginary_unit(other)
        readings = [numbers] if numbers == (one, other) else [numbers, (one, other)]
        return not _far_apart(*numbers) and any(
            verify(*reading, timeout_seconds=None, allow_set_relation_comp=self._inequalities) for reading in readings
        )

    def _read(self, answer: str) -> list[Any]:
        """What an answer is beside one that is no percentage: a percentage is a number, or hundredths, or either."""
        number = percentage(answer)
        if number is None:
            return self._parse(answer)
        numbers = [found for found in self._parse(number) if not isinstance(found, str)]
        if self._percent == "number":
            return numbers
        fractions = [part for found in numbers if (part := _hundredth(found)) is not None]
        return fractions if self._percent == "fraction" else [*numbers, *fractions, *self._parse(answer)]


def read_as_a_whole(answer: str) -> list[Any]:
    """What an answer is as a whole, and its text.

    Of what it cannot read Math-Verify would take a number or fraction that stands somewhere in it: 3 of `\\neq 3`.
    """
    if (number := plain_number(answer)) is not None:
        return number
    parse, _ = math_verify()
    return list(parse(rf"\boxed{{{answer}}}", _boxes_alone(), parsing_timeout=None))


@cache
def _boxes_alone() -> tuple[Any, ...]:
    from math_verify import LatexExtractionConfig

    return (LatexExtractionConfig(try_extract_without_anchor=False),)


def _hundredth(found: Any) -> Any:
    """A hundredth of a number, named or not; None of anything else."""
    from sympy import Eq, Expr, Rational

    if isinstance(found, Eq) and isinstance(found.rhs, Expr):
        return Eq(found.lhs, found.rhs * Rational(1, 100), evaluate=False)
    try:
        return found * Rational(1, 100) if isinstance(found, Expr) else None
    except RecursionError:
        return None


def _far_apart(one: Any, other: Any) -> bool:
    """Whether two exact numbers surely differ: by a thousandth, or of a number below 1 by a thousandth of it.

    Math-Verify would say no after a long simplification; of numbers below 1e-15 it would say that they are equal. It
    says so where one is rounded and both have the same first six decimals, which are too few where both are rounded and
    below 0.001, or where they are all zero: these are told apart alike.
    """
    from sympy import Add, Expr, Float, Mul, S, UnevaluatedExpr

    try:
        inexact = (UnevaluatedExpr, S.Infinity, S.NegativeInfinity, S.ComplexInfinity)
        if not all(isinstance(a, Expr) and a.is_number and not a.has(*inexact) for a in (one, other)):
            return False  # of percentages more than one value is right
        rounded = one.has(Float) + other.has(Float)
        if rounded and not max(abs(one), abs(other)) < (_ROUNDED_MOSTLY if rounded == 2 else _ROUNDED_AWAY):
            return False
        apart = Add(one, Mul(-1, other, evaluate=False), evaluate=False)  # 9^{9^9} must not be worked out
        # strict: of equal numbers with hundreds of digits rounding would leave a distance that is none
        distance, size = (abs(number.evalf(15, strict=True)) for number in (apart, one))
        return bool(distance > 1e-3 * (min(1, size) or 1))
    except Exception:  # noqa: BLE001  such as for no real number, or lost digits; Math-Verify decides
        return False


def search(text: str) -> list[Any]:
    """What Math-Verify finds in a text, as SymPy expressions and as text; nothing if it finds no answer."""
    parse, _ = math_verify()
    return list(parse(text, parsing_timeout=None))


def _with_imaginary_unit(found: Any) -> Any:
    """The number i in place of the letter, which is real to Math-Verify after a digit and not real elsewhere."""
    from sympy import I, Mul, Symbol

    letters = getattr(found, "free_symbols", ())  # text has none
    if not any(letter.name == "i" for letter in letters):
        return found
    if any(len(product.free_symbols) > 1 for product in found.atoms(Mul)):
        return found  # a word, which is a product of its letters
    try:
        return found.xreplace({letter: I if letter.name == "i" else Symbol(letter.name) for letter in letters})
    except (TypeError, ValueError):  # an interval of such numbers
        return found


@cache
def math_verify() -> tuple[Callable[..., Any], Callable[..., bool]]:
    """Math-Verify's `parse` and `verify`, imported and warmed up: the first calls fill its parser's tables.

    Its own time limits are signals and stay off: the verdict process is limited from outside.
    """
    from math_verify import parse, verify
    from sympy.utilities.exceptions import SymPyDeprecationWarning

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its time limits are off
    warnings.simplefilter("ignore", SymPyDeprecationWarning)  # odd answers would fill the log
    for answer in _WARM_UP:
        for text in (rf"\boxed{{{answer}}}", rf"$\boxed{{{answer}}}$\%"):
            verify(parse(text, parsing_timeout=None), parse(r"\boxed{7}", parsing_timeout=None), timeout_seconds=None)
    return parse, verify
