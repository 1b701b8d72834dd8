"""The plugins that a simulated run needs besides the one under test, so that it needs no built-in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, DrawContext, Gate, Reward, Sampler, Setup
from stagerl_plugins.types import Admission, Group, Outcome, PromptRequest, Response, Verdict

stagerl_contract = 1


class StandInSampler(Sampler):
    """Draws at random."""

    def __init__(self, options: Options, setup: Setup) -> None:
        self._rng = setup.rng

    def draw(self, context: DrawContext, count: int) -> list[PromptRequest]:
        chosen = self._rng.permutation(context.pool.indices)[:count]
        return [PromptRequest(int(index)) for index in chosen]


class StandInGate(Gate):
    """Rejects groups of equal scores."""

    def __init__(self, options: Options, setup: Setup) -> None:
        pass

    def admit(self, context: Context, group: Group) -> Admission:
        return Admission(bool(np.ptp(group.scores) > 0), "equal scores")


class StandInReward(Reward):
    """Finds every response wrong."""

    def __init__(self, options: Options, setup: Setup) -> None:
        pass

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        return [Verdict(Outcome.WRONG, 0.0) for _ in responses]


@hookimpl
def register_samplers(register: Register) -> None:
    register("stand_in", StandInSampler)


@hookimpl
def register_gates(register: Register) -> None:
    register("stand_in", StandInGate)


@hookimpl
def register_rewards(register: Register) -> None:
    register("stand_in", StandInReward)
