"""The stage policy `mastered`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from stagerl_plugins import Context, Decision, Move, Options, Outcome, Setup, StagePolicy, StepRecord


class MasteredOptions(Options):
    pass_rate: float = Field(0.8, gt=0, le=1, description="Share of right responses at which the stage is mastered.")
    rollouts: int = Field(256, ge=1, description="Judged rollouts of the stage that the share is taken over at least.")


class Mastered(StagePolicy):
    """Advances when enough of the stage's rollouts were right."""

    def __init__(self, options: MasteredOptions, setup: Setup) -> None:
        self._options = options
        self._right = self._judged = 0

    def stage_began(self, context: Context) -> None:
        self._right = self._judged = 0

    def observe(self, record: StepRecord) -> None:
        for group, _ in record.groups:
            self._judged += len(group.scores)
            self._right += sum(rollout.verdict.outcome is Outcome.CORRECT for rollout in group.rollouts)

    def decide(self, context: Context) -> Decision:
        rate = self._right / max(self._judged, 1)
        mastered = self._judged >= self._options.rollouts and rate >= self._options.pass_rate
        reason = f"{self._right} of {self._judged} rollouts were right"
        return Decision(Move.ADVANCE if mastered else Move.STAY, reason, {"pass_rate": rate})

    def state_dict(self) -> dict[str, Any]:
        return {"right": self._right, "judged": self._judged}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._right, self._judged = state["right"], state["judged"]
