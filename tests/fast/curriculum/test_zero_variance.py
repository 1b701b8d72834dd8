"""The gate `zero_variance`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.curriculum.gates.zero_variance import ZeroVariance, ZeroVarianceOptions
from stagerl_plugins.protocols import Context
from stagerl_plugins.types import Group, Outcome, Rollout, Verdict

CONTEXT = Context(step=3, stage="one", stage_began_at=1, visit=1)


def admits(scores, **options):
    rollouts = tuple(Rollout(Verdict(Outcome.PARTIAL, score), 10) for score in scores)
    rollouts += (Rollout(Verdict.not_judged("no answer"), 10),)
    return ZeroVariance(ZeroVarianceOptions(**options), None).admit(CONTEXT, Group(0, "p0", "one", 3, rollouts)).admit


@given(score=st.floats(-1e12, 1e12), n=st.integers(2, 16))
def test_equal_scores_are_rejected_whatever_they_are(score, n):
    assert not admits([score] * n)
    assert not admits([score] * n, min_std=0.0)


@given(n=st.integers(1, 15))
def test_one_other_score_is_enough(n):
    assert admits([1.0] + [0.0] * n)


@pytest.mark.parametrize(("scores", "admitted"), [([0.0, 1.0], True), ([0.4, 0.5], False), ([0.3, 0.5], True)])
def test_a_least_standard_deviation(scores, admitted):
    assert admits(scores, min_std=0.1) is admitted


def test_scores_that_differ_by_a_rounding_error_are_rejected():
    assert not admits([0.1 + 0.2, 0.3])
