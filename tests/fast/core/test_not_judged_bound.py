"""A run stops when too many rollouts cannot be judged for too long."""

import pytest

from stagerl_plugins.config import Judging
from stagerl_plugins.training.not_judged import NotJudgedBound, VerdictsFailError
from stagerl_plugins.types import Admission, Group, Outcome, Rollout, StepRecord, Verdict


def step(number, judged, lost):
    verdicts = [Verdict(Outcome.WRONG, 0.0)] * judged + [Verdict.not_judged("the sandbox was lost")] * lost
    group = Group(0, "p", "s", number, tuple(Rollout(verdict, 5) for verdict in verdicts))
    return StepRecord(number, "s", ((group, Admission(True)),))


def test_it_stops_after_the_configured_steps_in_a_row_and_says_why():
    bound = NotJudgedBound(Judging(most_not_judged=0.25, not_judged_steps=3))
    for number in (1, 2):
        bound.check(step(number, 2, 2))
    with pytest.raises(
        VerdictsFailError, match=r"^50% of the rollouts of step 3 could not be judged.*: the sandbox was"
    ):
        bound.check(step(3, 2, 2))


def test_a_step_within_the_bound_begins_the_count_anew():
    bound = NotJudgedBound(Judging(most_not_judged=0.5, not_judged_steps=2))
    for number in range(20):
        bound.check(step(number, 1, 3 if number % 2 else 1))


def test_1_sets_no_bound():
    bound = NotJudgedBound(Judging(most_not_judged=1.0, not_judged_steps=1))
    bound.check(step(1, 0, 4))
    bound.check(StepRecord(2, "s", ()))
