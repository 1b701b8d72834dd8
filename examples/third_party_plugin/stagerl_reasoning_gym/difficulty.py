"""The difficulty metric `level_pass_rate`."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from stagerl_plugins import DifficultyMetric, Estimate, Options, Outcome, Setup, StepRecord
from stagerl_plugins.errors import UserError
from stagerl_plugins.types import IntArray


class LevelPassRateOptions(Options):
    prior: float = Field(8.0, gt=0, description="Rollouts that the first guess of a level's pass rate is worth.")


class LevelPassRate(DifficultyMetric):
    """Pass rate of a problem's generator level: all problems of a level share what is observed.

    Before the first rollout the guess falls evenly from the lowest level to the highest.
    """

    def __init__(self, options: LevelPassRateOptions, setup: Setup) -> None:
        levels = setup.problems.feature("generator_level")
        if not np.isfinite(levels).all():
            raise UserError("some problems have no generator_level: make them with stagerl_reasoning_gym.problems")
        self._level = levels.astype(np.int64)
        count = int(self._level.max()) + 1
        self._judged = np.full(count, options.prior)
        self._right = options.prior * np.arange(count, 0, -1) / (count + 1)

    def observe(self, record: StepRecord) -> None:
        for group, _ in record.groups:
            level = self._level[group.index]
            self._judged[level] += len(group.scores)
            self._right[level] += sum(rollout.verdict.outcome is Outcome.CORRECT for rollout in group.rollouts)

    def estimate(self, indices: IntArray) -> Estimate:
        judged, right = self._judged[self._level[indices]], self._right[self._level[indices]]
        mean = right / judged
        margin = 2 * np.sqrt(mean * (1 - mean) / judged)
        return Estimate(mean, np.clip(mean - margin, 0, 1), np.clip(mean + margin, 0, 1))

    def metrics(self) -> dict[str, float]:
        return {f"level_{level}": float(rate) for level, rate in enumerate(self._right / self._judged)}

    def state_dict(self) -> dict[str, Any]:
        return {"judged": self._judged, "right": self._right}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        known = min(len(self._judged), len(state["judged"]))  # the problems may have gained or lost levels
        self._judged[:known], self._right[:known] = state["judged"][:known], state["right"][:known]
