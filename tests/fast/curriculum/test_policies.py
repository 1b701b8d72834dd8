"""The stage policies, each fed with what it decides from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagerl_plugins.curriculum.policies.combined import first_in_precedence
from stagerl_plugins.curriculum.policies.noise import successive_noise
from stagerl_plugins.curriculum.policies.trend import p_slower, theil_sen_slope
from stagerl_plugins.curriculum.tree import Tree
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import Context
from stagerl_plugins.types import Admission, Decision, Group, Move, Outcome, Rollout, StepRecord, Verdict

PLUGINS = load_plugins()


def policy(name, **options):
    return Tree(Problems(["p0"]), PLUGINS, seed=0).build("stage_policy", {name: options}, "until")


def at(step, began=1):
    return Context(step=step, stage="one", stage_began_at=began, visit=1)


def record(step, *rollouts, admit=True):
    """A step of one group, from (outcome, score)."""
    made = tuple(Rollout(Verdict(outcome, score), 10) for outcome, score in rollouts)
    return StepRecord(step, "one", ((Group(0, "p0", "one", step, made), Admission(admit)),))


def rewards(one, values, began=1):
    """Feed step rewards; returns the steps before which the policy wanted to advance."""
    steps = []
    for step, value in enumerate(values, start=began):
        if one.decide(at(step, began)).move is Move.ADVANCE:
            steps.append(step)
        one.observe(record(step, (Outcome.PARTIAL, float(value))))
    return steps


def validations(one, values):
    moves = []
    for value in values:
        one.observe_validation(1, {"math": float(value)})
        moves.append(one.decide(at(9)).move)
    return moves


# -- fixed_steps, pass_rate_threshold --


def test_fixed_steps_counts_from_the_stages_begin():
    one = policy("fixed_steps", steps=3)
    assert [one.decide(at(step, began=7)).move for step in (7, 8, 9, 10)] == [Move.STAY] * 3 + [Move.ADVANCE]


def test_the_pass_rate_of_a_window_counts_correct_among_judged_rollouts():
    one = policy("pass_rate_threshold", threshold=0.5, window=2)
    right, half, lost = (Outcome.CORRECT, 1.0), (Outcome.PARTIAL, 0.9), (Outcome.NOT_JUDGED, None)
    one.observe(record(1, right, right, lost))
    assert one.decide(at(2)).move is Move.STAY  # one step is no window of two
    one.observe(record(2, half, half, half, right, admit=False))
    assert one.decide(at(3)) == Decision(
        Move.ADVANCE, "the pass rate 0.500 is at or above 0.5", {"pass_rate": 0.5, "threshold": 0.5}
    )
    one.observe(record(3, lost, lost))  # a step that nobody judged tells nothing
    assert one.decide(at(4)).move is Move.ADVANCE
    one.observe(record(4, half, right, lost))
    assert one.decide(at(5)).move is Move.STAY
    assert one.metrics() == {"pass_rate": pytest.approx(2 / 6)}


def test_a_window_begins_anew_with_the_stage():
    one = policy("pass_rate_threshold", threshold=0.5, window=2)
    for step in (1, 2):
        one.observe(record(step, (Outcome.CORRECT, 1.0)))
    assert one.decide(at(3)).move is Move.ADVANCE
    one.stage_began(at(3, began=3))
    assert one.decide(at(3, began=3)).move is Move.STAY


# -- plateau --


def test_a_plateau_is_found_after_a_rise_and_not_in_it():
    rng = np.random.default_rng(0)
    curve = np.concatenate([np.linspace(0.2, 0.8, 60), np.full(60, 0.8)]) + rng.normal(0, 0.02, 120)
    first = rewards(policy("plateau", window=20, min_gain=0.04, patience=3), curve)[0]
    assert 65 < first < 100


def test_noise_makes_it_wait():
    """A rise of 0.06 a window hidden in noise of 0.2: windows of 20 cannot tell, and are not asked."""
    triggered = 0
    for seed in range(20):
        curve = np.linspace(0, 0.6, 200) + np.random.default_rng(seed).normal(0, 0.2, 200)
        triggered += bool(rewards(policy("plateau", window=20, min_gain=0.03), curve))
    assert triggered == 0


def test_a_fall_is_no_progress_either():
    assert rewards(policy("plateau", window=8, min_gain=0.01, patience=1), np.linspace(1, 0, 20)) != []


def test_it_waits_for_its_least_steps_and_for_its_patience():
    flat = [0.5] * 30
    assert rewards(policy("plateau", window=8, patience=1), flat)[0] == 9
    assert rewards(policy("plateau", window=8, patience=4), flat)[0] == 12
    assert rewards(policy("plateau", window=8, patience=1, min_steps=20), flat)[0] == 21
    assert rewards(policy("plateau", window=8, patience=1, min_steps=20), flat, began=101)[0] == 121


def test_as_many_windows_in_a_row_as_its_patience_must_agree():
    curve = np.concatenate([np.linspace(0.0, 0.6, 30), np.full(20, 0.6)])
    first = {patience: rewards(policy("plateau", window=8, patience=patience), curve)[0] for patience in (1, 3)}
    assert first[3] == first[1] + 2


def test_two_wild_values_change_nothing():
    flat = np.full(40, 0.5) + np.random.default_rng(1).normal(0, 0.01, 40)
    wild = flat.copy()
    wild[[35, 38]] = 1.0
    assert rewards(policy("plateau", window=30, min_gain=0.05), flat)[-1] == 40
    assert rewards(policy("plateau", window=30, min_gain=0.05), wild)[-1] == 40


def test_the_reward_is_the_mean_of_all_judged_rollouts_rejected_groups_too():
    one = policy("plateau", window=8)
    one.observe(record(1, (Outcome.CORRECT, 1.0), (Outcome.WRONG, 0.0), (Outcome.NOT_JUDGED, None), admit=False))
    one.observe(record(2, (Outcome.NOT_JUDGED, None)))
    one.observe_validation(2, {"math": 0.9})
    assert one.state_dict() == {"values": [0.5]}


def test_a_plateau_of_validation():
    one = policy("plateau", window=8, patience=1, signal="validation", validation_set="math")
    assert validations(one, [0.5] * 9)[6:] == [Move.STAY, Move.ADVANCE, Move.ADVANCE]
    both = policy("plateau", window=8, signal="validation")
    both.observe_validation(1, {"math": 0.2, "code": 0.6})
    assert both.state_dict()["values"] == [pytest.approx(0.4)]


def test_a_validation_set_that_there_is_not_is_told():
    one = policy("plateau", signal="validation", validation_set="maths")
    with pytest.raises(UserError, match="no validation set is called 'maths': did you mean 'math'"):
        one.observe_validation(1, {"math": 0.5})
    with pytest.raises(UserError, match="only for `signal: validation`"):
        policy("plateau", validation_set="math")


@given(st.lists(st.floats(0, 1), min_size=8, max_size=60), st.floats(0.001, 0.1))
def test_p_is_a_probability_and_falls_with_the_pace(values, pace):
    values = np.array(values)
    assert 0 <= p_slower(values, 2 * pace) <= p_slower(values, pace) <= 1


def test_p_has_its_nominal_size():
    """At just the pace of the null hypothesis, p <= 0.05 comes in about 5 % of series, for any kind of noise."""
    rng = np.random.default_rng(0)
    for noise in (rng.normal(size=(2000, 20)), rng.standard_cauchy((2000, 20)), rng.exponential(size=(2000, 20))):
        series = noise + 0.3 * np.arange(20)
        share = np.mean([p_slower(values, 0.3) <= 0.05 for values in series])
        assert 0.035 < share < 0.06


def test_the_slope_is_the_median_of_all_pairs():
    assert theil_sen_slope(np.array([0.0, 1.0, 2.0, 30.0, 4.0])) == pytest.approx(1.0)


# -- validation_drop --


def guard_after(values, **options):
    one = policy("validation_drop", **options)
    one.stage_began(at(1))
    validations(one, values)
    one.stage_began(at(9, began=9))
    return one


LEVEL = [0.50, 0.52, 0.49, 0.51, 0.50, 0.51]


def test_a_real_fall_goes_back():
    one = guard_after(LEVEL)
    assert validations(one, [0.50, 0.30, 0.29, 0.31]) == [Move.STAY, Move.STAY, Move.BACK, Move.BACK]
    assert one.decide(at(9)).evidence["drop"] == pytest.approx(0.2067, abs=1e-3)


def test_what_noise_explains_stays():
    assert set(validations(guard_after(LEVEL), [0.48, 0.50, 0.49, 0.47, 0.49])) == {Move.STAY}


def test_a_small_fall_is_not_worth_it():
    steady = [0.5] * 6
    assert validations(guard_after(steady, min_drop=0.05), [0.46] * 4)[-1] is Move.STAY
    assert validations(guard_after(steady, min_drop=0.05), [0.44] * 4)[-1] is Move.BACK


def test_in_the_first_stage_there_is_nothing_to_return_to():
    one = policy("validation_drop")
    one.stage_began(at(1))
    assert set(validations(one, [0.9] * 6 + [0.1] * 6)) == {Move.STAY}


def test_noise_alone_rarely_goes_back_and_a_fall_nearly_always_does():
    """20 validations in a stage after 8 before it; noise of 0.02, a fall of 0.1. Seeded, so exact."""
    false = found = 0
    for seed in range(200):
        values = 0.5 + np.random.default_rng(seed).normal(0, 0.02, 28)
        false += Move.BACK in validations(guard_after(values[:8]), values[8:])
        found += Move.BACK in validations(guard_after(values[:8]), values[8:] - 0.1)
    assert false <= 200 * 0.05
    assert found >= 200 * 0.9


def test_successive_differences_do_not_see_a_trend():
    rng = np.random.default_rng(0)
    series = np.linspace(0, 1, 200) + rng.normal(0, 0.05, 200)
    assert successive_noise(series) == pytest.approx(0.05, rel=0.15)
    assert series.std() > 0.25


# -- any_of, all_of --


def test_any_of_takes_the_first_that_is_reached():
    one = policy("any_of", policies=[{"fixed_steps": {"steps": 9}}, {"fixed_steps": {"steps": 4}}])
    assert one.decide(at(4)).move is Move.STAY
    assert one.decide(at(5)) == Decision(Move.ADVANCE, "4 of 4 steps are done", {"done": 4, "steps": 4})


def test_all_of_waits_for_the_last():
    one = policy("all_of", policies=[{"fixed_steps": {"steps": 9}}, {"fixed_steps": {"steps": 4}}])
    assert one.decide(at(9)) == Decision(Move.STAY, "8 of 9 steps are done", {"done": 8, "steps": 9})
    assert one.decide(at(10)).reason == "9 of 9 steps are done; 9 of 4 steps are done"


def test_they_nest_and_children_see_what_happens():
    tree = Tree(Problems(["p0"]), PLUGINS, seed=0)
    inner = {
        "any_of": {
            "policies": [{"pass_rate_threshold": {"threshold": 0.9, "window": 1}}, {"fixed_steps": {"steps": 9}}]
        }
    }
    one = tree.build("stage_policy", {"all_of": {"policies": [inner, {"fixed_steps": {"steps": 2}}]}}, "until")
    list(tree.call_all("observe", record(1, (Outcome.CORRECT, 1.0))))
    assert [one.decide(at(step)).move for step in (2, 3)] == [Move.STAY, Move.ADVANCE]


@settings(max_examples=50)
@given(st.lists(st.sampled_from(list(Move)), min_size=1, max_size=6))
def test_stop_before_back_before_advance_before_stay(moves):
    first = first_in_precedence([Decision(move) for move in moves]).move
    for move in (Move.STOP, Move.BACK, Move.ADVANCE, Move.STAY):
        if move in moves:
            assert first is move
            break


class TestAllOfWithMovesOfOtherKinds:
    """A guard that goes back inside `all_of` goes first, and only if nobody stays."""

    @pytest.mark.parametrize(("steps", "move"), [(8, Move.BACK), (9, Move.STAY)])
    def test_back_and_advance(self, steps, move):
        tree = Tree(Problems(["p0"]), PLUGINS, seed=0)
        guard = {"validation_drop": {"window": 1, "min_drop": 0.1}}
        one = tree.build("stage_policy", {"all_of": {"policies": [{"fixed_steps": {"steps": steps}}, guard]}}, "until")
        for value in (0.5, 0.5, 0.5):
            list(tree.call_all("observe_validation", 1, {"math": value}))
        list(tree.call_all("stage_began", at(1)))
        list(tree.call_all("observe_validation", 4, {"math": 0.1}))
        assert one.decide(at(9)).move is move


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"any_of": {"policies": []}}, "policies"),
        (
            {"any_of": {"policies": [{"platau": {}}]}},
            r"policies\.0: no stage_policy is called 'platau': did you mean 'plateau'",
        ),
        ({"all_of": {"policies": ["plateau", {"fixed_steps": {}}]}}, r"policies\.1\.fixed_steps\.steps: is missing"),
        ({"plateau": {"window": 3}}, r"until\.plateau\.window"),
    ],
)
def test_a_wrong_option_is_one_line_with_its_path(spec, message):
    with pytest.raises(UserError, match=message) as error:
        Tree(Problems(["p0"]), PLUGINS, seed=0).build("stage_policy", spec, "until")
    assert "\n" not in str(error.value)


# -- token_budget --


def test_token_budget_of_a_stage_counts_from_its_begin():
    one = policy("token_budget", tokens=30)
    for step in range(1, 4):
        assert one.decide(at(step)).move is Move.STAY
        one.observe(StepRecord(step, "one", (), tokens_generated=10))
    assert one.decide(at(4)).move is Move.ADVANCE
    one.stage_began(at(4, began=4))
    assert one.decide(at(4, began=4)).move is Move.STAY


def test_token_budget_of_a_run_counts_over_stages():
    one = policy("token_budget", tokens=30, move="stop")
    one.observe(StepRecord(1, "one", (), tokens_generated=20))
    one.stage_began(at(2, began=2))
    one.observe(StepRecord(2, "two", (), tokens_generated=10))
    assert one.decide(at(3, began=2)).move is Move.STOP
