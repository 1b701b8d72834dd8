"""Reward `overlong`: DAPO's soft overlong punishment (arXiv 2503.14476, section 3.4, equation 13)."""

from __future__ import annotations

from pydantic import Field, model_validator

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.rewards.function import reward
from stagerl_plugins.types import Outcome, Response, Verdict

stagerl_contract = 1


class OverlongOptions(Options):
    cache_tokens: int = Field(ge=1, description="L_cache: the last tokens before the limit, over which it falls to -1.")
    most_tokens: int | None = Field(None, ge=1, description="L_max: the limit; the response's budget if left out.")

    @model_validator(mode="after")
    def _cache_within_the_limit(self) -> OverlongOptions:
        if self.most_tokens is not None and self.cache_tokens > self.most_tokens:
            raise ValueError(f"cache_tokens is {self.cache_tokens}, above most_tokens, {self.most_tokens}")
        return self


@reward
def overlong(response: Response, options: OverlongOptions) -> Verdict:
    """A punishment for length: 0, then down to -1 over the last tokens before the limit.

    With a response of n tokens: 0 up to L_max - L_cache; (L_max - L_cache - n) / L_cache up to L_max; -1 beyond. Added
    to a reward for being right, by `weighted`.
    """
    limit = response.budget if options.most_tokens is None else options.most_tokens
    if response.tokens is None or limit is None:
        unknown = "length in tokens" if response.tokens is None else "budget (set most_tokens)"
        return Verdict.not_judged(f"the response's {unknown} is not known here")
    if options.cache_tokens > limit:
        return Verdict.not_judged(f"cache_tokens is {options.cache_tokens}, above the response's budget, {limit}")
    free = limit - options.cache_tokens
    score = max(-1.0, min(0.0, (free - response.tokens) / options.cache_tokens))
    outcome = Outcome.CORRECT if score == 0 else Outcome.WRONG if score == -1 else Outcome.PARTIAL
    return Verdict(outcome, score, f"{response.tokens} of {limit} tokens")


@hookimpl
def register_rewards(register: Register) -> None:
    register("overlong", overlong, options=OverlongOptions)
