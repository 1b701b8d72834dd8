"""The samplers `uniform`, `sequential`, `mopps` and `greso`, in a real curriculum."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagerl_plugins.config import parse
from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.testing.simulation import simulated_config
from stagerl_plugins.types import Admission, Group, Outcome, Rollout, StepRecord, Verdict

PLUGINS = load_plugins()
ADMITTED = Admission(True)


def curriculum(sampler, count=12, domains=None, seed=0, **stage):
    problems = Problems([f"p{number}" for number in range(count)], domains=domains)
    stages = {"one": {"max_steps": 100, **stage}, "two": {"max_steps": 100, **stage}}
    raw = simulated_config(PLUGINS, sampler=sampler, stages=stages, gates={}, seed=seed)
    started = Curriculum(parse(raw, PLUGINS), problems, PLUGINS)
    started.start(1)
    return started


def drawn(one, step, count):
    one.begin_step(step)
    return [request.index for request in one.draw(count)]


def group(index, correct, n=4, not_judged=0):
    scores = [1.0] * correct + [0.0] * (n - correct)
    rollouts = [Rollout(Verdict(Outcome.CORRECT if s else Outcome.WRONG, s), 10) for s in scores]
    rollouts += [Rollout(Verdict.not_judged("no answer"), 10)] * not_judged
    return Group(index, f"p{index}", "one", 1, tuple(rollouts))


def observe(one, step, groups):
    one.observe(StepRecord(step, one.stage, tuple((g, ADMITTED) for g in groups)), len(groups))


@given(count=st.integers(1, 30), batch=st.integers(1, 12), refill=st.integers(0, 4), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("name", ["uniform", "sequential"])
def test_every_problem_once_before_any_again(name, count, batch, refill, seed):
    """Refills included: what is drawn was never drawn more often than what could have been drawn in its place."""
    one, times = curriculum(name, count, seed=seed), Counter(dict.fromkeys(range(count), 0))
    for step in range(1, 15):
        one.begin_step(step)
        in_step = set()
        for size in (batch, refill):
            for request in one.draw(size):
                assert not [i for i in range(count) if times[i] < times[request.index] and i not in in_step]
                in_step.add(request.index)
                times[request.index] += 1
    assert max(times.values()) - min(times.values()) <= 1


def test_uniform_covers_a_pool_in_one_round_in_random_order():
    one = curriculum("uniform", 12)
    rounds = [[index for step in range(1, 4) for index in drawn(one, step, 4)] for _ in range(3)]
    assert [sorted(order) for order in rounds] == [list(range(12))] * 3
    assert len({tuple(order) for order in rounds}) == 3


def test_uniform_is_uniform():
    """Each problem is in the first batch about equally often; chi-square of 9 degrees of freedom, p = 0.001."""
    firsts = Counter(index for seed in range(400) for index in drawn(curriculum("uniform", 10, seed=seed), 1, 3))
    expected = 400 * 3 / 10
    assert sum((firsts[index] - expected) ** 2 / expected for index in range(10)) < 27.9


def test_a_new_visit_to_a_stage_begins_a_new_round():
    one = curriculum("uniform", 12)
    first = set(drawn(one, 1, 8))
    one.advance(2, one.decide(2))
    again = drawn(one, 2, 12)
    assert sorted(again) == list(range(12))
    assert set(again[:8]) != set(range(12)) - first


def test_sequential_keeps_the_order_of_the_file_and_wraps():
    one = curriculum("sequential", 5)
    assert [drawn(one, step, 2) for step in range(1, 5)] == [[0, 1], [2, 3], [4, 0], [1, 2]]


def test_sequential_keeps_the_order_in_each_domain_of_a_mix():
    one = curriculum("sequential", 6, domains=["math", "code"] * 3, mix={"math": 2, "code": 1})
    assert [drawn(one, step, 3) for step in (1, 2, 3)] == [[0, 2, 1], [4, 0, 3], [2, 4, 5]]


@pytest.mark.parametrize("name", ["uniform", "sequential"])
def test_problems_that_join_on_resume_are_drawn_first_and_then_keep_pace(name):
    one = curriculum(name, 6)
    for step in range(1, 10):
        drawn(one, step, 4)
    larger = curriculum(name, 8)
    larger.load_state_dict(one.state_dict())
    assert set(drawn(larger, 10, 2)) == {6, 7}
    later = Counter(index for step in range(11, 23) for index in drawn(larger, step, 4))
    assert max(later.values()) - min(later.values()) <= 1


def test_mopps_draws_uniformly_before_it_knows_anything():
    firsts = Counter(index for seed in range(300) for index in drawn(curriculum("mopps", 10, seed=seed), 1, 3))
    assert sum((firsts[index] - 90) ** 2 / 90 for index in range(10)) < 27.9


def test_mopps_finds_the_problems_near_its_target():
    """30 problems with pass rates from 0 to 1: soon most draws are problems between 0.25 and 0.75."""
    rates, rng = np.linspace(0, 1, 30), np.random.default_rng(1)
    one = curriculum({"mopps": {"discount": 1.0}}, 30)
    chosen = []
    for step in range(1, 61):
        indices = drawn(one, step, 5)
        observe(one, step, [group(i, int(rng.binomial(8, rates[i])), 8) for i in indices])
        chosen += indices if step > 30 else []
    near = np.mean((rates[chosen] > 0.25) & (rates[chosen] < 0.75))
    assert near > 0.8


def test_mopps_follows_the_papers_recursion():
    """alpha <- lambda alpha + (1 - lambda) alpha_0 + s, with s correct of the judged rollouts; others stay."""
    one = curriculum({"mopps": {"discount": 0.5, "prior_correct": 2.0, "prior_wrong": 3.0}}, 3)
    alpha, beta = 2.0, 3.0
    for step, correct in enumerate((3, 0, 4), start=1):
        observe(one, step, [group(1, correct, 4, not_judged=2)])
        alpha = 0.5 * alpha + 0.5 * 2.0 + correct
        beta = 0.5 * beta + 0.5 * 3.0 + 4 - correct
    columns = {name: values for name, (values, _) in one.tree.nodes["sampler"].columns.items()}
    assert 2.0 + columns["correct"][1] == pytest.approx(alpha)
    assert 3.0 + columns["wrong"][1] == pytest.approx(beta)
    assert columns["correct"].tolist()[::2] == [0, 0]


def test_greso_skips_a_problem_the_more_the_longer_it_shows_no_variance():
    """1 - p^z: after z = 3 solved groups in a row with p = 0.5, it is kept in about an eighth of the draws."""
    one = curriculum({"greso": {"adjustment": 0.0}}, 40)
    for step in (1, 2, 3):
        observe(one, step, [group(index, 4 if index < 20 else 2) for index in range(40)])
    kept = Counter(index < 20 for step in range(4, 204) for index in drawn(one, step, 10))
    assert kept[True] / kept[False] == pytest.approx(1 / 8, rel=0.35)


@pytest.mark.parametrize(
    ("correct", "streaks"), [((4, 4, 4), 3), ((0, 0), -2), ((4, 4, 0), -1), ((0, 4), 1), ((4, 1), 0)]
)
def test_greso_counts_the_latest_groups_without_variance_in_a_row(correct, streaks):
    one = curriculum("greso", 3)
    for step, number in enumerate(correct, start=1):
        observe(one, step, [group(1, number)])
    assert one.tree.nodes["sampler"].columns["streak"][0].tolist() == [0, streaks, 0]


def test_greso_learns_nothing_from_a_group_with_a_single_verdict():
    one = curriculum("greso", 3)
    observe(one, 1, [group(0, 1, n=1, not_judged=3), group(1, 0, n=0, not_judged=4)])
    assert one.tree.nodes["sampler"].columns["streak"][0].tolist() == [0, 0, 0]
    assert not one.tree.nodes["sampler"].columns["seen"][0].any()


def test_greso_tunes_itself_towards_its_target_once_problems_return():
    one = curriculum("greso", 12)
    steps = [
        ([group(index, 4) for index in range(8)], (0.5, 0.5)),  # nothing was seen before: not tuned
        ([group(index, 4) for index in range(8)], (0.49, 0.51)),  # too many that all solve, too few that none does
        ([group(index, 0) for index in range(8)], (0.50, 0.50)),
        ([group(index, 2) for index in range(8)], (0.51, 0.51)),
    ]
    for step, (groups, (p_easy, p_hard)) in enumerate(steps, start=1):
        observe(one, step, groups)
        numbers = one.metrics()
        assert (numbers["sampler/p_easy"], numbers["sampler/p_hard"]) == pytest.approx((p_easy, p_hard))


def test_greso_fills_the_batch_when_all_problems_would_be_skipped():
    one = curriculum({"greso": {"p_easy": 0.01}}, 8)
    for step in range(1, 9):
        observe(one, step, [group(index, 4) for index in range(8)])
    assert len(drawn(one, 9, 6)) == 6
    assert sorted(drawn(one, 10, 20)) == list(range(8))


def test_greso_saves_rollouts_on_problems_that_show_nothing():
    """A third of the problems is solved always, a third never: fewer rollouts are spent on them than by `uniform`."""
    rng = np.random.default_rng(0)
    rate = np.repeat([0.0, 0.5, 1.0], 20)

    def wasted(sampler):
        one, flat, all_ = curriculum(sampler, 60), 0, 0
        for step in range(1, 121):
            groups = [group(index, int(rng.binomial(8, rate[index])), 8) for index in drawn(one, step, 6)]
            observe(one, step, groups)
            flat += sum(np.ptp(g.scores) == 0 for g in groups)
            all_ += len(groups)
        return flat / all_

    assert wasted("uniform") > 0.6
    assert wasted("greso") < 0.5


def test_greso_asks_the_sampler_that_it_was_given():
    one = curriculum({"greso": {"inner": "sequential"}}, 6)
    assert [drawn(one, step, 4) for step in (1, 2)] == [[0, 1, 2, 3], [4, 5, 0, 1]]


def half_without_variance(count=40, **settings):
    """A run of `greso` around `sequential`, in which no rollout of the even problems was ever right."""
    one = curriculum({"greso": {"inner": "sequential"}}, count, **settings)
    for step in range(1, 10):
        observe(one, step, [group(index, 0 if index % 2 == 0 else 2) for index in range(count)])
    one.advance(10, one.decide(10))
    return one


def test_greso_leaves_nothing_out_that_it_does_not_skip():
    """However many problems it has to look at for a batch, those with variance come in the inner sampler's order."""
    one = half_without_variance()
    chosen = [index for step in range(10, 60) for index in drawn(one, step, 3)]
    with_variance = [index for index in chosen if index % 2]
    assert with_variance == [1 + 2 * (place % 20) for place in range(len(with_variance))]
    assert len(with_variance) > 130


