"""Reward `format`: the form of a response alone, as DeepSeek-R1's format reward (arXiv 2501.12948, section 2.2.2)."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.rewards.function import reward
from stagerl_plugins.rewards.math.boxed import last_boxed
from stagerl_plugins.types import Outcome, Response, Verdict

stagerl_contract = 1


class FormatOptions(Options):
    form: Literal["boxed", "think", "think_boxed"] | None = Field(
        None, description="`think`: a closed `<think>…</think>`, then text; `boxed`: a whole `\\boxed{}`; or both."
    )
    pattern: str | None = Field(None, description="Or a regular expression that the whole response must match.")

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _one_of_both(self) -> FormatOptions:
        if (self.form is None) == (self.pattern is None):
            raise ValueError("give it a form or a pattern, and not both")
        return self


@reward(cpu_seconds=1.0)  # a pattern may take for ever on a response made for it
def format_alone(response: Response, options: FormatOptions) -> Verdict:
    """1 for a response of the right form, whatever it says, else 0.

    Where the opening `<think>` stands in the prompt, the response need not repeat it. In a pattern `.` stands for line
    ends, too; a response that keeps it busy for longer than a second is `timed_out`.
    """
    fault = _fault_of_form(response.text, options.form) if options.pattern is None else None
    if options.pattern is not None and not re.fullmatch(options.pattern, response.text.strip(), re.DOTALL):
        fault = "does not match the pattern"
    return Verdict(Outcome.BAD_FORMAT, 0.0, fault) if fault else Verdict(Outcome.CORRECT, 1.0)


def _fault_of_form(text: str, form: str | None) -> str | None:
    """What a response lacks of a form, in time that is linear in its length."""
    answer = text
    if form != "boxed":
        thoughts, closing, answer = text.partition("</think>")
        thoughts = thoughts.strip().removeprefix("<think>")
        if not closing or "<think>" in thoughts or "<think>" in answer or "</think>" in answer:
            return "no single, closed <think>…</think>"
        if not answer.strip():
            return "nothing after </think>"
    if form != "think" and not (last_boxed(answer) or "").strip():
        return r"no answer in a whole \boxed{}"
    return None


@hookimpl
def register_rewards(register: Register) -> None:
    register("format", format_alone, options=FormatOptions)
