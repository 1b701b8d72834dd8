"""The sampler `greso`: GRPO with Efficient Selective Rollout (arXiv 2506.02177)."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress
from math import ceil
from typing import Any

import numpy as np
from pydantic import Field

from stagerl_plugins.config import PluginSpec
from stagerl_plugins.difficulty.outcome_counts import count_outcomes
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, DrawContext, Sampler, Setup
from stagerl_plugins.types import FloatArray, IntArray, PromptRequest, StepRecord

stagerl_contract = 1


class GresoOptions(Options):
    inner: PluginSpec = Field(
        {"uniform": {}}, min_length=1, max_length=1, description="Sampler that proposes problems."
    )
    p_easy: float = Field(0.5, gt=0, le=1, description="First base probability to keep a problem that all solved.")
    p_hard: float = Field(0.5, gt=0, le=1, description="First base probability to keep a problem that none solved.")
    target: float = Field(0.25, ge=0, le=1, description="Share of zero-variance groups to aim at.")
    easy_part: float = Field(1 / 3, ge=0, le=1, description="Part of that share meant for groups that all solved.")
    adjustment: float = Field(0.01, ge=0, le=1, description="Change of a base probability in one step.")


class Greso(Sampler):
    """Skips, before rollout, problems whose latest groups had no variance; around any inner sampler.

    Method of arXiv 2506.02177 (section "Methodology", probabilistic pre-rollout filtering). A problem whose z latest
    groups in a row all had equal rewards is skipped with probability 1 - p^z, but never with more than 0.99. p is
    `p_easy` if all those rollouts were correct, else `p_hard`. Both tune themselves after each step, within 0.05 to
    0.95: down by `adjustment` if the share of such groups in the step is at or above its target, else up. The targets
    are 1/3 and 2/3 of 25 %. Tuning starts when a problem returns, as before that there is no history to filter by (the
    authors' code starts in the second epoch). Once the whole pool was proposed, skipped problems fill the batch; what
    is kept beyond a batch waits for the next draw.
    """

    def __init__(self, options: GresoOptions, setup: Setup) -> None:
        self._options = options
        self._rng = setup.rng
        self._inner: Sampler = setup.build("sampler", options.inner, "inner")
        self.mixes = self._inner.mixes
        self._streak = setup.column("streak", 0)  # z; negative where none of the rollouts was correct
        self._seen = setup.column("seen", False)
        self._p_easy, self._p_hard = options.p_easy, options.p_hard
        self._skipped = 0
        self._waiting: list[PromptRequest] = []  # kept, but beyond a batch
        self._problems = setup.problems

    def stage_began(self, context: Context) -> None:
        self._waiting.clear()

    def draw(self, context: DrawContext, count: int) -> list[PromptRequest]:
        indices = _indices(self._waiting)
        allowed = context.pool.allows(indices)
        kept, waiting = list(compress(self._waiting, allowed)), list(compress(self._waiting, ~allowed))
        pool = context.pool.without(indices)
        skipped: list[PromptRequest] = []
        tried = 0
        while len(kept) < count and len(pool) > 0:
            share = (tried - len(skipped) + 1) / (tried + 1)  # of what was proposed in this draw, how much is kept
            proposed = self._inner.draw(replace(context, pool=pool), ceil((count - len(kept)) / share))
            if not proposed:
                break
            indices = _indices(proposed)
            pool = pool.without(indices)
            keep = self._rng.random(len(indices)) < self._keep_probability(indices)
            kept += compress(proposed, keep)
            skipped += compress(proposed, ~keep)
            tried += len(proposed)
        self._skipped += len(skipped)
        self._waiting = waiting + kept[count:]
        return (kept + skipped)[:count]

    def _keep_probability(self, indices: IntArray) -> FloatArray:
        streak = self._streak[indices]
        probability: FloatArray = np.where(streak > 0, self._p_easy, self._p_hard) ** np.abs(streak)
        return np.maximum(probability, 0.01)

    def observe(self, record: StepRecord) -> None:
        groups = [group for group, _ in record.groups if len(group.scores) > 1]
        returned = any(self._seen[group.index] for group in groups)
        easy = hard = 0
        for group in groups:
            correct, judged = count_outcomes(group)
            streak = int(self._streak[group.index])
            self._seen[group.index] = True
            if np.ptp(group.scores) > 0:
                self._streak[group.index] = 0
            elif correct == judged:
                self._streak[group.index] = max(streak, 0) + 1
                easy += 1
            else:
                self._streak[group.index] = min(streak, 0) - 1
                hard += 1
        if returned:
            target_easy = self._options.target * self._options.easy_part
            self._p_easy = self._tuned(self._p_easy, easy / len(groups), target_easy)
            self._p_hard = self._tuned(self._p_hard, hard / len(groups), self._options.target - target_easy)

    def _tuned(self, probability: float, share: float, target: float) -> float:
        change = -self._options.adjustment if share >= target else self._options.adjustment
        return min(max(probability + change, 0.05), 0.95)

    def metrics(self) -> dict[str, float]:
        return {"p_easy": self._p_easy, "p_hard": self._p_hard, "skipped": self._skipped}

    def state_dict(self) -> dict[str, Any]:
        waiting = [[self._problems.ids[r.index], r.n, dict(r.settings)] for r in self._waiting]
        return {"p_easy": self._p_easy, "p_hard": self._p_hard, "skipped": self._skipped, "waiting": waiting}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._p_easy, self._p_hard, self._skipped = state["p_easy"], state["p_hard"], state["skipped"]
        found = [(self._problems.get(identifier), n, settings) for identifier, n, settings in state["waiting"]]
        self._waiting = [PromptRequest(index, n, settings) for index, n, settings in found if index is not None]


def _indices(requests: list[PromptRequest]) -> IntArray:
    return np.array([request.index for request in requests], dtype=np.int64)


@hookimpl
def register_samplers(register: Register) -> None:
    register("greso", Greso, GresoOptions)
