"""The stage policy `token_budget`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, Setup, StagePolicy
from stagerl_plugins.types import Decision, Move, StepRecord

stagerl_contract = 1


class TokenBudgetOptions(Options):
    tokens: int = Field(ge=1, description="Response tokens that may be generated, rejected groups included.")
    move: Literal["advance", "stop"] = Field("advance", description="What happens then; `stop` makes sense in a guard.")


class TokenBudget(StagePolicy):
    """Moves when a number of tokens has been generated: in the stage for `advance`, in the whole run for `stop`.

    With it, curricula are compared at equal cost of generation, which a number of steps does not give: gates draw
    again, and responses grow.
    """

    outlives_rollback = True  # what was generated stays generated

    def __init__(self, options: TokenBudgetOptions, setup: Setup) -> None:
        self._options = options
        self._generated = 0

    def stage_began(self, context: Context) -> None:
        if self._options.move == "advance":
            self._generated = 0

    def observe(self, record: StepRecord) -> None:
        self._generated += record.tokens_generated

    def decide(self, context: Context) -> Decision:
        spent = self._generated >= self._options.tokens
        reason = f"{self._generated:,} of {self._options.tokens:,} tokens are generated"
        evidence = {"generated": self._generated, "tokens": self._options.tokens}
        return Decision(Move(self._options.move) if spent else Move.STAY, reason, evidence)

    def metrics(self) -> dict[str, float]:
        return {"generated": self._generated}

    def state_dict(self) -> dict[str, Any]:
        return {"generated": self._generated}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generated = state["generated"]


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("token_budget", TokenBudget, TokenBudgetOptions)
