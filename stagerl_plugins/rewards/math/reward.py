"""Reward `math`: is the answer in the last `\\boxed{}` equal to the ground truth?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Reward
from stagerl_plugins.rewards.math.answers import elements, last_number, letter, repeats, values_of_letters, words
from stagerl_plugins.rewards.math.boxed import last_boxed
from stagerl_plugins.rewards.math.equality import Equality, Percent, search
from stagerl_plugins.rewards.math.notation import spelled
from stagerl_plugins.rewards.math.units import without_unit, without_words
from stagerl_plugins.types import Outcome, Response, Verdict

stagerl_contract = 1

_OF_MATH = ("percent", "units", "order", "brackets", "inequalities")


class MathOptions(Options):
    seconds: float = Field(1.0, gt=0, description="Processor time one answer may take; beyond it, it is timed_out.")
    take: Literal["last_box", "box_or_number", "box_or_search"] = Field(
        "last_box",
        description="Where the answer stands: in the last `\\boxed{}`. A response without one is bad_format, or its "
        "last number is taken, or what Math-Verify finds in it.",
    )
    alternatives: str = Field(
        "", description="Text between the right answers in one ground truth, any of which will do; empty: it is one."
    )
    answers: Literal["math", "text", "choice"] = Field(
        "math",
        description="What answers are: mathematics; text, which is equal whatever its blanks and capitals; "
        "or the letter of a choice.",
    )
    choices: str = Field("ABCDE", pattern="^[A-Z]+$", description="The letters of `answers: choice`.")
    percent: Percent = Field(
        "either", description="What `50\\%` is equal to: 0.5 (`fraction`), 50 (`number`), or either of them."
    )
    units: Literal["ignored", "optional", "required"] = Field(
        "ignored",
        description="The unit of a ground truth that has one, in `\\text{}` at its end or as a sign, is ignored; or an "
        "answer may leave it out, but not have another one; or it must have it.",
    )
    order: Literal["by_kind", "kept", "free"] = Field(
        "by_kind",
        description="Order of the elements of an answer: matters in tuples and not in sets and lists; matters always; "
        "or never.",
    )
    brackets: Literal["by_kind", "same"] = Field(
        "by_kind",
        description="Brackets around several elements: Math-Verify's judgement, which takes `(1, 2)`, `\\{1, 2\\}` and "
        "`1, 2` for equal; or they must be the ground truth's.",
    )
    inequalities: bool = Field(
        False,
        description="`1 < x < 2` is right for the ground truth `(1, 2)` too. The other way round it always is.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> MathOptions:
        given = {name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default}
        if self.answers != "math" and (unfit := given.intersection({*_OF_MATH, "take"})):
            raise ValueError(f"{_names(unfit)}: only with answers: math")
        if self.take == "box_or_search" and (unfit := given.intersection(_OF_MATH)):
            raise ValueError(f"{_names(unfit)}: not with take: box_or_search, which finds no text to look at")
        if self.answers != "choice" and "choices" in given:
            raise ValueError("choices: only with answers: choice")
        return self


def _names(options: set[str]) -> str:
    return ", ".join(sorted(options))


class MathReward(Reward):
    """1 if Math-Verify finds the answer in the last \\boxed{} equal to the ground truth, else 0."""

    def __init__(self, options: MathOptions, setup: Any) -> None:
        self.cpu_seconds = options.seconds
        self._options = options
        self._equality = Equality(options.percent, options.inequalities)
        right = {"math": self._any_equal, "text": self._any_same_words, "choice": self._any_same_letter}
        # the rollouts of a prompt group share their ground truth, and often their answers
        self._right = lru_cache(maxsize=256)(right[options.answers])

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        """Judge each response.

        Raises:
            ValueError: A ground truth is neither text, nor a number, nor a list of these, or cannot be parsed.
        """
        return [self.judge(response) for response in responses]

    def judge(self, response: Response) -> Verdict:
        """Judge one response. Raises as `score` does."""
        truths = acceptable_answers(response.ground_truth, self._options.alternatives)
        answer = (last_boxed(response.text) or "").strip()
        if answer:
            return _verdict(self._right(truths, answer), answer)
        if self._options.take == "box_or_number" and (number := last_number(response.text)):
            return _verdict(self._right(truths, number), number)
        if self._options.take == "box_or_search" and (found := search(response.text)):
            right = any(self._equality.found(spelled(truth), found) for truth in truths)
            return _verdict(right, str(found[-1]))
        return Verdict(Outcome.BAD_FORMAT, 0.0, r"no answer in a whole \boxed{}")

    def _any_equal(self, truths: tuple[str, ...], answer: str) -> bool:
        if any(answer == truth or repeats(answer, truth) for truth in truths):
            return True
        truths, answer = tuple(map(spelled, truths)), spelled(answer)
        if not any(map(self._equality.can_read, truths)):
            raise ValueError(f"ground truth {truths!r} cannot be parsed")
        return any(self._equal(truth, answer) for truth in truths)

    def _equal(self, truth: str, answer: str) -> bool:
        given = self._options
        if given.units != "ignored":
            bare = without_unit(truth, answer, optional=given.units == "optional")
            if bare is None:
                return False
            answer = bare
        answer = without_words(truth, answer)
        if given.brackets == "same" and elements(truth)[0] != elements(answer)[0]:
            return False
        if given.order == "by_kind" and (tuples := _tuples_of_letters(truth, answer)):
            return any(self._equality.equal(*pair) for pair in tuples)
        equal = self._equality.equal(truth, answer)
        if given.order == "kept":
            return equal and self._in_order(truth, answer)
        return equal or (given.order == "free" and self._in_any_order(truth, answer))

    def _in_order(self, truth: str, answer: str) -> bool:
        (_, expected), (_, found) = elements(truth), elements(answer)
        return len(expected) != len(found) or all(map(self._equality.equal, expected, found))

    def _in_any_order(self, truth: str, answer: str) -> bool:
        (brackets, expected), (others, found) = elements(truth), elements(answer)
        if brackets != others or brackets in ("[)", "(]") or len(expected) != len(found):
            return False  # [1, 2) is an interval and no list
        for one in expected:
            match = next((other for other in found if self._equality.equal(one, other)), None)
            if match is None:
                return False
            found.remove(match)
        return True

    def _any_same_words(self, truths: tuple[str, ...], answer: str) -> bool:
        return any(_needed(words(truth), truth, "no text") == words(answer) for truth in truths)

    def _any_same_letter(self, truths: tuple[str, ...], answer: str) -> bool:
        choices = self._options.choices
        return any(
            _needed(letter(truth, choices), truth, f"none of {choices}") == letter(answer, choices) for truth in truths
        )


def _verdict(right: bool, answer: str) -> Verdict:
    shown = " ".join(answer[:200].split())
    return Verdict(Outcome.CORRECT, 1.0, shown) if right else Verdict(Outcome.WRONG, 0.0, shown)


def _tuples_of_letters(truth: str, answer: str) -> list[tuple[str, str]]:
    """What `x = 1, y = 2` is beside an answer that names nothing: its tuples, each with the answer as a tuple."""
    expected = [] if "=" in answer else values_of_letters(truth)
    brackets, found = elements(answer) if expected else ("", [])
    if brackets not in ("()", "") or not expected or len(found) != len(expected[0]):
        return []
    return [(f"({', '.join(values)})", f"({', '.join(found)})") for values in expected]


def _needed(found: str | None, truth: str, without: str) -> str:
    if not found:
        raise ValueError(f"ground truth {truth!r} has {without}")
    return found


def acceptable_answers(truth: Any, alternatives: str = "") -> tuple[str, ...]:
    """The right answers that a ground truth stands for, as LaTeX: from text, a number, or a list of these.

    Args:
        truth: The ground truth.
        alternatives: What stands between several right answers in one text; empty: a text is one answer.

    Raises:
        ValueError: It is something else, empty, or not finite.
    """
    if isinstance(truth, np.ndarray):
        truth = truth.tolist()
    if isinstance(truth, list | tuple) and truth:
        return tuple(answer for one in truth for answer in acceptable_answers(one, alternatives))
    if isinstance(truth, str):
        texts = truth.split(alternatives) if alternatives else [truth]
        if found := tuple(text.strip() for text in texts if text.strip()):
            return found
    if isinstance(truth, int | float | np.number) and not isinstance(truth, bool) and math.isfinite(truth):
        return (format(Decimal(str(truth)), "f"),)  # 1e-07 would be read as 1 * e - 7
    raise ValueError(f"ground truth {truth!r}: expected text, a number, or a list of these")


@hookimpl
def register_rewards(register: Register) -> None:
    register("math", MathReward, options=MathOptions)
