"""A run whose verdicts fail stops: it would train on ever fewer rollouts, and nobody would notice."""

from __future__ import annotations

from collections import Counter

from stagerl_plugins.config import Judging
from stagerl_plugins.types import StepRecord


class VerdictsFailError(Exception):
    """Too many rollouts could not be judged for too long."""


class NotJudgedBound:
    """Counts the steps in a row in which more rollouts than allowed were `not_judged`.

    Args:
        judging: The bound on their share, and the number of steps.
    """

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._steps = 0

    def check(self, record: StepRecord) -> None:
        """Look at a step's rollouts.

        Raises:
            VerdictsFailError: The bound was passed for as many steps as it may be; says why most were not judged.
        """
        verdicts = [rollout.verdict for group, _ in record.groups for rollout in group.rollouts]
        reasons = Counter(verdict.detail for verdict in verdicts if not verdict.judged)
        share = reasons.total() / max(1, len(verdicts))
        self._steps = self._steps + 1 if share > self._judging.most_not_judged else 0
        if self._steps >= self._judging.not_judged_steps:
            ((reason, _),) = reasons.most_common(1)
            raise VerdictsFailError(
                f"{share:.0%} of the rollouts of step {record.step} could not be judged, and more than "
                f"{self._judging.most_not_judged:.0%} (judging.most_not_judged) in each of {self._steps} steps; "
                f"most often: {reason or 'no reason given'}"
            )
