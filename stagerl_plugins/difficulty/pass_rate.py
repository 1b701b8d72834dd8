"""The difficulty metric `pass_rate`: measured offline, before the run."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from stagerl_plugins.difficulty.wilson import wilson_interval
from stagerl_plugins.errors import UserError
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import DifficultyMetric, Setup
from stagerl_plugins.types import Estimate, IntArray

stagerl_contract = 1


class PassRateOptions(Options):
    grader: str = Field(description="The grader, such as `p15`: reads `pass_rate_p15` and `samples_p15`.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Of the interval.")


class PassRate(DifficultyMetric):
    """A grader's pass rate, from the columns that grading wrote, with Wilson's interval from its number of samples.

    A problem that the grader has no samples of is estimated as 0.5 within [0, 1].

    Raises:
        UserError: The problems lack one of the columns, or a pass rate is outside [0, 1].
    """

    def __init__(self, options: PassRateOptions, setup: Setup) -> None:
        rate = setup.problems.feature(f"pass_rate_{options.grader}")
        samples = setup.problems.feature(f"samples_{options.grader}")
        graded = np.isfinite(rate) & (samples > 0)
        outside = graded & ((rate < 0) | (rate > 1))
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            raise UserError(
                f"pass_rate_{options.grader} of problem '{setup.problems.ids[row]}' is {rate[row]}: expected 0 to 1"
            )
        self._rate = np.where(graded, rate, 0.5)
        self._low, self._high = wilson_interval(self._rate, np.where(graded, samples, 0.0), options.confidence)

    def estimate(self, indices: IntArray) -> Estimate:
        return Estimate(self._rate[indices], self._low[indices], self._high[indices])


@hookimpl
def register_difficulty_metrics(register: Register) -> None:
    register("pass_rate", PassRate, PassRateOptions)
