"""The sampler `frontier`."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from stagerl_plugins import DifficultyMetric, DrawContext, Options, PromptRequest, Sampler, Setup
from stagerl_plugins.config import PluginSpec


class FrontierOptions(Options):
    difficulty: PluginSpec = Field({"level_pass_rate": {}}, description="Difficulty metric to go by.")
    target: float = Field(0.5, ge=0, le=1, description="Pass rate of the problems that are wanted most.")


class Frontier(Sampler):
    """Draws the problems whose estimated pass rate is nearest to a target; equally near ones at random."""

    def __init__(self, options: FrontierOptions, setup: Setup) -> None:
        self._target, self._rng = options.target, setup.rng
        self._difficulty: DifficultyMetric = setup.build("difficulty_metric", options.difficulty, "difficulty")

    def draw(self, context: DrawContext, count: int) -> list[PromptRequest]:
        free = context.pool.indices
        distance = np.abs(self._difficulty.estimate(free).mean - self._target)
        nearest = np.lexsort((self._rng.random(len(free)), distance))[:count]
        return [PromptRequest(int(index)) for index in free[nearest]]
