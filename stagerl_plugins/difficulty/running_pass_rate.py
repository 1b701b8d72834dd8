"""The difficulty metric `running_pass_rate`: measured online, from the run's own rollouts."""

from __future__ import annotations

from pydantic import Field

from stagerl_plugins.difficulty.outcome_counts import OutcomeCounts
from stagerl_plugins.difficulty.wilson import wilson_interval
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import DifficultyMetric, Setup
from stagerl_plugins.types import Estimate, IntArray, StepRecord

stagerl_contract = 1


class RunningPassRateOptions(Options):
    discount: float = Field(
        1.0, ge=0, le=1, description="Weight of a problem's older outcomes at each new group of it."
    )
    prior_correct: float = Field(1.0, gt=0, description="Correct rollouts assumed beforehand: the prior's alpha.")
    prior_wrong: float = Field(1.0, gt=0, description="Wrong rollouts assumed beforehand: the prior's beta.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Of the interval.")


class RunningPassRate(DifficultyMetric):
    """The pass rate that this run's own judged rollouts show, as a Beta posterior.

    With s correct and f other judged rollouts, discounted, the mean is that of Beta(alpha_0 + s, beta_0 + f): (alpha_0
    + s) / (alpha_0 + beta_0 + s + f). The interval is Wilson's for s of s + f, widened to hold the mean; before the
    first rollout it is [0, 1]. With a discount below 1 it never narrows to nothing, as the model goes on learning.
    """

    def __init__(self, options: RunningPassRateOptions, setup: Setup) -> None:
        self._options = options
        self._counts = OutcomeCounts(setup, options.discount)

    def observe(self, record: StepRecord) -> None:
        self._counts.add(record)

    def estimate(self, indices: IntArray) -> Estimate:
        correct, wrong = self._counts.correct[indices], self._counts.wrong[indices]
        alpha, beta = self._options.prior_correct + correct, self._options.prior_wrong + wrong
        mean = alpha / (alpha + beta)
        samples = correct + wrong
        low, high = wilson_interval(correct / samples.clip(min=1e-12), samples, self._options.confidence)
        return Estimate(mean, low.clip(max=mean), high.clip(min=mean))

    def metrics(self) -> dict[str, float]:
        seen = self._counts.correct + self._counts.wrong > 0
        if not seen.any():
            return {}
        rate = self._counts.correct[seen].sum() / (self._counts.correct[seen] + self._counts.wrong[seen]).sum()
        return {"mean": float(rate), "problems_seen": float(seen.sum())}


@hookimpl
def register_difficulty_metrics(register: Register) -> None:
    register("running_pass_rate", RunningPassRate, RunningPassRateOptions)
