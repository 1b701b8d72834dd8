"""The stage policy `pass_rate_threshold`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from stagerl_plugins.difficulty.outcome_counts import count_outcomes
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, Setup, StagePolicy
from stagerl_plugins.types import Decision, Move, StepRecord

stagerl_contract = 1


class PassRateThresholdOptions(Options):
    threshold: float = Field(gt=0, le=1, description="Pass rate at which the stage has done its work.")
    window: int = Field(10, ge=1, description="Latest steps of the stage over which the pass rate is taken.")


class PassRateThreshold(StagePolicy):
    """Advances when the pass rate over the latest steps reaches a threshold.

    The pass rate is the number of correct rollouts over the number of judged ones in the whole window, groups that a
    gate rejected included. Steps without any judged rollout do not count as steps.
    """

    def __init__(self, options: PassRateThresholdOptions, setup: Setup) -> None:
        self._options = options
        self._steps: list[tuple[int, int]] = []  # correct and judged rollouts of each step

    def stage_began(self, context: Context) -> None:
        self._steps = []

    def observe(self, record: StepRecord) -> None:
        counts = [count_outcomes(group) for group, _ in record.groups]
        correct, judged = sum(c for c, _ in counts), sum(j for _, j in counts)
        if judged > 0:
            self._steps = [*self._steps, (correct, judged)][-self._options.window :]

    def decide(self, context: Context) -> Decision:
        if len(self._steps) < self._options.window:
            return Decision(Move.STAY, f"{len(self._steps)} of the {self._options.window} steps of a window are seen")
        rate, threshold = self._pass_rate(), self._options.threshold
        reached = rate >= threshold
        reason = f"the pass rate {rate:.3f} is {'at or above' if reached else 'below'} {threshold:g}"
        return Decision(Move.ADVANCE if reached else Move.STAY, reason, {"pass_rate": rate, "threshold": threshold})

    def _pass_rate(self) -> float:
        return sum(correct for correct, _ in self._steps) / sum(judged for _, judged in self._steps)

    def metrics(self) -> dict[str, float]:
        return {"pass_rate": self._pass_rate()} if self._steps else {}

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps = [(correct, judged) for correct, judged in state["steps"]]


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("pass_rate_threshold", PassRateThreshold, PassRateThresholdOptions)
