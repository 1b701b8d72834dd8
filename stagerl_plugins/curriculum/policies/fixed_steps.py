"""The stage policy `fixed_steps`."""

from __future__ import annotations

from pydantic import Field

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, Setup, StagePolicy
from stagerl_plugins.types import Decision, Move

stagerl_contract = 1


class FixedStepsOptions(Options):
    steps: int = Field(ge=1, description="Steps in the stage.")


class FixedSteps(StagePolicy):
    """Advances after a number of steps in the stage."""

    def __init__(self, options: FixedStepsOptions, setup: Setup) -> None:
        self._steps = options.steps

    def decide(self, context: Context) -> Decision:
        done = context.step - context.stage_began_at
        move = Move.ADVANCE if done >= self._steps else Move.STAY
        return Decision(move, f"{done} of {self._steps} steps are done", {"done": done, "steps": self._steps})


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("fixed_steps", FixedSteps, FixedStepsOptions)
