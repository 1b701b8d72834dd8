"""The sampler `uniform`."""

from __future__ import annotations

from stagerl_plugins.curriculum.samplers.rounds import next_in_round
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, DrawContext, Sampler, Setup
from stagerl_plugins.types import PromptRequest

stagerl_contract = 1


class Uniform(Sampler):
    """Every problem once, in random order, before any again; begins anew with each visit to a stage."""

    def __init__(self, options: Options, setup: Setup) -> None:
        self._rng = setup.rng
        self._draws = setup.column("draws", 0)

    def stage_began(self, context: Context) -> None:
        self._draws[:] = 0

    def draw(self, context: DrawContext, count: int) -> list[PromptRequest]:
        pool = context.pool.indices
        return next_in_round(self._draws, pool, self._rng.random(len(pool)), count)


@hookimpl
def register_samplers(register: Register) -> None:
    register("uniform", Uniform)