def test_greso_leaves_nothing_out_in_any_domain_of_a_mix():
    one = half_without_variance(domains=["math", "math", "code", "code"] * 10, mix={"math": 2, "code": 1})
    chosen = [index for step in range(10, 60) for index in drawn(one, step, 3)]
    for first in (1, 3):
        of_a_domain = [index for index in chosen if index % 4 == first]
        assert of_a_domain == [first + 4 * (place % 10) for place in range(len(of_a_domain))]


def test_greso_goes_on_after_a_resume_as_if_there_had_been_none():
    one = half_without_variance()
    for step in range(10, 60):
        resumed = curriculum({"greso": {"inner": "sequential"}}, 40)
        resumed.load_state_dict(one.state_dict())
        assert drawn(resumed, step, 3) == drawn(one, step, 3)


def test_greso_asks_the_inner_sampler_seldom_even_where_it_skips_nearly_all(monkeypatch):
    one = curriculum("greso", 4000)
    for step in range(1, 10):
        observe(one, step, [group(index, 0) for index in range(4000)])
    inner, asked = one.tree.nodes["sampler/inner"].part, []
    draw = inner.draw
    monkeypatch.setattr(inner, "draw", lambda context, count: asked.append(count) or draw(context, count))
    for step in range(10, 20):
        assert len(drawn(one, step, 16)) == 16
    assert len(asked) < 100


def test_a_wrong_inner_sampler_is_one_line():
    with pytest.raises(
        UserError, match=r"sampler\.greso\.inner: no sampler is called 'unifrom': did you mean 'uniform'\?"
    ):
        curriculum({"greso": {"inner": "unifrom"}})
