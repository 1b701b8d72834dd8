"""The stage policy `plateau`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from stagerl_plugins.curriculum.policies.trend import p_slower, theil_sen_slope
from stagerl_plugins.curriculum.policies.validation_value import validation_value
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, Setup, StagePolicy
from stagerl_plugins.types import Decision, Move, StepRecord

stagerl_contract = 1


class PlateauOptions(Options):
    signal: Literal["reward", "validation"] = Field("reward", description="The step's mean reward, or validation.")
    validation_set: str | None = Field(None, description="Name of the validation set; the mean of all if left out.")
    window: int = Field(50, ge=8, description="Latest values of the signal that are tested.")
    min_gain: float = Field(0.03, gt=0, description="Gain over one window that still counts as progress.")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Chance that a window with just that progress seems slower.")
    patience: int = Field(3, ge=1, description="Windows in a row, each one value on, that must seem slower.")
    min_steps: int = Field(0, ge=0, description="Steps in the stage before it may end.")

    @model_validator(mode="after")
    def _set_of_validation(self) -> PlateauOptions:
        if self.validation_set is not None and self.signal != "validation":
            raise ValueError("validation_set is only for `signal: validation`")
        return self


class Plateau(StagePolicy):
    """Advances when a signal is shown to gain less than a stated amount over a window.

    "No significant trend" would be no plateau: with enough noise nothing is ever significant. So the test is turned
    round. Its null hypothesis is the slowest progress that counts, a pace of `min_gain` / `window`, and the latest
    `patience` windows must each reject it at `alpha`, by the rank test of `trend.p_slower`:

        S = sum over i < j of sign((y_j - y_i) - pace * (j - i))        z = (S + 1) / sqrt(n * (n - 1) * (2n + 5) / 18)

    with p = P(Z <= z) <= alpha. A rank test needs no normal noise, and a few wild values change little. Noise makes it
    wait instead of triggering it. Where values scatter with standard deviation s, a flat signal is recognised at once
    with

        window >= 12 * ((z_(1 - alpha) + 1) * s / min_gain)^2

    and with a shorter one later, or by the stage's own bound. A sampler that aims at a pass rate keeps the reward flat
    by itself: use validation with one. A window counts values, so for validation it is so many validations.
    """

    def __init__(self, options: PlateauOptions, setup: Setup) -> None:
        self._options = options
        self._values: list[float] = []

    def stage_began(self, context: Context) -> None:
        self._values = []

    def observe(self, record: StepRecord) -> None:
        scores = np.concatenate([group.scores for group, _ in record.groups] or [np.empty(0)])
        if self._options.signal == "reward" and len(scores) > 0:
            self._append(float(scores.mean()))

    def observe_validation(self, step: int, values: Mapping[str, float]) -> None:
        if self._options.signal == "validation" and values:
            self._append(validation_value(values, self._options.validation_set))

    def _append(self, value: float) -> None:
        self._values = [*self._values, value][-(self._options.window + self._options.patience - 1) :]

    def decide(self, context: Context) -> Decision:
        options, missing = self._options, self._options.window + self._options.patience - 1 - len(self._values)
        if missing > 0:
            return Decision(Move.STAY, f"{missing} more values are needed to see a plateau")
        gain = self._gain()
        values = np.lib.stride_tricks.sliding_window_view(np.array(self._values), options.window)
        p = max(p_slower(window, options.min_gain / options.window) for window in values)
        evidence = {"gain": gain, "min_gain": options.min_gain, "p": p, "alpha": options.alpha}
        reason = f"gain {gain:+.3g} over {options.window} values, p = {p:.2g}"
        if p > options.alpha or context.step - context.stage_began_at < options.min_steps:
            return Decision(Move.STAY, reason, evidence)
        return Decision(Move.ADVANCE, f"a plateau: {reason}", evidence)

    def _gain(self) -> float:
        window = np.array(self._values[-self._options.window :])
        return theil_sen_slope(window) * self._options.window

    def metrics(self) -> dict[str, float]:
        return {"gain": self._gain()} if len(self._values) >= self._options.window else {}

    def state_dict(self) -> dict[str, Any]:
        return {"values": self._values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._values = list(state["values"])


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("plateau", Plateau, PlateauOptions)
