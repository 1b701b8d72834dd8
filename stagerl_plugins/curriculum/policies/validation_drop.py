"""The stage policy `validation_drop`: a guard."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
from pydantic import Field

from stagerl_plugins.curriculum.policies.noise import successive_noise
from stagerl_plugins.curriculum.policies.validation_value import validation_value
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, Setup, StagePolicy
from stagerl_plugins.student import student_quantile
from stagerl_plugins.types import Decision, Move

stagerl_contract = 1

_HISTORY = 50  # validations before the stage that the noise is taken from, at most
_LEAST = 3  # and at least


class ValidationDropOptions(Options):
    validation_set: str | None = Field(None, description="Name of the validation set; the mean of all if left out.")
    window: int = Field(3, ge=1, le=20, description="Validations on either side that are averaged and compared.")
    alpha: float = Field(
        0.005, gt=0, lt=0.5, description="Chance that noise alone looks like a fall, at one validation."
    )
    min_drop: float = Field(0.02, ge=0, description="A smaller fall is not worth going back for, however certain.")


class ValidationDrop(StagePolicy):
    """Goes back when validation has fallen below its level before the stage, by more than noise explains.

    What going back would return to is the checkpoint at the end of the stage before. So its level A, the mean of the
    last k = `window` validations before this stage, is compared with B, the mean of the latest k in it. By chance alone
    A - B has standard deviation s * sqrt(2 / k), with s from the successive differences of the n validations before the
    stage (`noise.successive_noise`: a trend adds little to it, and what happens in this stage nothing). It goes back if

        A - B > max(t * s * sqrt(2 / k), min_drop)

    with Student's t at 1 - `alpha` for 2(n - 1) / 3 degrees of freedom, which asks for more while n is small. It needs
    k validations in the stage, and k and 3 before it. In the first stage, with nothing to return to, it stays.
    """

    def __init__(self, options: ValidationDropOptions, setup: Setup) -> None:
        self._options = options
        self._before: list[float] = []
        self._during: list[float] = []

    def stage_began(self, context: Context) -> None:
        self._before = [*self._before, *self._during][-_HISTORY:]
        self._during = []

    def observe_validation(self, step: int, values: Mapping[str, float]) -> None:
        if values:
            self._during.append(validation_value(values, self._options.validation_set))

    def decide(self, context: Context) -> Decision:
        k, n = self._options.window, len(self._before)
        if n < max(k, _LEAST) or len(self._during) < k:
            return Decision(Move.STAY, "too few validations to tell a fall from noise")
        drop = float(np.mean(self._before[-k:]) - np.mean(self._during[-k:]))
        noise = successive_noise(np.array(self._before)) * sqrt(2 / k)
        bound = max(student_quantile(1 - self._options.alpha, 2 * (n - 1) / 3) * noise, self._options.min_drop)
        reason = f"validation fell by {drop:.3g}, {bound:.3g} are let pass"
        return Decision(Move.BACK if drop > bound else Move.STAY, reason, {"drop": drop, "bound": bound})

    def state_dict(self) -> dict[str, Any]:
        return {"before": list(self._before), "during": list(self._during)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._before, self._during = list(state["before"]), list(state["during"])


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("validation_drop", ValidationDrop, ValidationDropOptions)
