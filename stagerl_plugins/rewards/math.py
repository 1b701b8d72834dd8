"""Reward `math`: is the answer in the last `\\boxed{}` equal to the ground truth?"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import numpy as np
from pydantic import Field

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Reward
from stagerl_plugins.rewards.boxed import last_boxed
from stagerl_plugins.types import Outcome, Response, Verdict

stagerl_contract = 1

_WARM_UP = (r"\frac{1}{2}", r"50\%", r"\sqrt{2}+x^2", r"(1, 2]", r"\{1, 2\}", "x=3", r"\text{B}", "1,000.5")


class MathOptions(Options):
    seconds: float = Field(1.0, gt=0, description="Processor time one answer may take; beyond it, it is timed_out.")


class MathReward(Reward):
    """1 if Math-Verify finds the answer in the last \\boxed{} equal to the ground truth, else 0."""

    def __init__(self, options: MathOptions, setup: Any) -> None:
        self.cpu_seconds = options.seconds
        _math_verify()

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        """Judge each response.

        Raises:
            ValueError: A ground truth is neither text, nor a number, nor a list of these, or cannot be parsed.
        """
        return [_judge(response) for response in responses]


def _judge(response: Response) -> Verdict:
    truths = acceptable_answers(response.ground_truth)
    answer = last_boxed(response.text)
    if answer is None or not answer.strip():
        return Verdict(Outcome.BAD_FORMAT, 0.0, r"no answer in a whole \boxed{}")
    shown = " ".join(answer[:200].split())
    if _equal(truths, answer.strip()):
        return Verdict(Outcome.CORRECT, 1.0, shown)
    return Verdict(Outcome.WRONG, 0.0, shown)


def acceptable_answers(truth: Any) -> tuple[str, ...]:
    """The right answers that a ground truth stands for, as LaTeX: from text, a number, or a list of these.

    Raises:
        ValueError: It is something else, empty, or not finite.
    """
    if isinstance(truth, np.ndarray):
        truth = truth.tolist()
    if isinstance(truth, list | tuple) and truth:
        return tuple(answer for one in truth for answer in acceptable_answers(one))
    if isinstance(truth, str) and truth.strip():
        return (truth.strip(),)
    if isinstance(truth, int | float | np.number) and not isinstance(truth, bool) and math.isfinite(truth):
        return (format(Decimal(str(truth)), "f"),)  # 1e-07 would be read as 1 * e - 7
    raise ValueError(f"ground truth {truth!r}: expected text, a number, or a list of these")


@lru_cache(maxsize=256)  # the rollouts of a prompt group share their ground truth, and often their answers
def _equal(truths: tuple[str, ...], answer: str) -> bool:
    _, verify = _math_verify()
    # an answer that repeats the ground truth is right, whether or not it can be parsed
    return answer in truths or verify(_parse_truths(truths), _parse(answer), timeout_seconds=None)


@lru_cache(maxsize=256)
def _parse_truths(truths: tuple[str, ...]) -> list[Any]:
    parsed = [expression for truth in truths for expression in _parse(truth)]
    if not parsed:
        raise ValueError(f"ground truth {truths!r} cannot be parsed")
    return parsed


def _parse(answer: str) -> list[Any]:
    """Let Math-Verify read an answer: what it found in it, as SymPy expressions and as text."""
    parse, _ = _math_verify()
    text = rf"\boxed{{{answer}}}"
    if answer.endswith("%"):
        # Math-Verify takes 50\% for 0.5 only if the sign stands outside of the formula
        number = answer[:-1].rstrip("\\, ")
        text = rf"$\boxed{{{number}}}$\%"
    return list(parse(text, parsing_timeout=None))


@cache
def _math_verify() -> tuple[Callable[..., Any], Callable[..., bool]]:
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


@hookimpl
def register_rewards(register: Register) -> None:
    register("math", MathReward, options=MathOptions)
