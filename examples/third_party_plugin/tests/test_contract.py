"""Every plugin keeps stagerl's contract."""

import numpy as np
from stagerl_reasoning_gym.problems import make_rows

from stagerl_plugins import Problems
from stagerl_plugins.testing import check_plugin, simulated_problems

SIMULATED = simulated_problems()
LEVELS = np.arange(len(SIMULATED)) // 12
PROBLEMS = Problems(SIMULATED.ids, SIMULATED.domains, SIMULATED.levels, {"generator_level": LEVELS})


def test_difficulty_metric():
    check_plugin("difficulty_metric", "level_pass_rate", {"prior": 2}, problems=PROBLEMS)


def test_sampler():
    check_plugin("sampler", "frontier", {"target": 0.6}, problems=PROBLEMS)


def test_gate():
    check_plugin("gate", "some_success", {"at_least": 0.5})


def test_stage_policy():
    check_plugin("stage_policy", "mastered", {"pass_rate": 0.3, "rollouts": 60})


def test_reward():
    (row,) = make_rows("chain_sum", levels=1, each=1)
    check_plugin("reward", "reasoning_gym", ground_truth=row["reward_model"]["ground_truth"])
