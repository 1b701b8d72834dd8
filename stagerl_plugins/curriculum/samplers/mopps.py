"""The sampler `mopps`: Model Predictive Prompt Selection (arXiv 2507.04632)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from stagerl_plugins.difficulty.outcome_counts import OutcomeCounts
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import DrawContext, Sampler, Setup
from stagerl_plugins.types import PromptRequest, StepRecord

stagerl_contract = 1


class MoppsOptions(Options):
    target: float = Field(0.5, ge=0, le=1, description="Pass rate to look for: the paper's gamma*.")
    discount: float = Field(0.5, ge=0, le=1, description="Weight of older outcomes: the paper's lambda; 1 keeps all.")
    candidates: int = Field(16, ge=1, description="Problems to choose from, for each one that is drawn.")
    prior_correct: float = Field(1.0, gt=0, description="Correct rollouts assumed beforehand: the prior's alpha.")
    prior_wrong: float = Field(1.0, gt=0, description="Wrong rollouts assumed beforehand: the prior's beta.")


class Mopps(Sampler):
    """Draws the problems whose pass rate, sampled from a Beta posterior, is nearest to a target.

    Method of arXiv 2507.04632 (section "Method", its algorithm 1). A problem's pass rate gamma has the posterior
    Beta(alpha, beta). When the problem was drawn and s of its n judged rollouts were correct, with discount lambda,

        alpha <- lambda * alpha + (1 - lambda) * alpha_0 + s
        beta  <- lambda * beta  + (1 - lambda) * beta_0  + n - s

    which is the prior plus discounted counts. To draw B problems, `candidates` * B are picked uniformly, one gamma ~
    Beta(alpha, beta) is sampled for each (Thompson sampling), and those with the least |gamma - target| are taken. The
    defaults are those of the authors' scripts (which use 8 or 16 candidates).
    """

    def __init__(self, options: MoppsOptions, setup: Setup) -> None:
        self._options = options
        self._rng = setup.rng
        self._counts = OutcomeCounts(setup, options.discount)

    def draw(self, context: DrawContext, count: int) -> list[PromptRequest]:
        pool = context.pool.indices
        candidates = self._rng.choice(pool, min(len(pool), count * self._options.candidates), replace=False)
        alpha = self._options.prior_correct + self._counts.correct[candidates]
        beta = self._options.prior_wrong + self._counts.wrong[candidates]
        distance = np.abs(self._rng.beta(alpha, beta) - self._options.target)
        return [PromptRequest(int(index)) for index in candidates[np.argsort(distance)[:count]]]

    def observe(self, record: StepRecord) -> None:
        self._counts.add(record)


@hookimpl
def register_samplers(register: Register) -> None:
    register("mopps", Mopps, MoppsOptions)
