"""The gate `zero_variance`."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, Gate, Setup
from stagerl_plugins.types import Admission, Group

stagerl_contract = 1


class ZeroVarianceOptions(Options):
    min_std: float = Field(1e-6, ge=0, description="Least standard deviation of a group's scores that is trained on.")


class ZeroVariance(Gate):
    """Rejects groups whose scores are all equal, or nearly so: their advantages, and so their gradient, are zero.

    GRPO divides a group's centred scores by their standard deviation (arXiv 2402.03300, section 4.1.2), to which verl
    adds 1e-6, the default of `min_std`. With refill this gate is DAPO's dynamic sampling (arXiv 2503.14476, equation
    11). A group of one rollout has no variance to judge by and is admitted.
    """

    def __init__(self, options: ZeroVarianceOptions, setup: Setup) -> None:
        self._min_std = options.min_std

    def admit(self, context: Context, group: Group) -> Admission:
        scores = group.scores
        if len(scores) < 2 or (np.ptp(scores) > 0 and scores.std() >= self._min_std):
            return Admission(True)
        return Admission(False, "zero variance")


@hookimpl
def register_gates(register: Register) -> None:
    register("zero_variance", ZeroVariance, ZeroVarianceOptions)
