"""The stage policy `plateau`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field, model_validator

from stagerl_plugins.curriculum.policies.noise import robust_noise
from stagerl_plugins.curriculum.policies.trend import p_slower, theil_sen_slope, values_to_tell
from stagerl_plugins.curriculum.policies.validation_value import validation_value
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, Setup, StagePolicy
from stagerl_plugins.types import Decision, Move, StepRecord

stagerl_contract = 1

_LONGEST = 1000  # values that are kept


class PlateauOptions(Options):
    signal: Literal["reward", "validation"] = Field("reward", description="The step's mean reward, or validation.")
    validation_set: str | None = Field(None, description="Name of the validation set; the mean of all if left out.")
    window: int = Field(50, ge=8, description="Latest values of the signal that are tested, or more if it is noisy.")
    min_gain: float = Field(0.01, gt=0, description="Gain over `window` values that still counts as progress.")
    alpha: float = Field(0.01, gt=0, lt=0.5, description="Chance that a window with just that progress seems slower.")
    patience: int = Field(3, ge=1, description="Windows in a row, each one value on, that must seem slower.")
    min_steps: int = Field(0, ge=0, description="Steps in the stage before it may end.")

    @model_validator(mode="after")
    def _fit_together(self) -> PlateauOptions:
        if self.validation_set is not None and self.signal != "validation":
            raise ValueError("validation_set is only for `signal: validation`")
        if self.window + self.patience - 1 > _LONGEST:
            raise ValueError(f"window and patience need more than the {_LONGEST} values that are kept")
        return self


class Plateau(StagePolicy):
    """Advances when a signal is shown to gain less than a stated amount over a window.

    "No significant trend" would be no plateau: with enough noise nothing is ever significant. So the test is turned
    round. Its null hypothesis is the slowest progress that counts, b = `min_gain` / `window` a value, and the latest
    `patience` windows must each reject it, by a one-sided rank test (`trend.p_slower`: Mann, Kendall, Sen):

        S = sum over i < j of sign((y_j - y_i) - b * (j - i))        z = (S + 1) / sqrt(n * (n - 1) * (2n + 5) / 18)

    with P(Z <= z) <= `alpha`. It needs no normal noise, and a few wild values change little. But it is asked at every
    step, and where noise drowns the signal a test at level alpha says yes by chance once in 1 / alpha windows. So a
    window has as many values as it takes to tell a flat signal from progress at the noise s that is seen, `window` at
    least:

        n = max(window, (12 * ((1 + z_(1 - alpha)) * s / b)^2)^(1/3))

    (`trend.values_to_tell`, and `noise.robust_noise` for s). Noise thus makes it wait: ten times the noise takes a
    window 4.6 times as long, and where that is more than the stage has had, or more than 1000, it stays.

    A sampler that aims at a pass rate keeps the reward flat by itself: use validation with one. Windows count values,
    so for validation they count validations. Measured rates of false and missed triggers are in the documentation.
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
        self._values = [*self._values, value][-_LONGEST:]

    def decide(self, context: Context) -> Decision:
        options, values = self._options, np.array(self._values)
        pace = options.min_gain / options.window
        noise = robust_noise(values)
        window = max(options.window, values_to_tell(noise, pace, options.alpha))
        if len(values) < window + options.patience - 1:
            return Decision(Move.STAY, f"{len(values)} values are seen, at a noise of {noise:.2g} it takes {window}")
        latest = sliding_window_view(values, window)[-options.patience :]
        p = p_slower(latest[-1], pace)
        if p <= options.alpha:  # only then the windows before it matter
            p = max(p_slower(one, pace) for one in latest)
        evidence = {"p": p, "alpha": options.alpha, "min_gain": options.min_gain, "noise": noise, "window": window}
        if p > options.alpha:
            return Decision(
                Move.STAY, f"a gain of {options.min_gain:g} in {options.window} values is possible", evidence
            )
        evidence["gain"] = theil_sen_slope(latest[-1]) * options.window
        reason = (
            f"gain of {evidence['gain']:+.2g} in {options.window} values, below {options.min_gain:g} with p = {p:.2g}"
        )
        if context.step - context.stage_began_at < options.min_steps:
            return Decision(Move.STAY, f"a plateau before {options.min_steps} steps: {reason}", evidence)
        return Decision(Move.ADVANCE, f"a plateau: {reason}", evidence)

    def metrics(self) -> dict[str, float]:
        window = np.array(self._values[-self._options.window :])
        if len(window) < self._options.window:
            return {}
        return {"gain": theil_sen_slope(window) * self._options.window, "noise": robust_noise(window)}

    def state_dict(self) -> dict[str, Any]:
        return {"values": self._values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._values = list(state["values"])


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("plateau", Plateau, PlateauOptions)
