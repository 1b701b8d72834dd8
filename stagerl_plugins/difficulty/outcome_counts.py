"""Correct and wrong rollouts of each problem, with older ones discounted."""

from __future__ import annotations

from stagerl_plugins.protocols import Setup
from stagerl_plugins.types import Group, Outcome, StepRecord


def count_outcomes(group: Group) -> tuple[int, int]:
    """How many of a group's rollouts were correct, and how many were judged at all."""
    outcomes = [rollout.verdict.outcome for rollout in group.rollouts if rollout.verdict.judged]
    return outcomes.count(Outcome.CORRECT), len(outcomes)


class OutcomeCounts:
    """Counts for each problem, kept in columns. Rollouts that were not judged count as nothing.

    Args:
        setup: Of the plugin that the columns belong to.
        discount: Factor on a problem's older counts when a new group of it arrives; 1 keeps all.

    Attributes:
        correct: Discounted number of correct rollouts, float64, shape (problems,).
        wrong: Discounted number of judged rollouts that were not correct, likewise.
    """

    def __init__(self, setup: Setup, discount: float) -> None:
        self._discount = discount
        self.correct = setup.column("correct", 0.0)
        self.wrong = setup.column("wrong", 0.0)

    def add(self, record: StepRecord) -> None:
        """Count the groups of a step, rejected ones too."""
        for group, _ in record.groups:
            correct, judged = count_outcomes(group)
            if judged > 0:
                self.correct[group.index] = self._discount * self.correct[group.index] + correct
                self.wrong[group.index] = self._discount * self.wrong[group.index] + judged - correct
