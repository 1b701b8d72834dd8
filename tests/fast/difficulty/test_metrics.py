"""The difficulty metrics `pass_rate` and `running_pass_rate`, and Wilson's interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.curriculum.tree import Tree
from stagerl_plugins.difficulty.wilson import wilson_interval
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.types import Admission, Group, Outcome, Rollout, StepRecord, Verdict

PLUGINS = load_plugins()


def metric(name, problems, **options):
    return Tree(problems, PLUGINS, seed=0).build("difficulty_metric", {name: options}, name)


def graded(rates, samples):
    ids = [f"p{number}" for number in range(len(rates))]
    features = {"pass_rate_p15": np.array(rates), "samples_p15": np.array(samples, float)}
    return Problems(ids, features=features)


def record(*groups):
    """A step's record, from (problem, outcomes)."""
    judged = {Outcome.CORRECT: 1.0, Outcome.PARTIAL: 0.5, Outcome.NOT_JUDGED: None}
    made = [
        Group(index, f"p{index}", "one", 1, tuple(Rollout(Verdict(o, judged.get(o, 0.0)), 10) for o in outcomes))
        for index, outcomes in groups
    ]
    return StepRecord(1, "one", tuple((group, Admission(False, "rejected")) for group in made))


def test_pass_rate_reads_what_grading_wrote():
    estimate = metric("pass_rate", graded([0.25, 1.0, 0.0], [16, 16, 16]), grader="p15").estimate(np.array([2, 0]))
    assert estimate.mean.tolist() == [0.0, 0.25]
    assert estimate.low == pytest.approx([0.0, 0.1018], abs=1e-4)  # Wilson's for 0 and 4 of 16, from a table
    assert estimate.high == pytest.approx([0.1936, 0.4950], abs=1e-4)


def test_a_problem_that_was_not_graded_could_be_anything():
    estimate = metric("pass_rate", graded([np.nan, 0.5], [0, 0]), grader="p15").estimate(np.array([0, 1]))
    assert (estimate.mean.tolist(), estimate.low.tolist(), estimate.high.tolist()) == ([0.5] * 2, [0, 0], [1, 1])


def test_a_grader_that_there_is_not_is_one_line():
    with pytest.raises(UserError, match="no numeric column 'pass_rate_p7': did you mean 'pass_rate_p15'"):
        metric("pass_rate", graded([0.5], [4]), grader="p7")


def test_a_pass_rate_that_is_none_is_one_line():
    with pytest.raises(UserError, match=r"pass_rate_p15 of problem 'p1' is 25\.0: expected 0 to 1"):
        metric("pass_rate", graded([0.5, 25.0], [4, 4]), grader="p15")


def test_running_pass_rate_is_a_beta_posterior_of_judged_rollouts():
    one = metric("running_pass_rate", graded([0.0] * 3, [0] * 3))
    right, wrong, lost = Outcome.CORRECT, Outcome.WRONG, Outcome.NOT_JUDGED
    one.observe(record((0, [right, right, right, wrong]), (1, [lost, lost]), (2, [Outcome.PARTIAL, right, lost])))
    estimate = one.estimate(np.arange(3))
    assert estimate.mean == pytest.approx([4 / 6, 1 / 2, 2 / 4])
    assert (estimate.low[1], estimate.high[1]) == (0, 1)
    assert estimate.high[0] - estimate.low[0] < 1
    assert one.metrics() == {"mean": pytest.approx(4 / 6), "problems_seen": 2.0}


def test_a_discount_forgets_what_the_model_could_not_do():
    forgetful, faithful = (
        metric("running_pass_rate", graded([0.0], [0]), discount=discount) for discount in (0.5, 1.0)
    )
    for outcome in [Outcome.WRONG] * 5 + [Outcome.CORRECT] * 5:
        for one in (forgetful, faithful):
            one.observe(record((0, [outcome] * 4)))
    now = np.array([0])
    assert faithful.estimate(now).mean == pytest.approx([0.5])
    assert forgetful.estimate(now).mean[0] > 0.8


@given(n=st.integers(1, 200), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_wilsons_interval_holds_the_rate_and_stays_in_bounds(n, share, confidence):
    rate = np.array([round(share * n) / n])
    low, high = wilson_interval(rate, np.array([float(n)]), confidence)
    assert 0 <= low[0] <= rate[0] <= high[0] <= 1


def test_wilsons_interval_covers():
    """Of intervals at 95 % from 16 samples, 93 to 98 % hold the true rate, whatever it is."""
    rng = np.random.default_rng(0)
    for truth in (0.02, 0.1, 0.3, 0.5, 0.9):
        low, high = wilson_interval(rng.binomial(16, truth, 20_000) / 16, np.full(20_000, 16.0), 0.95)
        assert 0.92 < np.mean((low <= truth) & (truth <= high)) < 0.99
