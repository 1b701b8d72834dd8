"""Reward `weighted`: several rewards for one problem, each with its weight and kept as a metric of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from pydantic import Field, field_validator

from stagerl_plugins.config import PluginSpec
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Reward, Setup
from stagerl_plugins.types import Outcome, Response, Verdict

stagerl_contract = 1


class WeightedReward(Options):
    reward: PluginSpec = Field(description="The reward.")
    weight: float = Field(1.0, description="Factor on its score; 0 keeps it as a metric alone.")


class WeightedOptions(Options):
    rewards: dict[str, WeightedReward] = Field(
        min_length=1, description="Rewards by name, each as `{reward: SPEC, weight: 1.0}`; the first gives the outcome."
    )

    @field_validator("rewards")
    @classmethod
    def _names_of_metrics(cls, rewards: dict[str, WeightedReward]) -> dict[str, WeightedReward]:
        for name in rewards:
            if not re.fullmatch(r"\w[\w-]*", name, re.ASCII):
                raise ValueError(f"a reward's name here has letters, digits, _ and -, got '{name}'")
        return rewards


class Weighted(Reward):
    """The weighted sum of several rewards' scores, with the outcome of the first.

    Each score is a part by its name, and a part `length` of the reward `answer` is one as `answer/length`. Where the
    first reward, or one whose weight is not 0, could not judge the response, the sum could not either.
    """

    isolated = False
    keeps_time = True  # each of its rewards has its own bound

    def __init__(self, options: WeightedOptions, setup: Setup) -> None:
        self._weights = {name: one.weight for name, one in options.rewards.items()}
        self._rewards: list[Reward] = [
            setup.build("reward", one.reward, f"rewards.{name}.reward") for name, one in options.rewards.items()
        ]

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        """Have each reward judge all responses, at the same time."""
        columns = await asyncio.gather(*(reward.score(responses) for reward in self._rewards))
        return [self._sum(dict(zip(self._weights, row, strict=True))) for row in zip(*columns, strict=True)]

    def _sum(self, verdicts: dict[str, Verdict]) -> Verdict:
        first = next(iter(verdicts.values()))
        total = 0.0
        parts: dict[str, float] = {}
        for name, verdict in verdicts.items():
            if verdict.score is not None:
                total += self._weights[name] * verdict.score
                parts |= {name: verdict.score, **{f"{name}/{part}": value for part, value in verdict.parts.items()}}
            elif verdict is first or self._weights[name] != 0:
                return Verdict(Outcome.NOT_JUDGED, None, f"{name}: {verdict.detail}")
        return Verdict(first.outcome, total, first.detail, parts)


@hookimpl
def register_rewards(register: Register) -> None:
    register("weighted", Weighted, options=WeightedOptions)
